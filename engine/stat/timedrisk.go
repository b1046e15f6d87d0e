package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// timedRisk is a class of people by the risk predicted for them at a horizon:
// how many there are, and how many leave at each time up to it, with the event and without.
type timedRisk struct {
	from  float64 // the lowest risk of the class, where classes are cut at given ones
	n     int64
	risk  float64 // sum of the predicted ones
	exits []exit
}

func (r timedRisk) people() int64 { return r.n }

func (r timedRisk) plus(o timedRisk) timedRisk {
	r.n, r.risk, r.exits = r.n+o.n, r.risk+o.risk, slices.Clone(r.exits)
	for i, e := range o.exits {
		r.exits[i].events += e.events
		r.exits[i].lost += e.lost
	}
	return r
}

// left are those who leave, with the event and without.
func (r timedRisk) left() (events, lost int64) {
	for _, e := range r.exits {
		events, lost = events+e.events, lost+e.lost
	}
	return events, lost
}

// small reports whether the events, the others, or those still there at the horizon are few.
func (r timedRisk) small(least int64) bool {
	few := func(n int64) bool { return n > 0 && n < least }
	events, lost := r.left()
	return few(events) || few(r.n-events) || few(r.n-events-lost)
}

// mostTimed bounds the cells of so many classes: by the points of the grid of time where they are few.
func mostTimed(model *coxPart, at float64, classes int) int {
	stop := model.u.stop
	points := stop.point(at) - stop.lo + 1
	return classes + int(min(points*int64(2*classes), maxGridCells))
}

// fits refuses more cells than may be opened at once.
func (h *horizon) fits(classes int) error {
	if 2*classes*len(h.exits) <= maxGridCells {
		return nil
	}
	return &Refusal{Rule: "resolution", Message: fmt.Sprintf("%d classes of risk at %d times are more than %d cells at once", classes, len(h.exits), maxGridCells),
		Remedy: "count time in coarser steps, grid: of the model, or take fewer classes"}
}

// timedCells are the cells of classes, each named by what stands behind a count.
func timedCells(h *horizon, classes []string) (cells []Cell) {
	for _, in := range classes {
		cells = append(cells, countCell("people "+in, Plain))
		for _, e := range h.exits {
			when := " " + in + " at " + h.model.u.time.Name + " = " + number(e.time)
			cells = append(cells, countCell("events"+when, Plain), countCell("people who leave without the event"+when, Plain))
		}
	}
	return cells
}

// addTimed counts a hospital's people in their classes, and returns the number of cells of each.
func addTimed(h *horizon, m *coxRows, out *fixed.Sums, class func(person) int) (each int) {
	each = 1 + 2*len(h.exits)
	h.each(m, func(p person) {
		at := each * class(p)
		out.Add(at, 1)
		switch at += 1 + 2*p.at; {
		case p.at == len(h.exits):
		case p.event:
			out.Add(at, 1)
		default:
			out.Add(at+1, 1)
		}
	})
	return each
}

// takeTimed reads so many classes, and returns the number of cells of all.
func takeTimed(h *horizon, t fixed.Totals, classes int) (all []timedRisk, cells int) {
	for range classes {
		r := timedRisk{n: t.Count(cells), exits: slices.Clone(h.exits)}
		cells++
		for i, e := range r.exits {
			r.exits[i] = exit{time: e.time, events: t.Count(cells), lost: t.Count(cells + 1)}
			cells += 2
		}
		all = append(all, r)
	}
	return all, cells
}
