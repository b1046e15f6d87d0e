package report

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/stat"
)

// body lays out the outcome of an analysis; a kind without a layout of its own shows its tables as they are.
func (p *page) body(a Analysis, args stat.Args) (out []block) {
	f, id := a.Frame, a.ID
	table := func(name string, v *view) {
		if v != nil && len(v.Rows) > 0 {
			out = append(out, block{Table: v, Name: id + name})
		}
	}
	long := func(name string, v *view, all int) {
		if v != nil && all > rowsKept {
			cut := p.w("table.cut", rowsKept, count(int64(all)), id+".csv")
			v.Cut = &cut
		}
		table(name, v)
	}
	result := func(caption word, names map[string]string, without ...string) {
		long("", p.table(caption, f.Tidy, names, without...), len(f.Tidy))
	}
	note := func(w word) { out = append(out, block{Note: &w}) }
	cut := func(most, all int) {
		if all > most {
			note(p.w("plot.cut", most, all))
		}
	}
	switch a.Kind {
	case "logistic", "cox", "poisson", "negbin":
		of := ratioPlot{ratio: "odds_ratio", low: "odds_low", high: "odds_high", title: p.w("plot.forest.or"), bare: p.w("plot.bare.or"), axis: p.w("plot.or"), head: p.w("col.term")}
		switch a.Kind {
		case "cox":
			of = ratioPlot{ratio: "hazard_ratio", low: "hazard_low", high: "hazard_high", title: p.w("plot.forest.hr"), bare: p.w("plot.bare.hr"), axis: p.w("plot.hr"), head: p.w("col.term")}
		case "poisson", "negbin":
			of = ratioPlot{ratio: "rate_ratio", low: "rate_low", high: "rate_high", title: p.w("plot.forest.rr"), bare: p.w("plot.bare.rr"), axis: p.w("plot.rr"), head: p.w("col.term")}
		}
		if drawn, ok := p.forest(id, f.Tidy, of); ok {
			out = append(out, block{Figure: drawn, Name: id + "-forest"})
			cut(termsDrawn, len(f.Tidy))
		}
		result(p.w("table.coefficients"), nil, "conf_low", "conf_high")
	case "linear":
		result(p.w("table.coefficients"), nil)
	case "heterogeneity":
		of := ratioPlot{ratio: "ratio", low: "ratio_low", high: "ratio_high", title: p.w("plot.forest.hospitals"), bare: p.w("plot.forest.hospitals"), axis: p.w("plot.hospitals"), head: p.w("col.hospital"),
			pooled: map[string]word{"fixed effect": p.w("plot.fixed"), "random effects": p.w("plot.random")}}
		if drawn, ok := p.forest(id, f.Tidy, of); ok {
			out = append(out, block{Figure: drawn, Name: id + "-forest"})
			cut(termsDrawn, len(f.Tidy))
		}
		result(p.w("table.result"), nil)
	case "km":
		if drawn, ok := p.survival(id, args, f); ok {
			out = append(out, block{Figure: drawn, Name: id + "-curve"})
			cut(groupsDrawn, len(distinct(f.Tidy, "group")))
		}
		groups := f.Glances
		if groups == nil && f.Glance != nil {
			groups = []stat.Record{f.Glance}
		}
		table("-groups", p.table(p.w("table.groups"), groups, nil))
		result(p.w("table.curve"), map[string]string{"estimate": "survival"})
	case "histogram":
		if drawn, ok := p.histogram(id, args, f); ok {
			out = append(out, block{Figure: drawn, Name: id + "-histogram"})
		}
		result(p.w("table.classes"), nil)
	case "roc":
		if drawn, ok := p.roc(id, f); ok {
			out = append(out, block{Figure: drawn, Name: id + "-roc"})
		}
	case "calibration":
		if drawn, ok := p.calibration(id, f); ok {
			out = append(out, block{Figure: drawn, Name: id + "-calibration"})
		}
		result(p.w("table.classes"), map[string]string{"observed": "observed_share"})
	case "decision_curve":
		if drawn, ok := p.benefit(id, f); ok {
			out = append(out, block{Figure: drawn, Name: id + "-benefit"})
		}
		result(p.w("table.thresholds"), nil)
	case "table1":
		table("-table1", p.table1(args, f))
	case "crosstab":
		table("-counts", p.crosstab(args, f))
		v := p.table(p.w("table.more"), f.Tidy, nil)
		v.Closed = true
		table("", v)
	case "describe":
		p.describe(f, table)
	case "ttest":
		first, second := (&printer{Report: p.Report}).pair(args)
		note(p.w("table.difference", first, second))
		v := p.table(p.w("table.result"), f.Tidy, nil, "level1", "level2") // the line above names them
		for i, c := range v.Columns {
			switch c.Keys {
			case "estimate1", "sd1", "n1":
				v.Columns[i].Word = p.w("col."+c.Keys[:len(c.Keys)-1]+"of", first)
			case "estimate2", "sd2", "n2":
				v.Columns[i].Word = p.w("col."+c.Keys[:len(c.Keys)-1]+"of", second)
			}
		}
		table("", v)
	case "rank":
		if first, second := (&printer{Report: p.Report}).pair(args); has(f.Tidy, "auc") {
			note(p.w("table.ranks", first, second, args.Variable))
		}
		result(p.w("table.result"), nil)
	default:
		result(p.w("table.result"), nil)
	}
	p.further(a, args, table)
	if a.Kind == "roc" {
		result(p.w("table.thresholds"), nil)
	}
	return out
}

