package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

func (h *heterogeneityPart) reduce(t fixed.Totals) error {
	h.asks = nil
	if h.shown {
		return h.takeSites(t)
	}
	switch h.stage {
	case heterogeneityCount:
		h.count = t.Count(0)
		if least := int64(fewestApart); h.args.Rules.MinCell > 1 && h.count < least {
			return &Refusal{Rule: "hospitals", Message: fmt.Sprintf("fewer than %d hospitals have rows enough for a fit of their own: each one's estimate could be solved for", least),
				Remedy: "choose a smaller model, or let hospitals show their own estimates with per_hospital: true"}
		}
		if h.count < 2 {
			return h.tooFew()
		}
		h.stage = heterogeneitySums
		h.asks = []Ask{{Opening: 1, Cells: []Cell{{Cell: fixed.Binary(h.widest, h.rows), Name: "w"}, {Cell: fixed.Binary(h.widest*largestOwn, h.rows), Name: "w times the estimate"}}}}
	case heterogeneitySums:
		h.weight, h.mean = t.Float(0), t.Float(1)/t.Float(0)
		h.askSpread()
	case heterogeneitySpread:
		// State has the mean in 40 bits; what that changes of Q is of second order.
		h.q, h.square = t.Float(0), t.Float(1)
		h.between()
	case heterogeneityRandom:
		h.randomWeight = t.Float(0)
		h.random = h.mean + t.Float(1)/t.Float(0)
		h.stage = heterogeneityDone
	}
	return nil
}

func (h *heterogeneityPart) tooFew() error {
	return &Refusal{Rule: "hospitals", Message: "fewer than two hospitals have a fit of their own: there is nothing to compare", Remedy: "choose a smaller model, or widen the cohort"}
}

func (h *heterogeneityPart) askSpread() {
	h.weight, h.mean = Round40(h.weight), Round40(h.mean)
	far := math.Abs(h.mean) + largestOwn
	h.stage = heterogeneitySpread
	h.asks = []Ask{{Opening: 2, Cells: []Cell{
		{Cell: fixed.Binary(1.01*h.weight*far*far, h.rows), Name: "w times the squared distance from the mean"},
		{Cell: fixed.Binary(1.01*h.weight, h.rows), Name: "squared w, over the sum of w"}},
		State: []float64{h.weight, h.mean}}}
}

// between estimates the variance between hospitals and asks for the weights that go with it.
func (h *heterogeneityPart) between() {
	h.tau2 = Round40(math.Max(0, (h.q-float64(h.count-1))/(h.weight-h.square)))
	if h.tau2 == 0 {
		h.random, h.randomWeight, h.stage = h.mean, h.weight, heterogeneityDone
		return
	}
	far := math.Abs(h.mean) + largestOwn
	h.stage = heterogeneityRandom
	h.asks = []Ask{{Opening: 3, Cells: []Cell{
		{Cell: fixed.Binary(1.01*h.weight, h.rows), Name: "w with the variance between hospitals"},
		{Cell: fixed.Binary(1.01*h.weight*far, h.rows), Name: "the same times the distance from the mean"}},
		State: []float64{h.mean, h.tau2}}}
}

// takeSites works everything out from each hospital's own estimate.
func (h *heterogeneityPart) takeSites(t fixed.Totals) error {
	for i := range h.schema.Sites {
		h.sites = append(h.sites, ownEstimate{ok: t.Count(3*i) == 1, b: t.Float(3*i + 1), se: t.Float(3*i + 2)})
	}
	each := func(visit func(b, v float64)) {
		for _, e := range h.sites {
			if e.ok {
				visit(e.b, e.se*e.se)
			}
		}
	}
	each(func(b, v float64) {
		h.count++
		h.weight += 1 / v
		h.mean += b / v
	})
	if h.count < 2 {
		return h.tooFew()
	}
	h.mean /= h.weight
	each(func(b, v float64) {
		h.q += (b - h.mean) * (b - h.mean) / v
		h.square += 1 / v / v / h.weight
	})
	h.tau2 = math.Max(0, (h.q-float64(h.count-1))/(h.weight-h.square))
	each(func(b, v float64) {
		h.randomWeight += 1 / (v + h.tau2)
		h.random += b / (v + h.tau2)
	})
	h.random /= h.randomWeight
	h.stage = heterogeneityDone
	return nil
}

// finish writes the hospitals' estimates, if they are shown, and the pooled ones.
func (h *heterogeneityPart) finish(f Frame) Frame {
	f.Warnings = h.warnings
	ratio := map[string]string{"logistic": "odds_ratio", "poisson": "rate_ratio", "negbin": "rate_ratio", "cox": "hazard_ratio"}[h.of.Kind]
	row := func(name string, b, se float64) Record {
		b, se = b*h.unit, se*h.unit
		low, high := b-z975*se, b+z975*se
		r := Record{}.Put("term", name).Put("estimate", b).Put("std_error", se).Put("statistic", b/se).Put("p_value", normalTwoSided(b/se)).
			Put("conf_low", low).Put("conf_high", high)
		if ratio != "" {
			r = r.Put("ratio", math.Exp(b)).Put("ratio_low", math.Exp(low)).Put("ratio_high", math.Exp(high))
		}
		return r
	}
	for i, e := range h.sites {
		if e.ok {
			f.Tidy = append(f.Tidy, row(h.schema.Sites[i], e.b, e.se).Put("weight", 1/(e.se*e.se+h.tau2)/h.randomWeight))
			continue
		}
		f.Tidy = append(f.Tidy, row(h.schema.Sites[i], math.NaN(), math.NaN()).Put("weight", nil))
	}
	f.Tidy = append(f.Tidy, row("fixed effect", h.mean, math.Sqrt(1/h.weight)), row("random effects", h.random, math.Sqrt(1/h.randomWeight)))
	df := float64(h.count - 1)
	i2 := 0.0
	if h.q > df {
		i2 = 100 * (h.q - df) / h.q
	}
	f.Glance = Record{}.Put("coefficient", h.column).Put("hospitals", h.count).Put("q", h.q).Put("q_df", df).Put("q_p", chiUpper(h.q, df)).
		Put("i_squared", i2).Put("tau_squared", h.tau2*h.unit*h.unit)
	if out := int64(len(h.schema.Sites)) - h.count; out > 0 {
		f.Warnings = append(f.Warnings, fmt.Sprintf("%d of %d hospitals take no part: too few rows for a fit of their own by the rules, or no estimate of this term", out, len(h.schema.Sites)))
	}
	return f
}
