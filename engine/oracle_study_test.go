package engine_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite generated files of testdata")

// TestOracleStudies keeps testdata/SET/oracle.yaml, the study file that asks
// for what SET/oracle.json answers, equal to what the generator makes of them.
func TestOracleStudies(t *testing.T) {
	own, _ := oracleFolders(t)
	for _, dir := range own {
		s := readOracleSet(t, dir)
		file, want := filepath.Join(dir, "oracle.yaml"), oracleStudy(t, s)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(file); err != nil {
			t.Error(err)
		} else if string(got) != want {
			t.Errorf("%s is not what the generator makes; run go test ./engine -run TestOracleStudies -update", file)
		}
	}
}

// oracleStudy writes the study file of a set: the dictionary from the schema
// and the observed ranges, an analysis or several for each of the oracle's.
// The rules against small cells are off, since the oracles have small groups.
func oracleStudy(t *testing.T, s *oracleSet) string {
	t.Helper()
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# go test ./engine -run TestOracleStudies -update")
	p("study: %s-oracle", strings.ReplaceAll(s.schema.Set, "_", "-"))
	p("title: Every analysis of the reference answers of %s", s.schema.Set)
	p("sites:")
	for _, site := range s.schema.Sites {
		p("  %s: {csv: %s}", site.Name, site.File)
	}
	p("variables:")
	for _, c := range s.schema.Columns {
		switch c.Type {
		case "binary":
			p("  %s: {type: binary}", c.Name)
		case "categorical":
			p("  %s: {type: category, levels: %s}", c.Name, flow(c.Levels))
		case "numeric":
			p("  %s: {type: number%s}", c.Name, declared(observe(t, s.columns[c.Name])))
		}
	}
	p("analyses:")
	for _, a := range s.oracle.Analyses {
		for _, ask := range asked(s, a) {
			rows := where(a.Spec.Where)
			if ask.part == "calibration" {
				rows = "" // those of the model
			}
			p("  - {id: %s, %s%s}", ask.id, ask.keys, rows)
		}
	}
	p("privacy: {reveal: sums, release: all, min_sites: 1, min_cell: 1, max_parameters_per_row: 1}")
	return b.String()
}

// ask is one analysis of the study file that answers an oracle analysis, or a part of it.
type ask struct {
	id   string
	part string // which part of the oracle's answer, see the mapping table
	keys string
}

const allQuantiles = "[0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]"

// asked lists the analyses for one of the oracle's; none for a kind that is not computed.
func asked(s *oracleSet, a oracleAnalysis) []ask {
	one := func(format string, args ...any) []ask { return []ask{{a.ID, "", fmt.Sprintf(format, args...)}} }
	switch sp := a.Spec; a.Kind {
	case "describe":
		var all, numbers []string
		for _, c := range s.schema.Columns {
			switch c.Type {
			case "numeric":
				numbers = append(numbers, c.Name)
				fallthrough
			case "binary", "categorical":
				all = append(all, c.Name)
			}
		}
		asks := []ask{{a.ID, "type7", "kind: describe, variables: " + flow(all) + ", quantiles: " + allQuantiles}}
		for _, q := range []string{"1", "2"} {
			asks = append(asks, ask{a.ID + "_type" + q, "type" + q, "kind: describe, variables: " + flow(numbers) + ", quantiles: " + allQuantiles + ", quantile_type: " + q})
		}
		return asks
	case "describe_by":
		return one("kind: describe, variables: %s, by: %s, quantiles: [0.25, 0.5, 0.75]", flow(sp.Columns), sp.Group)
	case "histogram":
		return one("kind: histogram, variable: %s, breaks: %s", sp.Column, flow(decimals(sp.Breaks)))
	case "table":
		return one("kind: crosstab, rows: %s, columns: %s", sp.Row, sp.Col)
	case "ttest":
		return one("kind: ttest, variable: %s, by: %s", sp.Column, sp.Group)
	case "ttest_paired":
		return one("kind: ttest, paired: [%s, %s]", sp.First, sp.Second)
	case "anova", "rank":
		return one("kind: %s, variable: %s, by: %s", a.Kind, sp.Column, sp.Group)
	case "correlation":
		keys := "kind: correlation, variables: " + flow(sp.Columns)
		return []ask{{a.ID, "pearson", keys}, {a.ID + "_spearman", "spearman", keys + ", method: spearman"}}
	case "table1":
		return one("kind: table1, variables: %s, by: %s, medians: %s", flow(sp.Columns), sp.Group, flow(sp.Medians))
	case "lm":
		return one("kind: linear, formula: %q, drop1: true", model(sp))
	case "logistic":
		asks := one("kind: logistic, formula: %q, drop1: true, evaluate: {cells: 100}", model(sp))
		if lookup(a.Result, "in_sample", "hosmer_lemeshow", "n") != nil {
			asks = append(asks, ask{a.ID + "_calibration", "calibration", "kind: calibration, model: " + a.ID})
		}
		return asks
	case "km":
		keys := fmt.Sprintf("kind: km, time: %s, event: %s, tau: %s", sp.Time, sp.Event, decimals([]float64{sp.Tau})[0])
		if sp.Group != "" {
			keys += ", by: " + sp.Group
		}
		return []ask{{a.ID, "all", keys}, {a.ID + "_times", "times", keys + ", times: " + flow(decimals(sp.Times))}}
	case "logrank":
		keys := fmt.Sprintf("kind: logrank, time: %s, event: %s, by: %s", sp.Time, sp.Event, sp.Group)
		asks := []ask{{a.ID, "logrank", keys}}
		if sp.Strata != "" {
			asks = append(asks, ask{a.ID + "_strata", "stratified", keys + ", strata: " + sp.Strata})
		}
		return asks
	case "cox":
		var asks []ask
		for _, ties := range []string{"efron", "breslow"} {
			keys := fmt.Sprintf("kind: cox, time: %s, event: %s, formula: %q, ties: %s, zph: km", sp.Time, sp.Event, strings.TrimSpace(model(sp)), ties)
			if sp.Strata != "" {
				keys += ", strata: " + sp.Strata
			}
			asks = append(asks, ask{a.ID + "_" + ties, ties, keys})
		}
		return asks
	case "lm_ridge", "logistic_ridge":
		var asks []ask
		for i, l := range decimals(sp.Lambda) {
			asks = append(asks, ask{fmt.Sprintf("%s_%d", a.ID, i+1), fmt.Sprint(i), fmt.Sprintf("kind: %s, formula: %q, ridge: %s",
				map[string]string{"lm_ridge": "linear", "logistic_ridge": "logistic"}[a.Kind], model(sp), l)})
		}
		return asks
	case "roc":
		if len(sp.Cutoffs) == 0 {
			return one("kind: roc, outcome: %s, score: %s", sp.Outcome, sp.Score)
		}
		return one("kind: roc, outcome: %s, score: %s, thresholds: %s", sp.Outcome, sp.Score, flow(decimals(sp.Cutoffs)))
	}
	return nil
}

