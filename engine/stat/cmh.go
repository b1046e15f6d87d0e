package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// cmhPart is the Cochran-Mantel-Haenszel test of a 2x2 table with the
// hospitals as strata. Each hospital works out the terms of its own table
//
//	a b      R = ad/n      P = (a+d)/n      E(a) = (a+b)(a+c)/n
//	c d      S = bc/n      Q = (b+c)/n      V(a) = (a+b)(c+d)(a+c)(b+d) / (n^2 (n-1))
//
// and only their sums over hospitals are opened: no hospital's table. The
// limits of the odds ratio are those of Robins, Breslow and Greenland
// (Biometrics 1986;42:311), as in R's mantelhaen.test. A hospital of fewer
// than two rows is no stratum.
//
// Of the eight sums five do not follow from the others and the pooled table,
// which a hospital has, too, less its own counts: nine equations in the four
// counts of every other hospital with people in both rows and both columns. One
// other's table is solved for, so at least min_sites hospitals have to be such;
// those of two or three others are narrowed down, and the plan says so.
type cmhPart struct {
	rows, cols table.Factor
	rules      Rules
	counts     *countPart // asked for in the round of the sums
	asks       []Ask
	few        bool // too few hospitals tell anything: the sums stay closed
	mhSums
}

// mhSums are the terms of the test summed over strata.
type mhSums struct {
	strata                                        int64   // of at least two people
	observed, expected, variance, r, s, pr, qs, x float64 // x is P S + Q R
}

// stratum adds a 2x2 table.
func (m *mhSums) stratum(t [][]int64) {
	a, b, c, d := float64(t[0][0]), float64(t[0][1]), float64(t[1][0]), float64(t[1][1])
	n := a + b + c + d
	if n < 2 {
		return
	}
	r, s, p, q := a*d/n, b*c/n, (a+d)/n, (b+c)/n
	m.strata++
	for i, x := range []float64{a, (a + b) * (a + c) / n, (a + b) / n * (c + d) / n * (a + c) * (b + d) / (n - 1), r, s, p * r, p*s + q*r, q * s} {
		*m.terms()[i] += x
	}
}

// terms are the sums in the order of the cells.
func (m *mhSums) terms() []*float64 {
	return []*float64{&m.observed, &m.expected, &m.variance, &m.r, &m.s, &m.pr, &m.x, &m.qs}
}

// write puts the sums into the cells of mhCells.
func (m *mhSums) write(out *fixed.Sums) {
	out.Add(0, m.strata)
	for i, x := range m.terms() {
		out.AddFloat(1+i, *x)
	}
}

func (m *mhSums) read(t fixed.Totals) {
	m.strata = t.Count(0)
	for i, x := range m.terms() {
		*x = t.Float(1 + i)
	}
}

// mhCells are the cells of the sums; what says who makes a stratum. Each term is at most the stratum's number of rows.
func mhCells(what string, rules Rules) []Cell {
	cells := []Cell{countCell(what+" with at least two people", Plain)}
	for _, name := range []string{"a of strata", "E(a)", "V(a)", "R = ad/n", "S = bc/n", "P R", "P S + Q R", "Q S"} {
		cells = append(cells, Cell{Cell: fixed.Binary(1, maxRows(rules)), Name: name})
	}
	return cells
}

// newCMHPart makes the test of a table. With cell rules the hospitals that tell
// anything are counted first, and the table waits for that: with release:
// analyst, hospitals see their number and nothing else.
func newCMHPart(counts *countPart, rules Rules) *cmhPart {
	m := &cmhPart{rows: counts.rows, cols: counts.cols, rules: rules, counts: counts}
	if rules.MinCell <= 1 {
		m.askSums()
		return m
	}
	counts.waits = true
	m.asks = []Ask{{Cells: []Cell{countCell("hospitals with people in both rows and both columns", Plain)}}}
	return m
}

func (m *cmhPart) askSums() { m.asks = []Ask{{Opening: 1, Cells: mhCells("hospitals", m.rules)}} }

func (m *cmhPart) plan() []Opening {
	return []Opening{
		{What: fmt.Sprintf("how many hospitals have people in both rows and both columns: where fewer than %d do, no term of the Cochran-Mantel-Haenszel test is opened", m.fewest()), Cells: 1, MaxTimes: 1, Shown: true},
		{What: "sums over hospitals of the terms of the Cochran-Mantel-Haenszel test (ad/n, bc/n, expected count, variance and three products), each worked out by the hospital itself: no hospital's table. Less a hospital's own terms they narrow down the tables of the others, where only two or three have people in both rows and both columns",
			Cells: 9, MaxTimes: 1, Released: true}}
}

// fewest is how many hospitals must tell anything for their sums to be opened.
func (m *cmhPart) fewest() int64 { return int64(max(2, m.rules.MinSites)) }

func (m *cmhPart) ask() []Ask { return m.asks }

func (m *cmhPart) add(rows *table.View, out *fixed.Sums) error {
	counts, err := countTable(rows, m.rows, m.cols)
	if err != nil {
		return err
	}
	var own mhSums
	own.stratum(counts)
	switch {
	case m.asks[0].Opening == 1:
		own.write(out)
	case own.variance > 0 && len(rows.Rows) >= m.rules.MinCell:
		out.Add(0, 1)
	}
	return nil
}

func (m *cmhPart) reduce(t fixed.Totals) error {
	counted := m.asks[0].Opening == 0
	m.asks = nil
	switch {
	case !counted:
		m.read(t)
	case t.Count(0) < m.fewest():
		m.few, m.counts.waits = true, false
	default:
		m.counts.waits = false
		m.askSums()
	}
	return nil
}

// put appends the test to a glance: the statistic with R's continuity
// correction (1/2 where the difference is at least that) and without, the
// common odds ratio and its limits. Not given, they are null.
func (m *mhSums) put(g Record, given bool) Record {
	d := math.Abs(m.observed - m.expected)
	correction := 0.0
	if d >= 0.5 {
		correction = 0.5
	}
	x, x0 := (d-correction)*(d-correction)/m.variance, d*d/m.variance
	or := m.r / m.s
	se := math.Sqrt(m.pr/(2*m.r*m.r) + m.x/(2*m.r*m.s) + m.qs/(2*m.s*m.s))
	low, high := or*math.Exp(-z975*se), or*math.Exp(z975*se)
	if !given {
		x, x0, or, low, high = math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()
	}
	return g.Put("cmh_statistic", x).Put("cmh_p", chiUpper(x, 1)).
		Put("cmh_statistic_uncorrected", x0).Put("cmh_p_uncorrected", chiUpper(x0, 1)).
		Put("cmh_odds_ratio", or).Put("cmh_low", low).Put("cmh_high", high)
}
