package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// withinPart counts, where hospitals work out their own likelihoods, the people
// who differ from most of their stratum in a column. Only they tell of it:
// where a covariate of hospitals is another for one patient, its coefficient is
// that patient's, however many have either value over all hospitals.
type withinPart struct {
	*coxPart
	done bool
}

// within returns the part for a model with strata within hospitals, nil for others.
func (c *coxPart) within() []part {
	if !c.own || c.args.Rules.MinCell <= 1 {
		return nil
	}
	return []part{&withinPart{coxPart: c}}
}

// plan implements part.
func (p *withinPart) plan() []Opening {
	return []Opening{{What: fmt.Sprintf("for each column of the model, how many people differ in it from most of those of their hospital's stratum who are at risk when somebody has the event, no more than %d of a hospital: with few, the model is refused", p.args.Rules.MinCell),
		Cells: len(p.most.Columns) - 1, MaxTimes: 1, CountsPeople: true}}
}

// ask implements part: in the round of the columns' sums, which the rules on the census go before.
func (p *withinPart) ask() []Ask {
	if p.done || p.columns == nil {
		return nil
	}
	var cells []Cell
	for _, c := range p.columns {
		if c.Term >= 0 {
			cells = append(cells, countCell("people who differ from their stratum in "+c.Name, Plain))
		}
	}
	return []Ask{{Cells: cells}}
}

// add implements part.
func (p *withinPart) add(rows *table.View, out *fixed.Sums) error {
	m, err := p.matrix(rows)
	if err != nil {
		return err
	}
	at := 0
	for j, c := range p.columns {
		if c.Term < 0 {
			continue
		}
		n := int64(0)
		m.differing(j, func(int) { n++ })
		out.Add(at, min(n, int64(p.args.Rules.MinCell)))
		at++
	}
	return nil
}

// reduce implements part.
func (p *withinPart) reduce(t fixed.Totals) error {
	p.done = true
	least, at := int64(p.args.Rules.MinCell), 0
	for _, c := range p.columns {
		if c.Term < 0 {
			continue
		}
		if n := t.Count(at); n > 0 && n < least {
			return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("column %s is the same for all but fewer than %d people of their hospitals' strata: its coefficient would speak of single ones", c.Name, least),
				Remedy: "leave the term out, or take fewer strata"}
		}
		at++
	}
	return nil
}

// differing visits the rows at risk at some event of their stratum whose value of panel column j is not that of most of these
// (Boyer and Moore's vote; where no value is that of most, of about half or fewer of them).
func (m *coxRows) differing(j int, visit func(i int)) {
	value := func(i int) float64 { return m.panels.column(i/PanelRows, j)[i%PanelRows] }
	heard := m.atRisk()
	for from, to := 0, 0; from < len(m.stop); from = to {
		most, votes := 0.0, 0
		for to = from; to < len(m.stop) && m.stratum[to] == m.stratum[from]; to++ {
			switch x := value(to); {
			case !heard[to]:
			case votes == 0:
				most, votes = x, 1
			case x == most:
				votes++
			default:
				votes--
			}
		}
		for i := from; i < to; i++ {
			if heard[i] && value(i) != most {
				visit(i)
			}
		}
	}
}

// atRisk says which rows are at risk when somebody of their stratum has the event.
func (m *coxRows) atRisk() []bool {
	heard := make([]bool, len(m.stop))
	last := math.Inf(-1) // event at the time of a row or before
	for to := len(m.stop); to > 0; {
		from := to
		for from > 0 && m.stratum[from-1] == m.stratum[to-1] && m.stop[from-1] == m.stop[to-1] {
			from--
			if m.event[from] {
				last = m.stop[from]
			}
		}
		for i := from; i < to; i++ {
			heard[i] = last > m.start[i]
		}
		if from > 0 && m.stratum[from-1] != m.stratum[from] {
			last = math.Inf(-1)
		}
		to = from
	}
	return heard
}
