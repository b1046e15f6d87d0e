package stat

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// logRankPart sums what hospitals work out within their own strata.
type logRankPart struct {
	u     *followUp
	asks  []Ask
	total *rankScore
}

func newLogRankPart(u *followUp, rules Rules) *logRankPart {
	p := &logRankPart{u: u, total: newRankScore(len(u.by[0].Levels))}
	by := u.by[0]
	var cells []Cell
	for _, l := range by.Levels {
		cells = append(cells, countCell(u.event.Name+" = "+u.event.Levels[1]+", "+by.Name+" = "+l, Plain))
	}
	// At each time the expected numbers and the variances are at most the events.
	bound := fixed.Binary(1, maxRows(rules))
	for _, l := range by.Levels {
		cells = append(cells, Cell{Cell: bound, Name: "expected, " + by.Name + " = " + l})
	}
	for g, l := range by.Levels {
		for _, m := range by.Levels[g:] {
			cells = append(cells, Cell{Cell: bound, Name: "covariance, " + l + " and " + m})
		}
	}
	p.asks = []Ask{{Cells: cells}}
	return p
}

func (p *logRankPart) plan() []Opening {
	return []Opening{{
		What:  fmt.Sprintf("events in each group of %s, those expected in each hospital's own strata, and their covariances, each summed over hospitals: no hospital's numbers, and nothing by time", p.u.by[0].Name),
		Cells: 2*len(p.u.by[0].Levels) + len(p.u.by[0].Levels)*(len(p.u.by[0].Levels)+1)/2, MaxTimes: 1, CountsPeople: true, Released: true}}
}

func (p *logRankPart) ask() []Ask { return p.asks }

func (p *logRankPart) add(rows *table.View, out *fixed.Sums) error {
	groups, err := p.u.own(rows)
	if err != nil {
		return err
	}
	levels := len(p.u.by[0].Levels)
	strata := len(groups) / levels
	s := newRankScore(levels)
	for k := range strata {
		var of [][]exit
		for g := range levels {
			of = append(of, groups[g*strata+k])
		}
		s.stratum(of)
	}
	at := 2 * levels
	for g := range levels {
		out.Add(g, s.observed[g])
		out.AddFloat(levels+g, s.expected[g])
		for h := g; h < levels; h++ {
			out.AddFloat(at, s.variance[g][h])
			at++
		}
	}
	return nil
}

func (p *logRankPart) reduce(t fixed.Totals) error {
	levels := len(p.total.observed)
	at := 2 * levels
	for g := range levels {
		p.total.observed[g], p.total.expected[g] = t.Count(g), t.Float(levels+g)
		for h := g; h < levels; h++ {
			p.total.variance[g][h] = t.Float(at)
			at++
		}
	}
	p.asks = nil
	return nil
}

// own lists the exits of a hospital's own rows, by group.
func (u *followUp) own(rows *table.View) ([][]exit, error) {
	groups := make([][]exit, u.groups())
	group, err := u.groupOf(rows.Table)
	if err != nil {
		return nil, err
	}
	event, _, err := levelsOf(&u.event, rows.Table)
	if err != nil {
		return nil, err
	}
	if _, err := u.stop.values(rows, func(i int, k int64, x float64) {
		if u.stop.above { // otherwise times are as they were read
			x = u.stop.value(k)
		}
		e := exit{time: x, events: int64(event(i)), lost: int64(1 - event(i))}
		groups[group(i)] = append(groups[group(i)], e)
	}); err != nil {
		return nil, err
	}
	for g, all := range groups {
		slices.SortFunc(all, func(a, b exit) int { return cmp.Compare(a.time, b.time) })
		n := 0
		for _, e := range all {
			if n > 0 && all[n-1].time == e.time {
				all[n-1].events += e.events
				all[n-1].lost += e.lost
				continue
			}
			all[n] = e
			n++
		}
		groups[g] = all[:n]
	}
	return groups, nil
}
