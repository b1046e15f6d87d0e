package stat

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// horizon is a fitted Cox model at one time: each person's predicted risk to have
// had the event by then, whether they have had it, and the weight by which those
// whose follow-up tells stand for those lost before (inverse probability of
// censoring: Graf, Schmoor, Sauerbrei and Schumacher, Stat Med 1999;18:2529).
//
// Everything is taken at the times that the fit has merged, so a horizon between two
// of them is moved back to the one before: whoever is counted there left at it or before.
type horizon struct {
	model   *coxPart
	at      float64
	hazard  []float64 // of each stratum's baseline, up to it
	exits   []exit    // of all strata, up to it
	place   [][]int   // of each stratum's exits among these; len(exits): later
	weights []float64 // of those who have the event at each exit, and last of those still there after them all
	n       int64
	events  int64 // up to it
	beyond  int64 // still under observation after it
}

// newHorizon takes up a model whose fit is over.
func newHorizon(model *coxPart, at float64) (*horizon, error) {
	if model.fit.separated {
		return nil, &Refusal{Rule: "separation", Message: "the model has no finite maximum: hazards of infinite ratios have no baseline", Remedy: "leave out the terms without a finite estimate"}
	}
	h := &horizon{model: model, at: at, n: model.n}
	var times []float64
	for s, r := range model.strata {
		if k := len(r.exits); k > 0 && r.exits[k-1].time <= at {
			return nil, &Refusal{Rule: "horizon", Message: fmt.Sprintf("nobody%s is under observation after %s = %s", model.u.named(s), model.u.time.Name, number(at)),
				Remedy: "take an earlier time: at"}
		}
		for _, e := range r.exits {
			if e.time <= at {
				times = append(times, e.time)
			}
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	for _, t := range times {
		h.exits = append(h.exits, exit{time: t})
	}
	for _, r := range model.strata {
		var place []int
		for _, e := range r.exits {
			i := sort.SearchFloat64s(times, e.time)
			if place = append(place, i); i < len(times) {
				h.exits[i].events += e.events
				h.exits[i].lost += e.lost
				h.events += e.events
			} else {
				h.beyond += e.events + e.lost
			}
		}
		h.place = append(h.place, place)
	}
	switch least := int64(model.args.Rules.MinCell); {
	case h.events == 0:
		return nil, &Refusal{Rule: "constant_outcome", Message: fmt.Sprintf("nobody has the event by %s = %s", model.u.time.Name, number(at)), Remedy: "take a later time: at"}
	case h.beyond == 0:
		return nil, &Refusal{Rule: "horizon", Message: fmt.Sprintf("nobody is under observation after %s = %s", model.u.time.Name, number(at)), Remedy: "take an earlier time: at"}
	case h.events < least || h.n-h.events < least || h.beyond < least:
		return nil, &Refusal{Rule: "min_cell", Message: fmt.Sprintf("fewer than %d people have the event by %s = %s, or fewer are under observation after it", least, model.u.time.Name, number(at)),
			Remedy: "take another time: at"}
	}
	h.exits[0].came = h.n
	count(h.exits)
	free := 1.0 // the probability of not being lost: those who have the event at a time go before those lost at it
	for _, e := range h.exits {
		h.weights = append(h.weights, Round40(1/free))
		if e.lost > 0 {
			free *= 1 - float64(e.lost)/float64(e.risk-e.events)
		}
	}
	h.weights = append(h.weights, Round40(1/free))
	h.hazard = make([]float64, len(model.strata))
	strata := make(map[string]int)
	for s := range model.strata {
		strata[model.u.stratum(s)] = s
	}
	for _, b := range model.baseline() {
		if b.Time <= at {
			h.hazard[strata[b.Stratum]] = Round40(b.Hazard)
		}
	}
	return h, nil
}

// warnings says what the evaluation of a model at the horizon rests on.
func (h *horizon) warnings(f *Frame) {
	m := h.model
	f.Warnings = append(f.Warnings, m.warnings...)
	if !m.fit.converged {
		f.warn(fmt.Sprintf("the model did not converge in %d rounds: its risks are those of the last round", m.fit.rounds))
	}
	_, more := m.u.stop.resolution()
	f.Warnings = append(f.Warnings, more...)
	f.warn("the model is evaluated among the people whom it was fitted to: among others its predictions are worse")
	if m.shown == m.moved {
		return
	}
	f.Suppressed = true
	f.warn(fmt.Sprintf("%d of %d times are left, since neighbouring ones are merged until at least %d people leave at each: people are counted, and their risks predicted, as of %s = %s, the last of these up to %s",
		m.shown, m.moved, m.few(len(m.varies)), m.u.time.Name, number(h.exits[len(h.exits)-1].time), number(h.at)))
}

// state are the numbers that the sums of people at the horizon depend on.
func (h *horizon) state() []float64 {
	m := h.model
	return slices.Concat(centres(m.columns), m.scale, m.estimate, h.hazard, h.weights)
}

// far is the largest absolute logarithm of a cumulative hazard over the declared
// ranges; +Inf where a stratum has no event by then.
func (h *horizon) far() (far float64) {
	for s, r := range h.model.strata {
		if len(r.exits) > 0 {
			far = math.Max(far, math.Abs(math.Log(h.hazard[s])))
		}
	}
	return (far + h.model.far(h.model.estimate)) * (1 + 0x1p-40)
}

// most is the largest weight.
func (h *horizon) most() float64 { return h.weights[len(h.weights)-1] }

// person is someone at the horizon.
type person struct {
	risk   float64 // predicted
	log    float64 // of the predicted cumulative hazard
	at     int     // number of the exit at which they left; len(exits): they did not
	event  bool    // had by the horizon
	weight float64 // 0 of those lost before
}

// each visits a hospital's people.
func (h *horizon) each(m *coxRows, visit func(p person)) {
	m.use(h.model.fit.cols, h.model.estimate)
	h.model.locate(m)
	for i, s := range m.stratum {
		hazard := h.hazard[s] * math.Exp(m.eta[i])
		p := person{risk: -math.Expm1(-hazard), log: math.Log(h.hazard[s]) + m.eta[i], at: h.place[s][m.stopAt[i]]}
		p.event = m.event[i] && p.at < len(h.exits)
		if p.event || p.at == len(h.exits) {
			p.weight = h.weights[p.at]
		}
		visit(p)
	}
}

// observed is the share of some people who have the event by the horizon, by
// Kaplan and Meier, with log-log limits. exits are theirs up to it, risk and came not yet
// counted; times at which fewer than few leave are merged with the next.
func observed(exits []exit, n, few int64) (share, low, high float64, merged bool) {
	exits = slices.DeleteFunc(slices.Clone(exits), func(e exit) bool { return e.events+e.lost == 0 })
	if len(exits) == 0 {
		return 0, math.NaN(), math.NaN(), false
	}
	for i := range exits {
		exits[i].came = 0
	}
	exits[0].came = n
	count(exits)
	shown := mergedForRisk(exits, few, false)
	c := kaplanMeier(shown)
	last := len(shown) - 1
	low, high = c.limits(last)
	return 1 - c.survival[last], 1 - high, 1 - low, len(shown) < len(exits)
}
