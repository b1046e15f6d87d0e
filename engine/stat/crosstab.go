package stat

import (
	"fmt"
	"math"
	"strconv"

	"github.com/consilium-health/consilium/engine/table"
)

// Crosstab is the kind of that name: a table of counts of two categories and
// what is computed from it. Its counts do not depend on earlier totals; the
// Cochran-Mantel-Haenszel test over hospitals does, where these are too few.
type Crosstab struct{}

var _ Statistic = Crosstab{}

// Begin implements Statistic.
func (Crosstab) Begin(args Args, s *table.Schema) (Program, error) {
	if args.Rows == args.Columns {
		return nil, fmt.Errorf("crosstab: rows and columns are the same variable %q, want two", args.Rows)
	}
	c, err := newCensus(args, s, []string{args.Rows, args.Columns}, []string{args.Rows, args.Columns})
	if err != nil {
		return nil, err
	}
	rows, cols := c.factors[0], c.factors[1]
	if n := len(rows.Levels) * len(cols.Levels); n > maxGridCells {
		return nil, fmt.Errorf("crosstab: %q by %q has %d cells, want at most %d", rows.Name, cols.Name, n, maxGridCells)
	}
	x := &crosstabResult{rows: rows, cols: cols, minCell: args.Rules.MinCell, counts: newCountPart(rows, cols)}
	p := &program{census: c, parts: []part{x.counts}, blind: true}
	if len(rows.Levels) == 2 && len(cols.Levels) == 2 && rows.Name != table.Site && cols.Name != table.Site {
		x.cmh = newCMHPart(x.counts, args.Rules)
		p.parts = append(p.parts, x.cmh)
	}
	p.finish = func() (Frame, error) { return x.frame(c.counts()), nil }
	return p, nil
}

// crosstabResult turns the counts into a frame.
type crosstabResult struct {
	rows, cols table.Factor
	minCell    int
	counts     *countPart
	cmh        *cmhPart // nil when there is none
}

func (x *crosstabResult) frame(f Frame) Frame {
	rows, cols, counts, warnings := x.kept()
	f.Warnings = append(f.Warnings, warnings...)
	h := hide(counts, x.minCell)
	f.Suppressed = h.any()
	rowTotals, colTotals, n, _, _ := margins(counts)
	for i, r := range rows {
		for j, c := range cols {
			rec := Record{}.Put("row", r).Put("column", c)
			if h.cells[i][j] {
				rec = rec.Put("n", nil).Put("expected", nil).Put("row_pct", nil).Put("col_pct", nil).Put("pct", nil).Put("residual", nil).Put("suppressed", true)
				f.Tidy = append(f.Tidy, rec)
				continue
			}
			o, e := float64(counts[i][j]), float64(rowTotals[i])*float64(colTotals[j])/float64(n)
			// Whatever is computed from a hidden margin would give it away.
			rowPct, colPct, residual := 100*o/float64(rowTotals[i]), 100*o/float64(colTotals[j]), (o-e)/math.Sqrt(e)
			if h.rows[i] {
				rowPct, e, residual = math.NaN(), math.NaN(), math.NaN()
			}
			if h.cols[j] {
				colPct, e, residual = math.NaN(), math.NaN(), math.NaN()
			}
			f.Tidy = append(f.Tidy, rec.Put("n", counts[i][j]).Put("expected", e).Put("row_pct", rowPct).Put("col_pct", colPct).
				Put("pct", 100*o/float64(n)).Put("residual", residual))
		}
	}
	f.Glance, warnings = x.glance(counts, h)
	f.Warnings = append(f.Warnings, warnings...)
	return f
}

// kept drops the levels without rows, as R's droplevels.
func (x *crosstabResult) kept() (rows, cols []string, counts [][]int64, warnings []string) {
	r, c, _, _, _ := margins(x.counts.counts)
	keep := func(f table.Factor, totals []int64) (kept []string) {
		for i, n := range totals {
			if n > 0 {
				kept = append(kept, f.Levels[i])
			} else {
				warnings = append(warnings, fmt.Sprintf("level %q of %s has no rows and is left out", f.Levels[i], f.Name))
			}
		}
		return kept
	}
	rows, cols = keep(x.rows, r), keep(x.cols, c)
	return rows, cols, dropEmpty(x.counts.counts), warnings
}

