package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// reach is the largest absolute predicted log odds over the declared ranges.
func (c *calibrationPart) reach() float64 {
	far := math.Max(math.Abs(c.model.model.OffsetMin), math.Abs(c.model.model.OffsetMax))
	for a, j := range c.model.main.cols {
		far += math.Abs(c.state[a]) * c.model.reach(j)
	}
	return far * (1 + 0x1p-40)
}

// slope asks for the next round of the outcome on the predicted log odds, if it
// needs one. Where the model is the maximum of its likelihood the slope is 1 and the intercept 0.
func (c *calibrationPart) slope() {
	if c.recal.done || c.model.penalty() == 0 {
		c.stage, c.asks = calibrationDone, nil
		return
	}
	far, b := c.reach(), c.recal.beta
	cell := func(bound float64, name string) Cell {
		return Cell{Cell: fixed.Binary(bound, c.model.rows), Name: name}
	}
	c.asks = []Ask{{Opening: len(c.model.plan()) + 2, State: append(append([]float64{}, c.state...), b...), Cells: []Cell{
		cell(1, "score of the intercept"), cell(far, "score of the slope"), cell(0.25, "information of the intercept"), cell(far/4, "information of intercept, slope"),
		cell(far*far/4, "information of the slope"), cell(2*(math.Abs(b[0])+math.Abs(b[1])*far+math.Ln2), "deviance")}}}
}

// addSlope adds a hospital's terms of a round of it.
func (c *calibrationPart) addSlope(m *Panels, out *fixed.Sums) {
	var high, low [6]float64
	b := c.recal.beta
	c.each(m, func(y, p float64) {
		x := math.Log(p) - math.Log1p(-p)
		e := b[0] + b[1]*x
		f := 1 / (1 + math.Exp(-e))
		w := f * (1 - f)
		d := e
		if y == 1 {
			d = -e
		}
		loss := math.Max(d, 0) + math.Log1p(math.Exp(-math.Abs(d)))
		for i, v := range [6]float64{y - f, (y - f) * x, w, w * x, w * x * x, 2 * loss} {
			add(&high[i], &low[i], v)
		}
	})
	for i := range high {
		out.AddFloat(i, high[i])
		out.AddFloat(i, low[i])
	}
}

// finish writes the classes and the tests.
func (c *calibrationPart) finish(f Frame) Frame {
	f.Warnings = append(c.model.warnings, c.model.lastRound()...)
	shown := c.mergedClasses()
	if len(shown) < len(c.classes) {
		f.Suppressed = true
		f.Warnings = append(f.Warnings, fmt.Sprintf("neighbouring classes of risk are merged until each has at least %d people, events and others", c.args.Rules.MinCell))
	} else if len(c.classes) < c.args.Bins {
		f.Warnings = append(f.Warnings, fmt.Sprintf("many people have the same predicted risk: %d classes instead of %d", len(c.classes), c.args.Bins))
	}
	test := 0.0
	var below, all riskSum
	for _, r := range shown {
		all = riskSum{all.n + r.n, all.events + r.events, 0}
	}
	for k, r := range shown {
		f.cutByRisk(c.args.Of, below.n, all.n, below.events, all.events)
		below = riskSum{below.n + r.n, below.events + r.events, 0}
		n, mean := float64(r.n), r.risk/float64(r.n)
		f.Tidy = append(f.Tidy, Record{}.Put("bin", k+1).Put("n", r.n).Put("n_event", r.events).Put("mean_predicted", mean).Put("observed", float64(r.events)/n))
		test += (float64(r.events) - r.risk) * (float64(r.events) - r.risk) / (r.risk * (1 - mean))
	}
	slope, intercept := 1.0, 0.0
	if c.model.penalty() > 0 {
		slope, intercept = c.recal.estimate[1], c.recal.estimate[0]
		if !c.recal.converged {
			f.Warnings = append(f.Warnings, "slope and intercept did not converge")
		}
	} else {
		f.Warnings = append(f.Warnings, "the model was fitted to the same people by maximum likelihood: slope 1 and intercept 0 say nothing of other people")
	}
	df, p := float64(len(shown)-2), math.NaN()
	if df < 1 {
		test, df = math.NaN(), math.NaN()
		f.Warnings = append(f.Warnings, "fewer than three classes of risk: no Hosmer-Lemeshow test")
	} else {
		p = chiUpper(test, df)
	}
	f.Glance = Record{}.Put("slope", slope).Put("intercept", intercept).Put("brier", c.brier).
		Put("hosmer_lemeshow", test).Put("hosmer_lemeshow_df", df).Put("hosmer_lemeshow_p", p)
	if c.hospitals != nil {
		f.Tables = append(f.Tables, Table{"hospitals", c.hospitals})
		hidden := 0
		for _, r := range c.hospitals {
			if r.Get("suppressed") == true {
				hidden++
			}
		}
		if hidden > 0 {
			f.Suppressed = true
			f.Warnings = append(f.Warnings, fmt.Sprintf("%d of %d hospitals show no figures of their own: they have few people with the event, or without, or those of others could be told by subtraction", hidden, len(c.hospitals)))
		}
	}
	return f
}

// mergedClasses joins each class with too few people, events or others with its smaller neighbour.
func (c *calibrationPart) mergedClasses() []riskSum {
	least := int64(c.args.Rules.MinCell)
	if least <= 1 {
		return c.classes
	}
	few := func(n int64) bool { return n > 0 && n < least }
	return joined(c.classes, func(r riskSum) int64 { return r.n },
		func(r riskSum) bool { return r.n < least || few(r.events) || few(r.n-r.events) },
		func(a, b riskSum) riskSum { return riskSum{a.n + b.n, a.events + b.events, a.risk + b.risk} })
}
