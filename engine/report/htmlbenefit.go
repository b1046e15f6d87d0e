package report

import (
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// benefit draws the net benefit of the model, of treating everyone and of
// treating no one against the threshold. Where curves fall below a tenth of the height they leave the figure.
func (p *page) benefit(id string, f *stat.Frame) (*plot, bool) {
	const left, right, top, tall = 66.0, figureWidth - 18, 12.0, 220.0
	most, first, last := 0.0, 1.0, 0.0
	for _, r := range f.Tidy {
		for _, key := range []string{"net_benefit", "treat_all"} {
			most = math.Max(most, orElse(number(r, key), 0))
		}
		first, last = math.Min(first, orElse(number(r, "threshold"), 1)), math.Max(last, orElse(number(r, "threshold"), 0))
	}
	if len(f.Tidy) == 0 || !(most > 0) || !(first <= last) {
		return nil, false
	}
	first, last = math.Floor(10*first+1e-9)/10, math.Ceil(10*last-1e-9)/10
	if first == last {
		first, last = math.Max(0, first-0.1), math.Min(1, last+0.1)
	}
	x, y := scale{low: first, high: last, from: left, to: right}, scale{low: -most / 10, high: most * 1.05, from: top + tall, to: top}
	d := &drawing{}
	d.share(y, left, right)
	for _, t := range ticks(first, last, 6) {
		d.line(x.place(t), top+tall, x.place(t), top+tall+4)
		d.text(x.place(t), top+tall+17, "middle", 44, same(tick(t)))
	}
	d.line(left, top+tall, right, top+tall)
	d.upright(14, top+tall/2, p.w("plot.benefit"))
	d.text((left+right)/2, top+tall+35, "middle", right-left, p.w("plot.threshold"))
	below := top + tall + 58
	for i, c := range []struct {
		key  string
		name word
	}{{"net_benefit", p.w("plot.model")}, {"treat_all", p.w("plot.treatall")}, {"treat_none", p.w("plot.treatnone")}} {
		line, _, colour := series(i)
		points := d.falling(i == 0 && len(f.Tidy) <= 30, x, y, f.Tidy, c.key)
		if len(points) > 1 {
			d.put("polyline", "class", line, "points", strings.Join(points, " "), "fill", "none", "stroke", colour, "stroke-width", "2", "stroke-dasharray", dashOf(i))
		}
		d.put("line", "class", line, "x1", left, "y1", below-4, "x2", left+22, "y2", below-4, "stroke", colour, "stroke-width", "2", "stroke-dasharray", dashOf(i))
		d.text(left+30, below, "start", figureWidth-left-50, c.name)
		below += 18
	}
	return d.figure(id, below-8, p.w("plot.decision"), p.w("plot.decision.desc")), true
}

// falling lists the places of a curve by threshold, marked where asked, as far as where it leaves the figure at the bottom.
func (d *drawing) falling(marked bool, x, y scale, rows []stat.Record, key string) (points []string) {
	before, high := math.NaN(), math.NaN()
	for _, r := range rows {
		t, v := number(r, "threshold"), number(r, key)
		if math.IsNaN(t) || math.IsNaN(v) {
			continue
		}
		if v < y.low {
			if high >= y.low {
				points = append(points, at(x.place(before+(t-before)*(high-y.low)/(high-v)))+","+at(y.from))
			}
			return points
		}
		points = append(points, at(x.place(t))+","+at(y.place(v)))
		if marked {
			d.mark(0, x.place(t), y.place(v))
		}
		before, high = t, v
	}
	return points
}