// further shows what stands beside the tidy table.
func (p *page) further(a Analysis, args stat.Args, table func(string, *view)) {
	f := a.Frame
	if a.Kind != "km" {
		caption := p.w("table.tests")
		if slices.Contains([]string{"linear", "logistic", "cox", "poisson", "negbin"}, a.Kind) {
			caption = p.w("table.fit")
		}
		if a.Kind == "histogram" {
			caption = p.w("table.outside")
		}
		var names map[string]string
		if a.Kind == "linear" {
			names = map[string]string{"statistic": "f_statistic", "df": "f_df1", "p_value": "f_p"}
		}
		table("-glance", p.glance(caption, f.Glance, names))
		if f.Glances != nil {
			table("-groups", p.table(p.w("table.groups"), f.Glances, nil))
		}
	}
	for _, t := range f.Tables {
		v := p.table(p.maybe("table", t.Name), t.Rows, nil, "means", "person")
		v.Closed = v.Closed || t.Name == "baseline" || t.Name == "reference"
		table("-"+t.Name, v)
	}
	if len(f.Drop1) > 0 {
		table("-drop1", p.table(p.w("table.drop1"), f.Drop1, nil))
	}
	table("-vcov", p.matrix(p.w("table.vcov"), f.VCov))
	for _, e := range f.Glance {
		if m, ok := e.Value.(*stat.Matrix); ok {
			table("-"+e.Key, p.matrix(p.maybe("table", e.Key), m))
		}
	}
}

// describe shows numbers and categories in tables of their own.
func (p *page) describe(f *stat.Frame, table func(string, *view)) {
	var numbers, levels []stat.Record
	for _, r := range f.Tidy {
		if r.Get("level") != nil {
			levels = append(levels, r)
		} else {
			numbers = append(numbers, r)
		}
	}
	if len(numbers) > 0 {
		table("-numbers", p.table(p.w("table.numbers"), numbers, nil))
	}
	if len(levels) > 0 {
		table("-levels", p.table(p.w("table.levels"), levels, nil))
	}
}

// crosstab shows counts with row percentages and margins.
func (p *page) crosstab(args stat.Args, f *stat.Frame) *view {
	rows, cols := distinct(f.Tidy, "row"), distinct(f.Tidy, "column")
	v := &view{Caption: p.w("table.counts"), Columns: []header{{same(args.Rows + " \\ " + args.Columns), "row", false}}}
	for _, c := range cols {
		v.Columns = append(v.Columns, header{same(c), clean(c), true})
	}
	v.Columns = append(v.Columns, header{p.w("table.total"), "total", true})
	sums := make([]float64, len(cols))
	for _, row := range rows {
		cells, total := []cell{{Word: same(row)}}, 0.0
		for j, col := range cols {
			c, n := cell{None: true, Exact: true}, math.NaN()
			for _, r := range where(where(f.Tidy, "row", row), "column", col) {
				n = number(r, "n")
				if c = missingCell(r); !math.IsNaN(n) {
					c = cell{Word: same(nPercent(r, "row_pct"))}
				}
			}
			cells, total, sums[j] = append(cells, c), total+n, sums[j]+n
		}
		v.Rows = append(v.Rows, append(cells, marginCell(total)))
	}
	last := []cell{{Word: p.w("table.total")}}
	for _, n := range sums {
		last = append(last, marginCell(n))
	}
	v.Rows = append(v.Rows, append(last, cell{Word: same(count(f.N))}))
	v.Closed = len(v.Rows) > rowsOpen
	return v
}

