package stat

import (
	"fmt"
	"math"
	"math/big"
	"sort"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// riskSets are the merged times of one stratum over all hospitals.
type riskSets struct {
	exits []exit
	g     []float64 // function of time in the test of proportional hazards
	risk  []*riskSums
	tied  []*riskSums // nil where the events' own sums are not opened
}

// opens reports whether the sums over the events of exit i are opened: where
// Efron's likelihood needs them.
func (r *riskSets) opens(i int, efron bool) bool { return efron && r.exits[i].events > 1 }

// layRiskSets merges the times of each stratum, so that no sum is of fewer
// people than the rules allow, and bounds the cells of a round.
func (c *coxPart) layRiskSets() error {
	q := len(c.varies)
	few := c.few(q)
	opened := 0
	for g := range c.u.groups() {
		all := c.u.exits(g)
		r := &riskSets{exits: mergedForRisk(all, few, c.efron)}
		c.moved += len(all)
		c.shown += len(r.exits)
		for i := range r.exits {
			opened++
			if r.opens(i, c.efron) {
				opened++
			}
		}
		c.strata = append(c.strata, r)
	}
	switch cells := opened * (1 + q + pairCells(q)); {
	case cells > maxCoxCells:
		return &Refusal{Rule: "resolution", Message: fmt.Sprintf("sums over %d times with %d columns are %d cells at once, more than %d", c.shown, q, cells, maxCoxCells),
			Remedy: "count time in coarser steps (grid:), or take strata: site, which opens nothing by time"}
	case c.shown == 1 && c.moved > 1:
		return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("too few people leave: with at least %d at each time only one time is left", few),
			Remedy: "take strata: site, which opens nothing by time, or fewer terms"}
	}
	return nil
}

// mergedForRisk merges times as merged does, but keeps the last people, at the
// last time; with Efron's ties the sums over the events of a time are opened
// too, and those over the others follow: either is of nobody, of one event
// (whose sums nobody needs), or of few people at least.
func mergedForRisk(all []exit, few int64, efron bool) (out []exit) {
	if few <= 1 {
		return all
	}
	enough := func(e exit) bool {
		if e.events+e.lost < few {
			return false
		}
		return !efron || e.events <= 1 || e.events >= few && (e.lost == 0 || e.lost >= few)
	}
	var now exit
	for _, e := range all {
		now = exit{time: e.time, came: now.came + e.came, events: now.events + e.events, lost: now.lost + e.lost}
		if enough(now) {
			out = append(out, now)
			now = exit{}
		}
	}
	for now.events+now.lost > 0 { // what is left joins those before
		if len(out) == 0 {
			out = append(out, now)
			break
		}
		last := out[len(out)-1]
		now = exit{time: all[len(all)-1].time, came: now.came + last.came, events: now.events + last.events, lost: now.lost + last.lost}
		out = out[:len(out)-1]
		if enough(now) {
			out = append(out, now)
			break
		}
	}
	count(out)
	return out
}

// at is the number of the first exit at t or later: that at which people who leave at t are counted.
func (r *riskSets) at(t float64) int {
	return min(sort.Search(len(r.exits), func(i int) bool { return r.exits[i].time >= t }), len(r.exits)-1)
}

// after is the number of the first exit at which people whose observation
// begins at t are at risk: that after the last one at t or before.
func (r *riskSets) after(t float64) int {
	return sort.Search(len(r.exits), func(i int) bool { return r.exits[i].time > t })
}

// eventCells are the sums over all events, which no step changes.
func (c *coxPart) eventCells() (cells []Cell) {
	for _, j := range c.fit.cols {
		cells = append(cells, Cell{Cell: fixed.Binary(c.reach(j), c.rows), Name: "sum of " + c.columns[j].Name + " over the events"})
	}
	far := math.Max(1, c.far(c.fit.beta))
	return append(cells, Cell{Cell: fixed.Binary(far, c.rows), Name: "sum of the offset over the events"})
}

// timeCells are the cells of a round over times: for each time the sums over
// those who leave, less those who come in after it, then, where they are needed, those over the events.
func (c *coxPart) timeCells() (cells []Cell) {
	w := math.Exp(c.far(c.fit.beta)) * (1 + 0x1p-40)
	put := func(name string) {
		cells = append(cells, Cell{Cell: fixed.Binary(w, c.rows), Name: "risk of " + name})
		for _, j := range c.fit.cols {
			cells = append(cells, Cell{Cell: fixed.Binary(w*c.reach(j), c.rows), Name: "risk times " + c.columns[j].Name + " of " + name})
		}
		for a, j := range c.fit.cols {
			for _, k := range c.fit.cols[a:] {
				cells = append(cells, Cell{Cell: fixed.Binary(w*c.reach(j)*c.reach(k), c.rows), Name: "risk times " + c.columns[j].Name + " times " + c.columns[k].Name + " of " + name})
			}
		}
	}
	for s, r := range c.strata {
		for i, e := range r.exits {
			when := c.u.time.Name + " = " + number(e.time) + c.u.named(s)
			put("those who leave at " + when)
			if r.opens(i, c.efron) {
				put("the events at " + when)
			}
		}
	}
	return cells
}

