package stat

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// MantelHaenszel is the kind mantel_haenszel: the Cochran-Mantel-Haenszel test
// and common odds ratio of two categories of two levels over strata, as R's
// mantelhaen.test, and whether the strata share it (Breslow and Day 1980, with
// Tarone's correction 1985).
//
// Keys: rows, columns, strata (categories). With site among the strata every
// hospital works out the terms of its own strata, and their sums over hospitals
// are opened: no table. Fewer than five hospitals with rows, or with a stratum that
// tells anything, are refused then: their tables the sums could be solved for. Otherwise the strata's tables are opened, and
// refused where a cell has fewer than min_cell people.
type MantelHaenszel struct{}

var _ Statistic = MantelHaenszel{}

// Begin implements Statistic.
func (MantelHaenszel) Begin(args Args, s *table.Schema) (Program, error) {
	own := slices.Contains(args.Strata, table.Site)
	vars := slices.Concat([]string{args.Rows, args.Columns}, args.Strata)
	for i, v := range vars {
		if slices.Contains(vars[:i], v) {
			return nil, fmt.Errorf("mantel_haenszel: %q stands twice in rows, columns and strata", v)
		}
	}
	c, err := newCensus(args, s, vars, slices.DeleteFunc(slices.Clone(vars), func(v string) bool { return own && v == table.Site }))
	if err != nil {
		return nil, err
	}
	m := &mantelPart{args: args, own: own, rows: c.factors[0], cols: c.factors[1], strata: c.factors[2:]}
	for _, f := range c.factors[:2] {
		if len(f.Levels) != 2 {
			return nil, fmt.Errorf("mantel_haenszel: %s has %d levels, want 2", f.Name, len(f.Levels))
		}
	}
	if len(args.Strata) == 0 {
		return nil, fmt.Errorf("mantel_haenszel: strata is empty, want at least one category")
	}
	if n := 4 * m.groups(); n > maxGridCells {
		return nil, fmt.Errorf("mantel_haenszel: the strata have %d cells, want at most %d", n, maxGridCells)
	}
	m.begin()
	p := &program{census: c, parts: []part{m}, blind: !own}
	p.start = func() error {
		if own && args.Rules.MinCell > 1 && c.sites < fewestApart {
			return fewStrata("contribute")
		}
		return nil
	}
	p.finish = func() (Frame, error) { return m.finish(c.counts()) }
	return p, nil
}

// fewStrata refuses sums over the strata of too few hospitals that do.
func fewStrata(do string) error {
	return &Refusal{Rule: "hospitals", Message: fmt.Sprintf("fewer than %d hospitals %s: sums over their strata could be solved for their tables", fewestApart, do),
		Remedy: "leave site out of the strata"}
}

// mantelPart opens the strata's tables or the sums of their terms.
type mantelPart struct {
	args       Args
	own        bool
	rows, cols table.Factor
	strata     []table.Factor // without site

	stage  int
	asks   []Ask
	counts [][][]int64 // of each stratum
	sums   mhSums
	even   breslowDay
}

// breslowDay are the sums of the test that the strata share an odds ratio.
type breslowDay struct {
	ratio                      float64
	strata                     int64   // with no margin of 0
	statistic, above, variance float64 // sum (a-A)^2/V, sum a-A, sum V
}

// Stages with site among the strata.
const (
	mantelHospitals = iota
	mantelSums
	mantelEven
)

func (m *mantelPart) groups() int {
	n := 1
	for _, f := range m.strata {
		n *= len(f.Levels)
	}
	return n
}

// stratum is the name of a stratum: "race = black, ht = 1".
func (m *mantelPart) stratum(g int) string {
	name := make([]string, len(m.strata))
	for i := len(m.strata) - 1; i >= 0; i-- {
		f := m.strata[i]
		name[i] = f.Name + " = " + f.Levels[g%len(f.Levels)]
		g /= len(f.Levels)
	}
	return strings.Join(name, ", ")
}

func (m *mantelPart) plan() []Opening {
	if m.own {
		return []Opening{
			{What: "how many hospitals have a stratum with people in both rows and both columns: where they are too few nothing of their tables is opened", Cells: 1, MaxTimes: 1},
			{What: "sums over hospitals and their strata of the terms of the Cochran-Mantel-Haenszel test (ad/n, bc/n, expected count, variance and three products), each worked out by the hospital itself: no table", Cells: 9, MaxTimes: 1, Released: true},
			{What: "sums over hospitals and their strata of how far each table is from the common odds ratio, worked out by the hospital itself: whether strata share it", Cells: 4, MaxTimes: 1, Released: true}}
	}
	return []Opening{{What: fmt.Sprintf("how many people of each stratum of %s have each pair of %s and %s: every cell, small ones too, is seen by the hospitals' processes; where one is small nothing is written", strings.Join(m.args.Strata, ", "), m.rows.Name, m.cols.Name),
		Cells: 4 * m.groups(), MaxTimes: 1, CountsPeople: true, Released: true}}
}

