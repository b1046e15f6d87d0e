package stat

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// maxGridCells bounds the cells of one sum of a statistic on the grid.
const maxGridCells = 65536

// maxTimeCells is how many cells the grid of a follow-up may have in all to be
// opened down to every point, in however many groups: days over decades.
const maxTimeCells = 1 << 18

// branch is the number of sub-cells of a cell in a descent, where there is room for as many.
const branch = 64

// gridPart opens how many rows lie on each point of a variable's grid. Up to
// maxGridCells points are opened at once; a finer grid by descent, 64 sub-cells
// of every cell of at least max(2, min_cell) people a round, or 8 and more in
// two rounds where 64 are too many at once. With classes it counts each class
// of rows apart.
type gridPart struct {
	field    *table.Field
	vars     []string // rows missing one of these are left out
	classes  int
	classOf  func(rows *table.View) (func(row int) int, error) // nil with one class
	rules    Rules
	what     string
	below    bool // a point stands for the values from it up to the next one, not for those nearest to it
	above    bool // a point stands for the values after the one before it up to itself
	fully    bool // down to single points, whoever is alone there
	released bool // what is counted is written, after the rules on small cells

	lo, hi int64    // first and last grid point
	most   int      // cells opened at once, in a descent
	rounds int      // of descent after the first, at most: two for one that would do with room enough
	left   int      // of them
	spans  []span   // cells asked this round; none when done
	first  bool     // round
	asks   []Ask    // of this round, once needed
	leaves []leaf   // occupied cells, in order
	off    int64    // rows whose value is no grid point
	points []string // legend of classes
}

// span is a run of equal cells: cell c covers grid points lo+c·width and the width-1 after it, up to hi.
type span struct {
	lo, hi, width int64
	first         int // number of its first cell among the cells asked
}

func (s span) cells() int { return int((s.hi-s.lo)/s.width) + 1 }

func newGridPart(f *table.Field, rules Rules, vars ...string) (*gridPart, error) {
	if f.Kind == table.Category {
		return nil, fmt.Errorf("variable %q is a category, want a number", f.Name)
	}
	if step := math.Abs(f.Value(1)); f.Kind == table.Number && max(math.Abs(f.Min), math.Abs(f.Max))/step >= maxPoint {
		return nil, fmt.Errorf("variable %q has too many multiples of its step %s in its range, want fewer than 2^53", f.Name, number(step))
	}
	g := &gridPart{field: f, vars: append([]string{f.Name}, vars...), classes: 1, rules: rules, points: []string{""}}
	g.lo, g.hi = gridRange(f)
	g.what = fmt.Sprintf("how many people have each value of %s: its distribution over all hospitals, single people included; used on the way, never written", f.Name)
	g.begin()
	return g, nil
}

// gridRange returns the first and last grid point of a number or binary.
func gridRange(f *table.Field) (lo, hi int64) {
	if f.Kind == table.Binary {
		return 0, 1
	}
	return f.Points()
}

// begin settles the rounds for the grid and the number of classes.
func (g *gridPart) begin() {
	if g.below || g.above {
		g.lo, g.hi = math.MinInt64, math.MaxInt64
		g.lo, g.hi = g.point(g.field.Min), g.point(g.field.Max)
	}
	k, width := g.hi-g.lo+1, int64(1)
	cells := func(width int64) int64 { return (k + width - 1) / width * int64(g.classes) }
	g.most = maxGridCells
	if g.fully && k <= maxTimeCells && cells(1) <= maxTimeCells {
		g.most = max(maxGridCells, int(cells(1)))
	}
	g.rounds = 0
	for cells(width) > maxGridCells {
		width *= branch
		g.rounds += 2
	}
	for g.fully && width > 1 && cells(width/2) <= maxGridCells { // every point will be opened: narrow cells at first are fewer later
		width /= 2
	}
	g.left = g.rounds
	g.open([]span{{lo: g.lo, hi: g.hi, width: width}})
	g.first = true
}

// gridDeclared reports whether every conforming value is a grid point.
func (g *gridPart) gridDeclared() bool {
	return g.field.Kind == table.Binary || g.field.GridDeclared || g.below || g.above
}

// floor returns the declared minimum.
func (g *gridPart) floor() float64 {
	if g.field.Kind == table.Binary {
		return 0
	}
	return g.field.Min
}

func (g *gridPart) plan() []Opening {
	k := g.hi - g.lo + 1
	n := g.most
	if g.rounds == 0 {
		n = int(k) * g.classes
	}
	if !g.gridDeclared() {
		n++
	}
	return []Opening{{What: g.what, Cells: n, MaxTimes: 1 + g.rounds, CountsPeople: true, Released: g.released}}
}

// ask writes the legend of the cells when it is first needed.
func (g *gridPart) ask() []Ask {
	if g.asks == nil && !g.done() {
		g.asks = []Ask{{Cells: g.cells()}}
	}
	return g.asks
}

