package stat

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// KaplanMeier is the kind km: the survival curve of everyone, or of each group
// of a category, as R's survfit with conf.type = "log-log".
//
// Keys: time and event; by?; entry? (observation begins later than at 0); grid?
// (count time in steps of this width, ends at the next); times? (show the curve
// at these, instead of at every time); tau? (of the restricted mean; default the
// last time shown of any group). With min_cell above 1, times are merged until as many people leave
// at each, and the tail of fewer is cut: everything shown is computed from the merged times.
type KaplanMeier struct{}

var _ Statistic = KaplanMeier{}

// Begin implements Statistic.
func (KaplanMeier) Begin(args Args, s *table.Schema) (Program, error) {
	var by []table.Factor
	if args.By != "" {
		f, err := s.Factor(args.By)
		if err != nil {
			return nil, fmt.Errorf("km: %w", err)
		}
		by = append(by, f)
	}
	for i, t := range args.Times {
		if math.IsNaN(t) || math.IsInf(t, 0) || i > 0 && t <= args.Times[i-1] {
			return nil, fmt.Errorf("km: times %s: times are numbers in increasing order", number(t))
		}
	}
	if math.IsNaN(args.Tau) || math.IsInf(args.Tau, 0) || args.Tau < 0 {
		return nil, fmt.Errorf("km: tau %s, want a positive number", number(args.Tau))
	}
	u, err := newFollowUp(args, s, by)
	if err != nil {
		return nil, err
	}
	u.stop.released = true
	u.stop.what += "; it gives the curve, of which times at which too few leave are merged before it is written"
	var factors []string
	if args.By != "" {
		factors = append(factors, args.By)
	}
	c, err := newCensus(args, s, u.variables(), factors)
	if err != nil {
		return nil, err
	}
	k := &km{args: args, u: u, c: c}
	p := &program{census: c, parts: u.parts(), blind: u.stop.rounds == 0 && (u.start == nil || u.start.rounds == 0)}
	p.finish = func() (Frame, error) { return k.frame(), nil }
	return p, nil
}

// km is what one analysis keeps.
type km struct {
	args Args
	u    *followUp
	c    *census
}

// shown is the curve of a group as it may be seen.
type shown struct {
	group string
	n     int64
	away  bool // too few people
	cut   bool // the tail is not shown
	event int64
	*curve
}

func (k *km) frame() Frame {
	f := k.c.counts()
	few := int64(k.args.Rules.MinCell)
	n, by := []int64{k.c.n}, (*table.Factor)(nil)
	if len(k.u.by) > 0 {
		n, by = k.c.levels[0], &k.u.by[0]
		f.Warnings = append(f.Warnings, noRows(*by, n)...)
	}
	away := withhold(n, k.args.Rules.MinCell, nil)
	var all []shown
	tau := k.args.Tau
	before, after := 0, 0
	for g := range n {
		if n[g] == 0 {
			continue
		}
		s := shown{n: n[g], away: away[g]}
		if by != nil {
			s.group = by.Levels[g]
		}
		if !s.away {
			exits := k.u.exits(g)
			before += len(exits)
			for _, e := range exits {
				s.event += e.events
			}
			exits, s.cut = merged(exits, few)
			after += len(exits)
			s.curve = kaplanMeier(exits)
			if last := len(exits) - 1; last >= 0 && k.args.Tau == 0 {
				tau = math.Max(tau, exits[last].time)
			}
		}
		all = append(all, s)
	}
	k.cuts(&f, all, by)
	for _, s := range all {
		k.group(&f, s, tau, by)
	}
	if by == nil && len(f.Glances) == 1 {
		f.Glance, f.Glances = f.Glances[0], nil
	}
	step, more := k.u.stop.resolution()
	if !math.IsNaN(step) {
		f.Warnings = append(f.Warnings, more...)
	}
	if few > 1 && after < before {
		f.Suppressed = true
		f.Warnings = append(f.Warnings, fmt.Sprintf("%d of %d times are shown: neighbouring ones are merged until at least %d people leave at each, and counted at the last of them", after, before, few))
	}
	return f
}

// cuts notes how many have left observation by the times shown, of each group and,
// at times that all groups have, over all.
func (k *km) cuts(f *Frame, all []shown, by *table.Factor) {
	type left struct {
		n, events int64
		groups    int
	}
	together, events := make(map[float64]left), int64(0)
	for _, s := range all {
		if s.away {
			continue
		}
		events += s.event
		var to left
		for _, e := range s.exits {
			to.n, to.events = to.n+e.events+e.lost, to.events+e.events
			if by != nil {
				group := by.Name + " = " + s.group
				f.cutBy(to.n, s.n, k.u.time.Name, group)
				f.cutBy(to.events, s.event, k.u.time.Name, "event", group)
			}
			t := together[e.time]
			together[e.time] = left{t.n + to.n, t.events + to.events, t.groups + 1}
		}
	}
	for _, t := range slices.Sorted(maps.Keys(together)) {
		if l := together[t]; l.groups == len(all) {
			f.cutBy(l.n, f.N, k.u.time.Name)
			f.cutBy(l.events, events, k.u.time.Name, "event")
		}
	}
}

