package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// moments opens, for samples of numbers, their sums and then the sums of powers
// of their deviations from a centre near the mean, so that no digit is lost to
// cancellation. Sums and central moments are exact fractions: how rows are
// split over hospitals cannot change a bit of them.
type moments struct {
	by      *table.Factor // nil: samples are of all rows
	powers  int           // highest power of the deviations: 2 or 4
	rows    uint64        // bound on the rows of all hospitals
	samples []*sample
	opened  int // sums opened: 2 when done
}

func newMoments(by *table.Factor, powers int, rows uint64) *moments {
	return &moments{by: by, powers: powers, rows: rows}
}

// sample adds a sample; its n is set by the owner before the first ask.
func (m *moments) sample(of *series, group int) (*sample, error) {
	s := &sample{of: of, group: group, label: of.name}
	if group != everyone {
		s.label += ", " + m.by.Name + " = " + m.by.Levels[group]
	}
	// The centre is not known yet; the whole range bounds every deviation.
	if _, _, err := of.cell(max(math.Abs(of.min), math.Abs(of.max)), 1, m.rows); err != nil {
		return nil, err
	}
	for k := 2; k <= m.powers; k++ {
		if _, _, err := of.cell(of.max-of.min, k, m.rows); err != nil {
			return nil, err
		}
	}
	m.samples = append(m.samples, s)
	return s, nil
}

func (m *moments) plan() []Opening {
	if len(m.samples) == 0 {
		return nil
	}
	var names []string
	all, groups := "", ""
	for _, s := range m.samples {
		if !slices.Contains(names, s.of.name) {
			names = append(names, s.of.name)
		}
		if s.group == everyone {
			all = " over all rows"
		} else {
			groups = " in each group of " + m.by.Name
		}
	}
	if all != "" && groups != "" {
		all += " and"
	}
	what := strings.Join(names, ", ") + all + groups
	powers := "sums of squared deviations of " + what + " from a point near the mean; they give the standard deviations"
	if m.powers > 2 {
		powers = "sums of the second, third and fourth powers of the deviations of " + what + " from a point near the mean; they give the standard deviations, skewness and kurtosis"
	}
	return []Opening{
		{What: "sums of " + what + "; with the numbers of people they give the means", Cells: len(m.samples), MaxTimes: 1, Released: true},
		{What: powers, Cells: len(m.samples) * (m.powers - 1), MaxTimes: 1, Released: true},
	}
}

func (m *moments) ask() []Ask {
	a := Ask{Opening: m.opened}
	for _, s := range m.samples {
		if s.n == 0 || m.opened > 1 {
			continue
		}
		if m.opened == 0 {
			c, _ := m.cell(s, 1)
			a.Cells = append(a.Cells, Cell{Cell: c, Name: "sum of " + s.label})
			continue
		}
		hi := Round40(s.centre)
		a.State = append(a.State, hi, Round40(s.centre-hi))
		for k := 2; k <= m.powers; k++ {
			c, _ := m.cell(s, k)
			a.Cells = append(a.Cells, Cell{Cell: c, Name: fmt.Sprintf("sum of %s powers of deviations of %s", ordinal(k), s.label)})
		}
	}
	if len(a.Cells) == 0 {
		return nil
	}
	return []Ask{a}
}

// done reports whether the moments of all samples are known.
func (m *moments) done() bool {
	return m.opened > 1 || !slices.ContainsFunc(m.samples, func(s *sample) bool { return s.n > 0 })
}

// cell returns the cell of the k-th power; the widest was checked when the sample was made.
func (m *moments) cell(s *sample, k int) (fixed.Cell, bool) {
	h := max(math.Abs(s.of.min), math.Abs(s.of.max))
	if k > 1 {
		h = max(s.of.max-s.centre, s.centre-s.of.min)
	}
	c, exact, _ := s.of.cell(h, k, m.rows)
	return c, exact
}

// add writes a hospital's sums. A row counts in the sample of its group and in that of everyone.
func (m *moments) add(rows *table.View, out *fixed.Sums) error {
	level, groups, err := levelsOf(m.by, rows.Table)
	if err != nil {
		return err
	}
	at := 0
	for i := 0; i < len(m.samples); {
		of := m.samples[i].of
		terms := make([]func(float64, int64), groups+1) // of everyone, of each group
		for ; i < len(m.samples) && m.samples[i].of == of; i++ {
			if s := m.samples[i]; s.n > 0 {
				terms[s.group+1] = m.term(s, out, at)
				at += m.width()
			}
		}
		read, err := of.reader(rows.Table)
		if err != nil {
			return err
		}
		for _, row := range rows.Rows {
			l := level(row)
			if l < 0 {
				continue
			}
			x, k, ok := read(row)
			if !ok {
				continue
			}
			if terms[0] != nil {
				terms[0](x, k)
			}
			if terms[l+1] != nil {
				terms[l+1](x, k)
			}
		}
	}
	return nil
}

// levelsOf returns the group of a row, -1 where it is missing; without a factor all rows are in group 0.
func levelsOf(by *table.Factor, t *table.Table) (level func(row int) int, groups int, err error) {
	if by == nil {
		return func(int) int { return 0 }, 1, nil
	}
	col, err := t.Column(by.Name)
	if err != nil {
		return nil, 0, err
	}
	return func(i int) int { return by.Level(col[i]) }, len(by.Levels), nil
}

// width is the number of cells of a sample this round.
func (m *moments) width() int {
	if m.opened == 0 {
		return 1
	}
	return m.powers - 1
}

// term returns what a value adds to the cells of its sample, which start at cell at.
func (m *moments) term(s *sample, out *fixed.Sums, at int) func(x float64, k int64) {
	if m.opened == 0 {
		if _, exact := m.cell(s, 1); exact {
			return func(_ float64, k int64) { out.Add(at, k) }
		}
		return func(x float64, _ int64) { out.AddFloat(at, x) }
	}
	var exact [5]bool
	for p := 2; p <= m.powers; p++ {
		_, exact[p] = m.cell(s, p)
	}
	step := s.of.step.Float()
	return func(x float64, k int64) {
		d, y := k-s.k, x-s.centre
		if s.of.exact {
			y = float64(d) * step // free of the rounding of x and of the centre
		}
		for p := 2; p <= m.powers; p++ {
			switch cell := at + p - 2; {
			case !exact[p]:
				out.AddFloat(cell, power(y, p))
			case p == 2:
				out.AddProduct(cell, d, d)
			case p == 3:
				out.AddProduct(cell, d*d, d)
			default:
				out.AddProduct(cell, d*d, d*d)
			}
		}
	}
}

func power(y float64, p int) float64 {
	x := y
	for range p - 1 {
		x *= y
	}
	return x
}

func (m *moments) reduce(total fixed.Totals) error {
	at := 0
	next := func(s *sample, p int) *big.Rat {
		c, exact := m.cell(s, p)
		if !exact {
			s.step[p] = c.Step.Float()
		}
		r := new(big.Rat).SetInt(total.Int(at))
		at++
		return r.Mul(r, rational(c.Step))
	}
	for _, s := range m.samples {
		switch {
		case s.n == 0:
		case m.opened == 0:
			s.sum = next(s, 1)
			s.settle()
		default:
			var powers [5]*big.Rat
			for p := 2; p <= m.powers; p++ {
				powers[p] = next(s, p)
			}
			s.shift(powers)
		}
	}
	m.opened++
	return nil
}
