package engine_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// puzzle is everything that could have been: all ways in which n people can be
// of some kinds of person. Who reads a result can work out, for every way, what
// would have been released; the ways that would have given this very result are
// those the reader cannot tell apart. byNumbers is a reader who does not go
// through the choice of suppressed cells, only through the numbers shown: which
// cells the rule hides beside the small ones can tell more about a table of very few people.
type puzzle struct {
	variables []string
	analysis  string
	also      []string // further analyses of the same study
	byNumbers bool
	people    [][]float64 // the kinds of person: a value of each variable
	n         int
	// secret is the numbers of people a reader is after, from the number of each kind of person.
	secret func(counts []int64) []int64
}

// world is one way that it could have been.
type world struct {
	counts, secrets []int64
	shown           []stat.Frame // under the rules, per analysis
	refused         []*stat.Refusal
}

// text is all that is released.
func (w world) text() string {
	var b strings.Builder
	for i, f := range w.shown {
		if w.refused[i] != nil {
			b.WriteString(w.refused[i].Error())
		} else {
			b.WriteString(frameText(f))
		}
	}
	return b.String()
}

// worlds visits all of them.
func (p puzzle) worlds(t testing.TB, privacy string) (all []world) {
	t.Helper()
	m := &madeUp{variables: p.variables, rows: make([][]string, 1)}
	var studies []*study.Spec
	for _, a := range append([]string{p.analysis}, p.also...) {
		studies = append(studies, m.spec(t, privacy+", min_sites: 1", []string{a}))
	}
	compositions(p.n, len(p.people), func(counts []int64) {
		w := world{counts: slices.Clone(counts), secrets: p.secret(slices.Clone(counts))}
		for _, s := range studies {
			f, refused := outcome(t, s, p.people, counts)
			w.shown, w.refused = append(w.shown, f), append(w.refused, refused)
		}
		all = append(all, w)
	})
	return all
}

// solve returns how many of the secrets of 1..minCell-1 people some reader of
// some result would know for certain, how many results were looked at, and an example.
func (p puzzle) solve(t testing.TB, minCell int64) (known, results int, example string) {
	t.Helper()
	sorted := map[string][]world{}
	for _, w := range p.worlds(t, fmt.Sprintf("min_cell: %d", minCell)) {
		text := w.text()
		sorted[text] = append(sorted[text], w)
	}
	var full []world
	if p.byNumbers {
		full = p.worlds(t, "min_cell: 1")
	}
	for text, same := range sorted {
		if p.byNumbers {
			same = append(same[:1:1], fitting(same[0], full)...)
		}
		for k := range same[0].secrets {
			values := map[int64]bool{}
			for _, w := range same {
				values[w.secrets[k]] = true
			}
			if x := same[0].secrets[k]; len(values) == 1 && x > 0 && x < max(minCell, 3) {
				if known++; known == 1 {
					example = fmt.Sprintf("people %v: secret %d is %d for certain: %s", same[0].counts, k, x, text)
				}
			}
		}
	}
	return known, len(sorted), example
}

// fitting returns the worlds that have all numbers that are shown.
func fitting(shown world, full []world) (fit []world) {
	for _, w := range full {
		fits := true
		for i, f := range shown.shown {
			fits = fits && (shown.refused[i] != nil || w.refused[i] == nil && agreesWith(f, w.shown[i]))
		}
		if fits {
			fit = append(fit, w)
		}
	}
	return fit
}

// agreesWith reports whether a table could be the one of which the shown
// figures were released: every number shown is its own, to the digits given, and a count that is not shown is not 0.
func agreesWith(shown, full stat.Frame) bool {
	if len(shown.Tidy) != len(full.Tidy) {
		return false
	}
	if len(shown.Tidy) == 4 && shown.Suppressed { // zeros of a 2x2 table are not shown
		return recordAgrees(shown.Glance, full.Glance, true)
	}
	hidden := 0 // inner cells
	for _, r := range shown.Tidy {
		if _, margin := lookupRecord(r, "group"); r.Get("n") == nil && !margin {
			hidden++
		}
	}
	for i, r := range shown.Tidy {
		if !recordAgrees(r, full.Tidy[i], hidden != 4) {
			return false
		}
	}
	return recordAgrees(shown.Glance, full.Glance, true)
}

