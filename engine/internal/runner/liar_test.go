package runner

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
)

// liar is a program that asks for other sums than it plans.
type liar struct {
	asks   [][]stat.Ask // per round
	round  int
	mapped int // rounds for which rows were read
}

var _ stat.Program = (*liar)(nil)

func (p *liar) Plan() []stat.Opening {
	return []stat.Opening{
		{What: "how many rows are used", Cells: 2, MaxTimes: 1, CountsPeople: true, Released: true},
		{What: "the sum of x", Cells: 1, MaxTimes: 2, Released: true},
	}
}

func (p *liar) Ask() []stat.Ask { return p.asks[p.round] }

func (p *liar) Map(rows *table.View, out *fixed.Sums) error {
	p.mapped++
	return nil
}

func (p *liar) Reduce(fixed.Totals) (bool, error) {
	p.round++
	return p.round == len(p.asks), nil
}

func (p *liar) Result() stat.Frame { return stat.Frame{} }

// ask is a round's request for n sums drawn on one opening.
func ask(opening, n int) []stat.Ask {
	cells := make([]stat.Cell, n)
	for i := range cells {
		cells[i] = stat.Cell{Cell: fixed.Cell{Max: 1, Step: fixed.One()}, Name: "x"}
	}
	return []stat.Ask{{Opening: opening, Cells: cells}}
}

// TestAProgramThatAsksForMoreThanItPlansReadsNoRow puts lying programs where a
// hospital runs its analyses. The round of the lie ends before its rows are
// read: there is no share of it that could be masked and sent.
func TestAProgramThatAsksForMoreThanItPlansReadsNoRow(t *testing.T) {
	wide := ask(1, 1)
	wide[0].Cells[0].Max = 0x1p120
	for _, tc := range []struct {
		name   string
		asks   [][]stat.Ask
		honest int // rounds before the lie
		err    string
	}{
		{"as planned", [][]stat.Ask{ask(0, 2), ask(1, 1), ask(1, 1)}, 3, ""},
		{"one cell more", [][]stat.Ask{ask(0, 3)}, 0, "a sum of 3 cells, the plan declares 2"},
		{"one cell more, in two asks", [][]stat.Ask{append(ask(0, 2), ask(0, 1)...)}, 0, "a sum of 3 cells, the plan declares 2"},
		{"one sum more", [][]stat.Ask{ask(0, 2), ask(1, 1), ask(1, 1), ask(1, 1)}, 3, "sum 3 of at most 2"},
		{"the census again", [][]stat.Ask{ask(0, 1), ask(0, 1)}, 1, "sum 2 of at most 1"},
		{"beside a planned sum", [][]stat.Ask{ask(0, 2), append(ask(1, 1), ask(0, 1)...)}, 1, "sum 2 of at most 1"},
		{"an opening that is not planned", [][]stat.Ask{ask(0, 2), ask(2, 1)}, 1, "draws on opening 2, the plan declares 2"},
		{"no opening at all", [][]stat.Ask{ask(-1, 1)}, 0, "draws on opening -1"},
		{"a sum that can wrap around", [][]stat.Ask{ask(0, 2), wide}, 1, "can exceed 128 bits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &study.Spec{Name: "lies", Schema: &table.Schema{Sites: []string{"a"}, Fields: []table.Field{{Name: "x", Kind: table.Binary, Max: 1}}},
				Analyses: []stat.Args{{ID: "a0"}}, Privacy: study.Privacy{MinCell: 1, MinSites: 1, MaxRows: 1 << 32, Differencing: "warn"}}
			tab, err := table.New(s.Schema, "a", [][]float64{{0, 1, 1}})
			if err != nil {
				t.Fatal(err)
			}
			p := &liar{asks: tc.asks}
			plan := p.Plan()
			rows, err := tab.Select()
			if err != nil {
				t.Fatal(err)
			}
			l := &lockstep{spec: s, gate: policy.New(s.Privacy), table: tab,
				all: []*analysis{{args: stat.Args{ID: "a0"}, program: p, plan: plan, rows: rows, times: make([]int, len(plan)), cells: make([]int, len(plan))}}}
			for {
				more, e := l.begin()
				if err = e; err != nil || !more {
					break
				}
				_, x, err := l.ask([32]byte{}, true)
				if err != nil {
					t.Fatal(err)
				}
				if err := l.reduce(x, true); err != nil {
					t.Fatal(err)
				}
				l.end()
			}
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("got error %v, want %q", err, tc.err)
			}
			if p.mapped != tc.honest {
				t.Errorf("rows were read in %d rounds, want %d", p.mapped, tc.honest)
			}
		})
	}
}

// TestAHandlerThatPanicsBurnsItsSessionOnly turns a panic into an error without its text, which may hold a value.
func TestAHandlerThatPanicsBurnsItsSessionOnly(t *testing.T) {
	w := wire{self: "north", link: transport.NewMemory([]party.ID{"north", party.Hub}, nil).Link("north")}
	_, err := drive[int](t.Context(), w, panicking{})
	if err == nil || strings.Contains(err.Error(), "67") {
		t.Errorf("got %v, want an error without the value", err)
	}
}

// panicking is a machine with a defect.
type panicking struct{}

func (panicking) Start() ([]round.Message, error)                { panic("patient 67") }
func (panicking) Receive(round.Message) ([]round.Message, error) { panic("patient 67") }
func (panicking) Expire() ([]round.Message, error)               { panic("patient 67") }
func (panicking) Result() (int, bool)                            { return 0, false }