func (m *mantelPart) ask() []Ask { return m.asks }

func (m *mantelPart) begin() {
	if m.own {
		m.asks = []Ask{{Cells: []Cell{countCell("hospitals with a stratum that tells anything", Plain)}}}
		return
	}
	var cells []Cell
	for g := range m.groups() {
		for _, r := range m.rows.Levels {
			for _, c := range m.cols.Levels {
				cells = append(cells, countCell(m.stratum(g)+", "+m.rows.Name+" = "+r+", "+m.cols.Name+" = "+c, Plain))
			}
		}
	}
	m.asks = []Ask{{Cells: cells}}
}

// tables counts a hospital's rows.
func (m *mantelPart) tables(rows *table.View) ([][][]int64, error) {
	all := slices.Concat([]table.Factor{m.rows, m.cols}, m.strata)
	cols := make([][]float64, len(all))
	for i, f := range all {
		var err error
		if cols[i], err = rows.Table.Column(f.Name); err != nil {
			return nil, err
		}
	}
	counts := make([][][]int64, m.groups())
	for g := range counts {
		counts[g] = [][]int64{{0, 0}, {0, 0}}
	}
	for _, row := range rows.Rows {
		l, gap := make([]int, len(all)), false
		for i, f := range all {
			l[i] = f.Level(cols[i][row])
			gap = gap || l[i] < 0
		}
		if gap {
			continue
		}
		g := 0
		for i, f := range m.strata {
			g = g*len(f.Levels) + l[2+i]
		}
		counts[g][l[0]][l[1]]++
	}
	return counts, nil
}

func (m *mantelPart) add(rows *table.View, out *fixed.Sums) error {
	counts, err := m.tables(rows)
	if err != nil {
		return err
	}
	switch {
	case !m.own:
		for g, t := range counts {
			for k := range 4 {
				out.Add(4*g+k, t[k/2][k%2])
			}
		}
	case m.stage == mantelHospitals:
		var own mhSums
		for _, t := range counts {
			own.stratum(t)
		}
		if own.variance > 0 {
			out.Add(0, 1)
		}
	case m.stage == mantelSums:
		var own mhSums
		for _, t := range counts {
			own.stratum(t)
		}
		own.write(out)
	default:
		own := breslowDay{ratio: m.asks[0].State[0]}
		for _, t := range counts {
			own.stratum(t)
		}
		out.Add(0, own.strata)
		out.AddFloat(1, own.statistic)
		out.AddFloat(2, own.above)
		out.AddFloat(3, own.variance)
	}
	return nil
}

// stratum adds a table: a against the count A that the common odds ratio gives its margins.
func (b *breslowDay) stratum(t [][]int64) {
	a := float64(t[0][0])
	row, col := a+float64(t[0][1]), a+float64(t[1][0])
	rest := float64(t[1][1]) - a // n - row - col
	n := rest + row + col
	if row == 0 || col == 0 || row == n || col == n {
		return
	}
	// (1-r) A^2 + (rest + r (row+col)) A - r row col = 0, the root between the margins, without cancelling
	p, q := rest+b.ratio*(row+col), b.ratio*row*col
	root := math.Sqrt(p*p + 4*(1-b.ratio)*q)
	expected := 2 * q / (p + root)
	if p < 0 {
		expected = (root - p) / (2 * (1 - b.ratio))
	}
	v := 1 / (1/expected + 1/(row-expected) + 1/(col-expected) + 1/(rest+expected))
	b.strata++
	b.statistic += (a - expected) * (a - expected) / v
	b.above += a - expected
	b.variance += v
}