// lookupRecord reports whether a record has a key that is null.
func lookupRecord(r stat.Record, key string) (has, null bool) {
	for _, e := range r {
		if e.Key == key {
			return true, e.Value == nil
		}
	}
	return false, false
}

func recordAgrees(shown, full stat.Record, zeros bool) bool {
	for i, e := range shown {
		if i >= len(full) || full[i].Key != e.Key {
			return e.Key == "suppressed" // the last one
		}
		v := full[i].Value
		switch x := e.Value.(type) {
		case nil:
			// Zeros are shown, but in a table of four cells and in groups of which nothing is.
			n, count := v.(int64)
			if m := shown.Get("missing"); zeros && count && e.Key == "n" && n == 0 && (m != nil || shown[0].Key == "row") {
				return false
			}
		case float64:
			y, ok := v.(float64)
			if !ok || math.Abs(x-y) > math.Abs(y) || x != y && x != toDigits(y, 2) && x != toDigits(y, 1) {
				return false
			}
		default:
			if x != v {
				return false
			}
		}
	}
	return true
}

// toDigits rounds x to n significant digits.
func toDigits(x float64, n int) float64 {
	y, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'e', n-1, 64), 64)
	return y
}

// outcome is everything released about counts[i] people of kind i.
func outcome(t testing.TB, s *study.Spec, people [][]float64, counts []int64) (stat.Frame, *stat.Refusal) {
	t.Helper()
	cols := make([][]float64, len(s.Schema.Fields))
	for i, n := range counts {
		for range n {
			for j := range cols {
				cols[j] = append(cols[j], people[i][j])
			}
		}
	}
	tab, err := table.New(s.Schema, string(s.Sites[0].ID), cols)
	if err != nil {
		t.Fatal(err)
	}
	return release(t, s, tab)
}

// frameText writes a frame without loss.
func frameText(f stat.Frame) string {
	var b strings.Builder
	fmt.Fprint(&b, f.N, f.Excluded, f.Filtered, f.Suppressed, f.Warnings)
	for _, rows := range [][]stat.Record{f.Tidy, {f.Glance}, f.Drop1} {
		for _, r := range rows {
			b.WriteString("\n")
			for _, e := range r {
				fmt.Fprint(&b, e.Key, "=", e.Value, " ")
			}
		}
	}
	if f.VCov != nil {
		fmt.Fprint(&b, *f.VCov)
	}
	return b.String()
}

// compositions visits all ways to share n people among k kinds.
func compositions(n, k int, visit func(counts []int64)) {
	counts := make([]int64, k)
	var fill func(i, left int)
	fill = func(i, left int) {
		if i == k-1 {
			counts[i] = int64(left)
			visit(counts)
			return
		}
		for c := 0; c <= left; c++ {
			counts[i] = int64(c)
			fill(i+1, left-c)
		}
	}
	fill(0, n)
}

// cellsAndMargins are the counts of an r x c table of kinds of person, row by row, then its margins.
func cellsAndMargins(r, c int) func([]int64) []int64 {
	return func(counts []int64) []int64 {
		out := append([]int64(nil), counts...)
		rows, cols := make([]int64, r), make([]int64, c)
		for i, n := range counts {
			rows[i/c] += n
			cols[i%c] += n
		}
		return append(append(out, rows...), cols...)
	}
}

// grid are the kinds of person of two variables that take r and c values.
func grid(r, c int, first ...float64) (people [][]float64) {
	offset := 0.0
	if len(first) > 0 {
		offset = first[0]
	}
	for i := range r {
		for j := range c {
			people = append(people, []float64{float64(i), offset + float64(j)})
		}
	}
	return people
}

