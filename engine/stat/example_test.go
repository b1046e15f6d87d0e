package stat_test

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
)

// Total is a whole statistic: how many rows there are, and the sum of one variable.
type Total struct{}

// Begin sees the dictionary, no rows.
func (Total) Begin(a stat.Args, s *table.Schema) (stat.Program, error) {
	f, err := s.Field(a.Variable)
	if err != nil {
		return nil, err
	}
	bound := max(f.Max, -f.Min)
	return &total{variable: a.Variable, cells: []stat.Cell{
		{Name: "rows", Cell: fixed.Cell{Max: 1, Step: fixed.One()}, Meaning: stat.People},
		{Name: "sum", Cell: fixed.Binary(bound, 1<<32)},
	}}, nil
}

type total struct {
	variable string
	cells    []stat.Cell
	frame    stat.Frame
}

func (p *total) Plan() []stat.Opening {
	return []stat.Opening{{What: "rows and sum of " + p.variable, Cells: 2, MaxTimes: 1, CountsPeople: true, Released: true}}
}
func (p *total) Ask() []stat.Ask { return []stat.Ask{{Opening: 0, Cells: p.cells}} }
func (p *total) Map(rows *table.View, out *fixed.Sums) error {
	v, _, err := rows.Complete(p.variable)
	if err != nil {
		return err
	}
	x, err := v.Table.Column(p.variable)
	for _, i := range v.Rows {
		out.Add(0, 1)
		out.AddFloat(1, x[i])
	}
	return err
}
func (p *total) Reduce(t fixed.Totals) (bool, error) {
	p.frame = stat.Frame{N: t.Count(0), Tidy: []stat.Record{stat.Record{}.Put("n", t.Count(0)).Put("sum", t.Float(1))}}
	return true, nil
}
func (p *total) Result() stat.Frame { return p.frame }

// A statistic says what it opens, maps a hospital's rows to its term, and
// reduces the total. One line in the catalog makes it a kind of analysis.
func Example_newStatistic() {
	schema := &table.Schema{Sites: []string{"north", "south"}, Fields: []table.Field{{Name: "age", Min: 0, Max: 120}}}
	north, _ := table.New(schema, "north", [][]float64{{61, 58}})
	south, _ := table.New(schema, "south", [][]float64{{70}})

	p, _ := Total{}.Begin(stat.Args{Variable: "age"}, schema)
	sums := fixed.New([]fixed.Cell{p.Ask()[0].Cells[0].Cell, p.Ask()[0].Cells[1].Cell})
	for _, t := range []*table.Table{north, south} { // the protocols add hospitals' terms; here one vector takes both
		rows, _ := t.Select()
		if err := p.Map(rows, sums); err != nil {
			panic(err)
		}
	}
	total, _ := fixed.Decode(sums.Cells(), sums.Words(), 3)
	_, _ = p.Reduce(total)
	fmt.Println(p.Result().Tidy[0])
	// Output: [{n 3} {sum 189}]
}
