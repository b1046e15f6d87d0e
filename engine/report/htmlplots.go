package report

import (
	"math"

	"github.com/consilium-health/consilium/engine/stat"
)

// What a figure shows at most; the table beside it has the others.
const (
	termsDrawn  = 60
	groupsDrawn = 12
)

// ratioPlot is what a forest plot shows, and under which words.
type ratioPlot struct {
	ratio, low, high  string // keys of the records
	title, axis, head word
	bare              word            // title where there are no limits
	pooled            map[string]word // terms that are drawn as diamonds
}

// forest draws ratios with their limits on a logarithmic scale, one row a term.
func (p *page) forest(id string, rows []stat.Record, of ratioPlot) (*plot, bool) {
	const row, top, most = 24.0, 30.0, 150.0
	var kept []stat.Record
	least, largest := 1.0, 1.0
	for _, r := range rows {
		if text(r, "term") == "(Intercept)" || len(kept) == termsDrawn {
			continue
		}
		kept = append(kept, r)
		if e := number(r, of.ratio); e > 0 {
			// Limits further than a factor of 30 from the estimate would squeeze the others: their line ends in an arrow.
			least, largest = math.Min(least, math.Max(e/30, orElse(number(r, of.low), e))), math.Max(largest, math.Min(e*30, orElse(number(r, of.high), e)))
		}
	}
	if len(kept) == 0 || !has(kept, of.ratio) || least <= 0 || math.IsInf(largest, 0) {
		return nil, false
	}
	if least == largest {
		least, largest = 0.5, 2
	}
	head := p.w("plot.ratio")
	if !has(kept, of.low) { // as with a penalty
		head, of.title = p.w("col.ratio"), of.bare
	}
	var terms []word
	var lengths []string
	figures := 60.0
	for _, r := range kept {
		term, is := of.pooled[text(r, "term")]
		if !is {
			term = same(text(r, "term"))
		}
		terms, lengths = append(terms, term), append(lengths, term.En)
		w := p.ratioWord(r, of)
		figures = math.Max(figures, math.Max(span(w.En), span(w.Zh)))
	}
	names := math.Max(60, widest(lengths, most)) + 4
	figures = math.Min(figures+6, 160)
	s := scale{low: least / 1.08, high: largest * 1.08, from: names + 12, to: figureWidth - figures - 12, log: true}
	d := &drawing{}
	heights, bottom := make([]float64, len(kept)), top
	for i, term := range terms {
		heights[i] = row + lineHeight*float64(len(wrapped(term.En, names, linesOfName))-1)
		bottom += heights[i]
	}
	d.text(0, 16, "start", names, of.head)
	d.text(figureWidth, 16, "end", figureWidth-names-20, head)
	for _, t := range ratioTicks(s) {
		d.faint(s.place(t), top-4, s.place(t), bottom)
		d.text(s.place(t), bottom+16, "middle", 90, same(tick(t)))
	}
	d.line(s.from, bottom, s.to, bottom)
	d.put("line", "class", "ki", "x1", s.place(1), "y1", top-4, "x2", s.place(1), "y2", bottom, "stroke", "#444444", "stroke-dasharray", "4 3")
	y := top
	for i, r := range kept {
		d.lines(0, y+row/2+4, names, terms[i])
		mid := y + heights[i]/2
		d.text(figureWidth, mid+4, "end", figures, p.ratioWord(r, of))
		_, pooled := of.pooled[text(r, "term")]
		switch e, low, high := number(r, of.ratio), number(r, of.low), number(r, of.high); {
		case pooled && e > 0 && low > 0:
			d.diamond(s, mid, e, low, high)
		case e > 0:
			d.whisker(s, mid, e, low, high)
		case text(r, "infinite") == "-":
			d.beyond(s.from, mid, 7)
		case text(r, "infinite") != "":
			d.beyond(s.to, mid, -7)
		}
		y += heights[i]
	}
	d.text((s.from+s.to)/2, bottom+36, "middle", figureWidth-40, of.axis)
	return d.figure(id, bottom+44, of.title, p.w("plot.forest.desc")), true
}

// whisker draws an estimate and its limits; an arrow where they leave the scale.
func (d *drawing) whisker(s scale, y, e, low, high float64) {
	line, area, colour := series(0)
	if low > 0 && high > 0 {
		from, to := s.place(math.Max(low, s.low)), s.place(math.Min(high, s.high))
		d.put("line", "class", line, "x1", from, "y1", y, "x2", to, "y2", y, "stroke", colour, "stroke-width", "1.6")
		if low < s.low {
			d.beyond(s.from, y, 7)
		}
		if high > s.high {
			d.beyond(s.to, y, -7)
		}
	}
	if e >= s.low && e <= s.high {
		d.put("rect", "class", area, "x", s.place(e)-4, "y", y-4, "width", 8.0, "height", 8.0, "fill", colour)
	}
}

