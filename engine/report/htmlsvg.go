package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
)

// drawing collects an SVG. Colours stand in its attributes, so that a saved
// figure is complete; the classes let the page recolour it in the dark.
type drawing struct{ strings.Builder }

// The width of figures and the size of their letters, before the page scales
// them: narrow enough that a telephone shows them whole with letters that can be read.
const (
	figureWidth = 440.0
	letter      = 12.0
)

// plot is a figure and the words above it.
type plot struct {
	SVG   template.HTML
	Title word
}

// palette is Okabe and Ito's, darkened where white paper asks for it: people with any colour vision tell it apart.
var palette = []string{"#0072b2", "#d55e00", "#00795a", "#a8487f", "#8a6d00", "#2d2d2d"}

// dashes tell curves apart without colour.
var dashes = []string{"", "7 3", "2 3", "9 3 2 3", "4 4", "12 3"}

// series names the classes of a curve's line and area, and gives its colour.
func series(i int) (line, area, colour string) {
	n := strconv.Itoa(i % len(palette))
	return "k" + n, "f" + n, palette[i%len(palette)]
}

// at writes a coordinate to a tenth.
func at(x float64) string {
	s := strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

// put writes an element of names and values, numbers to a tenth.
func (d *drawing) put(name string, pairs ...any) {
	d.WriteString("<" + name)
	for i := 0; i < len(pairs); i += 2 {
		value := ""
		switch v := pairs[i+1].(type) {
		case float64:
			value = at(v)
		case string:
			value = html.EscapeString(v)
		default:
			panic(fmt.Sprintf("report: an attribute cannot hold a %T", v))
		}
		d.WriteString(" " + pairs[i].(string) + `="` + value + `"`)
	}
	d.WriteString("/>")
}

func (d *drawing) line(x1, y1, x2, y2 float64) {
	d.put("line", "class", "ki", "x1", x1, "y1", y1, "x2", x2, "y2", y2, "stroke", "#444444")
}

func (d *drawing) faint(x1, y1, x2, y2 float64) {
	d.put("line", "class", "kg", "x1", x1, "y1", y1, "x2", x2, "y2", y2, "stroke", "#dddddd")
}

// text writes w at a place; anchor is start, middle or end. What is wider than room is cut, and says so by a tooltip.
func (d *drawing) text(x, y float64, anchor string, room float64, w word) {
	d.part(x, y, anchor, room, w, w)
}

// part is text of what is a part of a longer one, which the tooltip has.
func (d *drawing) part(x, y float64, anchor string, room float64, w, whole word) {
	en, zh := fit(w.En, room), fit(w.Zh, room)
	fmt.Fprintf(d, `<text class="fi" x="%s" y="%s" text-anchor="%s" fill="#1a1a1a"`, at(x), at(y), anchor)
	d.say(word{en, zh})
	if en != w.En || zh != w.Zh {
		d.WriteString("<title" + d.both(whole) + "</title>")
	}
	d.WriteString("</text>")
}

// say ends an opening tag and writes the words.
func (d *drawing) say(w word) {
	if w.Translated() { // the script swaps the text of a tspan, beside which a title may stand
		d.WriteString("><tspan" + d.both(w) + "</tspan>")
		return
	}
	d.WriteString(">" + html.EscapeString(w.En))
}

func (d *drawing) both(w word) string {
	if w.Translated() {
		return ` data-zh="` + html.EscapeString(w.Zh) + `">` + html.EscapeString(w.En)
	}
	return ">" + html.EscapeString(w.En)
}

// upright writes w along the left edge, from bottom to top.
func (d *drawing) upright(x, y float64, w word) {
	fmt.Fprintf(d, `<text class="fi" transform="translate(%s %s) rotate(-90)" text-anchor="middle" fill="#1a1a1a"`, at(x), at(y))
	d.say(w)
	d.WriteString("</text>")
}

// lines writes a name in as many lines as it needs, three at most, and returns how many.
func (d *drawing) lines(x, y, room float64, name word) int {
	if name.Translated() {
		d.text(x, y, "start", room, name)
		return 1
	}
	rows := wrapped(name.En, room, linesOfName)
	for i, r := range rows {
		d.part(x, y+lineHeight*float64(i), "start", room, same(r), name)
	}
	return len(rows)
}

const (
	linesOfName = 3
	lineHeight  = 14.0
)

// wrapped breaks a text into lines that fit the room, behind a mark rather than within a word; the last of most lines takes the rest.
func wrapped(s string, room float64, most int) (lines []string) {
	for len(lines) < most-1 && span(s) > room {
		end, good, w := 0, 0, 0.0
		for i, r := range s {
			if w += span(string(r)); w > room {
				break
			}
			if end = i + len(string(r)); strings.ContainsRune(" :_-,;/+.)", r) || r > 0x2e80 {
				good = end
			}
		}
		if good > 0 {
			end = good
		}
		if end == 0 {
			break
		}
		lines, s = append(lines, strings.TrimSpace(s[:end])), strings.TrimSpace(s[end:])
	}
	return append(lines, s)
}

// widest is how wide the longest line of any name is when none is given more than room.
func widest(names []string, room float64) (width float64) {
	for _, n := range names {
		for _, l := range wrapped(n, room, linesOfName) {
			width = math.Max(width, math.Min(room, span(l)))
		}
	}
	return width
}

// figure closes a drawing of some height with its title and description.
func (d *drawing) figure(id string, height float64, title, desc word) *plot {
	return d.sized(id, figureWidth, height, title, desc)
}

// sized is figure of another width: a square needs less.
func (d *drawing) sized(id string, width, height float64, title, desc word) *plot {
	id = "fig-" + id
	class := ""
	if width < figureWidth {
		class = ` class="narrow"`
	}
	head := &drawing{}
	fmt.Fprintf(head, `<svg%s viewBox="0 0 %s %s" role="img" aria-labelledby="%s-t %s-d" font-family="system-ui, 'Noto Sans', 'Noto Sans CJK SC', sans-serif" font-size="%s">`,
		class, at(width), at(height), html.EscapeString(id), html.EscapeString(id), at(letter))
	fmt.Fprintf(head, `<title id="%s-t"%s</title><desc id="%s-d"%s</desc>`, html.EscapeString(id), head.both(title), html.EscapeString(id), head.both(desc))
	return &plot{template.HTML(head.String() + d.String() + "</svg>"), title} // every text in it went through html.EscapeString
}

// span is a generous guess of how wide a text is drawn: no font is at hand.
func span(s string) float64 {
	c := runewidth.Condition{EastAsianWidth: false}
	w := 0.0
	for _, r := range s {
		switch {
		case c.RuneWidth(r) == 2:
			w += 1.02
		case strings.ContainsRune("iljtfrI.,:;|!'()[] ", r):
			w += 0.38
		case strings.ContainsRune("mwMW@%<>=+~#", r) || r > 0x2000:
			w += 0.98
		case r >= 'A' && r <= 'Z':
			w += 0.74
		default:
			w += 0.62
		}
	}
	return w * letter
}

// fit cuts a text to the room it has.
func fit(s string, room float64) string {
	if span(s) <= room {
		return s
	}
	w, end := span("…"), 0
	for i, r := range s {
		if w += span(string(r)); w > room {
			break
		}
		end = i + len(string(r))
	}
	return s[:end] + "…"
}

// scale maps values to places on a line.
type scale struct {
	low, high float64 // values
	from, to  float64 // places
	log       bool
}

func (s scale) place(x float64) float64 {
	low, high := s.low, s.high
	if s.log {
		x, low, high = math.Log(x), math.Log(low), math.Log(high)
	}
	return s.from + (x-low)/(high-low)*(s.to-s.from)
}

// ticks are round values between low and high, at most most of them.
func ticks(low, high float64, most int) []float64 {
	if !(high > low) || math.IsInf(high-low, 0) {
		return []float64{low}
	}
	unit := math.Pow(10, math.Floor(math.Log10((high-low)/float64(most))))
	for _, k := range []float64{1, 2, 5, 10, 20} {
		step := unit * k
		first, last := math.Ceil(low/step-1e-9), math.Floor(high/step+1e-9)
		if int(last-first)+1 > most {
			continue
		}
		var out []float64
		for i := first; i <= last; i++ {
			out = append(out, parse(strconv.FormatFloat(i*step+0, 'g', 12, 64))) // + 0: no negative zero
		}
		return out
	}
	return []float64{low, high}
}

// ratioTicks are round values of a logarithmic scale, 1 among them, whose labels
// do not touch. Over less than a decade evenly spaced values may say more.
func ratioTicks(s scale) []float64 {
	var candidates [][]float64
	for _, marks := range [][]float64{{1, 1.5, 2, 3, 5, 7}, {1, 2, 5}, {1, 3}, {1}} {
		candidates = append(candidates, s.powers(1, marks...))
	}
	for most := 5; most >= 3 && s.high < 5*s.low; most-- {
		candidates = append(candidates, ticks(s.low, s.high, most))
	}
	for step := 2; step < 40; step++ {
		candidates = append(candidates, s.powers(step, 1))
	}
	for least := 3; least > 1; least-- {
		for _, c := range candidates {
			if len(c) >= least && s.apart(c) {
				return c
			}
		}
	}
	return []float64{1}
}

// powers are the marks times each step-th power of ten that are on the scale.
func (s scale) powers(step int, marks ...float64) (out []float64) {
	for e := int(math.Floor(math.Log10(s.low))); e <= int(math.Ceil(math.Log10(s.high))); e++ {
		for _, m := range marks {
			x := parse(strconv.FormatFloat(m*math.Pow(10, float64(e)), 'g', 12, 64))
			if e%step == 0 && x >= s.low*(1-1e-9) && x <= s.high*(1+1e-9) {
				out = append(out, x)
			}
		}
	}
	return out
}

// apart reports whether the labels of values do not touch.
func (s scale) apart(values []float64) bool {
	for i := 1; i < len(values); i++ {
		a, b := values[i-1], values[i]
		if s.place(b)-s.place(a) < (span(tick(a))+span(tick(b)))/2+4 {
			return false
		}
	}
	return true
}

// tick is how a value at an axis is written.
func tick(x float64) string { return alone(x, 6) }
