package report

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/stat"
)

// table1 prints the description of the groups as clinical journals do:
// variables down, groups across, n (%) or mean (SD) or median [IQR], then the
// standardised mean difference and the test.
func (p *printer) table1(args stat.Args, f *stat.Frame) {
	groups := distinct(f.Tidy, "group")
	compare := has(f.Tidy, "p_value") || has(f.Tidy, "smd")
	g := &grid{left: 1 + len(groups)}
	p.table1Head(g, args, f, groups, compare)
	for _, variable := range distinct(f.Tidy, "variable") {
		rows := where(f.Tidy, "variable", variable)
		var tail []string
		if compare {
			tail = comparison(rows)
		}
		if has(rows, "level") {
			p.table1Levels(g, variable, rows, groups, tail)
		} else {
			p.table1Number(g, variable, slices.Contains(args.Medians, variable), rows, groups, tail)
		}
		table1Missing(g, rows, groups)
	}
	g.write(&p.Builder, "")
}

func (p *printer) table1Head(g *grid, args stat.Args, f *stat.Frame, groups []string, compare bool) {
	head := []string{args.By}
	sizes := []string{""}
	for _, group := range groups {
		name := group
		if name == "" {
			name = "all"
		}
		head = append(head, name)
		size := ""
		if n, ok := groupSize(where(f.Tidy, "group", group)); ok {
			size = "n = " + count(n)
		}
		sizes = append(sizes, size)
	}
	if compare {
		head, sizes = append(head, "SMD", "p", "test"), append(sizes, "", "", "")
		g.left = 1 + len(groups)
	}
	g.add(head...)
	g.add(sizes...)
}

// groupSize is the number of rows of a group, missing values included, as far as it was released.
func groupSize(rows []stat.Record) (int64, bool) {
	for _, variable := range distinct(rows, "variable") {
		total, complete := 0.0, true
		for i, r := range where(rows, "variable", variable) {
			n := number(r, "n")
			if i == 0 {
				n += number(r, "missing")
			}
			total += n
			complete = complete && !math.IsNaN(n)
		}
		if complete {
			return int64(total), true
		}
	}
	return 0, false
}

// comparison is a variable's SMD, p-value and test, which each of its records carries.
func comparison(rows []stat.Record) []string {
	smd, p := number(rows[0], "smd"), number(rows[0], "p_value")
	tail := []string{"", "", testTitle(text(rows[0], "test"))}
	if slices.ContainsFunc(rows, func(r stat.Record) bool { return gone(r) == hidden }) {
		tail[0], tail[1] = hidden, hidden
	}
	if !math.IsNaN(smd) {
		tail[0] = decimals(smd, 3)
	}
	if !math.IsNaN(p) {
		tail[1] = shortP(p)
	}
	return tail
}

// testTitle writes the name of a test as a table has it.
func testTitle(test string) string {
	switch test {
	case "welch_t":
		return "Welch t"
	case "welch_anova":
		return "Welch ANOVA"
	case "kruskal":
		return "Kruskal-Wallis"
	case "chi_squared":
		return "chi-squared"
	case "fisher":
		return "Fisher"
	}
	return test
}

func (p *printer) table1Number(g *grid, variable string, median bool, rows []stat.Record, groups, tail []string) {
	what := ", mean (SD)"
	if median {
		what = ", median [IQR]"
	}
	cells := []string{p.label(variable) + what}
	for _, group := range groups {
		cell := ""
		for _, r := range where(rows, "group", group) {
			cell = meanSD(r)
			if median {
				cell = medianIQR(r)
			}
		}
		cells = append(cells, cell)
	}
	g.add(append(cells, tail...)...)
}

func (p *printer) table1Levels(g *grid, variable string, rows []stat.Record, groups, tail []string) {
	blank := make([]string, len(groups))
	g.add(append(append([]string{p.label(variable) + ", n (%)"}, blank...), tail...)...)
	for _, level := range distinct(rows, "level") {
		cells := []string{"  " + level}
		for _, group := range groups {
			cell := ""
			for _, r := range where(where(rows, "level", level), "group", group) {
				cell = nPercent(r, "pct")
			}
			cells = append(cells, cell)
		}
		g.add(cells...)
	}
}

// table1Missing adds a line when a value is missing in some group.
func table1Missing(g *grid, rows []stat.Record, groups []string) {
	cells, any := []string{"  missing"}, false
	for _, group := range groups {
		cell := ""
		for _, r := range where(rows, "group", group) {
			if m := number(r, "missing"); !math.IsNaN(m) {
				any = any || m > 0
				cell = count(int64(m))
				break
			}
		}
		cells = append(cells, cell)
	}
	if any {
		g.add(cells...)
	}
}

// meanSD prints both with the decimals that give the SD three significant digits.
func meanSD(r stat.Record) string {
	mean, sd := number(r, "mean"), number(r, "sd")
	if math.IsNaN(mean) {
		return gone(r)
	}
	return spread(mean, sd) + " (" + spread(sd, sd) + ")"
}

func medianIQR(r stat.Record) string {
	if math.IsNaN(number(r, "median")) {
		return gone(r)
	}
	return whole(number(r, "median")) + " [" + whole(number(r, "q25")) + ", " + whole(number(r, "q75")) + "]"
}

// nPercent prints a count and its share.
func nPercent(r stat.Record, share string) string {
	n, pct := number(r, "n"), number(r, share)
	switch {
	case math.IsNaN(n):
		return gone(r)
	case math.IsNaN(pct):
		return count(int64(n))
	}
	return count(int64(n)) + " (" + decimals(pct, 1) + ")"
}

// spread prints x, a mean or the standard deviation itself, with the decimals
// that give the deviation three significant digits; four digits where there is none.
func spread(x, sd float64) string {
	if math.IsNaN(x) || !(sd > 0) || math.IsInf(sd, 0) {
		return alone(x, 4)
	}
	d := max(0, 2-int(math.Floor(math.Log10(sd))))
	if d > 6 {
		return alone(x, 4)
	}
	return decimals(x, d)
}

// shortP prints a p-value for a table: three decimals, "<0.001" below.
func shortP(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return decimals(p, 3)
}

// distinct lists the values of a key in order of first appearance; records without it count as "".
func distinct(rows []stat.Record, key string) []string {
	var out []string
	for _, r := range rows {
		if v := text(r, key); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// where selects the records whose key has that value.
func where(rows []stat.Record, key, value string) []stat.Record {
	var out []stat.Record
	for _, r := range rows {
		if text(r, key) == value {
			out = append(out, r)
		}
	}
	return out
}