func (g *gridPart) cells() []Cell {
	cells := make([]Cell, 0, g.cellsAsked()+1)
	for _, s := range g.spans {
		for c := range s.cells() {
			a := s.lo + int64(c)*s.width
			name := g.field.Name + " = " + number(g.value(a))
			if b := min(a+s.width-1, s.hi); b > a {
				name = g.field.Name + " from " + number(g.value(a)) + " to " + number(g.value(b))
			}
			for _, p := range g.points {
				cells = append(cells, countCell(name+p, Plain))
			}
		}
	}
	if g.first && !g.gridDeclared() {
		cells = append(cells, countCell(g.field.Name+" finer than its step", Plain))
	}
	return cells
}

// stop ends the part without opening more.
func (g *gridPart) stop() { g.spans, g.asks = nil, nil }

func (g *gridPart) done() bool { return len(g.spans) == 0 }

// open makes the cells of the spans the next to be asked for.
func (g *gridPart) open(spans []span) {
	n := 0
	for i := range spans {
		spans[i].first = n
		n += spans[i].cells()
	}
	g.spans, g.asks, g.first = spans, nil, false
}

// value returns the number at a grid point.
func (g *gridPart) value(k int64) float64 {
	if g.field.Kind == table.Binary {
		return float64(k)
	}
	return g.field.Value(k)
}

// point returns the grid point of a value, within the declared range.
func (g *gridPart) point(x float64) int64 {
	if g.field.Kind == table.Binary {
		return int64(x)
	}
	k := g.field.Point(x)
	if g.below && g.field.Value(k) > x {
		k--
	}
	if g.above && g.field.Value(k) < x {
		k++
	}
	return max(g.lo, min(g.hi, k))
}

// values calls f with the grid point and the value of every row in use.
func (g *gridPart) values(rows *table.View, f func(row int, k int64, x float64)) (*table.View, error) {
	used, _, err := rows.Complete(g.vars...)
	if err != nil {
		return nil, err
	}
	col, err := rows.Table.Column(g.field.Name)
	if err != nil {
		return nil, err
	}
	for _, i := range used.Rows {
		f(i, g.point(col[i]), col[i])
	}
	return used, nil
}

func (g *gridPart) add(rows *table.View, out *fixed.Sums) error {
	class := func(int) int { return 0 }
	if g.classOf != nil {
		var err error
		if class, err = g.classOf(rows); err != nil {
			return err
		}
	}
	all := g.cellsAsked()
	_, err := g.values(rows, func(row int, k int64, x float64) {
		if i := sort.Search(len(g.spans), func(i int) bool { return g.spans[i].hi >= k }); i < len(g.spans) && g.spans[i].lo <= k {
			s := g.spans[i]
			out.Add((s.first+int((k-s.lo)/s.width))*g.classes+class(row), 1)
		}
		if out.Len() > all && !g.field.OnGrid(x) {
			out.Add(all, 1)
		}
	})
	return err
}

// cellsAsked returns the number of counts by class asked this round.
func (g *gridPart) cellsAsked() int {
	last := g.spans[len(g.spans)-1]
	return (last.first + last.cells()) * g.classes
}

// reduce keeps the occupied cells and opens those that are wide and full enough.
func (g *gridPart) reduce(total fixed.Totals) error {
	if n := g.cellsAsked(); total.Len() > n {
		g.off = total.Count(n)
	}
	var next []span
	for _, s := range g.spans {
		for c := range s.cells() {
			l := leaf{lo: s.lo + int64(c)*s.width, n: make([]int64, g.classes)}
			l.hi = min(l.lo+s.width-1, s.hi)
			for j := range l.n {
				l.n[j] = total.Count((s.first+c)*g.classes + j)
			}
			switch n := l.total(); {
			case n == 0:
			case l.hi == l.lo || !g.fully && n < int64(max(2, g.rules.MinCell)):
				g.leaves = append(g.leaves, l)
			default:
				next = append(next, span{lo: l.lo, hi: l.hi, width: s.width})
			}
		}
	}
	if !g.narrow(next) {
		g.stop()
		remedy := fmt.Sprintf("declare a coarser unit for it, step:, at least (max-min)/%d", g.most/g.classes)
		if g.classes > 1 {
			remedy += ", or set grid:"
		}
		return &Refusal{Rule: "resolution",
			Message: fmt.Sprintf("%s is recorded so finely that more than %d cells would be opened at once", g.field.Name, g.most),
			Remedy:  remedy}
	}
	g.open(next)
	if g.done() {
		slices.SortFunc(g.leaves, func(a, b leaf) int {
			if a.lo < b.lo {
				return -1
			}
			return 1
		})
	}
	return nil
}

// narrow sets the width of the next cells, as narrow as there is room for, and
// reports whether single points can still be reached in the rounds left.
func (g *gridPart) narrow(next []span) bool {
	if len(next) == 0 {
		return true
	}
	g.left--
	width := next[0].width
	for w := max(1, width/branch); w < width; w *= 2 {
		cells := 0
		for i := range next {
			next[i].width = w
			cells += next[i].cells() * g.classes
		}
		if cells <= g.most {
			return math.Pow(branch, float64(g.left)) >= float64(w)
		}
	}
	return false
}
