package report

import (
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// survival draws the curve of each group as steps with its limits, or as points
// where it was asked for at some times alone, and below it who is at risk.
func (p *page) survival(id string, args stat.Args, f *stat.Frame) (*plot, bool) {
	const right, top, tall, row = figureWidth - 18, 12.0, 220.0, 18.0
	groups := distinct(f.Tidy, "group")
	groups = groups[:min(len(groups), groupsDrawn)]
	steps, last, most := len(args.Times) == 0, 0.0, 0.0
	for _, g := range groups {
		for _, r := range where(f.Tidy, "group", g) {
			if !math.IsNaN(number(r, "estimate")) {
				last, most = math.Max(last, orElse(number(r, "time"), 0)), math.Max(most, orElse(number(r, "n_risk"), 0))
			}
		}
	}
	if !(last > 0) {
		return nil, false
	}
	names, lengths := make([]word, len(groups)), []string{}
	for i, g := range groups {
		if names[i] = same(g); g == "" {
			names[i] = p.w("plot.everyone")
		}
		lengths = append(lengths, names[i].En, names[i].Zh)
	}
	// The first number at risk stands under the origin: names end before it.
	number := span(count(int64(most)))
	left := math.Max(54, 23+widest(lengths, 104)+9+number/2)
	x, y := scale{low: 0, high: last, from: left, to: right}, scale{low: 0, high: 1, from: top + tall, to: top}
	d := &drawing{}
	d.share(y, left, right)
	marks := ticks(0, last, max(2, min(8, int((right-left)/(math.Max(number, span(tick(last)))+12)))))
	if !steps {
		marks = spaced(x, args.Times, number)
		if len(marks) > 0 && x.place(marks[0])-left > span(tick(marks[0]))/2+12 {
			d.text(left, top+tall+17, "middle", 20, same("0"))
		}
	}
	for _, t := range marks {
		d.line(x.place(t), top+tall, x.place(t), top+tall+4)
		d.text(x.place(t), top+tall+17, "middle", 90, same(plain(t)))
	}
	d.line(left, top+tall, right, top+tall)
	d.upright(left-38, top+tall/2, p.w("plot.survival"))
	d.text((left+right)/2, top+tall+35, "middle", right-left+20, same(p.label(args.Time)))
	for i, g := range groups {
		if rows := where(f.Tidy, "group", g); steps {
			d.curve(i, x, y, rows)
		} else {
			d.points(i, len(groups), x, y, rows)
		}
	}
	below := top + tall + 58
	atrisk := p.w("plot.atrisk")
	if args.By != "" {
		atrisk = p.w("plot.atriskby", args.By)
	}
	d.text(0, below, "start", figureWidth, atrisk)
	for i, g := range groups {
		below += row
		line, _, colour := series(i)
		if steps {
			d.put("line", "class", line, "x1", 0.0, "y1", below-4, "x2", 18.0, "y2", below-4, "stroke", colour, "stroke-width", "2", "stroke-dasharray", dashOf(i))
		} else {
			d.mark(i, 9, below-4)
		}
		for _, t := range marks {
			d.text(x.place(t), below, "middle", 90, same(atRisk(where(f.Tidy, "group", g), t, steps)))
		}
		below += lineHeight * float64(d.lines(23, below, left-31-number/2, names[i])-1)
	}
	title := p.w("plot.km")
	if !steps {
		title = p.w("plot.kmtimes")
	}
	return d.figure(id, below+8, title, p.w("plot.km.desc")), true
}

// share draws the lines and labels of an axis from 0 to 1, or as far as it goes.
func (d *drawing) share(y scale, left, right float64) {
	for _, t := range ticks(y.low, y.high, 6) {
		d.faint(left, y.place(t), right, y.place(t))
		d.text(left-6, y.place(t)+4, "end", 44, same(tick(t)))
	}
}

// spaced are those of the asked times whose labels, and numbers so wide below them, do not touch.
func spaced(x scale, times []float64, wide float64) (out []float64) {
	free := math.Inf(-1)
	for _, t := range times {
		half := math.Max(span(plain(t)), wide)/2 + 3
		if t >= 0 && t <= x.high && x.place(t)-half >= free {
			out, free = append(out, t), x.place(t)+half
		}
	}
	return out
}

func dashOf(i int) string {
	if s := dashes[i%len(dashes)]; s != "" {
		return s
	}
	return "none"
}

// curve draws one group: its limits, its steps, and a mark where somebody is
// censored, but where marks would only be a thick line.
func (d *drawing) curve(i int, x, y scale, rows []stat.Record) {
	line, area, colour := series(i)
	path, upper, lost := &strings.Builder{}, &strings.Builder{}, &strings.Builder{}
	path.WriteString("M" + at(x.place(0)) + " " + at(y.place(1)))
	var lower []string
	from, high, low, free := x.place(0), y.place(1), y.place(1), math.Inf(-1)
	band := func(to float64) { // from the last step to here
		upper.WriteString(" " + at(from) + "," + at(high) + " " + at(to) + "," + at(high))
		lower = append(lower, at(from)+","+at(low), at(to)+","+at(low))
	}
	for _, r := range rows {
		t, s := number(r, "time"), number(r, "estimate")
		if math.IsNaN(t) || math.IsNaN(s) {
			continue
		}
		px, py := x.place(t), y.place(s)
		lo, hi := number(r, "conf_low"), number(r, "conf_high")
		band(px)
		from = px
		if !math.IsNaN(lo) && !math.IsNaN(hi) {
			high, low = y.place(hi), y.place(lo)
		} else {
			high, low = py, py
		}
		path.WriteString("H" + at(px))
		if number(r, "n_event") > 0 {
			path.WriteString("V" + at(py))
		}
		if number(r, "n_censor") > 0 && px >= free {
			lost.WriteString("M" + at(px) + " " + at(py-4) + "v8")
			free = px + 3
		}
	}
	for a, b := 0, len(lower)-1; a < b; a, b = a+1, b-1 {
		lower[a], lower[b] = lower[b], lower[a]
	}
	if len(lower) > 0 {
		d.put("polygon", "class", area, "points", strings.TrimSpace(upper.String())+" "+strings.Join(lower, " "), "fill", colour, "fill-opacity", "0.13")
	}
	d.put("path", "class", line, "d", path.String(), "fill", "none", "stroke", colour, "stroke-width", "2", "stroke-dasharray", dashOf(i))
	if lost.Len() > 0 {
		d.put("path", "class", line, "d", lost.String(), "fill", "none", "stroke", colour, "stroke-width", "1")
	}
}

// points draws one of several groups at the asked times, beside the others.
func (d *drawing) points(i, groups int, x, y scale, rows []stat.Record) {
	line, _, colour := series(i)
	nearest := x.to - x.from
	for j := 1; j < len(rows); j++ {
		nearest = math.Min(nearest, x.place(number(rows[j], "time"))-x.place(number(rows[j-1], "time")))
	}
	aside := math.Min(8, nearest/float64(groups+1)) * (float64(i) - float64(groups-1)/2)
	for _, r := range rows {
		t, s := number(r, "time"), number(r, "estimate")
		if math.IsNaN(t) || math.IsNaN(s) {
			continue
		}
		px := x.place(t) + aside
		if lo, hi := number(r, "conf_low"), number(r, "conf_high"); !math.IsNaN(lo) && !math.IsNaN(hi) {
			d.put("line", "class", line, "x1", px, "y1", y.place(lo), "x2", px, "y2", y.place(hi), "stroke", colour, "stroke-width", "1.5")
		}
		d.mark(i, px, y.place(s))
	}
}

// mark is the point of a series: circle, square, triangle, diamond and two more, told apart without colour.
func (d *drawing) mark(i int, x, y float64) {
	_, area, colour := series(i)
	shapes := []string{"m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", "m-3.2 -3.2h6.4v6.4h-6.4z", "m0 -4.4l4 7h-8z", "m0 -4.6l4.6 4.6l-4.6 4.6l-4.6 -4.6z", "m0 4.4l4 -7h-8z", "m-1.2 -4.4h2.4v8.8h-2.4z"}
	d.put("path", "class", area, "d", "M"+at(x)+" "+at(y)+shapes[i%len(shapes)], "fill", colour)
}

// atRisk is the number under observation at t: of a curve, at its first time from
// there on, and nobody once all have left; of points, at that very time.
func atRisk(rows []stat.Record, t float64, steps bool) string {
	for _, r := range rows {
		if at := number(r, "time"); (at == t || steps && at > t) && r.Get("n_risk") != nil {
			return show(r, "n_risk")
		}
	}
	if len(rows) == 0 {
		return "–"
	}
	last := rows[len(rows)-1]
	switch {
	case last.Get("n_risk") == nil && gone(last) == hidden:
		return hidden
	case steps && last.Get("n_risk") != nil && number(last, "n_risk") == number(last, "n_event")+number(last, "n_censor"):
		return "0"
	}
	return "–"
}

// The frame of a square figure.
const (
	squareLeft = 54.0
	squareSide = 280.0
	squareWide = squareLeft + squareSide + 16
	squareHigh = squareSide + 52
)

// square draws axes from 0 to most, and the diagonal.
func (d *drawing) square(most float64, across, up word) (x, y scale) {
	const left, top, side = squareLeft, 12.0, squareSide
	x, y = scale{low: 0, high: most, from: left, to: left + side}, scale{low: 0, high: most, from: top + side, to: top}
	d.share(y, left, left+side)
	for _, t := range ticks(0, most, 6) {
		d.line(x.place(t), top+side, x.place(t), top+side+4)
		d.text(x.place(t), top+side+17, "middle", 44, same(tick(t)))
	}
	d.line(left, top+side, left+side, top+side)
	d.line(left, top, left, top+side)
	d.put("line", "class", "ki", "x1", left, "y1", top+side, "x2", left+side, "y2", top, "stroke", "#444444", "stroke-dasharray", "4 4")
	d.text(left+side/2, top+side+36, "middle", side+60, across)
	d.upright(14, top+side/2, up)
	return x, y
}

// roc draws sensitivity against one less specificity.
func (p *page) roc(id string, f *stat.Frame) (*plot, bool) {
	if !has(f.Tidy, "sensitivity") || !has(f.Tidy, "specificity") {
		return nil, false
	}
	d := &drawing{}
	x, y := d.square(1, p.w("plot.fpr"), p.w("plot.sensitivity"))
	line, _, colour := series(0)
	var points []string
	add := func(a, b float64) {
		if s := at(x.place(a)) + "," + at(y.place(b)); len(points) == 0 || points[len(points)-1] != s {
			points = append(points, s)
		}
	}
	add(1, 1)
	for _, r := range f.Tidy { // thresholds rise: the curve comes down from the upper right
		if a, b := 1-number(r, "specificity"), number(r, "sensitivity"); !math.IsNaN(a) && !math.IsNaN(b) {
			add(a, b)
			if len(f.Tidy) <= 30 {
				d.mark(0, x.place(a), y.place(b))
			}
		}
	}
	add(0, 0)
	d.put("polyline", "class", line, "points", strings.Join(points, " "), "fill", "none", "stroke", colour, "stroke-width", "2")
	if auc := number(f.Glance, "auc"); !math.IsNaN(auc) {
		label := "AUC " + decimals(auc, 3)
		if lo, hi := number(f.Glance, "conf_low"), number(f.Glance, "conf_high"); !math.IsNaN(lo) && !math.IsNaN(hi) {
			label += " (" + decimals(lo, 3) + ", " + decimals(hi, 3) + ")"
		}
		// Where a good curve does not go, and a poor one hides least: the corner below the diagonal, or above it.
		if auc >= 0.5 {
			d.text(x.to-6, y.from-10, "end", 200, same(label))
		} else {
			d.text(x.from+8, y.to+16, "start", 200, same(label))
		}
	}
	return d.sized(id, squareWide, squareHigh, p.w("plot.roc"), p.w("plot.roc.desc")), true
}

// calibration draws the observed share of events against the mean prediction of
// each class, with its 95% limits; where all risks are low, the axes end there.
func (p *page) calibration(id string, f *stat.Frame) (*plot, bool) {
	if !has(f.Tidy, "mean_predicted") || !has(f.Tidy, "observed") {
		return nil, false
	}
	title, desc, up, most := p.w("plot.calibration"), p.w("plot.calibration.desc"), p.w("plot.observed"), 0.0
	limits := shareLimits
	if f.Glance.Get("at") != nil { // of a Cox model
		title, desc, up = p.w("plot.calibration.at", show(f.Glance, "at")), p.w("plot.calibration.at.desc"), p.w("plot.observed.at")
		limits = func(r stat.Record) (low, high float64) { return number(r, "conf_low"), number(r, "conf_high") }
	}
	for _, r := range f.Tidy {
		_, high := limits(r)
		most = math.Max(most, math.Max(orElse(number(r, "mean_predicted"), 0), orElse(high, orElse(number(r, "observed"), 0))))
	}
	for _, end := range []float64{0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1} {
		if end >= most || end == 1 {
			most = end
			break
		}
	}
	d := &drawing{}
	x, y := d.square(most, p.w("plot.predicted"), up)
	line, _, colour := series(0)
	for _, r := range f.Tidy {
		a, b := number(r, "mean_predicted"), number(r, "observed")
		if math.IsNaN(a) || math.IsNaN(b) {
			continue
		}
		if low, high := limits(r); !math.IsNaN(low) && !math.IsNaN(high) {
			d.put("line", "class", line, "x1", x.place(a), "y1", y.place(low), "x2", x.place(a), "y2", y.place(high), "stroke", colour, "stroke-width", "1.2")
		}
		d.mark(0, x.place(a), y.place(b))
	}
	return d.sized(id, squareWide, squareHigh, title, desc), true
}

// shareLimits are Wilson's 95% limits of a share of n people (Wilson, J Am Stat Assoc
// 1927;22:209).
func shareLimits(r stat.Record) (low, high float64) {
	const z = 1.959963984540054
	n, share := number(r, "n"), number(r, "observed")
	middle, half := share+z*z/(2*n), z*math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return math.Max(0, (middle-half)/(1+z*z/n)), math.Min(1, (middle+half)/(1+z*z/n))
}
