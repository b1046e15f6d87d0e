package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// hazardSlopeCells are the cells of a round of the regression of the event by
// the horizon on the logarithm of the predicted cumulative hazard, log(-log S): binary, with
// a complementary log-log link, weighted for those lost before (Scheike, Zhang
// and Gerds, Biometrika 2008;95:205).
func hazardSlopeCells(h *horizon, b []float64) []Cell {
	far, most := h.far(), h.most()
	e := math.Abs(b[0]) + math.Abs(b[1])*far
	top := most * math.Max(1, math.Exp(e)) * (1 + 0x1p-40)
	cell := func(bound float64, name string) Cell {
		return Cell{Cell: fixed.Binary(bound, h.model.rows), Name: name}
	}
	return []Cell{cell(top, "score of the intercept"), cell(top*far, "score of the slope"), cell(top, "information of the intercept"), cell(top*far, "information of intercept, slope"),
		cell(top*far*far, "information of the slope"), cell(2*(top+most*(e+1)), "deviance")}
}

// addHazardSlope adds a hospital's terms of a round of it.
func addHazardSlope(h *horizon, m *coxRows, b []float64, out *fixed.Sums) {
	var high, low [6]float64
	h.each(m, func(p person) {
		if p.weight == 0 {
			return
		}
		hazard := math.Exp(b[0] + b[1]*p.log)
		score, info, loss := -hazard, hazard, hazard // of the log-likelihood -hazard of those without the event
		if p.event {
			score, info, loss = hazardTerms(hazard)
		}
		for i, v := range [6]float64{score, score * p.log, info, info * p.log, info * p.log * p.log, 2 * loss} {
			add(&high[i], &low[i], p.weight*v)
		}
	})
	for i := range high {
		out.AddFloat(i, high[i])
		out.AddFloat(i, low[i])
	}
}

// hazardTerms are the first and minus the second derivative of log(1 - exp(-h)) by log h, and minus its value.
func hazardTerms(h float64) (score, info, loss float64) {
	u, rest := math.Exp(-h), -math.Expm1(-h)
	score, loss = h*u/rest, -math.Log(rest)
	if h < 1e-4 {
		return score, h/2 - h*h/6, loss
	}
	return score, h * u * (h - rest) / rest / rest, loss
}

// finish writes the classes and what is said of them together.
func (c *coxCalibrationPart) finish(f Frame) Frame {
	c.horizon.warnings(&f)
	least := int64(c.args.Rules.MinCell)
	shown := c.mergedClasses(least)
	if len(shown) < len(c.classes) {
		f.Suppressed = true
		f.warn(fmt.Sprintf("neighbouring classes of risk are merged until each has at least %d people, events and others", least))
	} else if len(c.classes) < c.args.Bins {
		f.warn(fmt.Sprintf("many people have the same predicted risk: %d classes instead of %d", len(c.classes), c.args.Bins))
	}
	risk, few := 0.0, false
	var below, belowEvents int64
	for k, r := range shown {
		of := f.cutByHazard(c.args.Of, c.args.At, below, c.horizon.n)
		f.cutBy(belowEvents, c.horizon.events, of, "event by "+number(c.args.At))
		events, _ := r.left()
		below, belowEvents = below+r.n, belowEvents+events
		share, low, high, merged := observed(r.exits, r.n, least)
		few = few || merged
		if math.IsNaN(low) {
			f.warn("a class in which nobody has the event, or everyone, has no limits of the observed risk")
		}
		f.Tidy = append(f.Tidy, Record{}.Put("bin", k+1).Put("n", r.n).Put("n_event", events).Put("mean_predicted", r.risk/float64(r.n)).
			Put("observed", share).Put("conf_low", low).Put("conf_high", high))
		risk += r.risk
	}
	if few {
		f.Suppressed = true
		f.warn(fmt.Sprintf("observed: within a class times are merged until at least %d people leave at each, and counted at the last of them; losses then count as later than events, so the risk is a little low", least))
	}
	n := float64(c.horizon.n)
	share, low, high, _ := observed(c.horizon.exits, c.horizon.n, least)
	f.Glance = Record{}.Put("at", c.args.At).Put("n_event", c.horizon.events).Put("n_risk", c.horizon.beyond).Put("mean_predicted", risk/n).
		Put("observed_risk", share).Put("observed_low", low).Put("observed_high", high).Put("observed_expected", share*n/risk)
	slope, intercept := math.NaN(), math.NaN()
	switch {
	case c.recal.converged:
		slope, intercept = c.recal.estimate[1], c.recal.estimate[0]
	case len(c.classes) < 2:
		f.warn("everyone has the same predicted risk: no slope and intercept")
	case math.IsInf(c.horizon.far(), 1):
		f.warn("in a stratum nobody has the event by then: no slope and intercept")
	default:
		f.warn("slope and intercept did not converge")
	}
	f.Glance = c.ranking.put(f.Glance.Put("slope", slope).Put("intercept", intercept), c.horizon.n, share)
	if f.Glance.Get("auc_std_error") == nil {
		f.warn("the area under the curve has no standard error: everyone is in one class of risk")
	}
	return f
}

// mergedClasses joins each class with too few people, events, others, or people still there at the horizon, with its smaller neighbour.
func (c *coxCalibrationPart) mergedClasses(least int64) []timedRisk {
	if least <= 1 {
		return c.classes
	}
	return joined(c.classes, timedRisk.people, func(r timedRisk) bool { return r.n < least || r.small(least) }, timedRisk.plus)
}
