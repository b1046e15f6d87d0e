package stat

import (
	"math/bits"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// testRows is the bound on rows that programs under test declare their cells for.
const testRows = 1 << 32

// run drives one program per hospital in lockstep, as the parties of a study
// do, with plain adds in place of the protocols, and returns the outcome. It
// fails the test when an ask leaves the plan, when two hospitals ask for
// different sums, or when the analysis is refused.
func run(t *testing.T, p func() Program, tables ...*table.Table) Frame {
	t.Helper()
	f, err := try(t, p, tables...)
	if err != nil {
		t.Fatalf("analysis refused: %v", err)
	}
	return f
}

// try is run for analyses that may end with an error of Reduce.
func try(t *testing.T, p func() Program, tables ...*table.Table) (Frame, error) {
	t.Helper()
	views := make([]*table.View, len(tables))
	for i, tab := range tables {
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		views[i] = v
	}
	f, _, err := drive(t, p, views...)
	return f, err
}

// opened is what one sum of a driven program opened.
type opened struct {
	round  int
	ask    Ask
	totals fixed.Totals
}

// drive is the loop under run: views are the rows that `where` keeps. It also returns every sum that was opened.
func drive(t *testing.T, p func() Program, views ...*table.View) (Frame, []opened, error) {
	t.Helper()
	programs := make([]Program, len(views))
	for i := range programs {
		programs[i] = p()
	}
	plan := programs[0].Plan()
	times := make([]int, len(plan))
	var record []opened
	var rows uint64
	for _, v := range views {
		rows += uint64(len(v.Rows) + v.Filtered)
	}
	for round := 1; ; round++ {
		if round > 500 {
			t.Fatalf("no end after %d rounds", round)
		}
		asks := programs[0].Ask()
		if len(asks) == 0 {
			t.Fatalf("round %d: nothing asked, but the program is not done", round)
		}
		var all []fixed.Cell
		unveiled := map[int][2]uint64{}
		for i := range asks {
			a := &asks[i]
			if a.From != nil {
				a.Cells = unveil(t, programs, views, *a, len(all), unveiled)
			}
			if a.Opening < 0 || a.Opening >= len(plan) {
				t.Fatalf("round %d: opening %d of a plan of %d", round, a.Opening, len(plan))
			}
			if o := plan[a.Opening]; len(a.Cells) > o.Cells {
				t.Fatalf("round %d: %q opens %d cells, plan says at most %d", round, o.What, len(a.Cells), o.Cells)
			}
			if times[a.Opening]++; times[a.Opening] > plan[a.Opening].MaxTimes {
				t.Fatalf("round %d: %q is opened more than %d times", round, plan[a.Opening].What, plan[a.Opening].MaxTimes)
			}
			for _, x := range a.State {
				if x != Round40(x) {
					t.Fatalf("round %d: state %v is not rounded", round, x)
				}
			}
			for _, c := range a.Cells {
				if a.From == nil && !c.Fits(testRows) {
					t.Fatalf("round %d: cell %q with bound %g and step %v can overflow", round, c.Name, c.Max, c.Step)
				}
				all = append(all, c.Cell)
			}
		}
		total := make([][2]uint64, len(all))
		for i, q := range programs {
			if other := q.Ask(); !slices.EqualFunc(asks, other, sameAsk) {
				t.Fatalf("round %d: hospitals 1 and %d ask for different sums", round, i+1)
			}
			sums := fixed.New(all)
			if err := q.Map(views[i], sums); err != nil {
				t.Fatalf("round %d: hospital %d: %v", round, i+1, err)
			}
			if err := sums.Check(uint64(len(views[i].Rows) + views[i].Filtered)); err != nil {
				t.Fatalf("round %d: hospital %d: %v", round, i+1, err)
			}
			for j, w := range sums.Words() {
				total[j] = plus(total[j], w)
			}
		}
		for j, w := range unveiled {
			total[j] = w
		}
		// The contributors cell counts hospitals, not rows.
		totals, err := fixed.Decode(all, total, max(rows, uint64(len(views))))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		at := 0
		for _, a := range asks {
			record = append(record, opened{round, a, totals.Slice(at, at+len(a.Cells))})
			at += len(a.Cells)
		}
		done := false
		for i, q := range programs {
			d, err := q.Reduce(totals)
			if err != nil {
				return Frame{}, record, err
			}
			if i > 0 && d != done {
				t.Fatalf("round %d: hospitals disagree whether the analysis is done", round)
			}
			done = d
		}
		if done {
			return programs[0].Result(), record, nil
		}
		if !slices.EqualFunc(plan, programs[0].Plan(), func(a, b Opening) bool { return a == b }) {
			t.Fatalf("round %d: the plan changed", round)
		}
	}
}

func sameAsk(a, b Ask) bool {
	if a.From != nil {
		return a.Opening == b.Opening && b.From != nil && *a.From == *b.From && len(a.Cells) == len(b.Cells)
	}
	return a.Opening == b.Opening && slices.Equal(a.Cells, b.Cells) && slices.Equal(a.State, b.State)
}

// deal splits the rows of a table over sites named by the schema: row i goes to site of(i).
func deal(t *testing.T, whole *table.Table, of func(row int) int) []*table.Table {
	t.Helper()
	s := whole.Schema
	out := make([]*table.Table, len(s.Sites))
	for k, site := range s.Sites {
		cols := make([][]float64, len(s.Fields))
		for j := range s.Fields {
			col, err := whole.Column(s.Fields[j].Name)
			if err != nil {
				t.Fatal(err)
			}
			cols[j] = []float64{}
			for i := range whole.Rows() {
				if of(i) == k {
					cols[j] = append(cols[j], col[i])
				}
			}
		}
		tab, err := table.New(s, site, cols)
		if err != nil {
			t.Fatal(err)
		}
		out[k] = tab
	}
	return out
}

// sumOfOnes is the smallest program: a census and the sum of one variable.
func sumOfOnes(s *table.Schema, name string, after int) *program {
	c, err := newCensus(Args{Kind: "sum", Rules: Rules{MinCell: 1}}, s, []string{name}, nil)
	if err != nil {
		panic(err)
	}
	f, _ := s.Field(name)
	q := &sumPart{name: name, cell: fixed.Binary(max(-f.Min, f.Max), testRows), left: after}
	return &program{census: c, parts: []part{q}, finish: func() (Frame, error) {
		fr := c.counts()
		fr.Glance = Record{}.Put("sum", q.total)
		return fr, nil
	}}
}

type sumPart struct {
	name  string
	cell  fixed.Cell
	left  int
	total float64
}

func (q *sumPart) plan() []Opening {
	return []Opening{{What: "sum of " + q.name, Cells: 1, MaxTimes: 1}}
}

func (q *sumPart) ask() []Ask {
	if q.left == 0 {
		return nil
	}
	return []Ask{{Cells: []Cell{{Cell: q.cell, Name: "sum of " + q.name}}}}
}

func (q *sumPart) add(rows *table.View, out *fixed.Sums) error {
	used, _, err := rows.Complete(q.name)
	if err != nil {
		return err
	}
	col, err := used.Table.Column(q.name)
	if err != nil {
		return err
	}
	for _, i := range used.Rows {
		out.AddFloat(0, col[i])
	}
	return nil
}

func (q *sumPart) reduce(total fixed.Totals) error {
	q.left--
	q.total = total.Float(0)
	return nil
}

func TestLockstepAddsHospitals(t *testing.T) {
	s := &table.Schema{Fields: []table.Field{{Name: "x", Kind: table.Number, Min: -10, Max: 10}}, Sites: []string{"a", "b", "c"}}
	whole, err := table.New(s, "a", [][]float64{{1, 2.5, -4, 10, 0.125}})
	if err != nil {
		t.Fatal(err)
	}
	f := run(t, func() Program { return sumOfOnes(s, "x", 1) }, deal(t, whole, func(i int) int { return i % 2 })...)
	if got := f.Glance.Get("sum"); got != 9.625 || f.N != 5 || f.Sites != 2 {
		t.Errorf("got sum %v of %d rows at %d hospitals, want 9.625 of 5 at 2", got, f.N, f.Sites)
	}
}

// plus adds two words modulo 2^128.
func plus(a, b [2]uint64) [2]uint64 {
	lo, carry := bits.Add64(a[0], b[0], 0)
	hi, _ := bits.Add64(a[1], b[1], carry)
	return [2]uint64{lo, hi}
}