func model(sp oracleSpec) string {
	terms := []string{"1"}
	for _, t := range sp.Terms {
		terms = append(terms, strings.Join(t, ":"))
	}
	if len(terms) > 1 {
		terms = terms[1:]
	}
	return sp.Outcome + " ~ " + strings.Join(terms, " + ")
}

func where(ws []oracleWhere) string {
	var conds []string
	for _, w := range ws {
		literal := func(v any) string {
			if x, ok := v.(float64); ok {
				return strconv.FormatFloat(x, 'f', -1, 64)
			}
			return strconv.Quote(fmt.Sprint(v))
		}
		if vs, ok := w.Value.([]any); ok {
			var list []string
			for _, v := range vs {
				list = append(list, literal(v))
			}
			conds = append(conds, fmt.Sprintf("%s %%in%% c(%s)", w.Col, strings.Join(list, ", ")))
		} else {
			conds = append(conds, w.Col+" "+w.Op+" "+literal(w.Value))
		}
	}
	if len(conds) == 0 {
		return ""
	}
	return ", where: '" + strings.Join(conds, " & ") + "'"
}

// declared writes the range and the step of a column. A column without a value
// declares 0 to 1, a constant one a range one step wide.
func declared(o observed) string {
	if !o.any {
		return ", integer: true, min: 0, max: 1"
	}
	digits := func(x float64) string { return strconv.FormatFloat(x, 'f', o.decimals, 64) }
	hi := o.max
	if o.min == o.max {
		hi += math.Pow10(-o.decimals)
	}
	if o.decimals == 0 {
		return fmt.Sprintf(", integer: true, min: %s, max: %s", digits(o.min), digits(hi))
	}
	return fmt.Sprintf(", step: %s, min: %s, max: %s", digits(math.Pow10(-o.decimals)), digits(o.min), digits(hi))
}

func decimals(xs []float64) []string {
	var out []string
	for _, x := range xs {
		out = append(out, strconv.FormatFloat(x, 'f', -1, 64))
	}
	return out
}

var plainScalar = regexp.MustCompile(`^-?[A-Za-z0-9][A-Za-z0-9_.]*$`)

// flow writes a YAML list on one line. What YAML 1.1 reads as a truth value is quoted.
func flow(items []string) string {
	out := make([]string, len(items))
	for i, s := range items {
		switch strings.ToLower(s) {
		case "yes", "no", "y", "n", "on", "off", "true", "false", "null":
			s = strconv.Quote(s)
		default:
			if !plainScalar.MatchString(s) {
				s = strconv.Quote(s)
			}
		}
		out[i] = s
	}
	return "[" + strings.Join(out, ", ") + "]"
}
