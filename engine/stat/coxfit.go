package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// takeRound goes on from a round of Newton's method.
func (c *coxPart) takeRound(t fixed.Totals) error {
	f := c.fit
	q := len(f.cols)
	if c.own {
		f.reduce(t)
	} else {
		if f.rounds == 0 {
			c.events = make([]float64, len(c.columns)+1)
			for a, j := range f.cols {
				c.events[j] = t.Float(a)
			}
			c.events[len(c.columns)] = t.Float(q)
			t = t.Slice(q+1, t.Len())
		}
		c.readTimes(t)
		if c.faint() {
			return c.tooFar()
		}
		p := newPartial(q)
		for _, r := range c.strata {
			for i, e := range r.exits {
				p.time(r.risk[i], r.tied[i], e.events, c.efron, 0)
			}
		}
		logLik := p.logLik + c.events[len(c.columns)]
		score := make([]float64, q)
		for a, j := range f.cols {
			score[a] = c.events[j] - p.score[a]
			logLik += f.beta[a] * c.events[j]
		}
		f.take(score, unpack(p.info, q), -2*logLik)
	}
	if len(f.cols) == 0 {
		return &Refusal{Rule: "rows", Message: "every column of the model is the same for everyone at risk at each event: there is nothing to compare", Remedy: "leave out strata, or widen the cohort"}
	}
	if f.rounds == 1 {
		c.null, c.first = -f.start/2, f.decrement
	}
	f.monotone(c.before)
	c.before = f.decrement
	if !f.done {
		if !c.own && !c.fits(f.beta) {
			return c.tooFar()
		}
		c.next()
		return nil
	}
	c.finalAsk()
	return nil
}

// fits reports whether sums of exp(x'beta) keep enough digits: their step
// is 2^-94 of the largest possible term, for 2^32 rows.
func (c *coxPart) fits(beta []float64) bool { return c.far(beta) < expReach }

func (c *coxPart) tooFar() *Refusal {
	return &Refusal{Rule: "resolution", Message: tooFar, Remedy: "declare narrower ranges, or take strata: site, which does not need them"}
}

// faint reports whether the risk of those under observation at some event is all
// but lost in the steps of the sums: of people far below the rest.
func (c *coxPart) faint() bool {
	step := fixed.Binary(math.Exp(c.far(c.fit.beta))*(1+0x1p-40), c.rows).Step.Float()
	for _, r := range c.strata {
		for i, e := range r.exits {
			if e.events > 0 && !(r.risk[i].w > 0x1p30*step) {
				return true
			}
		}
	}
	return false
}

// monotone finds a likelihood that rises for ever: towards infinity Newton's
// decrement falls by exp(-1) a step, not with its square. Where it was no more
// than a slow start, newton takes it back when the decrement falls.
// before is the squared decrement a round ago.
func (f *newton) monotone(before float64) {
	if !f.done && !f.separated && !f.leapt && f.rounds >= separationFrom && f.length == 1 && before > 0 && f.decrement > 0.1*before && f.decrement < 2 {
		f.separated = true
	}
}