// addByTime adds a hospital's terms of a round over times.
func (c *coxPart) addByTime(m *coxRows, out *fixed.Sums) {
	m.use(c.fit.cols, c.fit.beta)
	c.locate(m)
	q := len(c.fit.cols)
	if c.fit.rounds == 0 {
		p := newPartial(q)
		for i, is := range m.event {
			if is {
				p.logLik += m.eta[i]
				for a, x := range m.row(i) {
					p.score[a] += x
				}
			}
		}
		for a, x := range p.score {
			out.AddFloat(a, x)
		}
		out.AddFloat(q, p.logLik)
		out = out.Slice(q+1, out.Len())
	}
	leave := make([][]*riskSums, len(c.strata))
	tied := make([][]*riskSums, len(c.strata))
	for s, r := range c.strata {
		leave[s], tied[s] = make([]*riskSums, len(r.exits)), make([]*riskSums, len(r.exits))
	}
	add := func(to []*riskSums, at, i int, w float64) {
		if to[at] == nil {
			to[at] = newRiskSums(q)
		}
		to[at].add(m.row(i), w)
	}
	for i, e := range m.eta {
		s, w := m.stratum[i], math.Exp(e)
		at := m.stopAt[i]
		add(leave[s], at, i, w)
		if m.event[i] && c.strata[s].opens(at, c.efron) {
			add(tied[s], at, i, w)
		}
		if came := m.startAt[i]; came > 0 {
			add(leave[s], came-1, i, -w)
		}
	}
	at, n := 0, 1+q+pairCells(q)
	put := func(v *riskSums) {
		if v != nil {
			out.AddFloat(at, v.w)
			for a, x := range v.wx {
				out.AddFloat(at+1+a, x)
			}
			for k, x := range v.wxx {
				out.AddFloat(at+1+q+k, x)
			}
		}
		at += n
	}
	for s, r := range c.strata {
		for i := range r.exits {
			put(leave[s][i])
			if r.opens(i, c.efron) {
				put(tied[s][i])
			}
		}
	}
}

// locate finds the merged times of a hospital's rows.
func (c *coxPart) locate(m *coxRows) {
	if m.stopAt != nil {
		return
	}
	for i, s := range m.stratum {
		m.stopAt = append(m.stopAt, c.strata[s].at(m.stop[i]))
		came := 0
		if !math.IsInf(m.start[i], -1) {
			came = c.strata[s].after(m.start[i])
		}
		m.startAt = append(m.startAt, came)
	}
}

// readTimes takes the totals of a round over times and adds them up to risk sets.
func (c *coxPart) readTimes(t interface{ Float(int) float64 }) {
	q := len(c.fit.cols)
	at := 0
	read := func() *riskSums {
		v := newRiskSums(q)
		v.w = t.Float(at)
		for a := range v.wx {
			v.wx[a] = t.Float(at + 1 + a)
		}
		for k := range v.wxx {
			v.wxx[k] = t.Float(at + 1 + q + k)
		}
		at += 1 + q + len(v.wxx)
		return v
	}
	for _, r := range c.strata {
		r.risk, r.tied = make([]*riskSums, len(r.exits)), make([]*riskSums, len(r.exits))
		for i := range r.exits {
			r.risk[i] = read()
			if r.opens(i, c.efron) {
				r.tied[i] = read()
			}
		}
		for i := len(r.exits) - 2; i >= 0; i-- {
			r.risk[i].plus(r.risk[i+1])
		}
	}
}

func (s *riskSums) plus(o *riskSums) {
	s.w += o.w
	for a, x := range o.wx {
		s.wx[a] += x
	}
	for k, x := range o.wxx {
		s.wxx[k] += x
	}
}

// dependent decides which columns are aliased from the information at beta 0,
// which is near the number of events for a standardised column: less than 1e-11 of it is left
// after projection on the kept ones. A column that is the same within every stratum has none.
func (c *coxPart) dependent(f *newton, info *symmetric) *factored {
	least := 1e-11 * float64(c.nEvent)
	return factorize(info, func(a int, pivot *big.Float) bool {
		return rounded(pivot) < math.Max(least, 1e-11*rounded(info.at(a, a)))
	})
}
