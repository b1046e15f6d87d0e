package report

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

func TestReportReadsLikeRsSummary(t *testing.T) {
	var b strings.Builder
	if err := outcome().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", b.String())
}

func TestResultIsJSONInTheOrderOfTheFormat(t *testing.T) {
	var b strings.Builder
	if err := outcome().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(b.String())) {
		t.Error("result.json is not JSON")
	}
	golden(t, "result.json", b.String())
}

func TestDisclosedListsEveryOpening(t *testing.T) {
	var b strings.Builder
	if err := outcome().WriteDisclosed(&b); err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(b.String())) {
		t.Error("disclosed.json is not JSON")
	}
	if !strings.Contains(b.String(), "never asked for") {
		t.Error("an opening that was declared and not used is not listed")
	}
}

func TestPlanSaysWhatWouldBeOpened(t *testing.T) {
	s := trial()
	p := &Plan{Spec: s, Digest: "sha256:00ff", Rounds: Range{6, 40}, BytesUp: 1234567, BytesDown: 2345678, Warnings: []string{"a warning"},
		Openings: []stat.Opening{{What: "how many records all hospitals hold together", Cells: 2, MaxTimes: 1, CountsPeople: true, Released: true}}}
	for _, a := range s.Analyses {
		one := PlannedAnalysis{ID: a.ID, Kind: a.Kind, Openings: []stat.Opening{
			{What: "how many rows are used", Cells: 4, MaxTimes: 1, CountsPeople: true, PerHospital: a.PerHospital, Released: true},
			{What: "how the model fits at each step", Cells: 21, MaxTimes: 25, CountsPeople: true}}}
		if a.ID == "greedy" {
			one.Refused = &stat.Refusal{Rule: "saturated", Message: "a saturated model is a table", Remedy: "ask for a crosstab"}
		}
		p.Analyses = append(p.Analyses, one)
	}
	var b strings.Builder
	if err := p.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", b.String())
	b.Reset()
	if err := p.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", b.String())
}

func TestNumbersInJSONReadBackAsTheyWere(t *testing.T) {
	r := outcome()
	for _, x := range []float64{0.1, 1.0 / 3, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 123456789.123456789} {
		r.Analyses = []Analysis{{ID: "x", Frame: &stat.Frame{Tidy: []stat.Record{rec("x", x)}}}}
		var b strings.Builder
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Analyses []struct{ Tidy []map[string]float64 }
		}
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
			t.Fatal(err)
		}
		if y := got.Analyses[0].Tidy[0]["x"]; y != x {
			t.Errorf("got %v, want %v", y, x)
		}
	}
}

func TestFourDigitsAreReleasedWhenTheStudySaysSo(t *testing.T) {
	r := outcome()
	r.Spec.Privacy.Digits = "4"
	var b strings.Builder
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	for _, long := range []string{"0.772727893", "0.400401", "164.7297", "14.640625", "0.00051234"} {
		if strings.Contains(b.String(), long) {
			t.Errorf("%s is written in full", long)
		}
	}
	for _, short := range []string{"0.7727", "0.4004", "164.7", `"n": 128`} {
		if !strings.Contains(b.String(), short) {
			t.Errorf("%s is not written", short)
		}
	}
	if got := r.Analyses[10].Frame.Tidy[0].Get("estimate"); got != 0.772727893 {
		t.Errorf("rounding changed the frame itself: %v", got)
	}
	r.Analyses = []Analysis{{ID: "x", Kind: "histogram", Frame: &stat.Frame{Tidy: []stat.Record{rec("lower", 12345.5, "upper", 23456.5, "count", 123456)}}}}
	b.Reset()
	if err := r.WriteCSV(&b, "x"); err != nil {
		t.Fatal(err)
	}
	if want := "lower,upper,count\n12345.5,23456.5,123456\n"; b.String() != want {
		t.Errorf("declared breaks or counts were rounded: %q", b.String())
	}
}

