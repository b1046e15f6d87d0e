package stat

import (
	"fmt"
	"math"
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

// exit is a time at which people leave observation.
type exit struct {
	time   float64
	came   int64 // under observation since the exit before: whose entry lies at or after its time and before this one's
	risk   int64 // under observation just before
	events int64
	lost   int64 // leave without the event
}

// exits lists the exits of a group, once all is counted. Nobody's entry is after the last.
func (u *followUp) exits(group int) (all []exit) {
	for _, l := range u.stop.leaves {
		lost, events := l.n[2*group], l.n[2*group+1]
		if lost+events > 0 {
			all = append(all, exit{time: u.stop.value(l.lo), events: events, lost: lost})
		}
	}
	u.enter(all, group)
	return all
}

// enter fills in when the people of groups, whose exits all are, come under observation, and who is at risk.
func (u *followUp) enter(all []exit, groups ...int) {
	if len(all) == 0 {
		return
	}
	for i := range all {
		all[i].came = 0
	}
	if u.start == nil {
		for _, e := range all {
			all[0].came += e.events + e.lost
		}
	} else {
		at := 0
		for _, l := range u.start.leaves {
			for at < len(all)-1 && u.start.value(l.lo) >= all[at].time {
				at++
			}
			for _, g := range groups {
				all[at].came += l.n[g]
			}
		}
	}
	count(all)
}

// count fills in who is at risk.
func count(all []exit) {
	var risk int64
	for i := range all {
		risk += all[i].came
		all[i].risk = risk
		risk -= all[i].events + all[i].lost
	}
}

// merge puts neighbouring exits together, counted at the last of them, until
// at least few people leave at each, and nobody or as many come in before it;
// what is left at the end, fewer people than that, is cut, together with the
// exit before if their number could be told. few 1 merges nothing.
func merged(all []exit, few int64) (out []exit, cut bool) {
	if few <= 1 {
		return all, false
	}
	var now exit
	var left int64
	for _, e := range all {
		left += e.events + e.lost
		now.time = e.time
		now.came += e.came
		now.events += e.events
		now.lost += e.lost
		if now.events+now.lost >= few && (now.came == 0 || now.came >= few) {
			out = append(out, now)
			left -= now.events + now.lost
			now = exit{}
		}
	}
	for left > 0 && left < few && len(out) > 0 {
		last := out[len(out)-1]
		left += last.events + last.lost
		out = out[:len(out)-1]
	}
	count(out)
	return out, left > 0
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

// curve is a Kaplan-Meier estimate just after each exit.
type curve struct {
	exits     []exit
	survival  []float64
	greenwood []float64 // of log survival: sum of d / (n (n - d))
}

// kaplanMeier is the product-limit estimate (Kaplan and Meier 1958) with Greenwood's variance.
func kaplanMeier(exits []exit) *curve {
	c := &curve{exits: exits}
	s, v := 1.0, 0.0
	for _, e := range exits {
		d, n := float64(e.events), float64(e.risk)
		if e.events > 0 {
			s *= (n - d) / n
			v += d / (n * (n - d)) // +Inf when everyone has the event
		}
		c.survival, c.greenwood = append(c.survival, s), append(c.greenwood, v)
	}
	return c
}

// limits are the log-log 95 % limits of the survival after exit i; NaN where it is 0 or 1.
func (c *curve) limits(i int) (low, high float64) {
	s := c.survival[i]
	if s <= 0 || s >= 1 {
		return math.NaN(), math.NaN()
	}
	width := z975 * math.Sqrt(c.greenwood[i]) / math.Log(s)
	centre := math.Log(-math.Log(s))
	return math.Exp(-math.Exp(centre - width)), math.Exp(-math.Exp(centre + width))
}

// quantile is the time at which a falling curve passes p, as R finds it: the
// middle of a stretch that lies on p. NaN when it does not.
func (c *curve) quantile(p float64, at func(i int) float64) float64 {
	const equal = 1.4901161193847656e-08 // R's sqrt(.Machine$double.eps)
	first := -1
	for i, e := range c.exits {
		y := at(i)
		switch {
		case math.IsNaN(y) || y >= p+equal:
		case first < 0:
			if first = i; math.Abs(y-p) >= equal {
				return e.time
			}
		case y < at(first):
			return (c.exits[first].time + e.time) / 2
		}
	}
	if first < 0 {
		return math.NaN()
	}
	return c.exits[first].time
}

// mean is the restricted mean survival to tau and its standard error: the area
// under the curve, as R's survmean.
func (c *curve) mean(tau float64) (mean, se float64) {
	from, s := 0.0, 1.0
	if len(c.exits) > 0 {
		from = math.Min(0, c.exits[0].time)
	}
	var areas []float64 // between exits, the last one to tau
	for i, e := range c.exits {
		if e.time > tau {
			break
		}
		areas = append(areas, (e.time-from)*s)
		from, s = e.time, c.survival[i]
	}
	mean = (tau - from) * s
	variance := 0.0
	for i := len(areas) - 1; i >= 0; i-- { // mean is the area from exit i to tau
		if d, n := float64(c.exits[i].events), float64(c.exits[i].risk); d < n {
			variance += mean * mean * d / (n * (n - d))
		}
		mean += areas[i]
	}
	return mean, math.Sqrt(variance)
}
