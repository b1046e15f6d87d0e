package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// askSandwich asks for the meat of robust or clustered standard errors at the estimate.
func (c *coxPart) askSandwich(state []float64) {
	v := c.fit.covariance()
	if c.sandwich == nil || c.fit.separated || v == nil {
		return
	}
	events := float64(c.nEvent)
	if !c.sandwich.clustered() {
		events++ // a person's own, and what is expected of them at every event
	}
	var of []lean
	for _, j := range c.fit.cols { // an event's score is a difference of two values of the column
		most := 2 * c.reach(j) * events
		of = append(of, lean{c.columns[j].Name, most, most, c.columns[j].levelOf(c.n, c.scale[j])})
	}
	ask := c.sandwich.ask(c.place.cluster, of, c.rows, slices.Clone(state), v)
	c.asks, c.meat = append(c.asks, ask), len(ask.Cells)
}

// addSandwich adds a hospital's score, or its people's residuals, to the meat.
func (c *coxPart) addSandwich(m *coxRows, out *fixed.Sums) {
	s, q := c.sandwich, len(m.cols)
	s.begin(q)
	if s.clustered() {
		p, e := m.likelihood(c.efron, nil)
		score := make([]float64, q)
		for a := range score {
			score[a] = e.score[a] - p.score[a]
		}
		s.own(score, len(m.stop))
	} else {
		u := m.residuals(c.efron)
		for i := range m.stop {
			s.residual(m.row(i), u[i*q:(i+1)*q])
		}
	}
	s.put(out)
}

// unheard is below which a score residual, of columns of SD 1, is the rounding of 0.
const unheard = 0x1p-30

// residual adds a person's score residuals u; x are the columns.
func (s *sandwich) residual(x, u []float64) {
	s.meet(x)
	at := 0
	for a := range u {
		for b := a; b < len(u); b++ {
			add(&s.meat[at], &s.rest[at], u[a]*u[b])
			if len(s.tell) > 0 && math.Abs(u[a]) > unheard && math.Abs(u[b]) > unheard {
				s.tell[at]++
			}
			at++
		}
	}
}

// tellCells count the people whose score residuals of two columns are both not
// 0: where columns vary in few people's strata, the meat would be theirs.
func (s *sandwich) tellCells(of []lean) (cells []Cell) {
	if s.of != "cox" {
		return nil
	}
	for a, x := range of {
		for _, y := range of[a:] {
			cells = append(cells, countCell("people whose residuals tell of "+x.name+", "+y.name, Plain))
		}
	}
	s.tell = make([]int64, len(cells))
	return cells
}

// silent names columns of which 1..least-1 people tell, "" when there are none.
func (s *sandwich) silent(least int64) string {
	at := 0
	for a, x := range s.columns {
		for _, y := range s.columns[a:] {
			if at < len(s.tell) && s.tell[at] > 0 && s.tell[at] < least {
				if x.name == y.name {
					return x.name
				}
				return fmt.Sprintf("%s and %s", x.name, y.name)
			}
			at++
		}
	}
	return ""
}
