package report

import (
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// crosstab prints the counts with row percentages and margins, then the tests
// and, for two by two, odds and risks.
func (p *printer) crosstab(args stat.Args, f *stat.Frame) {
	rows, cols := distinct(f.Tidy, "row"), distinct(f.Tidy, "column")
	g := &grid{left: 1}
	g.add(append(append([]string{args.Rows + " \\ " + args.Columns}, cols...), "total")...)
	sums := make([]float64, len(cols))
	for _, row := range rows {
		cells, total := []string{row}, 0.0
		for j, col := range cols {
			cell := gone(nil)
			n := math.NaN()
			for _, r := range where(where(f.Tidy, "row", row), "column", col) {
				n, cell = number(r, "n"), nPercent(r, "row_pct")
			}
			cells, total, sums[j] = append(cells, cell), total+n, sums[j]+n
		}
		g.add(append(cells, margin(total))...)
	}
	last := []string{"total"}
	for _, n := range sums {
		last = append(last, margin(n))
	}
	g.add(append(last, count(f.N))...)
	g.write(&p.Builder, "")
	if has(f.Tidy, "row_pct") {
		p.line("(row percentages)")
	}
	tests := &printer{Report: p.Report}
	tests.independence(f.Glance)
	tests.risks(f.Glance)
	if tests.Len() > 0 { // a table that is suppressed altogether has no figures
		p.line("\n%s", strings.TrimSuffix(tests.String(), "\n"))
	}
}

// margin prints a sum of released cells; a sum with a suppressed one is not shown.
func margin(n float64) string {
	if math.IsNaN(n) {
		return hidden
	}
	return count(int64(n))
}

func (p *printer) independence(g stat.Record) {
	p.test(g, "Pearson's chi-squared", "chi_squared", "chi_squared_df", "chi_squared_p")
	p.test(g, "with Yates' correction", "yates_statistic", "chi_squared_df", "yates_p")
	p.test(g, "G-test", "g", "chi_squared_df", "g_p")
	if v := number(g, "fisher_p"); !math.IsNaN(v) {
		if or := number(g, "fisher_odds_ratio"); !math.IsNaN(or) {
			p.line("Fisher's exact test: %s; conditional odds ratio %s, 95%% CI %s", pEquals(v), alone(or, 4), interval(g, "fisher_low", "fisher_high", 4))
		} else {
			p.line("Fisher's exact test: %s", pEquals(v))
		}
	}
	if v := number(g, "cramers_v"); !math.IsNaN(v) {
		p.line("Cramér's V: %s", alone(v, 4))
	}
}

// risks compares the second row with the first, the second column being the event.
func (p *printer) risks(g stat.Record) {
	for _, m := range []struct{ name, key, low, high string }{
		{"Odds ratio", "odds_ratio", "odds_low", "odds_high"},
		{"Risk ratio", "risk_ratio", "risk_low", "risk_high"},
		{"Risk difference", "risk_difference", "rd_low", "rd_high"},
	} {
		if v := number(g, m.key); !math.IsNaN(v) {
			p.line("%s: %s, 95%% CI %s", m.name, alone(v, 4), interval(g, m.low, m.high, 4))
		}
	}
	if v := number(g, "cmh_statistic"); !math.IsNaN(v) {
		common := ""
		if or := number(g, "cmh_odds_ratio"); !math.IsNaN(or) {
			common = "; common odds ratio " + alone(or, 4) + ", 95% CI " + interval(g, "cmh_low", "cmh_high", 4)
		}
		p.line("Cochran-Mantel-Haenszel over hospitals: %s, %s (continuity-corrected)%s", alone(v, 5), pEquals(number(g, "cmh_p")), common)
		if v := number(g, "cmh_statistic_uncorrected"); !math.IsNaN(v) {
			p.line("  without continuity correction: %s, %s", alone(v, 5), pEquals(number(g, "cmh_p_uncorrected")))
		}
	}
}

// test prints "name: statistic on df degrees of freedom, p", if there is such a statistic.
func (p *printer) test(g stat.Record, name, statistic, df, tail string) {
	v := number(g, statistic)
	if math.IsNaN(v) {
		return
	}
	if d := number(g, df); !math.IsNaN(d) {
		p.line("%s: %s on %s, %s", name, alone(v, 5), degrees(d), pEquals(number(g, tail)))
	} else {
		p.line("%s: %s, %s", name, alone(v, 5), pEquals(number(g, tail)))
	}
}

func degrees(d float64) string {
	if d == 1 {
		return "1 degree of freedom"
	}
	return alone(d, 5) + " degrees of freedom"
}
