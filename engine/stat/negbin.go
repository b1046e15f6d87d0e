package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// NegBin is the kind negbin: regression of a count that varies more than
// Poisson's, with the log link and variance mu + mu^2/theta, theta by maximum
// likelihood, as R's MASS::glm.nb; an offset in the formula makes it one of rates.
//
//	census ──► Poisson's sums and fit ──► score, information, log-likelihood and theta's own ──┐ ──► null model ──► deviances
//	                                              ▲   a step of coefficients and theta        │
//	                                              └───────────────────────────────────────────┘
//
// Coefficients and theta are orthogonal (Lawless 1987): both step at once, each by its own information.
type NegBin struct{}

var _ Statistic = NegBin{}

// Begin implements Statistic.
func (NegBin) Begin(args Args, s *table.Schema) (Program, error) {
	p, c, err := newPoissonPart(args, s)
	if err != nil {
		return nil, err
	}
	b := &negbinPart{poissonPart: p}
	return p.program(c, b, b.finish), nil
}

// negbinPart goes on where Poisson's fit ends.
type negbinPart struct {
	*poissonPart
	step int // of negbinPoisson, ...
	asks []Ask

	theta, thetaInfo   float64
	from, by           []float64 // the last accepted coefficients and log theta, and the step from there
	logLik             float64
	rounds             int
	converged          bool
	constant           float64 // coefficient of the null model
	nullRounds         int
	deviance, nullLeft float64
	residuals          float64 // sum of squared Pearson residuals, for robust standard errors
}

const (
	negbinPoisson = iota
	negbinFit
	negbinNull
	negbinDeviance
	negbinSandwich
	negbinDone
)

// maxNegbin is the largest number of steps; these converge by a factor, not quadratically.
const maxNegbin = 100

// mostTheta is where a negative binomial is Poisson as far as data can tell.
const mostTheta = 1e7

func (b *negbinPart) plan() []Opening {
	q := len(b.most.Columns)
	plan := b.poissonPart.plan()
	deviance := Opening{What: "deviance of the negative binomial model and of that of the intercept and offset alone", Cells: 2, MaxTimes: 1}
	if b.sandwich != nil {
		deviance.What, deviance.Cells = deviance.What+", and the model's sum of squared Pearson residuals", 3
	}
	return append(plan[:len(plan):len(plan)],
		Opening{What: "how the negative binomial model fits at each step: score, information and log-likelihood, score and information of theta", Cells: newtonCells(q) + 2, MaxTimes: maxNegbin},
		Opening{What: "how the model of the intercept and offset alone fits at each step: score and information", Cells: 2, MaxTimes: maxNewton},
		deviance)
}

func (b *negbinPart) ask() []Ask {
	if b.step == negbinPoisson {
		return b.poissonPart.ask()
	}
	return b.asks
}

func (b *negbinPart) add(rows *table.View, out *fixed.Sums) error {
	if b.step == negbinPoisson {
		return b.poissonPart.add(rows, out)
	}
	m, err := b.matrix(rows)
	if err != nil {
		return err
	}
	state := b.asks[0].State[2*len(b.columns):]
	q := len(b.fit.cols)
	if b.step == negbinSandwich {
		b.addSandwich(m, state[:q], state[q], out)
		return nil
	}
	beta, theta := state[:q], state[q]
	n := out.Len()
	high, low := make([]float64, n), make([]float64, n)
	put := func(i int, x float64) { add(&high[i], &low[i], x) }
	x := make([]float64, q)
	switch b.step {
	case negbinFit:
		b.each(m, beta, func(row int, y, mean float64) {
			m.row(row, b.fit.cols, x)
			shrink := 1 / (1 + mean/theta)
			at := q
			for a := range x {
				put(a, (y-mean)*shrink*x[a])
				for c := a; c < q; c++ {
					put(at, mean*shrink*x[a]*x[c])
					at++
				}
			}
			l, s, i := negbinTerms(y, mean, theta)
			put(at, l)
			put(at+1, s)
			put(at+2, i)
		})
	case negbinNull:
		b.eachNull(m, state[q+1], func(_ int, y, mean float64) {
			shrink := 1 / (1 + mean/theta)
			put(0, (y-mean)*shrink)
			put(1, mean*shrink)
		})
	default:
		b.each(m, beta, func(_ int, y, mean float64) {
			put(0, negbinDevianceOf(y, mean, theta))
			if b.sandwich != nil {
				put(2, (y-mean)*(y-mean)/(mean*(1+mean/theta)))
			}
		})
		b.eachNull(m, state[q+1], func(_ int, y, mean float64) { put(1, negbinDevianceOf(y, mean, theta)) })
	}
	for i := range high {
		out.AddFloat(i, high[i])
		out.AddFloat(i, low[i])
	}
	return nil
}

// eachNull visits the rows with the fitted mean of the model of constant and offset.
func (b *negbinPart) eachNull(m *Panels, constant float64, visit func(row int, y, mean float64)) {
	for i, y := range m.Y[:m.N] {
		o := 0.0
		if m.Offset != nil {
			o = m.Offset[i]
		}
		visit(i, y, math.Exp(constant+o))
	}
}

func (b *negbinPart) reduce(t fixed.Totals) error {
	if b.step == negbinPoisson {
		if err := b.poissonPart.reduce(t); err != nil || b.poissonPart.stage != poissonDone {
			return err
		}
		return b.begin()
	}
	b.asks = nil
	switch b.step {
	case negbinFit:
		return b.take(t)
	case negbinNull:
		b.nullRounds++
		d := t.Float(0) / t.Float(1)
		b.constant = Round40(b.constant + d)
		if math.Abs(d) < 1e-11 || b.nullRounds == maxNewton {
			b.step = negbinDeviance
		}
		b.next()
	case negbinDeviance:
		b.deviance, b.nullLeft = t.Float(0), t.Float(1)
		if b.step = negbinDone; b.sandwich != nil {
			b.residuals = t.Float(2)
			b.askSandwich()
		}
	default:
		b.sandwich.take(t, len(b.fit.cols))
		b.step = negbinDone
	}
	return nil
}

// finish writes coefficients, rate ratios, theta and fit as R's summary.negbin does.
func (b *negbinPart) finish(f Frame) Frame {
	m := b.fit
	f.Warnings, f.Levels = b.warnings, b.design.Levels()
	if !b.converged {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the fit did not converge in %d rounds: its figures are those of the last round", b.rounds))
	}
	est, cov := b.unscaledEstimate(m, b.scale), b.unscaledCovariance(m, b.scale)
	own := cov // whatever the standard errors
	if cov != nil && b.sandwich != nil {
		cov = b.robustCovariance(&f, m, b.scale)
	}
	b.coefficients(&f, est, cov)
	b.inflate(&f, own, m.cols)
	n, rank := float64(b.n), float64(len(m.cols))
	f.Glance = Record{}.Put("theta", b.theta).Put("theta_std_error", 1/math.Sqrt(b.thetaInfo)).
		Put("null_deviance", b.nullLeft).Put("df_null", n-1).Put("deviance", b.deviance).Put("df_residual", n-rank).
		Put("log_lik", b.logLik).Put("aic", 2*(rank+1)-2*b.logLik).Put("bic", math.Log(n)*(rank+1)-2*b.logLik).
		Put("nobs", b.n).Put("iterations", b.rounds-1).Put("converged", b.converged)
	f.Glance = b.sandwich.mark(f.Glance, &f)
	return f
}
