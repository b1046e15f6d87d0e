package stat

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mathext"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// quantiles finds order statistics of samples on the grid of their variable by
// opening numbers of people at or below probed values: first where a normal
// distribution of the sample's mean and SD would have them, then by secant and
// bisection in turn. All searches advance in the same sums.
type quantiles struct {
	moments  *moments // of the same samples: done before the first probe
	searches []*search
	asks     []Ask // this round's, nil until they are made

	rows   *table.View // the hospital's, of which sorted was made
	sorted [][]int64   // its values per search, for as long as the search goes on
}

// search looks for order statistics of one sample.
type search struct {
	of      *sample
	field   *table.Field
	most    int   // targets at most: known before any row is read
	lo, hi  int64 // first and last grid point
	known   []reached
	targets []*target
	next    []int64 // this round's probes, nil until they are chosen
	mean    float64
	sd      float64
}

// reached is a grid point and how many people are at or below it.
type reached struct{ k, n int64 }

// target is an order statistic: the smallest grid point with at least rank people at or below it.
type target struct {
	rank  int64
	turns int // probes made
}

// search adds a search for at most so many order statistics of a sample.
func (q *quantiles) search(s *sample, most int) *search {
	f := s.of.a
	c := &search{of: s, field: f, most: most, lo: f.Point(f.Min), hi: f.Point(f.Max)}
	q.searches = append(q.searches, c)
	return c
}

// rounds bounds the sums of a search: bisection of the declared range, and two of grace for guesses that do not help.
func (c *search) rounds() int { return bits.Len64(uint64(c.hi-c.lo)) + 2 }

func (q *quantiles) plan() []Opening {
	if len(q.searches) == 0 {
		return nil
	}
	o := Opening{CountsPeople: true}
	var names []string
	for _, c := range q.searches {
		o.Cells += c.most
		o.MaxTimes = max(o.MaxTimes, c.rounds())
		if !slices.Contains(names, c.field.Name) {
			names = append(names, c.field.Name)
		}
	}
	o.What = "on the way to the quantiles of " + strings.Join(names, ", ") + ": how many people are at or below a probed value; the last ones tell how many people have the value found, often one"
	return []Opening{o}
}

// want asks for the order statistic of a rank, once the size of the sample is known.
func (c *search) want(rank, minCell int64) {
	if c.of.n == 0 {
		return
	}
	rank = c.shown(rank, minCell)
	if c.target(rank) == nil {
		c.targets = append(c.targets, &target{rank: rank})
	}
	c.known = []reached{{c.lo - 1, 0}, {c.hi, c.of.n}}
}

// shown moves a rank among the outer min_cell-1 people to the next that is not:
// their values may only be told where they are equal to its value.
func (c *search) shown(rank, minCell int64) int64 {
	a, b := minCell, c.of.n-minCell+1
	return min(max(rank, min(a, b)), max(a, b))
}

func (c *search) target(rank int64) *target {
	i := slices.IndexFunc(c.targets, func(t *target) bool { return t.rank == rank })
	if i < 0 {
		return nil
	}
	return c.targets[i]
}

// bracket returns the nearest known points below and from which rank people are reached.
func (c *search) bracket(rank int64) (below, from reached) {
	i := slices.IndexFunc(c.known, func(r reached) bool { return r.n >= rank })
	return c.known[i-1], c.known[i]
}

// probes returns this round's grid points, increasing.
func (c *search) probes() []int64 {
	if c.next != nil {
		return c.next
	}
	if c.known != nil && c.mean == 0 && c.sd == 0 {
		c.mean, c.sd = c.of.mean(), c.of.roughSD()
	}
	ks := []int64{}
	for _, t := range c.targets {
		if a, b := c.bracket(t.rank); b.k-a.k > 1 {
			ks = append(ks, c.probe(t, a, b))
		}
	}
	slices.Sort(ks)
	c.next = slices.Compact(ks)
	return c.next
}

// probe returns where to count for a target between a and b.
func (c *search) probe(t *target, a, b reached) int64 {
	width := b.k - a.k
	k := a.k + width/2
	if left := c.rounds() - t.turns; bits.Len64(uint64(width-1)) < left {
		switch want := float64(t.rank) - 0.5; {
		case t.turns < 2:
			k = c.normal(t, want)
		case t.turns%2 == 1:
			k = a.k + int64(math.Ceil(Round40(float64(width)*(want-float64(a.n))/float64(b.n-a.n))))
		}
	}
	return min(max(k, a.k+1), b.k-1)
}

