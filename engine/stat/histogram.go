package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Histogram counts the values of a variable in classes [b1,b2), [b2,b3), ...,
// the last one closed, and below and above them.
//
// Keys: variable; breaks, at least two increasing numbers. One row per class:
// lower, upper, count. Values are compared as read. One sum, which does not
// depend on earlier totals.
type Histogram struct{}

var _ Statistic = Histogram{}

// class is a run of values with their count; lower is -Inf and upper +Inf beyond the breaks.
type class struct {
	lower, upper float64
	n            int64
}

// Begin implements Statistic.
func (Histogram) Begin(args Args, s *table.Schema) (Program, error) {
	f, err := numbers(s, args.Variable)
	if err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	if len(args.Breaks) < 2 || len(args.Breaks) > maxGridCells {
		return nil, fmt.Errorf("histogram: %d breaks, want 2 to %d", len(args.Breaks), maxGridCells)
	}
	for i, b := range args.Breaks {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= args.Breaks[i-1] {
			return nil, fmt.Errorf("histogram: break %s: breaks are numbers in increasing order", number(b))
		}
	}
	c, err := newCensus(args, s, []string{f.Name}, nil)
	if err != nil {
		return nil, err
	}
	h := &classPart{field: f, breaks: args.Breaks}
	return &program{census: c, parts: []part{h}, blind: true, finish: func() (Frame, error) {
		return h.frame(c.counts(), args.Rules.MinCell), nil
	}}, nil
}

// classPart opens the counts of the classes, then below and above.
type classPart struct {
	field  *table.Field
	breaks []float64
	counts []int64 // nil before the sum
}

func (h *classPart) plan() []Opening {
	return []Opening{{
		What:  fmt.Sprintf("how many people have %s in each class, below and above them: small classes too are seen by the hospitals' processes, and merged with a neighbour before they are written", h.field.Name),
		Cells: len(h.breaks) + 1, MaxTimes: 1, CountsPeople: true, Released: true}}
}

func (h *classPart) ask() []Ask {
	if h.counts != nil {
		return nil
	}
	var cells []Cell
	for i := range h.breaks[1:] {
		cells = append(cells, countCell(fmt.Sprintf("%s from %s to %s", h.field.Name, number(h.breaks[i]), number(h.breaks[i+1])), Plain))
	}
	return []Ask{{Cells: append(cells, countCell(h.field.Name+" below", Plain), countCell(h.field.Name+" above", Plain))}}
}

func (h *classPart) add(rows *table.View, out *fixed.Sums) error {
	col, err := rows.Table.Column(h.field.Name)
	if err != nil {
		return err
	}
	classes := len(h.breaks) - 1
	for _, i := range rows.Rows {
		x := col[i]
		at, exact := slices.BinarySearch(h.breaks, x)
		switch {
		case math.IsNaN(x):
		case at == 0 && !exact:
			out.Add(classes, 1)
		case at > classes:
			out.Add(classes+1, 1)
		case exact && at < classes:
			out.Add(at, 1)
		default: // between breaks, or on the last one, which belongs to the class before it
			out.Add(at-1, 1)
		}
	}
	return nil
}

func (h *classPart) reduce(t fixed.Totals) error {
	h.counts = make([]int64, t.Len())
	for i := range h.counts {
		h.counts[i] = t.Count(i)
	}
	return nil
}

func (h *classPart) frame(f Frame, minCell int) Frame {
	k := len(h.breaks) - 1
	below, above := h.counts[k], h.counts[k+1]
	small := func(n int64) bool { return n > 0 && n < int64(minCell) }
	few := slices.ContainsFunc(h.counts, small)
	takeBelow, takeAbove := small(below), small(above)
	classes := merge(h.classes(takeBelow, takeAbove), minCell)
	if len(classes) == 1 && small(classes[0].n) {
		// What lies beyond is all the rest: n less what is there would be what is hidden.
		takeBelow, takeAbove = below > 0, above > 0
		classes = merge(h.classes(takeBelow, takeAbove), minCell)
	}
	outer := func(n int64, taken bool, side string) any {
		if !taken {
			return n
		}
		f.Warnings = append(f.Warnings, fmt.Sprintf("the people %s the breaks are counted in the class beside them, which is open on that side: there, or within the breaks, are fewer than %d", side, minCell))
		return nil
	}
	f.Glance = Record{}.Put("below", outer(below, takeBelow, "below")).Put("above", outer(above, takeAbove, "above"))
	place := below
	if takeBelow {
		place = 0
	}
	for _, c := range classes {
		f.cutBy(place, f.N, h.field.Name)
		if place += c.n; !small(c.n) {
			f.cutBy(place, f.N, h.field.Name)
		}
		r := Record{}.Put("lower", c.lower).Put("upper", c.upper)
		if small(c.n) {
			r = r.Put("count", nil).Put("suppressed", true)
		} else {
			r = r.Put("count", c.n)
		}
		f.Tidy = append(f.Tidy, r)
	}
	if few {
		f.Suppressed = true
		f.Warnings = append(f.Warnings, fmt.Sprintf("classes of fewer than %d people are merged with their smaller neighbour", minCell))
	}
	return f
}

// classes are the classes between the breaks, with what is below and above them where it is taken in.
func (h *classPart) classes(below, above bool) []class {
	last := len(h.breaks) - 1
	classes := make([]class, last)
	for i := range classes {
		classes[i] = class{h.breaks[i], h.breaks[i+1], h.counts[i]}
	}
	if below {
		classes = slices.Insert(classes, 0, class{math.Inf(-1), h.breaks[0], h.counts[last]})
	}
	if above {
		classes = append(classes, class{h.breaks[last], math.Inf(1), h.counts[last+1]})
	}
	return classes
}

// merge joins every class of 1..minCell-1 people with its smaller neighbour
// (the lower on a tie), the smallest class first, until there is none or one class is left.
func merge(classes []class, minCell int) []class {
	classes = slices.Clone(classes)
	for len(classes) > 1 {
		at := -1
		for i, c := range classes {
			if c.n > 0 && c.n < int64(minCell) && (at < 0 || c.n < classes[at].n) {
				at = i
			}
		}
		if at < 0 {
			break
		}
		first := at // of the pair
		if at == len(classes)-1 || at > 0 && classes[at-1].n <= classes[at+1].n {
			first = at - 1
		}
		classes[first] = class{classes[first].lower, classes[first+1].upper, classes[first].n + classes[first+1].n}
		classes = slices.Delete(classes, first+1, first+2)
	}
	return classes
}
