package report

import (
	"math"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// view is a table of the page.
type view struct {
	Caption word
	Columns []header
	Rows    [][]cell
	Closed  bool // it begins collapsed
	Quiet   bool // a heading above it says what it is: the caption is for those who do not see it
	Cut     *word
}

// header names a column; Keys are the columns of the saved CSV, separated by |.
type header struct {
	Word  word
	Keys  string
	Right bool
}

// cell is what a person reads and, where the saved CSV has more digits or another form, what it says.
type cell struct {
	Word   word
	Value  string // of the CSV; several, separated by |, for several columns
	Exact  bool   // Value differs from the word
	Hidden bool   // suppressed
	None   bool   // does not exist
	Deep   bool   // set in
}

// Class is how the cell is set: numbers to the right, long texts with room.
func (v *view) Class(column int, c cell) string {
	switch n := span(c.Word.En) / letter; {
	case v.Columns[column].Right:
		return "r"
	case c.Deep:
		return "deep"
	case n > 30:
		return "prose"
	case n > 8:
		return "long"
	}
	return ""
}

// Wide reports whether the table needs small letters on paper.
func (v *view) Wide() bool { return len(v.Columns) > 7 }

const (
	rowsShown = 12  // a longer table begins collapsed
	rowsOpen  = 40  // so does a longer one that its analysis is there for, as Table 1
	rowsKept  = 500 // a longer one is cut
)

// ranges are the columns of limits, each pair of which the page shows as one.
var ranges = []struct{ low, high, word string }{
	{"conf_low", "conf_high", "ci"}, {"odds_low", "odds_high", "odds_ci"}, {"hazard_low", "hazard_high", "odds_ci"}, {"rate_low", "rate_high", "odds_ci"}, {"ratio_low", "ratio_high", "odds_ci"}, {"median_low", "median_high", "median_ci"},
	{"auc_low", "auc_high", "auc_ci"}, {"concordance_low", "concordance_high", "concordance_ci"},
}

// limitsOf names the limits of a figure of a glance.
var limitsOf = map[string][2]string{
	"odds_ratio": {"odds_low", "odds_high"}, "risk_ratio": {"risk_low", "risk_high"}, "risk_difference": {"rd_low", "rd_high"},
	"fisher_odds_ratio": {"fisher_low", "fisher_high"}, "cmh_odds_ratio": {"cmh_low", "cmh_high"}, "median": {"median_low", "median_high"},
	"observed_risk": {"observed_low", "observed_high"}, "estimate": {"conf_low", "conf_high"},
}

// table shows records under their own keys, leaving some out; names overrules the names of columns.
func (p *page) table(caption word, rows []stat.Record, names map[string]string, without ...string) *view {
	v := &view{Caption: caption}
	keys := slices.DeleteFunc(columns(rows), func(k string) bool {
		return k == "suppressed" || k == "infinite" || slices.Contains(without, k) || k == "aliased" && !anyTrue(rows, k) || !has(rows, k) && !anyTrue(rows, "suppressed")
	})
	kept := rows[:min(len(rows), rowsKept)]
	v.Rows = make([][]cell, len(kept))
	for _, k := range keys {
		switch i := slices.IndexFunc(ranges, func(r struct{ low, high, word string }) bool { return r.low == k || r.high == k }); {
		case i >= 0 && ranges[i].high == k:
		case i >= 0:
			v.Columns = append(v.Columns, header{p.w("col." + ranges[i].word), k + "|" + ranges[i].high, true})
			lows, highs := limits(k, ranges[i].high, kept)
			for j, r := range kept {
				c := missingCell(r)
				if lows[j] != absent || highs[j] != absent {
					c = cell{Word: same(lows[j] + ", " + highs[j])}
				}
				c.Value, c.Exact = field(r, k)+"|"+field(r, ranges[i].high), true
				v.Rows[j] = append(v.Rows[j], c)
			}
		default:
			shown := numbers(k, kept)
			right := slices.ContainsFunc(kept, func(r stat.Record) bool { _, is := r.Get(k).(string); return !is && r.Get(k) != nil })
			v.Columns = append(v.Columns, header{p.column(orName(names, k)), k, right})
			for j, r := range kept {
				v.Rows[j] = append(v.Rows[j], p.cell(k, r, shown[j]))
			}
		}
	}
	v.Closed = len(v.Rows) > rowsShown
	return v
}

// orName is the name that overrules a key, or the key.
func orName(names map[string]string, key string) string {
	if name, is := names[key]; is {
		return name
	}
	return key
}

func anyTrue(rows []stat.Record, key string) bool {
	return slices.ContainsFunc(rows, func(r stat.Record) bool { is, _ := r.Get(key).(bool); return is })
}

// column names a column.
func (p *page) column(key string) word {
	if _, known := p.words["col."+key]; !known && len(key) > 1 && key[0] == 'q' && key[1] >= '0' && key[1] <= '9' {
		return p.w("col.quantile", strings.TrimSuffix(quantileTitle(key), " %"))
	}
	return p.maybe("col", key)
}

// coded are the columns whose texts are words of the program's own.
var coded = []string{"method", "test", "performance", "limits", "zph_transform", "se", "estimand"}

// codedTerms are the program's own words among the names of terms.
var codedTerms = []string{"Residuals", "GLOBAL", "fixed effect", "random effects"}

// cell shows one value.
func (p *page) cell(key string, r stat.Record, shown string) cell {
	switch v := r.Get(key).(type) {
	case string:
		c := cell{Word: same(v)}
		if slices.Contains(coded, key) || key == "term" && slices.Contains(codedTerms, v) {
			c.Word = p.maybe("method", v)
			c.Value, c.Exact = v, true
		}
		return c
	case bool:
		c := cell{Word: p.w("no"), Value: "false", Exact: true}
		if v {
			c.Word, c.Value = p.w("yes"), "true"
		}
		return c
	case nil:
		if sign := text(r, "infinite"); sign != "" && key == "estimate" {
			return cell{Word: same(strings.TrimPrefix(sign, "+") + "∞"), Exact: true}
		}
		return missingCell(r)
	}
	exact := field(r, key)
	return cell{Word: same(shown), Value: exact, Exact: exact != shown}
}

// missingCell says why there is no number.
func missingCell(r stat.Record) cell {
	if gone(r) == hidden {
		return cell{Hidden: true, Exact: true}
	}
	return cell{None: true, Exact: true}
}

// numbers formats a column as R would: counts whole, p-values apart, ratios to three digits, everything else to four.
func numbers(key string, rows []stat.Record) []string {
	xs := values(rows, key)
	switch {
	case isP(key):
		return pvalues(xs, 3)
	case slices.ContainsFunc(ratioKeys, func(of [3]string) bool { return slices.Contains(of[:], key) }):
		return ratioColumn(key, rows)
	case key == "pct" || strings.HasSuffix(key, "_pct"):
		return each(xs, func(x float64) string { return decimals(x, 1) })
	case declared(key) || key == "median" || len(key) > 1 && key[0] == 'q' && key[1] >= '0' && key[1] <= '9' || strings.HasPrefix(key, "median_"):
		return each(xs, whole)
	case slices.ContainsFunc(rows, func(r stat.Record) bool { _, is := r.Get(key).(int64); return is }):
		return each(xs, func(x float64) string {
			if math.IsNaN(x) {
				return absent
			}
			return count(int64(x))
		})
	case key == "mean" || key == "sd" || key == "var" || key == "sum" || key == "skewness" || key == "kurtosis":
		return each(xs, func(x float64) string { return alone(x, 4) }) // variables of different units share no format
	}
	return column(xs, 4)
}

// ratioKeys are the columns of a ratio and its limits.
var ratioKeys = [][3]string{{"odds_ratio", "odds_low", "odds_high"}, {"hazard_ratio", "hazard_low", "hazard_high"}, {"rate_ratio", "rate_low", "rate_high"}, {"ratio", "ratio_low", "ratio_high"}}

func ratioColumn(key string, rows []stat.Record) (out []string) {
	of := ratioKeys[slices.IndexFunc(ratioKeys, func(of [3]string) bool { return slices.Contains(of[:], key) })]
	for _, r := range rows {
		e, low, high := ratios(number(r, of[0]), number(r, of[1]), number(r, of[2]))
		out = append(out, [3]string{e, low, high}[slices.Index(of[:], key)])
	}
	return out
}

// limits formats lower and upper limits; those of estimates share their decimals.
func limits(low, high string, rows []stat.Record) (lows, highs []string) {
	if low != "conf_low" {
		return numbers(low, rows), numbers(high, rows)
	}
	both := column(append(values(rows, low), values(rows, high)...), 3)
	return both[:len(rows)], both[len(rows):]
}

func isP(key string) bool {
	return key == "p_value" || key == "p_value_uncorrected" || strings.HasSuffix(key, "_p") || strings.HasSuffix(key, "_p_uncorrected")
}

func each(xs []float64, f func(float64) string) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = f(x)
	}
	return out
}