// normal guesses from the normal distribution with the sample's mean and SD:
// its quantile and, after a first count there, a step along its density.
func (c *search) normal(t *target, want float64) int64 {
	n, mean, sd := float64(c.of.n), c.mean, c.sd
	z := mathext.NormalQuantile(want / n)
	if c.of.n < 2 || !(sd > 0) {
		z, sd = 0, 0
	}
	x := Round40(mean + z*sd)
	if t.turns == 0 {
		return c.field.Point(x)
	}
	k := min(max(c.field.Point(x), c.lo), c.hi-1)
	i := slices.IndexFunc(c.known, func(r reached) bool { return r.k == k })
	if i < 0 {
		return k
	}
	// Half as far again as the density says, to come out on the other side.
	off := want - float64(c.known[i].n)
	x += Round40(1.5 * off / n * sd * math.Sqrt(2*math.Pi) * math.Exp(z*z/2))
	if off < 0 {
		return min(c.field.Point(x), k-1)
	}
	return max(c.field.Point(x), k+1)
}

func (q *quantiles) ask() []Ask {
	if !q.moments.done() {
		return nil
	}
	if q.asks != nil {
		return q.asks
	}
	q.asks = []Ask{}
	a := Ask{}
	for _, c := range q.searches {
		for _, k := range c.probes() {
			a.Cells = append(a.Cells, countCell(fmt.Sprintf("people with %s at most %s", c.of.label, number(c.field.Value(k))), Plain))
			a.State = append(a.State, float64(k>>30), float64(k&(1<<30-1))) // 40 bits each
		}
	}
	if len(a.Cells) > 0 {
		q.asks = append(q.asks, a)
	}
	return q.asks
}

func (q *quantiles) add(rows *table.View, out *fixed.Sums) error {
	if q.rows != rows {
		q.rows, q.sorted = rows, make([][]int64, len(q.searches))
	}
	at := 0
	for i, c := range q.searches {
		ks := c.probes()
		if len(ks) == 0 {
			continue
		}
		if q.sorted[i] == nil {
			points, err := c.points(q.moments.by, rows)
			if err != nil {
				return err
			}
			q.sorted[i] = points
		}
		for _, k := range ks {
			n, _ := slices.BinarySearch(q.sorted[i], k+1)
			out.Add(at, int64(n))
			at++
		}
	}
	return nil
}

// points returns a hospital's values of the sample as grid points, in order.
func (c *search) points(by *table.Factor, rows *table.View) ([]int64, error) {
	level, _, err := levelsOf(by, rows.Table)
	if err != nil {
		return nil, err
	}
	col, err := rows.Table.Column(c.field.Name)
	if err != nil {
		return nil, err
	}
	points := []int64{}
	for _, i := range rows.Rows {
		if l := level(i); l >= 0 && (c.of.group == everyone || c.of.group == l) && !math.IsNaN(col[i]) {
			points = append(points, c.field.Point(col[i]))
		}
	}
	slices.Sort(points)
	return points, nil
}

func (q *quantiles) reduce(total fixed.Totals) error {
	at := 0
	for _, c := range q.searches {
		ks := c.probes()
		for _, t := range c.targets {
			if a, b := c.bracket(t.rank); b.k-a.k > 1 {
				t.turns++
			}
		}
		for _, k := range ks {
			c.known = append(c.known, reached{k, total.Count(at)})
			at++
		}
		slices.SortFunc(c.known, func(x, y reached) int { return cmp.Compare(x.k, y.k) })
		c.next = nil
	}
	q.asks = nil
	return nil
}

// order returns the order statistic of a rank as a grid point; false when it lies among the outer few people.
func (c *search) order(rank, minCell int64) (at int64, ok bool) {
	shown := c.shown(rank, minCell)
	if c.target(shown) == nil {
		return 0, false
	}
	a, b := c.bracket(shown)
	return b.k, a.n < rank && rank <= b.n && b.n >= minCell && c.of.n-a.n >= minCell
}
