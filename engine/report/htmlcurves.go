package report

import (
	"html/template"
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// survival draws the curve of each group as steps with its limits, and below it who is at risk.
func (p *page) survival(id string, args stat.Args, f *stat.Frame) (template.HTML, bool) {
	groups := distinct(f.Tidy, "group")
	groups = groups[:min(len(groups), groupsDrawn)]
	last, names := 0.0, span(p.w("plot.atrisk").En)
	for _, g := range groups {
		for _, r := range where(f.Tidy, "group", g) {
			if !math.IsNaN(number(r, "estimate")) {
				last = math.Max(last, orElse(number(r, "time"), 0))
			}
		}
		names = math.Max(names, span(g)+24)
	}
	if !(last > 0) {
		return "", false
	}
	left, top, tall := math.Min(names+6, 150), 12.0, 240.0
	x, y := scale{low: 0, high: last, from: left, to: figureWidth - 20}, scale{low: 0, high: 1, from: top + tall, to: top}
	d := &drawing{}
	for _, t := range ticks(0, 1, 6) {
		d.faint(left, y.place(t), figureWidth-20, y.place(t))
		d.text(left-6, y.place(t)+4, "end", 40, same(alone(t, 3)))
	}
	marks := ticks(0, last, 6)
	for _, t := range marks {
		d.line(x.place(t), top+tall, x.place(t), top+tall+4)
		d.text(x.place(t), top+tall+17, "middle", 64, same(plain(t)))
	}
	d.line(left, top+tall, figureWidth-20, top+tall)
	d.upright(14, top+tall/2, p.w("plot.survival"))
	d.text((left+figureWidth-20)/2, top+tall+35, "middle", figureWidth-left-20, same(p.label(args.Time)))
	for i, g := range groups {
		d.curve(i, x, y, where(f.Tidy, "group", g), len(args.Times) == 0)
	}
	below := top + tall + 58
	d.text(0, below, "start", figureWidth, p.w("plot.atrisk"))
	for i, g := range groups {
		below += 18
		line, _, colour := series(i)
		d.put("line", "class", line, "x1", 0.0, "y1", below-4, "x2", 18.0, "y2", below-4, "stroke", colour, "stroke-width", "2", "stroke-dasharray", dashOf(i))
		name := same(g)
		if g == "" {
			name = p.w("plot.everyone")
		}
		d.text(23, below, "start", left-44, name)
		for _, t := range marks {
			d.text(x.place(t), below, "middle", 66, same(atRisk(where(f.Tidy, "group", g), t)))
		}
	}
	return d.figure(id, below+8, p.w("plot.km"), p.w("plot.km.desc")), true
}

func dashOf(i int) string {
	if s := dashes[i%len(dashes)]; s != "" {
		return s
	}
	return "none"
}

// curve draws one group: its limits, its steps, and a mark where somebody is
// censored. A curve asked for at some times alone has points there instead.
func (d *drawing) curve(i int, x, y scale, rows []stat.Record, steps bool) {
	line, area, colour := series(i)
	path, upper, lost := &strings.Builder{}, &strings.Builder{}, &strings.Builder{}
	path.WriteString("M" + at(x.place(0)) + " " + at(y.place(1)))
	var lower []string
	from, high, low := x.place(0), y.place(1), y.place(1)
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
		if !steps {
			d.put("circle", "class", area, "cx", px, "cy", py, "r", 3.5, "fill", colour)
			if !math.IsNaN(lo) && !math.IsNaN(hi) {
				d.put("line", "class", line, "x1", px, "y1", y.place(lo), "x2", px, "y2", y.place(hi), "stroke", colour, "stroke-width", "1.5")
			}
			continue
		}
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
		if number(r, "n_censor") > 0 {
			lost.WriteString("M" + at(px) + " " + at(py-4) + "v8")
		}
	}
	if !steps {
		return
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

// atRisk is the number under observation at t: at the first time shown from there on. Past the last it is not known.
func atRisk(rows []stat.Record, t float64) string {
	for _, r := range rows {
		if number(r, "time") >= t && r.Get("n_risk") != nil {
			return show(r, "n_risk")
		}
	}
	if len(rows) > 0 && rows[len(rows)-1].Get("n_risk") == nil {
		return gone(rows[len(rows)-1])
	}
	return "–"
}

// square draws the axes from 0 to 1 and the diagonal.
func (d *drawing) square(across, up word) (x, y scale) {
	const left, top, side = 112.0, 12.0, 300.0
	x, y = scale{low: 0, high: 1, from: left, to: left + side}, scale{low: 0, high: 1, from: top + side, to: top}
	for _, t := range ticks(0, 1, 6) {
		d.faint(left, y.place(t), left+side, y.place(t))
		d.text(left-6, y.place(t)+4, "end", 40, same(alone(t, 3)))
		d.line(x.place(t), top+side, x.place(t), top+side+4)
		d.text(x.place(t), top+side+17, "middle", 40, same(alone(t, 3)))
	}
	d.line(left, top+side, left+side, top+side)
	d.line(left, top, left, top+side)
	d.put("line", "class", "ki", "x1", left, "y1", top+side, "x2", left+side, "y2", top, "stroke", "#444444", "stroke-dasharray", "4 4")
	d.text(left+side/2, top+side+36, "middle", side+100, across)
	d.upright(left-42, top+side/2, up)
	return x, y
}

// roc draws sensitivity against one less specificity.
func (p *page) roc(id string, f *stat.Frame) (template.HTML, bool) {
	if !has(f.Tidy, "sensitivity") || !has(f.Tidy, "specificity") {
		return "", false
	}
	d := &drawing{}
	x, y := d.square(p.w("plot.fpr"), p.w("plot.sensitivity"))
	line, area, colour := series(0)
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
				d.put("circle", "class", area, "cx", x.place(a), "cy", y.place(b), "r", 3.0, "fill", colour)
			}
		}
	}
	add(0, 0)
	d.put("polyline", "class", line, "points", strings.Join(points, " "), "fill", "none", "stroke", colour, "stroke-width", "2")
	if auc := number(f.Glance, "auc"); !math.IsNaN(auc) {
		label := "AUC " + alone(auc, 3)
		if lo, hi := number(f.Glance, "conf_low"), number(f.Glance, "conf_high"); !math.IsNaN(lo) && !math.IsNaN(hi) {
			label += " (" + alone(lo, 3) + ", " + alone(hi, 3) + ")"
		}
		d.text(x.to-6, y.from-10, "end", 200, same(label))
	}
	return d.figure(id, 356, p.w("plot.roc"), p.w("plot.roc.desc")), true
}