// glance shows the figures of the whole, each with its limits.
func (p *page) glance(caption word, g stat.Record, names map[string]string) *view {
	v := &view{Caption: caption, Columns: []header{{p.w("col.measure"), "measure", false}, {p.w("col.value"), "value", true}, {p.w("col.ci"), "low|high", true}}}
	var shown []string
	limits := false
	for _, e := range g {
		if l, ok := limitsOf[e.Key]; ok {
			shown = append(shown, l[0], l[1])
		}
	}
	for _, e := range g {
		switch e.Value.(type) {
		case []float64, *stat.Matrix, nil:
			continue
		}
		if e.Key == "auc" {
			shown = append(shown, "auc_low", "auc_high", "conf_low", "conf_high")
		}
		if slices.Contains(shown, e.Key) || e.Key == "suppressed" {
			continue
		}
		format := numbers(e.Key, []stat.Record{g})[0]
		if _, is := e.Value.(float64); is && !isP(e.Key) {
			format = measure(e.Key, number(g, e.Key))
		}
		between := cell{Exact: true, Value: "|"}
		low, high := limitsOf[e.Key][0], limitsOf[e.Key][1]
		if e.Key == "auc" {
			low, high = "auc_low", "auc_high"
			if g.Get(low) == nil {
				low, high = "conf_low", "conf_high"
			}
		}
		if lo, hi := number(g, low), number(g, high); !math.IsNaN(lo) && !math.IsNaN(hi) {
			between.Word, between.Value, limits = same(measure(e.Key, lo)+", "+measure(e.Key, hi)), field(g, low)+"|"+field(g, high), true
		}
		v.Rows = append(v.Rows, []cell{{Word: p.column(orName(names, e.Key)), Value: e.Key, Exact: true}, p.cell(e.Key, g, format), between})
	}
	if !limits {
		v.Columns = v.Columns[:2]
		for i := range v.Rows {
			v.Rows[i] = v.Rows[i][:2]
		}
	}
	if len(v.Rows) == 0 {
		return nil
	}
	return v
}

// measure formats a figure of a glance: ratios to three digits, areas to three decimals, others to five digits.
func measure(key string, x float64) string {
	switch {
	case strings.HasSuffix(key, "odds_ratio") || key == "risk_ratio":
		return precise(x, 3)
	case key == "auc" || key == "concordance" || key == "risk_difference" || key == "observed_risk":
		return decimals(x, 3)
	case key == "events_per_parameter" || key == "i_squared":
		return decimals(x, 1)
	}
	return alone(x, 5)
}

// matrix shows a square table.
func (p *page) matrix(caption word, m *stat.Matrix) *view {
	if m == nil || len(m.Terms) == 0 || len(m.Terms) > 60 {
		return nil
	}
	v := &view{Caption: caption, Closed: true, Columns: []header{{p.w("col.term"), "term", false}}}
	for i, t := range m.Terms {
		v.Columns = append(v.Columns, header{same(t), clean(strings.ReplaceAll(t, "|", "/")), true})
		row := []cell{{Word: same(t)}}
		for _, x := range m.Matrix[i] {
			exact := field(stat.Record{}.Put("x", x), "x")
			row = append(row, cell{Word: same(alone(x, 4)), Value: exact, Exact: true})
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}
