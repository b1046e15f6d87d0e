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
}

const (
	negbinPoisson = iota
	negbinFit
	negbinNull
	negbinDeviance
	negbinDone
)

// maxNegbin is the largest number of steps; these converge by a factor, not quadratically.
const maxNegbin = 100

// mostTheta is where a negative binomial is Poisson as far as data can tell.
const mostTheta = 1e7

func (b *negbinPart) plan() []Opening {
	q := len(b.most.Columns)
	plan := b.poissonPart.plan()
	return append(plan[:len(plan):len(plan)],
		Opening{What: "how the negative binomial model fits at each step: score, information and log-likelihood, score and information of theta", Cells: newtonCells(q) + 2, MaxTimes: maxNegbin},
		Opening{What: "how the model of the intercept and offset alone fits at each step: score and information", Cells: 2, MaxTimes: maxNewton},
		Opening{What: "deviance of the negative binomial model and of that of the intercept and offset alone", Cells: 2, MaxTimes: 1})
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
		b.each(m, beta, func(_ int, y, mean float64) { put(0, negbinDevianceOf(y, mean, theta)) })
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

// negbinTerms are a row's log-likelihood, and score and observed information of
// theta, which R's theta.ml takes. Differences of lgamma, digamma and trigamma at
// theta + y and theta are sums over 0, 1, ..., y-1: nothing cancels where theta is large.
func negbinTerms(y, mean, theta float64) (logLik, score, info float64) {
	factorial, _ := math.Lgamma(y + 1)
	logLik = -factorial - theta*math.Log1p(mean/theta)
	if y > 0 {
		logLik += y * math.Log(mean)
	}
	for k := 0.0; k < y; k++ {
		logLik += math.Log((theta + k) / (theta + mean))
		score += 1 / (theta + k)
		info += 1 / ((theta + k) * (theta + k))
	}
	score += (mean-y)/(mean+theta) - math.Log1p(mean/theta)
	info += -1/theta + 2/(mean+theta) - (y+theta)/((mean+theta)*(mean+theta))
	return logLik, score, info
}

// negbinDevianceOf is a row's deviance at a given theta.
func negbinDevianceOf(y, mean, theta float64) float64 {
	d := -(y + theta) * math.Log1p((y-mean)/(mean+theta))
	if y > 0 {
		d += y * math.Log(y/mean)
	}
	return 2 * d
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
	default:
		b.deviance, b.nullLeft = t.Float(0), t.Float(1)
		b.step = negbinDone
	}
	return nil
}

// begin starts from Poisson's coefficients and the theta that its dispersion suggests.
func (b *negbinPart) begin() error {
	rest := float64(b.n) - float64(len(b.fit.cols))
	if rest <= 0 {
		return &Refusal{Rule: "dispersion", Message: "there are as many coefficients as rows: nothing tells how much counts vary", Remedy: "leave out terms, or widen the cohort"}
	}
	b.theta = Round40(math.Min(1e5, math.Max(1e-3, b.total/float64(b.n)/math.Max(b.pearson/rest-1, 0.01))))
	b.fit.beta = make([]float64, len(b.fit.cols))
	for a, x := range b.fit.estimate {
		b.fit.beta[a] = Round40(x)
	}
	b.step = negbinFit
	b.next()
	return nil
}

// next asks for the sums of the step.
func (b *negbinPart) next() {
	f, y := b.fit, math.Max(1, b.model.OutcomeColumn.Max)
	far := b.far() + math.Abs(b.constant)
	mean := math.Exp(far) * (1 + 0x1p-20)
	weight := math.Min(mean, b.theta)
	// Logarithms of means, counts and theta times what they stand with.
	logs := (y+b.theta+mean/(1+mean/b.theta))*(2+math.Abs(math.Log(b.theta))+math.Log(y+b.theta+1)) + y*far + y*math.Log(y)
	binary := func(bound float64, name string) Cell { return Cell{Cell: fixed.Binary(bound, b.rows), Name: name} }
	state := append(append(centres(b.columns), b.scale...), f.beta...)
	state = append(state, b.theta, b.constant)
	first := len(b.poissonPart.plan())
	switch b.step {
	case negbinFit:
		var cells []Cell
		for _, j := range f.cols {
			cells = append(cells, binary(math.Max(y, weight)*b.reach(j), "score of "+b.columns[j].Name))
		}
		for a, j := range f.cols {
			for _, k := range f.cols[a:] {
				cells = append(cells, binary(weight*b.reach(j)*b.reach(k), "information of "+b.columns[j].Name+", "+b.columns[k].Name))
			}
		}
		cells = append(cells, binary(2*logs, "log-likelihood"), binary(2*y/b.theta+2+far+math.Abs(math.Log(b.theta)), "score of theta"), binary((2*y/b.theta+4)/b.theta, "information of theta"))
		b.asks = []Ask{{Opening: first, Cells: cells, State: state}}
	case negbinNull:
		b.asks = []Ask{{Opening: first + 1, Cells: []Cell{binary(math.Max(y, weight), "score of the constant"), binary(weight, "information of the constant")}, State: state}}
	case negbinDeviance:
		b.asks = []Ask{{Opening: first + 2, Cells: []Cell{binary(4*logs, "deviance"), binary(4*logs, "null deviance")}, State: state}}
	}
}