// calibration draws the observed share of events against the mean prediction of each class, of a Cox model with its limits.
func (p *page) calibration(id string, f *stat.Frame) (template.HTML, bool) {
	if !has(f.Tidy, "mean_predicted") || !has(f.Tidy, "observed") {
		return "", false
	}
	d := &drawing{}
	title, desc, up := p.w("plot.calibration"), p.w("plot.calibration.desc"), p.w("plot.observed")
	if t := f.Glance.Get("at"); t != nil {
		title, desc, up = p.w("plot.calibration.at", show(f.Glance, "at")), p.w("plot.calibration.at.desc"), p.w("plot.observed.at")
	}
	x, y := d.square(p.w("plot.predicted"), up)
	line, area, colour := series(0)
	var points []string
	for _, r := range f.Tidy {
		if a, b := number(r, "mean_predicted"), number(r, "observed"); !math.IsNaN(a) && !math.IsNaN(b) {
			points = append(points, at(x.place(a))+","+at(y.place(b)))
			if lo, hi := number(r, "conf_low"), number(r, "conf_high"); !math.IsNaN(lo) && !math.IsNaN(hi) {
				d.put("line", "class", line, "x1", x.place(a), "y1", y.place(lo), "x2", x.place(a), "y2", y.place(hi), "stroke", colour, "stroke-width", "1.2")
			}
			d.put("circle", "class", area, "cx", x.place(a), "cy", y.place(b), "r", 3.5, "fill", colour)
		}
	}
	d.put("polyline", "class", line, "points", strings.Join(points, " "), "fill", "none", "stroke", colour, "stroke-width", "1.5")
	return d.figure(id, 356, title, desc), true
}
