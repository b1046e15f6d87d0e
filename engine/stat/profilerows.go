package stat

import (
	"fmt"
	"slices"
)

// row starts a row of the result.
func (p *profile) row(v *profiled, column int) Record {
	r := Record{}.Put("variable", v.name)
	switch {
	case p.tally.by == nil:
	case column == everyone:
		r = r.Put("group", nil)
	default:
		r = r.Put("group", p.tally.by.Levels[column])
	}
	return r
}

// size is the number of values in a column.
func (v *profiled) size(column int) int64 {
	if column == everyone {
		return sum(v.n)
	}
	return v.n[column]
}

// lacking is the number of missing values in a column.
func (v *profiled) lacking(column int) int64 {
	if column == everyone {
		return sum(v.missing)
	}
	return v.missing[column]
}

// gone reports whether nothing of a column is shown, not even its size.
func (v *profiled) gone(column, minCell int) bool {
	n := v.size(column)
	switch {
	case v.unshown || v.rare || n > 0 && n < int64(minCell):
		return true
	case column == everyone:
		return false
	}
	return v.away[column] || v.factor != nil && v.cells.cols[column]
}

// count is the number of people of a level in a column, and whether it is shown.
func (v *profiled) count(level, column, minCell int) (n int64, shown bool) {
	if column == everyone {
		for _, l := range v.levels {
			n += l[level]
		}
		return n, !v.cells.rows[level] && !v.gone(column, minCell)
	}
	return v.levels[column][level], !v.cells.cells[level][column] && !v.unshown
}

// category is the rows of a category or binary in one column, one per level.
func (p *profile) category(v *profiled, column int) (rows []Record) {
	minCell, size := p.args.Rules.MinCell, v.size(column)
	gone := v.gone(column, minCell)
	var counts []int64
	for l, level := range v.factor.Levels {
		n, shown := v.count(l, column, minCell)
		counts = append(counts, n)
		r := p.row(v, column).Put("level", level)
		if shown {
			r = r.Put("n", n)
		} else {
			r = r.Put("n", nil)
		}
		if shown && !gone {
			r = r.Put("pct", ratio(100*float64(n), float64(size)))
		} else {
			r = r.Put("pct", nil)
		}
		if gone {
			r = r.Put("missing", nil)
		} else {
			r = r.Put("missing", v.lacking(column))
		}
		if gone || !shown {
			r = r.Put("suppressed", true)
			p.suppressed = true
		}
		rows = append(rows, r)
	}
	if gone {
		return rows
	}
	if size == 0 {
		p.warnings = append(p.warnings, v.name+inGroup(p.tally.by, column)+": no value")
	} else if column != everyone || p.tally.by == nil {
		p.warnings = append(p.warnings, v.extremes(inGroup(p.tally.by, column), counts, func(l int) bool { _, shown := v.count(l, column, minCell); return shown })...)
	}
	return rows
}

// number starts the row of a number in one column with n and missing; gone says that there is nothing to add.
func (p *profile) number(v *profiled, column int) (r Record, gone bool) {
	r = p.row(v, column)
	if v.gone(column, p.args.Rules.MinCell) {
		p.suppressed = true
		return r.Put("n", nil).Put("missing", nil), true
	}
	return r.Put("n", v.size(column)).Put("missing", v.lacking(column)), false
}

// putQuantiles appends the quantiles of a column, and the step they were found on where that was too coarse for some value.
func (p *profile) putQuantiles(r Record, v *profiled, column int) Record {
	few := false
	i := slices.Index(p.columns, column)
	for _, q := range v.ps {
		if v.samples[i].n == 0 {
			r = r.Put(q.name(), nil)
			continue
		}
		x, shown := q.of(v.searches[i], int64(p.args.Rules.MinCell))
		r = r.Put(q.name(), x)
		few = few || !shown
	}
	if v.offGrid > 0 && v.samples[i].n > 0 {
		step := newSeries(v.field).step.Float()
		r = r.Put("resolution", step)
		if w := fmt.Sprintf("%s is recorded more finely than %s: its quantiles are those of values rounded to that; declare its step", v.name, number(step)); !slices.Contains(p.warnings, w) {
			p.warnings = append(p.warnings, w)
		}
	}
	if few {
		p.suppressed = true
		r = r.Put("suppressed", true)
	}
	return r
}

// remark warns why a moment is missing or remarkable.
func (p *profile) remark(s *sample) {
	w := s.resolution(p.moments.powers)
	switch {
	case s.n == 0:
		w = s.label + ": no value"
	case s.n == 1:
		w = s.label + ": one value has no SD"
	case s.constant():
		w = fmt.Sprintf("everyone in this group has the same value: the SD of %s is 0", s.label)
	}
	if w != "" {
		p.warnings = append(p.warnings, w)
	}
}