func (m *mantelPart) reduce(t fixed.Totals) error {
	m.asks = nil
	switch {
	case !m.own:
		for g := range m.groups() {
			m.counts = append(m.counts, [][]int64{{t.Count(4 * g), t.Count(4*g + 1)}, {t.Count(4*g + 2), t.Count(4*g + 3)}})
			m.sums.stratum(m.counts[g])
		}
		m.even.ratio = m.sums.r / m.sums.s
		if m.even.ratio > 0 && !math.IsInf(m.even.ratio, 0) {
			for _, c := range m.counts {
				m.even.stratum(c)
			}
		}
	case m.stage == mantelHospitals:
		if n := t.Count(0); m.args.Rules.MinCell > 1 && n < fewestApart {
			return fewStrata("have people in both rows and both columns of a stratum")
		}
		m.stage = mantelSums
		m.asks = []Ask{{Opening: 1, Cells: mhCells("strata", m.args.Rules)}}
	case m.stage == mantelSums:
		m.stage = mantelEven
		m.sums.read(t)
		m.even.ratio = Round40(m.sums.r / m.sums.s)
		if r := m.even.ratio; r > 0 && !math.IsInf(r, 0) && m.sums.s > 0 {
			// (a-A)^2 over any of the four counts is at most n times the ratio or one over it.
			most := 8 * math.Max(r, 1/r)
			rows := maxRows(m.args.Rules)
			m.asks = []Ask{{Opening: 2, State: []float64{r}, Cells: []Cell{countCell("strata without an empty margin", Plain),
				{Cell: fixed.Binary(most, rows), Name: "(a-A)^2 / V"}, {Cell: fixed.Binary(1, rows), Name: "a-A"}, {Cell: fixed.Binary(1, rows), Name: "V"}}}}
		}
	default:
		m.even.strata, m.even.statistic, m.even.above, m.even.variance = t.Count(0), t.Float(1), t.Float(2), t.Float(3)
	}
	return nil
}

// finish applies the rule on cells and writes strata and tests.
func (m *mantelPart) finish(f Frame) (Frame, error) {
	least := int64(m.args.Rules.MinCell)
	for g, t := range m.counts {
		for k := range 4 {
			if n := t[k/2][k%2]; n > 0 && n < least {
				return f, &Refusal{Rule: "min_cell", Message: fmt.Sprintf("a cell of the stratum %s has fewer than %d people", m.stratum(g), least),
					Remedy: "merge strata, or add site to strata: then hospitals work out their own strata, and only sums are opened"}
			}
		}
		n := t[0][0] + t[0][1] + t[1][0] + t[1][1]
		if n == 0 {
			f.Warnings = append(f.Warnings, "stratum "+m.stratum(g)+" has no rows and is left out")
			continue
		}
		a, b, c, d := float64(t[0][0]), float64(t[0][1]), float64(t[1][0]), float64(t[1][1])
		if a*b*c*d == 0 {
			f.Warnings = append(f.Warnings, "stratum "+m.stratum(g)+" has an empty cell: its odds ratio is 0, infinite or none, without limits")
		}
		se := math.Sqrt(1/a + 1/b + 1/c + 1/d)
		f.Tidy = append(f.Tidy, Record{}.Put("stratum", m.stratum(g)).Put("n", n).Put("n11", t[0][0]).Put("n12", t[0][1]).Put("n21", t[1][0]).Put("n22", t[1][1]).
			Put("odds_ratio", a*d/(b*c)).Put("odds_low", a*d/(b*c)*math.Exp(-z975*se)).Put("odds_high", a*d/(b*c)*math.Exp(z975*se)))
	}
	given := m.sums.strata > 0 && m.sums.variance > 0
	if !given {
		f.Warnings = append(f.Warnings, "no stratum has people of both rows and both columns: there is nothing to test")
	}
	f.Glance = m.sums.put(Record{}.Put("strata", m.sums.strata), given)
	df, tarone := float64(m.even.strata-1), m.even.statistic-m.even.above*m.even.above/m.even.variance
	statistic := m.even.statistic
	if m.even.strata < 2 {
		df, statistic, tarone = math.NaN(), math.NaN(), math.NaN()
		f.Warnings = append(f.Warnings, "fewer than two strata have people in every row and column, or the common odds ratio is 0 or infinite: no Breslow-Day test")
	}
	f.Glance = f.Glance.Put("breslow_day", statistic).Put("breslow_day_df", df).Put("breslow_day_p", chiUpper(statistic, df)).
		Put("tarone", tarone).Put("tarone_p", chiUpper(tarone, df))
	if m.own { // a glance alone is no table
		f.Tidy = []Record{Record{}.Put("odds_ratio", f.Glance.Get("cmh_odds_ratio")).Put("odds_low", f.Glance.Get("cmh_low")).Put("odds_high", f.Glance.Get("cmh_high")).
			Put("statistic", f.Glance.Get("cmh_statistic")).Put("p_value", f.Glance.Get("cmh_p"))}
	}
	return f, nil
}