func TestNoSmallCellFollowsFromAnAnalysis(t *testing.T) {
	two := "a: {type: category, levels: [a1, a2]}"
	three := "b: {type: category, levels: [b1, b2, b3]}"
	pair := "b: {type: category, levels: [b1, b2]}"
	score := func(k int) string { return fmt.Sprintf("x: {type: number, integer: true, min: 1, max: %d}", k) }
	event := "e: {type: binary}"
	for _, tc := range []struct {
		name string
		puzzle
		minCell int
	}{
		{"crosstab 2x2", puzzle{variables: []string{two, pair}, analysis: "kind: crosstab, rows: a, columns: b", people: grid(2, 2), n: 14, byNumbers: true, secret: cellsAndMargins(2, 2)}, 4},
		{"crosstab 2x3", puzzle{variables: []string{two, three}, analysis: "kind: crosstab, rows: a, columns: b", people: grid(2, 3), n: 8, byNumbers: true, secret: cellsAndMargins(2, 3)}, 3},
		{"table1 of two levels by two", puzzle{variables: []string{two, pair}, analysis: "kind: table1, variables: [b], by: a", people: grid(2, 2), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"table1 of three levels by two", puzzle{variables: []string{two, three}, analysis: "kind: table1, variables: [b], by: a", people: grid(2, 3), n: 8, byNumbers: true, secret: cellsAndMargins(2, 3)}, 3},
		{"describe of three levels by two", puzzle{variables: []string{two, three}, analysis: "kind: describe, variables: [b], by: a", people: grid(2, 3), n: 8, byNumbers: true, secret: cellsAndMargins(2, 3)}, 3},
		{"describe of a yes/no variable by two", puzzle{variables: []string{two, event}, analysis: "kind: describe, variables: [e], by: a", people: grid(2, 2), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"describe of a number of two values by two", puzzle{variables: []string{two, score(2)}, analysis: "kind: describe, variables: [x], by: a, quantiles: [0.25, 0.5, 0.75]", people: grid(2, 2, 1), n: 16, secret: cellsAndMargins(2, 2)}, 4},
		{"describe of a number of two values", puzzle{variables: []string{score(2)}, analysis: "kind: describe, variables: [x]", people: [][]float64{{1}, {2}}, n: 30, secret: cellsAndMargins(1, 2)}, 5},
		{"table1 of a number of two values by two", puzzle{variables: []string{two, score(2)}, analysis: "kind: table1, variables: [x], by: a, medians: [x]", people: grid(2, 2, 1), n: 14, secret: cellsAndMargins(2, 2)}, 4},
		{"a table and the same turned over", puzzle{variables: []string{two, three}, analysis: "kind: crosstab, rows: a, columns: b", also: []string{"kind: crosstab, rows: b, columns: a"}, people: grid(2, 3), n: 8, byNumbers: true, secret: cellsAndMargins(2, 3)}, 3},
		{"crosstab and table1 of the same table", puzzle{variables: []string{two, three}, analysis: "kind: crosstab, rows: a, columns: b", also: []string{"kind: table1, variables: [b], by: a"}, people: grid(2, 3), n: 8, byNumbers: true, secret: cellsAndMargins(2, 3)}, 3},
		{"describe by each of two", puzzle{variables: []string{two, three}, analysis: "kind: describe, variables: [b], by: a", also: []string{"kind: describe, variables: [a], by: b"}, people: grid(2, 3), n: 9, byNumbers: true, secret: cellsAndMargins(2, 3)}, 4},
		{"crosstab and its margins", puzzle{variables: []string{two, pair}, analysis: "kind: crosstab, rows: a, columns: b", also: []string{"kind: describe, variables: [a, b]"}, people: grid(2, 2), n: 14, byNumbers: true, secret: cellsAndMargins(2, 2)}, 4},
		{"ttest of a yes/no variable", puzzle{variables: []string{two, event}, analysis: "kind: ttest, variable: e, by: a", people: grid(2, 2), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"ttest of a number of two values", puzzle{variables: []string{two, score(2)}, analysis: "kind: ttest, variable: x, by: a", people: grid(2, 2, 1), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"anova of a yes/no variable", puzzle{variables: []string{two, event}, analysis: "kind: anova, variable: e, by: a", people: grid(2, 2), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"rank of a yes/no variable", puzzle{variables: []string{two, event}, analysis: "kind: rank, variable: e, by: a", people: grid(2, 2), n: 18, secret: cellsAndMargins(2, 2)}, 5},
		{"rank of a number of two values", puzzle{variables: []string{two, score(2)}, analysis: "kind: rank, variable: x, by: a", people: grid(2, 2, 1), n: 18, secret: cellsAndMargins(2, 2)}, 5},
		{"correlation of yes/no variables", puzzle{variables: []string{"d: {type: binary}", event}, analysis: "kind: correlation, variables: [d, e]", people: grid(2, 2), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"spearman of yes/no variables", puzzle{variables: []string{"d: {type: binary}", event}, analysis: "kind: correlation, variables: [d, e], method: spearman", people: grid(2, 2), n: 18, secret: cellsAndMargins(2, 2)}, 5},
		{"paired difference of yes/no variables", puzzle{variables: []string{"d: {type: binary}", event}, analysis: "kind: ttest, paired: [d, e]", people: grid(2, 2), n: 18, secret: func(c []int64) []int64 { return []int64{c[1], c[2]} }}, 5},
		{"roc of a score of two values", puzzle{variables: []string{event, score(2)}, analysis: "kind: roc, outcome: e, score: x", people: grid(2, 2, 1), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"roc of a score of three values", puzzle{variables: []string{event, score(3)}, analysis: "kind: roc, outcome: e, score: x", people: grid(2, 3, 1), n: 13, secret: cellsAndMargins(2, 3)}, 3},
		{"roc of three values at a threshold", puzzle{variables: []string{event, score(3)}, analysis: "kind: roc, outcome: e, score: x, thresholds: [2, 3]", people: grid(2, 3, 1), n: 12, secret: cellsAndMargins(2, 3)}, 3},
		{"histogram", puzzle{variables: []string{score(4)}, analysis: "kind: histogram, variable: x, breaks: [1, 2, 3, 4]", people: [][]float64{{1}, {2}, {3}, {4}}, n: 22,
			secret: func(c []int64) []int64 { return []int64{c[0], c[1], c[2] + c[3]} }}, 5},
		{"histogram with people beyond the breaks", puzzle{variables: []string{score(4)}, analysis: "kind: histogram, variable: x, breaks: [2, 3, 3.5]", people: [][]float64{{1}, {2}, {3}, {4}}, n: 20,
			secret: func(c []int64) []int64 { return c }}, 5},
		{"linear model of a yes/no outcome", puzzle{variables: []string{two, event}, analysis: `kind: linear, formula: "e ~ a"`, people: grid(2, 2), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"logistic model of a table", puzzle{variables: []string{two, event}, analysis: `kind: logistic, formula: "e ~ a"`, people: grid(2, 2), n: 20, secret: cellsAndMargins(2, 2)}, 5},
		{"logistic model of a number of two values", puzzle{variables: []string{score(2), event}, analysis: `kind: logistic, formula: "e ~ x"`,
			people: [][]float64{{1, 0}, {1, 1}, {2, 0}, {2, 1}}, n: 16, secret: cellsAndMargins(2, 2)}, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			off := tc.puzzle
			off.n = min(off.n, 8)
			if known, _, _ := off.solve(t, 1); known == 0 {
				t.Errorf("without the rule no small number is known for certain: the attack has no power")
			}
			if known, results, example := tc.solve(t, int64(tc.minCell)); known > 0 {
				t.Errorf("%d numbers of 1..%d people are known for certain, of %d results; %s", known, tc.minCell-1, results, example)
			}
		})
	}
}
