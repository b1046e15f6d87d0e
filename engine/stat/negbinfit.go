package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

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
	state := b.state()
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
		cells := []Cell{binary(4*logs, "deviance"), binary(4*logs, "null deviance")}
		if b.sandwich != nil {
			cells = append(cells, binary(y*y*math.Exp(far)*(1+0x1p-20)+weight, "sum of squared Pearson residuals"))
		}
		b.asks = []Ask{{Opening: first + 2, Cells: cells, State: state}}
	}
}

// state is what sums are taken at: coefficients, theta and the constant of the null model.
func (b *negbinPart) state() []float64 {
	return append(append(append(centres(b.columns), b.scale...), b.fit.beta...), b.theta, b.constant)
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
