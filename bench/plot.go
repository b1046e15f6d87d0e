package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Plot is a diagram of one figure against one size, both on logarithmic axes.
type Plot struct {
	Name   string // of its file, without .svg
	Title  string
	X, Y   string // what the axes show
	Series []Series
	tick   func(float64) string // of Y
}

// Series is one line of a plot.
type Series struct {
	Name   string
	Dashed bool
	Points []Point
}

// Point is a measurement: the median, and the least and most of the runs.
type Point struct{ X, Y, Low, High float64 }

// Plots draws what rows with an axis show: seconds, bytes and a hospital's processor time against each axis.
func Plots(rows []Row) (all []Plot) {
	for _, axis := range []string{byRows, byCovariates, byHospitals} {
		seconds := Plot{Name: "seconds-" + axis, Title: "Logistic model: seconds, all parties on one machine", X: axis, Y: "seconds", tick: Seconds}
		cpu := Plot{Name: "cpu-" + axis, Title: "Logistic model: processor time of one hospital", X: axis, Y: "seconds", tick: Seconds}
		bytes := Plot{Name: "bytes-" + axis, Title: "Logistic model: bytes that one hospital sends", X: axis, Y: "bytes", tick: func(x float64) string { return Bytes(int64(x)) }}
		var plain Series
		for _, reveal := range []string{"sums", "model"} {
			var s, c, b Series
			for _, r := range rows {
				if r.Parameters.Axis != axis || r.Reveal != reveal || !r.Done() {
					continue
				}
				x := float64(r.Parameters.size())
				s.Points = append(s.Points, Point{x, r.Seconds, r.SecondsMin, r.SecondsMax})
				c.Points = append(c.Points, Point{X: x, Y: r.HospitalCPU, Low: r.HospitalCPU, High: r.HospitalCPU})
				b.Points = append(b.Points, Point{X: x, Y: float64(r.BytesUp), Low: float64(r.BytesUp), High: float64(r.BytesUp)})
				if r.PlainSeconds != nil && reveal == "sums" {
					plain.Points = append(plain.Points, Point{x, *r.PlainSeconds, *r.PlainSeconds, *r.PlainSeconds})
				}
			}
			s.Name, c.Name, b.Name = "reveal: "+reveal, "reveal: "+reveal, "reveal: "+reveal
			seconds.add(s)
			cpu.add(c)
			bytes.add(b)
		}
		plain.Name, plain.Dashed = "in clear, pooled", true
		seconds.add(plain)
		for _, p := range []Plot{seconds, cpu, bytes} {
			if p.Series != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// add adds a series with something to show on logarithmic axes.
func (p *Plot) add(s Series) {
	s.Points = slices.DeleteFunc(s.Points, func(q Point) bool { return q.X <= 0 || q.Y <= 0 })
	slices.SortFunc(s.Points, func(a, b Point) int { return cmp.Compare(a.X, b.X) })
	if len(s.Points) > 0 {
		p.Series = append(p.Series, s)
	}
}

// Size of a plot and of the field in it.
const (
	width, height = 640, 400
	left, right   = 84, 616
	top, bottom   = 44, 340
)

// SVG returns the plot as a picture that is legible on light and dark grounds:
// it follows the reader's colour scheme, and lines differ by their marks too.
func (p Plot) SVG() string {
	x, y := p.axis(func(q Point) []float64 { return []float64{q.X} }, left, right), p.axis(func(q Point) []float64 { return []float64{q.Low, q.High} }, bottom, top)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="%s">
<style>
:root { --ground: #fff; --ink: #222; --faint: #ddd; --a: #0a6b3d; --b: #b3261e; --c: #555; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --ink: #e6e6e6; --faint: #3a3f44; --a: #5fd08f; --b: #ff8a80; --c: #aaa; } }
text { fill: var(--ink); } .grid { stroke: var(--faint); } .line { fill: none; stroke-width: 2; }
</style>
<rect width="%d" height="%d" fill="var(--ground)"/>
<text x="%d" y="24" font-size="15">%s</text>
`, width, height, escape(p.Title), width, height, left, escape(p.Title))
	for _, v := range y.ticks() {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, right, y.at(v), y.at(v), left-8, y.at(v)+4, escape(p.tick(v)))
	}
	for _, v := range p.sizes() {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x.at(v), x.at(v), top, bottom, x.at(v), bottom+18, count(v))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", right, bottom+38, escape(p.X))
	for i, s := range p.Series {
		colour, dash := []string{"var(--a)", "var(--b)", "var(--c)"}[i%3], ""
		if s.Dashed {
			colour, dash = "var(--c)", ` stroke-dasharray="6 4"`
		}
		var path []string
		for _, q := range s.Points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x.at(q.X), y.at(q.Y)))
			if q.High > q.Low {
				fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x.at(q.X), x.at(q.X), y.at(q.Low), y.at(q.High), colour)
			}
			b.WriteString(mark(i, x.at(q.X), y.at(q.Y), colour))
		}
		fmt.Fprintf(&b, `<polyline class="line" stroke="%s"%s points="%s"/>`+"\n", colour, dash, strings.Join(path, " "))
		at := left + i*175
		b.WriteString(mark(i, float64(at)+6, bottom+50, colour))
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", at+18, bottom+54, escape(s.Name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// sizes are the values at which something was measured.
func (p Plot) sizes() (all []float64) {
	for _, s := range p.Series {
		for _, q := range s.Points {
			all = append(all, q.X)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mark is the mark of line i at a place.
func mark(i int, x, y float64, colour string) string {
	switch i % 3 {
	case 0:
		return fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", x, y, colour)
	case 1:
		return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="8" height="8" fill="%s"/>`+"\n", x-4, y-4, colour)
	}
	return fmt.Sprintf(`<path d="M%.1f %.1f l5 9 h-10 z" fill="%s"/>`+"\n", x, y-5, colour)
}

// logAxis puts numbers from low to high, on a logarithmic scale, between two places.
type logAxis struct{ low, high, from, to float64 }

func (p Plot) axis(of func(Point) []float64, from, to float64) logAxis {
	a := logAxis{low: math.Inf(1), high: 0, from: from, to: to}
	for _, s := range p.Series {
		for _, q := range s.Points {
			for _, v := range of(q) {
				a.low, a.high = min(a.low, v), max(a.high, v)
			}
		}
	}
	a.low, a.high = a.low*0.8, a.high*1.25
	return a
}

func (a logAxis) at(v float64) float64 {
	return a.from + (a.to-a.from)*math.Log(v/a.low)/math.Log(a.high/a.low)
}

// ticks are powers of ten, or 1, 2 and 5 times these where there are few.
func (a logAxis) ticks() (all []float64) {
	steps := []float64{1}
	if math.Log10(a.high/a.low) < 2.5 {
		steps = []float64{1, 2, 5}
	}
	for e := math.Floor(math.Log10(a.low)); e <= math.Log10(a.high); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= a.low && v <= a.high {
				all = append(all, v)
			}
		}
	}
	return all
}

// count shows a whole number with spaces between thousands.
func count(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
