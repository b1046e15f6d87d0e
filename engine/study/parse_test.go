package study

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// example uses every key of the format that needs no particular statistic.
const example = `# a comment
study: heart-4
title: Risk factors
approval: {ethics: "IRB 2026-017", contact: a@b}
sites:
  south: {csv: data/south.csv}
  north: {csv: north.csv, encoding: gb18030, separator: ";", columns: {age: ALTER}}
  east:
variables:
  age:     {type: number, unit: years, integer: true, min: 18, max: 110}
  oldpeak: {type: number, unit: mm, step: 0.1, min: -5, max: 10, missing: ["-9", NA], off_grid: round, out_of_range: missing}
  crp:     {type: number, min: 0, max: 500, column: "CRP (mg/l)"}
  sex:     {type: category, levels: [no, yes, 1.0, 007, ~, 0x1F, "true"]}
  disease: {type: binary}
  died:    {type: binary, codes: {no: 0, yes: 1, y: 1}, missing: [unknown]}
cohort:
  where: "age >= 40 & !is.na(oldpeak)"
analyses:
  - {id: all, kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2}
  - id: older
    kind: describe
    variables: [crp]
    where: >
      age > 60 &
      sex %in% c("no", "1.0")
privacy:
  min_sites: 3
  max_rows: 300000
`