// group writes the rows of one group.
func (k *km) group(f *Frame, s shown, tau float64, by *table.Factor) {
	in := ""
	head := Record{}
	if by != nil {
		in = " of " + by.Name + " = " + s.group
		head = head.Put("group", s.group)
	}
	if s.away {
		f.Suppressed = true
		f.Tidy = append(f.Tidy, nothing(slices.Clip(head).Put("time", nil)).Put("suppressed", true))
		f.Glances = append(f.Glances, k.summary(head, s, tau).Put("suppressed", true))
		return
	}
	if s.cut {
		f.Suppressed = true
		f.Warnings = append(f.Warnings, fmt.Sprintf("the curve%s ends where too few people are left: its tail is cut", in))
	}
	if len(k.args.Times) == 0 {
		for i := range s.exits {
			f.Tidy = append(f.Tidy, k.row(head, s.curve, i))
		}
	} else {
		k.at(f, head, s, in)
	}
	g := k.summary(head, s, tau)
	f.Glances = append(f.Glances, g)
	if g.Get("median") == nil {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the curve%s does not come down to 0.5: there is no median", in))
	}
	if g.Get("rmean") == nil {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the curve%s ends before tau = %s: no mean to there", in, number(tau)))
	}
	if slices.Contains(s.survival, 0) {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the curve%s falls to 0: no standard error or limits there", in))
	}
	if s.event == 0 {
		f.Warnings = append(f.Warnings, fmt.Sprintf("nobody%s has the event: the curve stays at 1, without limits", in))
	}
}

// nothing is the rest of a row without a curve.
func nothing(r Record) Record {
	for _, key := range []string{"n_risk", "n_event", "n_censor", "estimate", "std_error", "conf_low", "conf_high"} {
		r = r.Put(key, nil)
	}
	return r
}

// row is the curve just after exit i.
func (k *km) row(head Record, c *curve, i int) Record {
	e := c.exits[i]
	low, high := c.limits(i)
	return slices.Clip(head).Put("time", e.time).Put("n_risk", e.risk).Put("n_event", e.events).Put("n_censor", e.lost).
		Put("estimate", c.survival[i]).Put("std_error", c.error(i)).Put("conf_low", low).Put("conf_high", high)
}

// error is the standard error of the survival after exit i.
func (c *curve) error(i int) float64 {
	if c.survival[i] == 0 {
		return math.NaN()
	}
	return c.survival[i] * math.Sqrt(c.greenwood[i])
}

// at writes the curve at the asked times, as R's summary: n_risk just before
// each, events and losses since the one before. Beyond the last exit there is nothing.
func (k *km) at(f *Frame, head Record, s shown, in string) {
	next := 0 // exit after the time before
	for _, t := range k.args.Times {
		var events, lost int64
		for next < len(s.exits) && s.exits[next].time <= t {
			events += s.exits[next].events
			lost += s.exits[next].lost
			next++
		}
		beyond := next == len(s.exits) && (next == 0 || t > s.exits[next-1].time)
		if beyond {
			f.Tidy = append(f.Tidy, nothing(slices.Clip(head).Put("time", t))) // a place for each time
			f.Warnings = append(f.Warnings, fmt.Sprintf("nobody%s is shown under observation at %s", in, number(t)))
			continue
		}
		r := slices.Clip(head).Put("time", t)
		if next == 0 {
			r = r.Put("n_risk", s.exits[0].came).Put("n_event", int64(0)).Put("n_censor", int64(0)).
				Put("estimate", 1.0).Put("std_error", 0.0).Put("conf_low", 1.0).Put("conf_high", 1.0)
		} else {
			low, high := s.limits(next - 1)
			r = r.Put("n_risk", s.atRisk(t)).Put("n_event", events).Put("n_censor", lost).
				Put("estimate", s.survival[next-1]).Put("std_error", s.error(next-1)).Put("conf_low", low).Put("conf_high", high)
		}
		f.Tidy = append(f.Tidy, r)
	}
}

// atRisk is the number under observation just before the first exit at t or
// later: with late entries, at that exit.
func (s *shown) atRisk(t float64) int64 {
	i, _ := slices.BinarySearchFunc(s.exits, t, func(e exit, t float64) int {
		if e.time < t {
			return -1
		}
		if e.time > t {
			return 1
		}
		return 0
	})
	return s.exits[min(i, len(s.exits)-1)].risk
}

// summary is a row of glance.
func (k *km) summary(head Record, s shown, tau float64) Record {
	g := slices.Clip(head)
	if s.away {
		for _, key := range []string{"n", "events", "median", "median_low", "median_high", "rmean", "rmean_se", "tau"} {
			g = g.Put(key, nil)
		}
		return g
	}
	last := math.Inf(-1)
	if n := len(s.exits); n > 0 {
		last = s.exits[n-1].time
	}
	mean, se := s.mean(tau)
	if s.cut && tau > last { // unlike a curve that is followed to its end, it goes on
		mean, se = math.NaN(), math.NaN()
	}
	return g.Put("n", s.n).Put("events", s.event).
		Put("median", s.quantile(0.5, func(i int) float64 { return s.survival[i] })).
		Put("median_low", s.quantile(0.5, func(i int) float64 { low, _ := s.limits(i); return low })).
		Put("median_high", s.quantile(0.5, func(i int) float64 { _, high := s.limits(i); return high })).
		Put("rmean", mean).Put("rmean_se", se).Put("tau", tau)
}