func TestWhatDoesNotExistIsNullOrEmpty(t *testing.T) {
	r := outcome()
	r.Analyses = []Analysis{{ID: "x", Kind: "novel", Frame: &stat.Frame{Tidy: []stat.Record{rec("a", 1.5, "b", nil, "c", "x,y"), rec("a", math.NaN(), "d", true)},
		VCov: &stat.Matrix{Terms: []string{"a"}, Matrix: [][]float64{{math.Inf(1)}}}}}}
	var b strings.Builder
	if err := r.WriteCSV(&b, "x"); err != nil {
		t.Fatal(err)
	}
	if want := "a,b,c,d\n1.5,,\"x,y\",\n,,,true\n"; b.String() != want {
		t.Errorf("CSV: got %q, want %q", b.String(), want)
	}
	b.Reset()
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"a": null, "d": true}`, `"matrix": [[null]]`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("JSON has no %s", want)
		}
	}
}

func TestWhatAnAnalysisLacksLeavesNoEmptyColumnNorLine(t *testing.T) {
	r := outcome()
	gone := func(row, col string) stat.Record {
		return rec("row", row, "column", col, "n", nil, "row_pct", nil, "suppressed", true)
	}
	r.Analyses = []Analysis{
		{ID: "few", Kind: "crosstab", Frame: counted(stat.Frame{Tidy: []stat.Record{gone("a", "0"), gone("b", "0")}, Glance: rec("chi_squared", nil, "chi_squared_df", 1)})},
		{ID: "ranks", Kind: "correlation", Frame: counted(stat.Frame{Tidy: []stat.Record{rec("x", "age", "y", "weight", "estimate", 0.5, "n", 128, "conf_low", nil, "conf_high", nil)}})},
		{ID: "ridge", Kind: "linear", Frame: counted(stat.Frame{Tidy: []stat.Record{rec("term", "age", "estimate", 0.5, "estimate_standardized", 0.25)}, Glance: rec("ridge", 0.1)})},
		{ID: "terms", Kind: "linear", Frame: counted(stat.Frame{Drop1: []stat.Record{rec("term", "<none>", "aic", 1234.5), rec("term", "age", "df", 1, "sumsq", 3.0, "aic", 1300.125, "statistic", 5.0, "p_value", 0.03)}})},
	}
	r.Spec.Analyses = append(r.Spec.Analyses, stat.Args{ID: "ranks", Kind: "correlation", Method: "spearman"},
		stat.Args{ID: "terms", Kind: "linear", Formula: "weight~" + strings.Repeat("height+", 20) + "age"})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  rho ", "lambda = 0.1\n", "1234.50", "extractAIC"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the report", want)
		}
	}
	for _, bad := range []string{"95% CI", "row percentages", "\n\n\n\n"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q in the report", bad)
		}
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if strings.Contains(line, "height+") || strings.Contains(line, "height +") && wide(line) > 100 {
			t.Errorf("a heading is not broken: %s", line)
		}
	}
}

func TestPlanSummaryIsShortAndNamesWhoSeesCounts(t *testing.T) {
	s := trial()
	s.Privacy.Release = "analyst"
	people := []stat.Opening{{What: "cells", Cells: 2, MaxTimes: 1, CountsPeople: true}}
	p := &Plan{Spec: s, Digest: "sha256:00ff", Analyses: []PlannedAnalysis{{ID: "effect", Kind: "crosstab", Openings: people}, {ID: "t", Kind: "ttest"}}}
	var b strings.Builder
	if err := p.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(b.String(), "In short\n--------\n")
	summary, _, _ := strings.Cut(rest, "\n\n")
	if n := strings.Count(summary, "\n") + 1; n > 12 {
		t.Errorf("a summary of %d lines", n)
	}
	if !strings.Contains(strings.Join(strings.Fields(summary), " "), "opened to the analyst on the way and never written: effect.") {
		t.Errorf("the summary does not say who sees counts:\n%s", summary)
	}
}