// marginCell is a sum of released cells; one with a suppressed cell is not shown.
func marginCell(n float64) cell {
	if math.IsNaN(n) {
		return cell{Hidden: true, Exact: true}
	}
	return cell{Word: same(count(int64(n)))}
}

// table1 shows the groups side by side, as clinical journals do.
func (p *page) table1(args stat.Args, f *stat.Frame) *view {
	groups := distinct(f.Tidy, "group")
	compare := has(f.Tidy, "p_value") || has(f.Tidy, "smd")
	v := &view{Caption: p.w("kind.table1"), Columns: []header{{p.w("col.variable"), "variable", false}}}
	for _, g := range groups {
		name := same(g)
		if g == "" {
			name = p.w("table.all")
		}
		if n, ok := groupSize(where(f.Tidy, "group", g)); ok {
			name.En, name.Zh = name.En+", n\u00a0=\u00a0"+count(n), name.Zh+"，n\u00a0=\u00a0"+count(n)
		}
		v.Columns = append(v.Columns, header{name, "group " + clean(g), true})
	}
	if compare {
		v.Columns = append(v.Columns, header{p.w("col.smd"), "smd", true}, header{p.w("col.p_value"), "p_value", true}, header{p.w("col.test"), "test", false})
	}
	for _, variable := range distinct(f.Tidy, "variable") {
		p.table1Variable(v, variable, slices.Contains(args.Medians, variable), where(f.Tidy, "variable", variable), groups, compare)
	}
	v.Closed = len(v.Rows) > rowsOpen
	return v
}

func (p *page) table1Variable(v *view, variable string, median bool, rows []stat.Record, groups []string, compare bool) {
	add := func(name word, deep bool, one func(stat.Record) cell, rows []stat.Record, tail []cell) {
		cells := []cell{{Word: name, Deep: deep}}
		for _, g := range groups {
			c := cell{}
			if in := where(rows, "group", g); len(in) > 0 {
				c = one(in[0])
			}
			cells = append(cells, c)
		}
		if compare && tail == nil {
			tail = make([]cell, 3)
		}
		v.Rows = append(v.Rows, append(cells, tail...))
	}
	tail := p.table1Test(rows, compare)
	measure, shown := p.w("table.meansd"), func(r stat.Record) cell { return p.orMissing(r, "mean", meanSD(r)) }
	if median {
		measure, shown = p.w("table.medianiqr"), func(r stat.Record) cell { return p.orMissing(r, "median", medianIQR(r)) }
	}
	levels := has(rows, "level")
	if levels {
		measure, shown = p.w("table.npct"), func(stat.Record) cell { return cell{} }
	}
	label := clean(p.label(variable))
	add(word{label + ", " + measure.En, label + "，" + measure.Zh}, false, shown, rows, tail)
	if levels {
		for _, level := range distinct(rows, "level") {
			add(same(level), true, func(r stat.Record) cell { return p.orMissing(r, "n", nPercent(r, "pct")) }, where(rows, "level", level), nil)
		}
	}
	if slices.ContainsFunc(rows, func(r stat.Record) bool { return number(r, "missing") > 0 }) {
		add(p.w("table.missing"), true, func(r stat.Record) cell { return p.orMissing(r, "missing", show(r, "missing")) }, rows, nil)
	}
}

func (p *page) orMissing(r stat.Record, key, shown string) cell {
	if r.Get(key) == nil {
		return missingCell(r)
	}
	return cell{Word: same(shown)}
}

// table1Test is what each record of a variable says about its comparison.
func (p *page) table1Test(rows []stat.Record, compare bool) []cell {
	if !compare {
		return nil
	}
	smd, pvalue := missingCell(rows[0]), missingCell(rows[0])
	if slices.ContainsFunc(rows, func(r stat.Record) bool { return gone(r) == hidden }) {
		smd, pvalue = cell{Hidden: true, Exact: true}, cell{Hidden: true, Exact: true}
	}
	if x := number(rows[0], "smd"); !math.IsNaN(x) {
		smd = cell{Word: same(decimals(x, 3)), Value: field(rows[0], "smd"), Exact: true}
	}
	if x := number(rows[0], "p_value"); !math.IsNaN(x) {
		pvalue = cell{Word: same(shortP(x)), Value: field(rows[0], "p_value"), Exact: true}
	}
	return []cell{smd, pvalue, {Word: p.maybe("method", text(rows[0], "test"))}}
}