// take goes on from the sums at coefficients and theta.
func (b *negbinPart) take(t fixed.Totals) error {
	f := b.fit
	q := len(f.cols)
	score, info, logLik := readNewton(t, q)
	s, j := t.Float(newtonCells(q)), t.Float(newtonCells(q)+1)
	b.rounds++
	if b.from != nil && !(logLik >= b.logLik-1e-10*(math.Abs(b.logLik)+1)) && b.rounds < maxNegbin {
		for a := range b.by {
			b.by[a] /= 2
		}
		return b.move()
	}
	step, ok := cholesky(info, q, score, 0)
	if !ok {
		return &Refusal{Rule: "singular", Message: "the information of the model is singular", Remedy: "leave out terms"}
	}
	f.info, b.thetaInfo, b.logLik = info, j, logLik
	decrement := 0.0
	for a := range step {
		decrement += score[a] * step[a]
	}
	// In log theta, so that theta stays positive: score theta s, information theta^2 j - theta s.
	grow, curve := b.theta*s, b.theta*(b.theta*j-s)
	d := math.Copysign(0.5, grow)
	if curve > 0 {
		d = math.Max(-1, math.Min(1, grow/curve))
	}
	b.by = append(step, d)
	b.from = append(append([]float64{}, f.beta...), math.Log(b.theta))
	small := decrement < 1e-21 && curve > 0 && grow*grow/curve < 1e-21
	if small || b.rounds == maxNegbin {
		b.converged = small || decrement < 1e-12 && curve > 0 && grow*grow/curve < 1e-12
		f.estimate = make([]float64, q)
		for a := range step {
			f.estimate[a] = f.beta[a] + step[a]
		}
		b.constant = Round40(math.Log(b.total / b.counts))
		b.step = negbinNull
		b.next()
		return nil
	}
	return b.move()
}

// move takes the step.
func (b *negbinPart) move() error {
	q := len(b.fit.cols)
	b.fit.beta = make([]float64, q)
	for a := range b.fit.beta {
		b.fit.beta[a] = Round40(b.from[a] + b.by[a])
	}
	b.theta = Round40(math.Exp(b.from[q] + b.by[q]))
	if b.theta > mostTheta {
		return &Refusal{Rule: "dispersion", Message: "counts vary no more than Poisson's: theta grows without end", Remedy: "use kind poisson"}
	}
	if b.far() > 50 || b.theta < 1e-6 {
		return &Refusal{Rule: "resolution", Message: "the linear predictor reaches so far over the declared ranges, or theta is so small, that sums do not keep their digits", Remedy: "declare narrower ranges, of the offset above all"}
	}
	b.next()
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
	b.coefficients(&f, est, cov)
	b.inflate(&f, cov, m.cols)
	n, rank := float64(b.n), float64(len(m.cols))
	f.Glance = Record{}.Put("theta", b.theta).Put("theta_std_error", 1/math.Sqrt(b.thetaInfo)).
		Put("null_deviance", b.nullLeft).Put("df_null", n-1).Put("deviance", b.deviance).Put("df_residual", n-rank).
		Put("log_lik", b.logLik).Put("aic", 2*(rank+1)-2*b.logLik).Put("bic", math.Log(n)*(rank+1)-2*b.logLik).
		Put("nobs", b.n).Put("iterations", b.rounds-1).Put("converged", b.converged)
	return f
}
