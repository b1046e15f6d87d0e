package stat

import (
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// followUp opens how many people of each group leave observation at each point
// of the grid of a time, with the event and without, and, where observation
// begins later than at time 0, how many come under it. Nothing else of a
// person's time leaves a hospital.
type followUp struct {
	time, entry *table.Field // entry nil: everyone is observed from the beginning
	event       table.Factor
	by          []table.Factor // groups are the combinations of their levels; empty: everyone

	stop, start *gridPart
	order       *orderPart
}

// newFollowUp checks the keys time, event, entry and grid of args.
func newFollowUp(args Args, s *table.Schema, by []table.Factor) (*followUp, error) {
	u := &followUp{by: by}
	var err error
	if u.time, err = numbers(s, args.Time); err != nil {
		return nil, fmt.Errorf("%s: time: %w", args.Kind, err)
	}
	if u.event, err = s.Factor(args.Event); err != nil {
		return nil, fmt.Errorf("%s: event: %w", args.Kind, err)
	}
	if f, _ := s.Field(args.Event); f.Kind == table.Number || len(u.event.Levels) != 2 {
		return nil, fmt.Errorf("%s: event %q is not a binary or a category of two levels, the second being the event", args.Kind, args.Event)
	}
	if args.Entry != "" {
		if u.entry, err = numbers(s, args.Entry); err != nil {
			return nil, fmt.Errorf("%s: entry: %w", args.Kind, err)
		}
	}
	if args.Entry == args.Time {
		return nil, fmt.Errorf("%s: entry and time are both %q, want two variables", args.Kind, args.Time)
	}
	if groups := u.groups(); groups > maxGridCells/2 {
		return nil, fmt.Errorf("%s: groups and strata have %d combinations of levels, want at most %d", args.Kind, groups, maxGridCells/2)
	}
	if err := u.grids(args); err != nil {
		return nil, fmt.Errorf("%s: %w", args.Kind, err)
	}
	return u, nil
}

// grids lays the grids of the times: ends of follow-up are counted at the next
// point of a coarser grid, beginnings at the one before, as if time were recorded so.
func (u *followUp) grids(args Args) error {
	lay := func(f *table.Field, up bool) (*gridPart, error) {
		own, err := f, error(nil)
		if args.Grid != 0 {
			if f, err = coarser(f, args.Grid); err != nil {
				return nil, err
			}
		}
		g, err := newGridPart(f, args.Rules, u.variables()...)
		if err != nil {
			return nil, err
		}
		g.fully = true
		g.above, g.below = f != own && up, f != own && !up
		return g, nil
	}
	var err error
	if u.stop, err = lay(u.time, true); err != nil {
		return err
	}
	u.stop.classes, u.stop.points = 2*u.groups(), nil
	for g := range u.groups() {
		in := u.named(g)
		u.stop.points = append(u.stop.points, ", "+u.event.Name+" = "+u.event.Levels[0]+in, ", "+u.event.Name+" = "+u.event.Levels[1]+in)
	}
	u.stop.classOf = func(rows *table.View) (func(int) int, error) {
		group, err := u.groupOf(rows.Table)
		if err != nil {
			return nil, err
		}
		event, _, err := levelsOf(&u.event, rows.Table)
		return func(i int) int { return 2*group(i) + event(i) }, err
	}
	each := ""
	if len(u.by) > 0 {
		each = " in each group"
	}
	u.stop.what = fmt.Sprintf("how many people leave observation at each %s, with and without %s = %s%s: single people included", u.time.Name, u.event.Name, u.event.Levels[1], each)
	u.stop.begin()
	if u.entry == nil {
		return nil
	}
	if u.start, err = lay(u.entry, false); err != nil {
		return err
	}
	u.start.classes, u.start.points = u.groups(), nil
	for g := range u.groups() {
		u.start.points = append(u.start.points, u.named(g))
	}
	u.start.classOf = func(rows *table.View) (func(int) int, error) { return u.groupOf(rows.Table) }
	u.start.what = fmt.Sprintf("how many people come under observation at each %s%s: single people included", u.entry.Name, each)
	u.start.begin()
	u.order = &orderPart{u: u, open: true}
	return nil
}

// variables are those without which a row is not used.
func (u *followUp) variables() []string {
	names := []string{u.time.Name, u.event.Name}
	if u.entry != nil {
		names = append(names, u.entry.Name)
	}
	for _, f := range u.by {
		names = append(names, f.Name)
	}
	return names
}

// parts are the sums after the census.
func (u *followUp) parts() []part {
	if u.start == nil {
		return []part{u.stop}
	}
	return []part{u.stop, u.start, u.order}
}

// end ends the parts without opening more.
func (u *followUp) end() {
	u.stop.stop()
	if u.start != nil {
		u.start.stop()
		u.order.open = false
	}
}

func (u *followUp) groups() int {
	n := 1
	for _, f := range u.by {
		n *= len(f.Levels)
	}
	return n
}

// levels are the levels of group g, one of each factor.
func (u *followUp) levels(g int) []int {
	l := make([]int, len(u.by))
	for i := len(u.by) - 1; i >= 0; i-- {
		l[i] = g % len(u.by[i].Levels)
		g /= len(u.by[i].Levels)
	}
	return l
}

func (u *followUp) named(g int) (name string) {
	for i, l := range u.levels(g) {
		name += ", " + u.by[i].Name + " = " + u.by[i].Levels[l]
	}
	return name
}

// stratum names a group alone; "" when there is one only.
func (u *followUp) stratum(g int) string { return strings.TrimPrefix(u.named(g), ", ") }

func (u *followUp) groupOf(t *table.Table) (func(row int) int, error) {
	cols := make([][]float64, len(u.by))
	for i, f := range u.by {
		var err error
		if cols[i], err = t.Column(f.Name); err != nil {
			return nil, err
		}
	}
	return func(row int) (g int) {
		for i, f := range u.by {
			g = g*len(f.Levels) + f.Level(cols[i][row])
		}
		return g
	}, nil
}

// orderPart counts the rows whose observation does not begin before it ends:
// no curve can be computed of them.
type orderPart struct {
	u    *followUp
	open bool
}

func (p *orderPart) plan() []Opening {
	return []Opening{{What: fmt.Sprintf("how many rows have %s not before %s: with any, the analysis is refused", p.u.entry.Name, p.u.time.Name), Cells: 1, MaxTimes: 1, CountsPeople: true}}
}

func (p *orderPart) ask() []Ask {
	if !p.open {
		return nil
	}
	return []Ask{{Cells: []Cell{countCell("rows with "+p.u.entry.Name+" not before "+p.u.time.Name, Plain)}}}
}

func (p *orderPart) add(rows *table.View, out *fixed.Sums) error {
	used, _, err := rows.Complete(p.u.stop.vars...)
	if err != nil {
		return err
	}
	entry, err := rows.Table.Column(p.u.entry.Name)
	if err != nil {
		return err
	}
	stop, err := rows.Table.Column(p.u.time.Name)
	if err != nil {
		return err
	}
	for _, i := range used.Rows {
		if entry[i] >= stop[i] {
			out.Add(0, 1)
		}
	}
	return nil
}

func (p *orderPart) reduce(t fixed.Totals) error {
	p.open = false
	if t.Count(0) > 0 {
		return &Refusal{Rule: "entry", Message: fmt.Sprintf("some rows have %s not before %s", p.u.entry.Name, p.u.time.Name),
			Remedy: fmt.Sprintf("leave them out with where:, or correct them; %q must be earlier", p.u.entry.Name)}
	}
	return nil
}
