package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// cutPart opens the counts between requested thresholds, of values as read.
type cutPart struct {
	score   *table.Field
	outcome table.Factor
	asked   []float64 // thresholds as requested
	cuts    []float64 // rising, each once
	asks    []Ask
	between []scored // below the first cut, between each two, from the last
}

func newCutPart(score *table.Field, outcome table.Factor, thresholds []float64) *cutPart {
	p := &cutPart{score: score, outcome: outcome, asked: thresholds, cuts: slices.Compact(slices.Sorted(slices.Values(thresholds)))}
	var cells []Cell
	for i := range len(p.cuts) + 1 {
		name := score.Name
		if i > 0 {
			name += " >= " + number(p.cuts[i-1])
		}
		if i < len(p.cuts) {
			name += " < " + number(p.cuts[i])
		}
		for _, l := range outcome.Levels {
			cells = append(cells, countCell(name+", "+outcome.Name+" = "+l, Plain))
		}
	}
	p.asks = []Ask{{Cells: cells}}
	return p
}

func (p *cutPart) plan() []Opening {
	return []Opening{{
		What: fmt.Sprintf("how many people lie between the requested thresholds of %s, with and without %s = %s; thresholds that would show too few people are not written",
			p.score.Name, p.outcome.Name, p.outcome.Levels[1]),
		Cells: 2 * (len(p.cuts) + 1), MaxTimes: 1, CountsPeople: true, Released: true}}
}

func (p *cutPart) ask() []Ask { return p.asks }

func (p *cutPart) add(rows *table.View, out *fixed.Sums) error {
	level, _, err := levelsOf(&p.outcome, rows.Table)
	if err != nil {
		return err
	}
	used, _, err := rows.Complete(p.score.Name, p.outcome.Name)
	if err != nil {
		return err
	}
	x, err := rows.Table.Column(p.score.Name)
	if err != nil {
		return err
	}
	for _, i := range used.Rows {
		at, found := slices.BinarySearch(p.cuts, x[i])
		if found {
			at++
		}
		out.Add(2*at+level(i), 1)
	}
	return nil
}

func (p *cutPart) reduce(t fixed.Totals) error {
	for i := range len(p.cuts) + 1 {
		s := scored{without: t.Count(2 * i), with: t.Count(2*i + 1)}
		if i > 0 {
			s.from = p.cuts[i-1]
		}
		p.between = append(p.between, s)
	}
	p.asks = nil
	return nil
}

// rows returns the requested thresholds; those that would tell classes of few people apart are suppressed.
func (p *cutPart) rows(minCell int64) (rows []Record, merged bool) {
	var all scored
	for _, s := range p.between {
		all = all.plus(s)
	}
	kept := mergeSmall(p.between, minCell)
	for _, threshold := range p.asked {
		at := slices.IndexFunc(kept[1:], func(s scored) bool { return s.from == threshold })
		if at < 0 {
			merged = true
			r := Record{}.Put("threshold", threshold)
			for _, key := range []string{"tp", "fp", "tn", "fn", "sensitivity", "specificity"} {
				r = r.Put(key, nil)
			}
			rows = append(rows, r.Put("suppressed", true))
			continue
		}
		var below scored
		for _, s := range kept[:at+1] {
			below = below.plus(s)
		}
		rows = append(rows, thresholdRow(threshold, below, all))
	}
	return rows, merged
}