// glance computes the statistics of the table.
func (x *crosstabResult) glance(counts [][]int64, h hidden) (g Record, warnings []string) {
	suppressed := h.any()
	_, _, _, r, c := margins(counts)
	tested, square, df := r > 1 && c > 1, r == 2 && c == 2, float64(r-1)*float64(c-1)
	if !tested {
		df = math.NaN()
		warnings = append(warnings, "fewer than two rows or columns have people: there is nothing to test")
	}
	v := x.statistics(counts, h)
	if suppressed {
		warnings = append(warnings, fmt.Sprintf("cells of fewer than %d people, and others from which they could be worked out, are not shown; statistics have at most two digits, fewer or none where this table alone would give a cell away; with its margins from elsewhere they narrow the cells further", x.minCell))
	}
	fisher, none := math.NaN(), math.NaN()
	or, low, high := none, none, none
	if tested && !suppressed {
		ok := false
		if fisher, ok = fisherP(counts); !ok {
			warnings = append(warnings, "Fisher's exact test is not given: the table is too large to count all tables with its margins")
		}
		if square {
			or, low, high = hypergeometricOf(counts).oddsRatio()
		}
	}
	g = g.Put("chi_squared", v[1]).Put("chi_squared_df", df).Put("chi_squared_p", v[0])
	if square {
		g = g.Put("yates_statistic", v[5]).Put("yates_p", v[6])
	}
	g = g.Put("g", v[3]).Put("g_p", v[4]).Put("fisher_p", fisher)
	if square {
		g = g.Put("fisher_odds_ratio", or).Put("fisher_low", low).Put("fisher_high", high)
	}
	g = g.Put("cramers_v", v[2])
	if square {
		g = putRisks(g, counts, suppressed)
		if !suppressed && min(counts[0][0], counts[0][1], counts[1][0], counts[1][1]) == 0 {
			warnings = append(warnings, "a cell is 0: odds ratios are 0 or infinite, and limits do not exist")
		}
	}
	if x.cmh != nil {
		switch {
		case x.cmh.few:
			warnings = append(warnings, fmt.Sprintf("fewer than %d hospitals have people in both rows and both columns: there is no Cochran-Mantel-Haenszel test, whose sums could be solved for the others' tables (rule min_sites)", x.cmh.fewest()))
		case x.cmh.strata < 2:
			warnings = append(warnings, "fewer than two hospitals have two people: there is no Cochran-Mantel-Haenszel test")
		}
		g = x.cmh.put(g, square && !suppressed && x.cmh.strata >= 2)
	}
	return g, warnings
}

// figures are the statistics of a table: the p of chi-squared, chi-squared,
// Cramer's V, G, its p and, of a 2x2 table, Yates' chi-squared and its p.
const figures = 7

// figure returns the k-th statistic of a table, NaN where there is none.
func figure(t [][]int64, k int) (x float64) {
	_, _, _, r, c := margins(t)
	if r < 2 || c < 2 || k > 4 && r*c != 4 {
		return math.NaN()
	}
	switch k {
	case 0:
		_, _, x = chiSquared(t)
	case 1:
		x, _, _ = chiSquared(t)
	case 2:
		x = cramersV(t)
	case 3:
		x, _ = likelihoodRatio(t)
	case 4:
		_, x = likelihoodRatio(t)
	case 5:
		x, _ = yates(t)
	case 6:
		_, x = yates(t)
	}
	return x
}

// statistics returns the statistics of a table. With suppressed cells they have
// two digits as long as they do not tell together what a suppressed cell is;
// else fewer are given, p the last, or with one digit: two digits of a very small p can fit one table only.
func (x *crosstabResult) statistics(counts [][]int64, h hidden) (v [figures]float64) {
	for k := range v {
		v[k] = figure(counts, k)
	}
	if !h.any() {
		return v
	}
	for _, try := range []struct{ given, digits int }{{figures, 2}, {5, 2}, {3, 2}, {1, 2}, {3, 1}, {1, 1}} {
		w := v
		for k := range w {
			if w[k] = digits(w[k], try.digits); k >= try.given {
				w[k] = math.NaN()
			}
		}
		fits := func(t [][]int64) bool {
			for k := range try.given {
				if !sameFigure(digits(figure(t, k), try.digits), w[k]) {
					return false
				}
			}
			return true
		}
		if reveals(counts, h, nil, x.minCell, fits) == safe {
			return w
		}
	}
	for k := range v {
		v[k] = math.NaN()
	}
	return v
}

// putRisks appends odds ratio (Woolf's limits), risk ratio and risk difference
// of a 2x2 table: row 2 against row 1, column 2 the event.
func putRisks(g Record, t [][]int64, suppressed bool) Record {
	a, b, c, d := float64(t[0][0]), float64(t[0][1]), float64(t[1][0]), float64(t[1][1])
	if suppressed {
		a = math.NaN()
	}
	or, se := a*d/(b*c), math.Sqrt(1/a+1/b+1/c+1/d)
	p1, p2 := b/(a+b), d/(c+d)
	rr, ser := p2/p1, math.Sqrt(1/d-1/(c+d)+1/b-1/(a+b))
	rd, sed := p2-p1, math.Sqrt(p1*(1-p1)/(a+b)+p2*(1-p2)/(c+d))
	return g.Put("odds_ratio", or).Put("odds_low", or*math.Exp(-z975*se)).Put("odds_high", or*math.Exp(z975*se)).
		Put("risk_ratio", rr).Put("risk_low", rr*math.Exp(-z975*ser)).Put("risk_high", rr*math.Exp(z975*ser)).
		Put("risk_difference", rd).Put("rd_low", rd-z975*sed).Put("rd_high", rd+z975*sed)
}

// twoDigits rounds x to two significant digits.
func twoDigits(x float64) float64 { return digits(x, 2) }

// digits rounds x to n significant digits.
func digits(x float64, n int) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', n-1, 64), 64)
	if err != nil {
		return math.NaN()
	}
	return y
}