func parse(t *testing.T, src string) *Spec {
	t.Helper()
	s, err := Parse("study.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseReadsEveryKey(t *testing.T) {
	s := parse(t, example)
	if s.Name != "heart-4" || s.Title != "Risk factors" || s.Approval != (Approval{"IRB 2026-017", "a@b"}) {
		t.Errorf("head: %+v", s)
	}
	if got := s.Schema.Sites; !slices.Equal(got, []string{"south", "north", "east"}) {
		t.Errorf("sites %v: want the order of the file", got)
	}
	if n := s.Sites[1].Source; n.CSV != "north.csv" || n.Encoding != "gb18030" || n.Separator != ";" || n.Columns["age"] != "ALTER" {
		t.Errorf("north: %+v", n)
	}
	age, oldpeak, crp, sex, disease, died := s.Schema.Fields[0], s.Schema.Fields[1], s.Schema.Fields[2], s.Schema.Fields[3], s.Schema.Fields[4], s.Schema.Fields[5]
	if !age.Integer || age.Min != 18 || age.Max != 110 || age.Unit != "years" || age.Grid != (table.Grid{M: 1}) || !age.GridDeclared || age.Missing != nil {
		t.Errorf("age: %+v", age)
	}
	if oldpeak.Grid != (table.Grid{M: 1, E10: -1}) || !oldpeak.GridDeclared || !oldpeak.OffGridRound || !oldpeak.OutOfRangeMissing || !slices.Equal(oldpeak.Missing, []string{"-9", "NA"}) {
		t.Errorf("oldpeak: %+v", oldpeak)
	}
	if crp.Grid != (table.Grid{M: 1, E10: -5}) || crp.GridDeclared || crp.Column != "CRP (mg/l)" {
		t.Errorf("crp: %+v", crp)
	}
	if sex.Kind != table.Category || !slices.Equal(sex.Levels, []string{"no", "yes", "1.0", "007", "~", "0x1F", "true"}) {
		t.Errorf("sex: levels %q are not the literal texts", sex.Levels)
	}
	if disease.Kind != table.Binary || disease.Codes != nil || died.Codes["no"] != 0 || died.Codes["yes"] != 1 || len(died.Codes) != 3 {
		t.Errorf("disease: %+v, died: %+v", disease, died)
	}
	if s.Cohort.String() != "age >= 40 & !is.na(oldpeak)" {
		t.Errorf("cohort: %v", s.Cohort)
	}
	a := s.Analyses[0]
	if a.ID != "all" || a.Kind != "describe" || !slices.Equal(a.Variables, []string{"age", "oldpeak", "sex"}) || a.By != "disease" || !slices.Equal(a.Quantiles, []float64{0.25, 0.5}) || a.QuantileType != 2 || a.Where != nil {
		t.Errorf("analysis: %+v", a)
	}
	if w := s.Analyses[1].Where; w == nil || !slices.Equal(w.Variables(), []string{"age", "sex"}) {
		t.Errorf("where: %v", w)
	}
	if a.Rules.MinCell != 5 || a.Rules.MinSites != 3 || a.Rules.MaxParametersPerRow != 0.33 || a.Rules.MaxRows != 300000 {
		t.Errorf("rules: %+v", a.Rules)
	}
	if len(s.Warnings) != 0 {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestPrivacyHasTheDefaultsOfTheFormat(t *testing.T) {
	s := parse(t, strings.Split(example, "privacy:")[0])
	want := Privacy{Reveal: "sums", Release: "all", MinSites: 3, MaxRows: 4294967296, Verify: "sums", MinCell: 5, MaxParametersPerRow: 0.33, Differencing: "warn", Digits: "full"}
	if s.Privacy != want {
		t.Errorf("got %+v, want %+v", s.Privacy, want)
	}
	s = parse(t, strings.Split(example, "privacy:")[0]+"privacy: {release: analyst, min_sites: 1, max_rows: 3, min_cell: 10, max_parameters_per_row: 1, differencing: refuse, digits: 4, reveal: sums, verify: sums}\n")
	want = Privacy{Reveal: "sums", Release: "analyst", MinSites: 1, MaxRows: 3, Verify: "sums", MinCell: 10, MaxParametersPerRow: 1, Differencing: "refuse", Digits: "4"}
	if s.Privacy != want {
		t.Errorf("got %+v, want %+v", s.Privacy, want)
	}
}

// Every case changes one thing of the example; line is where the mistake is told.
func TestMistakesAreToldWithLineAndRemedy(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		line           int
		err            string
	}{
		{"unknown top key", "title:", "titel:", 3, `study file: unknown key "titel"; nearest is "title"`},
		{"no study", "study: heart-4\n", "", 2, `no key "study"`},
		{"name of study", "heart-4", "Heart_4", 2, "lower-case"},
		{"study is a list", "heart-4", "[heart]", 2, "study is a list; want a text"},
		{"empty title", "title: Risk factors", "title:", 3, "title is empty"},
		{"key twice", "title: Risk factors", "study: again", 3, `key "study" stands twice, first in line 2`},
		{"approval key", "contact:", "kontact:", 4, `approval: unknown key "kontact"; nearest is "contact"`},
		{"site twice", "  north: {", "  south: {", 7, `key "south" stands twice, first in line 6`},
		{"site hub", "  south:", "  hub:", 6, "party that adds"},
		{"site name", "  south:", "  St. Mary:", 6, "want up to 64 letters"},
		{"site key", "separator:", "sep:", 7, `site north: unknown key "sep"; want one of csv`},
		{"encoding", "gb18030", "gbk", 7, "want one of utf-8, gb18030"},
		{"separator", `";"`, `";;"`, 7, "want one character"},
		{"column of an unknown variable", "{age: ALTER}", "{aeg: ALTER}", 7, `no variable "aeg" in the dictionary; nearest is "age"`},
		{"column of site", "{age: ALTER}", "{site: ORT}", 7, `no variable "site"`},
		{"sites is a list", "sites:\n  south: {csv: data/south.csv}\n  north: {csv: north.csv, encoding: gb18030, separator: \";\", columns: {age: ALTER}}\n  east:", "sites: [a, b, c]", 5, "sites is a list"},
		{"variable twice", "  crp:  ", "  age:  ", 12, `key "age" stands twice, first in line 10`},
		{"variable called site", "  crp:", "  site:", 12, "taken"},
		{"variable key", "unit: years", "units: years", 10, `variable age: unknown key "units"; nearest is "unit"`},
		{"key of another type", "{type: binary}", "{type: binary, levels: [a, b]}", 14, `variable disease: unknown key "levels"`},
		{"no type", "{type: binary}", "{}", 14, "has no type"},
		{"variable is a text", "{type: binary}", "binary", 14, "has no type"},
		{"unknown type", "{type: binary}", "{type: bool}", 14, "want number, category or binary"},
		{"no range", "min: 0, max: 500, ", "", 12, "declares no range"},
		{"range upside down", "min: 18, max: 110", "min: 110, max: 18", 10, "min must be below max"},
		{"min is text", "min: 18", "min: low", 10, "variable age: min is not a number"},
		{"min in quotes", "min: 18", "min: \"18\"", 10, "without quotes"},
		{"min hexadecimal", "min: 18", "min: 0x12", 10, "not a number"},
		{"max infinite", "max: 110", "max: .inf", 10, "not a number"},
		{"integer is text", "integer: true", "integer: yes", 10, "neither true nor false"},
		{"step zero", "step: 0.1", "step: 0", 11, "step is not a positive decimal number"},
		{"step too fine", "step: 0.1", "step: 1e-20", 11, "more than 2^53 steps"},
		{"step of an integer", "integer: true", "integer: true, step: 0.5", 10, "want a whole step"},
		{"out_of_range", "out_of_range: missing", "out_of_range: clip", 11, "want error or missing"},
		{"off_grid without step", "step: 0.1, ", "", 11, "needs a declared step"},
		{"missing is no list", `["-9", NA]`, "NA", 11, "want a list"},
		{"level twice", "no, yes, 1.0", "no, yes, no", 13, `declares the level "no" twice`},
		{"no levels", ", levels: [no, yes, 1.0, 007, ~, 0x1F, \"true\"]", "", 13, "without levels"},
		{"list in levels", "[no, yes", "[[no], yes", 13, "levels holds a list"},
		{"code 2", "yes: 1, y: 1", "yes: 2", 15, "code yes is not a whole number from 0 to 1"},
		{"no code for 1", ", yes: 1, y: 1", "", 15, "at least one code"},
		{"code is missing", "[unknown]", "[yes]", 15, "both a code and a missing code"},
		{"cohort key", "  where: \"age", "  were: \"age", 17, `cohort: unknown key "were"; nearest is "where"`},
		{"cohort condition", "!is.na(oldpeak)", "oldpeak = 3", 17, "cohort.where: character 21: unexpected =; equality is written =="},
		{"cohort empty", "\"age >= 40 & !is.na(oldpeak)\"", "", 17, "want a condition in quotes"},
		{"no analyses", example[strings.Index(example, "analyses:"):strings.Index(example, "privacy:")], "", 2, `no key "analyses"`},
		{"empty analyses", example[strings.Index(example, "analyses:"):strings.Index(example, "privacy:")], "analyses: []\n", 18, "the list is empty"},
		{"no id", "id: all, ", "", 19, "analysis 1 has no id"},
		{"id is a path", "id: all", "id: ../all", 19, "name of a file"},
		{"id twice", "id: older", "id: ALL", 20, `analysis id "ALL" stands twice, first in line 19`},
		{"no kind", "    kind: describe\n", "", 20, "analysis older has no kind"},
		{"unknown kind", "kind: describe, ", "kind: descriibe, ", 19, `unknown kind "descriibe"; nearest is "describe"`},
		{"model that is none", "kind: describe, ", "kind: calibration, model: risk}\n  - {id: x, kind: describe, ", 19, `no analysis "risk" before this one`},
		{"models of which one is none", "kind: describe, ", "kind: linear, formula: age ~ oldpeak}\n  - {id: x, kind: lrtest, models: [all, risk]}\n  - {id: y, kind: describe, ", 20, `models: no analysis "risk" before this one`},
		{"models with a condition", "kind: describe, ", "kind: linear, formula: age ~ oldpeak}\n  - {id: x, kind: lrtest, models: [all, all], where: age > 50}\n  - {id: y, kind: describe, ", 20, "the rows are those of all, all; leave it out"},
		{"models that are not nested", "kind: describe, ", "kind: linear, formula: age ~ oldpeak}\n  - {id: x, kind: lrtest, models: [all, all]}\n  - {id: y, kind: describe, ", 20, "all and all are not nested"},
		{"key of another kind", "by: disease", "formula: disease", 19, `analysis all (describe): unknown key "formula"`},
		{"required key", "    variables: [crp]\n", "", 20, `analysis older: kind describe needs the key "variables"`},
		{"unknown variable", "[age, oldpeak, sex]", "[age, oldpaek, sex]", 19, `no variable "oldpaek" in the dictionary; nearest is "oldpeak"`},
		{"list element on its own line", "[crp]", "\n    - age\n    - cpr", 24, `no variable "cpr"`},
		{"unknown by", "by: disease", "by: deseas", 19, `nearest is "disease"`},
		{"variables is a text", "[crp]", "crp", 22, "variables is a single value; want a list"},
		{"by is a list", "by: disease", "by: [disease]", 19, "by is a list; want a text"},
		{"quantile is text", "[0.25, 0.5]", "[0.25, half]", 19, "quantiles is not a number"},
		{"quantile_type is text", "quantile_type: 2", "quantile_type: two", 19, "not a whole number"},
		{"no paired", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: ttest, by: disease", 19, "analysis all: ttest: "},
		{"crosstab of numbers", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: crosstab, rows: age, columns: sex", 19, `analysis all: crosstab: variable "age" is a number`},
		{"formula", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: linear, formula: \"age ~ (sex\"", 19, "analysis all: linear: formula: column"},
		{"two ways of dealing folds", "kind: describe, ", "kind: logistic, formula: disease ~ age, cross_validate: {folds: 5}}\n  - {id: x, kind: logistic, formula: disease ~ sex, cross_validate: {folds: 5, seed: 1}}\n  - {id: y, kind: describe, ", 20, "analysis x: cross_validate: folds and seed are not those of all"},
		{"an empty list", "[0.25, 0.5]", "[]", 19, "analysis all: quantiles: the list is empty"},
		{"no thresholds", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: roc, outcome: disease, score: oldpeak, thresholds: []", 19, "thresholds: the list is empty"},
		{"a step of 0", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: roc, outcome: disease, score: oldpeak, grid: 0", 19, "analysis all: grid is 0; want a number above 0"},
		{"a type of 0", "quantile_type: 2", "quantile_type: 0", 19, "quantile_type is 0"},
		{"drop1 is a word", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: linear, formula: age ~ sex, drop1: yes", 19, "drop1 is neither true nor false"},
		{"break is text", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: histogram, variable: age, breaks: [1, x]", 19, "breaks is not a number"},
		{"quantile above 1", "[0.25, 0.5]", "[0.25, 50]", 19, "analysis all: "},
		{"condition of an analysis", "sex %in% c(\"no\", \"1.0\")", "sex == 'male'", 23, `analysis older: where: character 19: "male" is not a level of "sex"`},
		{"privacy key", "min_sites:", "min_site:", 27, `privacy: unknown key "min_site"; nearest is "min_sites"`},
		{"min_sites", "min_sites: 3", "min_sites: 0", 27, "privacy.min_sites is not a whole number from 1"},
		{"more sites wanted than there are", "min_sites: 3", "min_sites: 4", 27, "3 hospitals, privacy.min_sites is 4"},
		{"max_rows", "300000", "4294967297", 28, "from 1 to 4294967296"},
		{"max_rows below sites", "300000", "2", 26 + 1, "less than one record"},
		{"reveal", "  min_sites: 3", "  reveal: models", 27, "want sums or model"},
		{"verify full without encryption", "  min_sites: 3", "  verify: full", 27, "privacy.verify: full is about encrypted sessions"},
		{"final_steps without encryption", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: logistic, formula: disease ~ age, final_steps: 0", 19, "analysis all: final_steps is about encrypted models"},
		{"withhold without encryption", "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2", "kind: linear, formula: age ~ oldpeak, withhold: [vcov, std_error]", 19, "analysis all: withhold is about encrypted models"},
		{"digits", "  min_sites: 3", "  digits: 3", 27, "want full or 4"},
		{"ratio", "  min_sites: 3", "  max_parameters_per_row: 1.5", 27, "at most 1"},
		{"min_cell", "  min_sites: 3", "  min_cell: 0", 27, "min_cell is not a whole number"},
		{"tab", "  south:", "\tsouth:", 6, "not YAML"},
		{"bracket", "[crp]", "[crp", 23, "not YAML"},
		{"anchor", "title: Risk", "title: &a Risk", 3, "anchors"},
		{"alias", "cohort:\n", "x: &y 1\nz: *y\ncohort:\n", 16, "anchors"},
		{"tag", "title: Risk", "title: !!str Risk", 3, "the tag !!str is not allowed"},
		{"second document", "privacy:", "---\nprivacy:", 26, "second document"},
		{"key is a list", "title: ", "? [a]\n: ", 3, "a key must be a plain word"},
		{"deep", "title: Risk factors", "title: " + strings.Repeat("[", 40) + strings.Repeat("]", 40), 3, "nested more than"},
		{"not UTF-8", "Risk factors", "Risk\xff factors", 3, "not UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := strings.Replace(example, tc.old, tc.new, 1)
			if src == example {
				t.Fatalf("the example does not hold %q", tc.old)
			}
			s, err := Parse("study.yaml", []byte(src))
			var all Errors
			if !errors.As(err, &all) || s != nil {
				t.Fatalf("got %v, want Errors", err)
			}
			for _, e := range all {
				if e.Line == tc.line && strings.Contains(e.Error(), tc.err) {
					return
				}
			}
			t.Errorf("want line %d: %s; got\n%v", tc.line, tc.err, err)
		})
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	src := strings.NewReplacer("heart-4", "Heart", "gb18030", "gbk", "unit: years", "units: years", "levels: [no", "levels: [no, no", "min_sites: 3", "min_sites: x").Replace(example)
	_, err := Parse("study.yaml", []byte(src))
	var all Errors
	if !errors.As(err, &all) || len(all) != 5 {
		t.Fatalf("got\n%v\nwant 5 mistakes", err)
	}
	if !slices.IsSortedFunc(all, func(a, b *Error) int { return a.Line - b.Line }) {
		t.Errorf("not in the order of lines:\n%v", err)
	}
	var first *Error
	if !errors.As(err, &first) || first != all[0] {
		t.Errorf("the first mistake is %v", first)
	}
}

func TestFilesWithoutAStudyAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ src, err string }{
		"empty":          {"", "the file is empty"},
		"comment only":   {"# nothing\n", "the file is empty"},
		"null":           {"~\n", "study file is empty"},
		"a list":         {"- a\n", "study file is a list"},
		"a text":         {"hello\n", "study file is a single value"},
		"too long":       {strings.Repeat("#", maxBytes+1), "at most 1048576"},
		"UTF-16":         {"\xff\xfes\x00", "not UTF-8"},
		"control":        {"study: a\x01b\n", "not YAML"},
		"records":        {"age,sex\n67,male\n", "study file is a single value"},
		"an alias alone": {"*a\n", "not YAML"},
	} {
		if _, err := Parse("study.yaml", []byte(tc.src)); err == nil || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: got %v, want %s", name, err, tc.err)
		}
	}
}

func TestHugeStudiesAreRefusedShortly(t *testing.T) {
	for name, tc := range map[string]struct{ src, err string }{
		"sites":     {"sites: {" + many("s", 1001) + "}", "sites: 1001 of them, at most 200"},
		"variables": {"variables: {" + many("v", 10001) + "}", "variables: 10001 of them"},
		"analyses":  {strings.Split(example, "analyses:")[0] + "analyses: [" + many("a", 1001) + "]", "analyses: 1001 of them"},
		"a word":    {"study: " + strings.Repeat("A", 100000), "AAA..."},
	} {
		_, err := Parse("f", []byte(tc.src))
		if err == nil || !strings.Contains(err.Error(), tc.err) || len(err.Error()) > 5000 {
			t.Errorf("%s: got %d bytes, want %s", name, len(err.Error()), tc.err)
		}
	}
}

// many lists n different words.
func many(word string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(word + strconv.Itoa(i) + ": , ")
	}
	return b.String()
}

func TestSmallRostersMustBeWrittenAndAreWarnedOf(t *testing.T) {
	two := strings.Replace(example, "  east:\n", "", 1)
	if _, err := Parse("f", []byte(two)); err == nil || !strings.Contains(err.Error(), "each can subtract itself from a total; write min_sites: 2") {
		t.Errorf("two hospitals: got %v", err)
	}
	s := parse(t, strings.Replace(two, "min_sites: 3", "min_sites: 2", 1))
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "two hospitals only") {
		t.Errorf("warnings %q", s.Warnings)
	}
	one := "study: a\nsites: {a: {csv: a.csv}}\nvariables: {x: {type: binary}, y: {type: binary, column: x}}\nanalyses: [{id: a, kind: describe, variables: [x]}]\nprivacy: {min_cell: 1, min_sites: %}\n"
	if _, err := Parse("f", []byte(strings.Replace(one, "%", "2", 1))); err == nil || !strings.Contains(err.Error(), "write min_sites: 1") {
		t.Errorf("one hospital: got %v", err)
	}
	s = parse(t, strings.Replace(one, "%", "1", 1))
	for i, want := range []string{"one hospital only", "min_cell is 1", "same column"} {
		if len(s.Warnings) != 3 || !strings.Contains(s.Warnings[i], want) {
			t.Errorf("warnings %q, want %s", s.Warnings, want)
		}
	}
}

func TestAnalysesThatNameSiteShowSingleHospitals(t *testing.T) {
	for src, want := range map[string]bool{
		"{id: a, kind: describe, variables: [age]}":                                         false,
		"{id: a, kind: describe, variables: [age], by: site}":                               true,
		"{id: a, kind: describe, variables: [age, site]}":                                   true,
		"{id: a, kind: describe, variables: [age], where: \"site == 'south'\"}":             true,
		"{id: a, kind: crosstab, rows: site, columns: sex}":                                 true,
		"{id: a, kind: crosstab, rows: sex, columns: site}":                                 true,
		"{id: a, kind: crosstab, rows: sex, columns: disease}":                              false,
		"{id: a, kind: linear, formula: \"age ~ sex + site\"}":                              true,
		"{id: a, kind: linear, formula: \"age ~ sex:`site`\"}":                              true,
		"{id: a, kind: linear, formula: \"age ~ factor(site, ref = 'north')\"}":             true,
		"{id: a, kind: linear, formula: \"age ~ .\"}":                                       false,
		"{id: a, kind: describe, variables: [age], where: \"sex == 'no' | is.na(`site`)\"}": true,
	} {
		head, tail, _ := strings.Cut(example, "analyses:")
		_, privacy, _ := strings.Cut(tail, "privacy:")
		s := parse(t, head+"analyses: ["+src+"]\nprivacy:"+privacy)
		if s.Analyses[0].PerHospital != want {
			t.Errorf("%s: per hospital is %v", src, !want)
		}
	}
	s := parse(t, strings.Replace(example, "age >= 40 &", "site != 'south' &", 1))
	for _, a := range s.Analyses {
		if !a.PerHospital {
			t.Errorf("%s: the cohort names site, but it is not per hospital", a.ID)
		}
	}
}

// What compares hospitals shows their figures only where the study asks for it; strata within hospitals show none.
func TestFiguresOfHospitalsAreAskedFor(t *testing.T) {
	old := "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2"
	for keys, want := range map[string]bool{
		"kind: heterogeneity, model: m, term: oldpeak":                       false,
		"kind: heterogeneity, model: m, term: oldpeak, per_hospital: true":   true,
		"kind: cox, time: age, event: disease, formula: ~ crp, strata: site": false,
		"kind: lrtest, models: [m, n]":                                       true, // n names site
	} {
		src := strings.Replace(example, "{id: all, "+old, "{id: m, kind: linear, formula: age ~ oldpeak}\n  - {id: n, kind: linear, formula: age ~ oldpeak + site}\n  - {id: all, "+keys, 1)
		s, err := Parse("f", []byte(src))
		if err != nil {
			t.Fatalf("%s: %v", keys, err)
		}
		if got := s.Analyses[2].PerHospital; got != want {
			t.Errorf("%s: per hospital %v, want %v", keys, got, want)
		}
	}
}

func TestAnEmptyKindOrIdIsNoKindAndNoId(t *testing.T) {
	for old, want := range map[string]string{"kind: ": "kind is empty", "{id: ": "it becomes the name of a file"} {
		i := strings.Index(example, old)
		end := i + strings.IndexAny(example[i:], ",}\n")
		_, err := Parse("f", []byte(example[:i]+old+`""`+example[end:]))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", old, err, want)
		}
	}
}

func TestParseReadsTheKeysOfEncryptedModels(t *testing.T) {
	src := strings.Replace(example, "min_sites: 3", "min_sites: 3\n  reveal: model\n  verify: full\n  release: analyst", 1)
	old := "kind: describe, variables: [age, oldpeak, sex], by: disease, quantiles: [0.25, 0.5], quantile_type: 2"
	s := parse(t, strings.Replace(src, old, "kind: logistic, formula: disease ~ age, final_steps: 0, degree: 2, condition: 1e4", 1))
	a := s.Analyses[0]
	if s.Privacy.Reveal != "model" || s.Privacy.Verify != "full" || !a.Veil || !a.Sealed || a.FinalSteps == nil || *a.FinalSteps != 0 || a.Degree != 2 || a.Condition != 1e4 {
		t.Errorf("privacy %+v, analysis %+v", s.Privacy, a)
	}
	s = parse(t, strings.Replace(src, old, "kind: linear, formula: age ~ oldpeak, withhold: [vcov, std_error]", 1))
	if a := s.Analyses[0]; !slices.Equal(a.Withhold, []string{"vcov", "std_error"}) {
		t.Errorf("withhold is %v", a.Withhold)
	}
	if s := parse(t, example); s.Analyses[0].Veil || s.Analyses[0].Sealed {
		t.Error("reveal: sums encrypts nothing")
	}
}
