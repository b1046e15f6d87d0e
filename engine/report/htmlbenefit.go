package report

import (
	"html/template"
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// benefit draws the net benefit of the model, of treating everyone and of
// treating no one against the threshold. Below a tenth of the height the curve of everyone is cut off.
func (p *page) benefit(id string, f *stat.Frame) (template.HTML, bool) {
	most := 0.0
	for _, r := range f.Tidy {
		for _, key := range []string{"net_benefit", "treat_all"} {
			if v := number(r, key); !math.IsNaN(v) {
				most = math.Max(most, v)
			}
		}
	}
	if len(f.Tidy) == 0 || !(most > 0) {
		return "", false
	}
	const left, top, tall = 70.0, 12.0, 240.0
	least := -most / 10
	x, y := scale{low: 0, high: 1, from: left, to: figureWidth - 20}, scale{low: least, high: most * 1.05, from: top + tall, to: top}
	d := &drawing{}
	for _, t := range ticks(0, most*1.05, 6) {
		d.faint(left, y.place(t), figureWidth-20, y.place(t))
		d.text(left-6, y.place(t)+4, "end", 44, same(alone(t, 3)))
	}
	for _, t := range ticks(0, 1, 6) {
		d.line(x.place(t), top+tall, x.place(t), top+tall+4)
		d.text(x.place(t), top+tall+17, "middle", 44, same(alone(t, 3)))
	}
	d.line(left, top+tall, figureWidth-20, top+tall)
	d.upright(14, top+tall/2, p.w("plot.benefit"))
	d.text((left+figureWidth-20)/2, top+tall+35, "middle", figureWidth-left-20, p.w("plot.threshold"))
	below := top + tall + 58
	for i, c := range []struct {
		key  string
		name word
	}{{"net_benefit", p.w("plot.model")}, {"treat_all", p.w("plot.treatall")}, {"treat_none", p.w("plot.treatnone")}} {
		line, area, colour := series(i)
		var points []string
		for _, r := range f.Tidy {
			t, v := number(r, "threshold"), number(r, c.key)
			if math.IsNaN(t) || math.IsNaN(v) || v < least {
				continue
			}
			points = append(points, at(x.place(t))+","+at(y.place(v)))
			if i == 0 && len(f.Tidy) <= 30 {
				d.put("circle", "class", area, "cx", x.place(t), "cy", y.place(v), "r", 3.0, "fill", colour)
			}
		}
		if len(points) > 1 {
			d.put("polyline", "class", line, "points", strings.Join(points, " "), "fill", "none", "stroke", colour, "stroke-width", "2", "stroke-dasharray", dashOf(i))
		}
		d.put("line", "class", line, "x1", left, "y1", below-4, "x2", left+22, "y2", below-4, "stroke", colour, "stroke-width", "2", "stroke-dasharray", dashOf(i))
		d.text(left+30, below, "start", figureWidth-left-50, c.name)
		below += 18
	}
	return d.figure(id, below-8, p.w("plot.decision"), p.w("plot.decision.desc")), true
}