// beyond is an arrow head at the end of a scale.
func (d *drawing) beyond(x, y, length float64) {
	_, area, colour := series(0)
	d.put("path", "class", area, "d", "M"+at(x)+" "+at(y)+"l"+at(length)+" -4v8z", "fill", colour)
}

// diamond draws a pooled estimate: its corners are the limits.
func (d *drawing) diamond(s scale, y, e, low, high float64) {
	_, area, colour := series(1)
	from, to := s.place(math.Max(low, s.low)), s.place(math.Min(high, s.high))
	d.put("path", "class", area, "d", "M"+at(from)+" "+at(y)+"L"+at(s.place(e))+" "+at(y-6)+"L"+at(to)+" "+at(y)+"L"+at(s.place(e))+" "+at(y+6)+"z", "fill", colour)
}

func orElse(x, y float64) float64 {
	if math.IsNaN(x) {
		return y
	}
	return x
}

// ratioText is "0.332 (0.152, 0.728)".
func ratioText(r stat.Record, of ratioPlot) string {
	e, lo, hi := ratios(number(r, of.ratio), number(r, of.low), number(r, of.high))
	switch {
	case e == absent:
		return ""
	case lo == absent || hi == absent:
		return e
	}
	return e + " (" + lo + ", " + hi + ")"
}

func (p *page) ratioWord(r stat.Record, of ratioPlot) word {
	if s := ratioText(r, of); s != "" {
		return same(s)
	}
	switch aliased, _ := r.Get("aliased").(bool); {
	case aliased:
		return p.w("state.aliased")
	case text(r, "infinite") == "-": // of the coefficient: the ratio is nought
		return p.w("state.nought")
	case text(r, "infinite") != "":
		return p.w("state.infinite")
	}
	return p.w("state.none")
}

// histogram draws the classes, by density where they differ in width.
func (p *page) histogram(id string, args stat.Args, f *stat.Frame) (*plot, bool) {
	const left, top, bottom = 62.0, 22.0, 220.0
	if len(f.Tidy) == 0 || !has(f.Tidy, "count") {
		return nil, false
	}
	low, high := number(f.Tidy[0], "lower"), number(f.Tidy[len(f.Tidy)-1], "upper")
	width, equal, total := number(f.Tidy[0], "upper")-low, true, 0.0
	for _, r := range f.Tidy {
		equal = equal && math.Abs(number(r, "upper")-number(r, "lower")-width) < 1e-9*math.Abs(high-low)
		total += orElse(number(r, "count"), 0)
	}
	tall := func(r stat.Record) float64 {
		n := orElse(number(r, "count"), 0)
		if equal {
			return n
		}
		return n / math.Max(total, 1) / (number(r, "upper") - number(r, "lower"))
	}
	top1 := 0.0
	for _, r := range f.Tidy {
		top1 = math.Max(top1, tall(r))
	}
	if !(high > low) {
		return nil, false
	}
	if top1 == 0 {
		top1 = 1
	}
	x, y := scale{low: low, high: high, from: left, to: figureWidth - 12}, scale{low: 0, high: top1, from: bottom, to: top}
	d := &drawing{}
	for _, t := range ticks(0, top1, 6) {
		d.faint(left, y.place(t), figureWidth-12, y.place(t))
		d.text(left-6, y.place(t)+4, "end", left-22, same(alone(t, 4)))
	}
	_, area, colour := series(0)
	for _, r := range f.Tidy {
		from, to, h := x.place(number(r, "lower")), x.place(number(r, "upper")), y.place(tall(r))
		d.put("rect", "class", area+" edge", "x", from, "y", h, "width", to-from, "height", bottom-h, "fill", colour, "stroke", "#ffffff", "stroke-width", "1")
		if n := count(int64(orElse(number(r, "count"), 0))); span(n) < to-from {
			d.text((from+to)/2, h-5, "middle", to-from+1, same(n))
		}
	}
	d.line(left, bottom, figureWidth-12, bottom)
	free := math.Inf(-1)
	edge := func(v float64) {
		label := plain(v)
		if at := x.place(v); at-span(label)/2 >= free && span(label) < 90 {
			d.line(at, bottom, at, bottom+4)
			d.text(math.Min(at, figureWidth-span(label)/2), bottom+17, "middle", 90, same(label))
			free = at + span(label)/2 + 6
		}
	}
	for _, r := range f.Tidy {
		edge(number(r, "lower"))
	}
	edge(high)
	d.text((left+figureWidth)/2, bottom+37, "middle", figureWidth-left, same(p.label(args.Variable)))
	axis := p.w("plot.count")
	if !equal {
		axis = p.w("plot.density")
	}
	d.upright(12, (top+bottom)/2, axis)
	return d.figure(id, bottom+46, p.w("plot.histogram", args.Variable), p.w("plot.histogram.desc")), true
}
