package report

import (
	"slices"
	"strings"
)

// step is the analyses that used the same rows.
type step struct {
	ids                     []string
	used, missing, filtered int64
}

// flow draws how many records each analysis used, and lists it.
func (p *page) flow() []block {
	var steps []step
	v := &view{Caption: p.w("table.flow"), Columns: []header{{p.w("col.analysis"), "analysis", false}, {p.w("col.outcome"), "outcome", false},
		{p.w("col.used"), "n", true}, {p.w("col.excluded"), "excluded", true}, {p.w("col.filtered"), "filtered", true}, {p.w("col.sites"), "contributing_sites", true}}}
	for _, a := range p.Analyses {
		row := []cell{{Word: same(a.ID)}}
		switch f := a.Frame; {
		case a.Refused != nil:
			n := cell{None: true, Exact: true}
			if a.N != nil {
				n = numberCell(*a.N)
			}
			row = append(row, cell{Word: p.w("flow.refused")}, n, cell{None: true, Exact: true}, cell{None: true, Exact: true}, cell{None: true, Exact: true})
		case f == nil:
			row = append(row, cell{Word: p.w("flow.sealed")}, cell{None: true, Exact: true}, cell{None: true, Exact: true}, cell{None: true, Exact: true}, cell{None: true, Exact: true})
		default:
			row = append(row, cell{Word: p.kind(p.args(a.ID), a.Kind)}, numberCell(f.N), numberCell(f.Excluded), numberCell(f.Filtered), numberCell(f.Sites))
			one := step{used: f.N, missing: f.Excluded, filtered: max(0, f.Filtered-p.Cohort.Filtered)}
			i := slices.IndexFunc(steps, func(s step) bool {
				return s.used == one.used && s.missing == one.missing && s.filtered == one.filtered
			})
			if i < 0 {
				i, steps = len(steps), append(steps, one)
			}
			steps[i].ids = append(steps[i].ids, a.ID)
		}
		v.Rows = append(v.Rows, row)
	}
	v.Closed = true
	return []block{p.flowFigure(steps), {Table: v, Name: "flow"}}
}

func numberCell(n int64) cell {
	c := cell{Word: same(count(n)), Value: field(rec1("n", n), "n")}
	c.Exact = c.Value != c.Word.En
	return c
}

func (p *page) flowFigure(steps []step) block {
	const (
		most  = 12
		left  = 0.0
		width = 250.0
		gap   = 22.0
		side  = 272.0
	)
	d := &drawing{}
	box := func(x, y, w float64, class string, lines ...word) float64 {
		h := 12 + 17*float64(len(lines))
		d.put("rect", "class", class, "x", x+0.5, "y", y+0.5, "width", w-1, "height", h, "rx", "6", "fill", "#f3f6f9", "stroke", "#5c6b7a")
		for i, l := range lines {
			d.text(x+10, y+18+17*float64(i), "start", w-20, l)
		}
		return h
	}
	hospitals := len(p.Spec.Sites) - len(p.Absent)
	y := 0.0
	h := box(left, y, width, "box", p.w("flow.records", hospitals), p.w("flow.n", count(p.Cohort.Rows)))
	arrow := func(from, to float64) {
		d.line(left+24, from, left+24, to)
		d.put("path", "class", "fi", "d", "M"+at(left+20)+" "+at(to-6)+"h8l-4 6z", "fill", "#444444")
	}
	if p.Spec.Cohort != nil {
		mid := y + h + 30
		d.line(left+24, mid, side, mid)
		box(side, mid-24, figureWidth-side, "out", p.w("flow.left"), p.w("flow.n", count(p.Cohort.Filtered)))
		arrow(y+h, mid+38)
		y = mid + 38
		h = box(left, y, width, "box", p.w("flow.cohort"), p.w("flow.n", count(p.Cohort.Rows-p.Cohort.Filtered)))
	}
	trunk := y + h
	end := trunk
	y += h + gap
	for i, s := range steps {
		if i == most {
			d.text(left+60, y+10, "start", figureWidth-60, p.w("flow.more", len(steps)-most))
			y += 24
			break
		}
		lines := []word{p.w("flow.n", count(s.used))}
		lines = append(lines, p.folded(s.ids, width-40-20)...)
		h = box(left+40, y, width-40, "box", lines...)
		d.line(left+24, y+20, left+40, y+20)
		end = y + 20
		var out []word
		if s.filtered > 0 {
			filtered := p.w("flow.filtered")
			out = append(out, word{filtered.En, filtered.Zh}, p.w("flow.n", count(s.filtered)))
		}
		if s.missing > 0 {
			out = append(out, p.w("flow.missing"), p.w("flow.n", count(s.missing)))
		}
		if len(out) > 0 {
			d.line(width, y+20, side, y+20)
			h = max(h, box(side, y, figureWidth-side, "out", out...))
		}
		y += h + 14
	}
	d.line(left+24, trunk, left+24, end)
	return block{Figure: d.figure("flow", y, p.w("flow.caption"), p.w("flow.desc")), Name: "flow"}
}

// folded lists names in at most three lines that fit the room, and says how many more there are.
func (p *page) folded(ids []string, room float64) (out []word) {
	var lines [][]string
	for i, id := range ids {
		if id = clean(id); i < len(ids)-1 {
			id += ","
		}
		last := len(lines) - 1
		if last < 0 || span(strings.Join(append(slices.Clip(lines[last]), id), " ")) > room {
			lines = append(lines, []string{id})
			continue
		}
		lines[last] = append(lines[last], id)
	}
	rest := 0
	for len(lines) > 3 {
		rest, lines = rest+len(lines[len(lines)-1]), lines[:len(lines)-1]
	}
	for _, l := range lines {
		out = append(out, same(strings.Join(l, " ")))
	}
	if rest == 0 {
		return out
	}
	last := lines[2]
	for {
		more := p.w("flow.others", rest)
		said := strings.Join(append(slices.Clip(last), more.En), " ")
		if len(last) == 0 || span(said) <= room {
			out[2] = word{said, strings.TrimSpace(strings.TrimSuffix(strings.Join(last, " "), ",") + more.Zh)}
			return out
		}
		rest, last = rest+1, last[:len(last)-1]
	}
}
