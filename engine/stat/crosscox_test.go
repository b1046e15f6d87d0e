package stat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// R on the folds of folds.csv: fits without each fold, concordance, slope, and log partial likelihoods of and without the fold.
func TestCrossValidatedCoxAgreesWithR(t *testing.T) {
	numbers := make(map[string][]rNumber)
	for _, l := range rLines(t, "testdata/crossvalidation/cox.csv") {
		numbers[l[0]] = append(numbers[l[0]], rNumber{l[1], l[2], l[3], rValue(t, l[4])})
	}
	cox := func(formula string, folds, seed int) Args {
		return Args{Kind: "cox", Time: "time", Event: "death", Formula: formula, Strata: OneOrMore{"site"}, CrossValidate: &CrossValidate{Folds: folds, Seed: seed}, Rules: rules(1, 1)}
	}
	strata, gbsg, entries := cox("~ age", 3, 9), cox("~ age + meno + size + grade + nodes + hormon", 10, 3), cox("~ x", 3, 2)
	strata.Strata, strata.Ties = OneOrMore{"site", "sex"}, "breslow"
	gbsg.Time, gbsg.Event, entries.Event, entries.Entry = "rfstime", "rfs", "event", "entry"
	for id, c := range map[string]struct {
		set  string
		args Args
	}{
		"lung":        {"lung", cox("~ age + sex + ph_ecog", 4, 1)},
		"lung_strata": {"lung", strata},
		"lung_offset": {"lung", cox("~ sex + offset(age / 50)", 5, 2)},
		"gbsg":        {"rotterdam_gbsg", gbsg},
		"entries":     {"", entries},
	} {
		var f Frame
		if c.set == "" {
			s, tables := trial(t, 1, trialEntry, trialTime, trialEvent, trialX, trialG)
			f = run(t, programOf(t, s, c.args), tables...)
		} else {
			set := readReference(t, "../../testdata/"+c.set)
			f = run(t, begin(t, Cox{}, set, c.args), set.tables...)
		}
		if len(numbers[id]) == 0 {
			t.Errorf("%s: R has no numbers", id)
		}
		for _, n := range numbers[id] {
			if got := n.find(f); !near(got, n.value) {
				t.Errorf("%s, %s: %s is %v, R has %v", id, n.row, n.key, got, n.value)
			}
		}
		if c := f.Tables[len(f.Tables)-1].Rows[0].Get("concordance"); c != f.Glance.Get("concordance") {
			t.Errorf("%s: apparent concordance %v, that of the model is %v", id, c, f.Glance.Get("concordance"))
		}
	}
}

// The folds of R's numbers are those dealt here.
func TestFoldsOfTheOracle(t *testing.T) {
	for _, l := range rLines(t, "testdata/crossvalidation/folds.csv") {
		want := strings.Fields(l[4])
		k, err1 := strconv.Atoi(l[2])
		seed, err2 := strconv.ParseUint(l[3], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatal(l[:4])
		}
		if got := strings.Fields(strings.Trim(fmt.Sprint(Folds(len(want), k, seed, l[1])), "[]")); !slices.Equal(got, want) {
			t.Errorf("%s at %s: folds %v, the oracle's are %v", l[0], l[1], got, want)
		}
	}
}

// Where a fit without a fold has no estimate, or a fold too few people, there is no cross-validation but a reason, and the model itself stays.
func TestCoxFoldsThatCannotBeLeftOut(t *testing.T) {
	n := len(trialTime)
	only := func(hit func(fold, i int) bool) []float64 { // 1 where hit, in the three folds of seed 2
		out := make([]float64, n)
		for i, fold := range Folds(n, 3, 2, "one") {
			if hit(fold, i) {
				out[i] = 1
			}
		}
		return out
	}
	first := only(func(fold, i int) bool { return fold == 0 })
	odd := only(func(_, i int) bool { return i%2 == 1 })
	for _, c := range []struct {
		name     string
		event, g []float64
		formula  string
		minCell  int
		why      string // "" for a cross-validation
	}{
		{"events in one fold alone", only(func(fold, i int) bool { return fold == 0 && i%2 == 0 }), trialG, "~ x", 1, "without a fold nobody has the event"},
		{"a fold without events", only(func(fold, i int) bool { return fold != 0 }), trialG, "~ x", 1, ""},
		{"a column that varies in one fold alone", trialEvent, first, "~ x + g", 1, "without fold 1 a column is a combination of others, or the same for everyone"},
		{"the events of a group in one fold alone", only(func(fold, i int) bool { return trialEvent[i] == 1 && (fold == 0 || i%2 == 0) }), odd, "~ x + g", 1, "without fold 1 the model has no finite maximum"},
		{"everyone has the event", slices.Repeat([]float64{1}, n), trialG, "~ x", 3, ""},
		{"a fold with few events", trialEvent, trialG, "~ x", 4, "a fold has fewer than 4 people with the event"},
		{"as many coefficients as people of a fold", slices.Repeat([]float64{1}, n), trialG, "~ x + I(x^2) + I(x^3) + I(x^4)", 2, "a fold has fewer people than the model's coefficients and two: 6"},
	} {
		s, tables := trial(t, 1, trialEntry, trialTime, c.event, trialX, c.g)
		args := Args{Kind: "cox", Time: "time", Event: "event", Formula: c.formula, Strata: OneOrMore{"site"}, CrossValidate: &CrossValidate{Folds: 3, Seed: 2}, Rules: rules(c.minCell, 1)}
		f, err := try(t, programOf(t, s, args), tables...)
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.why == "" && (len(f.Tables) != 2 || f.Glance.Get("folds") != int64(3)):
			t.Errorf("%s: no cross-validation, warnings %q", c.name, f.Warnings)
		case c.why != "" && (len(f.Tables) != 1 || !warned(f, "cross_validate: "+c.why)):
			t.Errorf("%s: tables %v, warnings %q", c.name, f.Tables, f.Warnings)
		case f.Glance.Get("concordance") == nil:
			t.Errorf("%s: the model itself is gone", c.name)
		}
	}
}

// A level that few of a fold have would be theirs alone in the sums of the fit without it.
func TestCoxFoldsWithFewOfALevel(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	for formula, thin := range map[string]string{"~ age + treat": "", "~ age + propylac": "a fold has fewer than 5 people with propylac",
		"~ age + sex": "in a fold fewer than 5 people differ in sexfemale from the others of their hospital's stratum"} {
		args := Args{Kind: "cox", Time: "days", Event: "infection", Formula: formula, Strata: OneOrMore{"site"}, CrossValidate: &CrossValidate{Folds: 3, Seed: 4}, Rules: rules(5, 1)}
		alone := args
		alone.CrossValidate = nil
		plain := run(t, programOf(t, set.schema, alone), set.tables...)
		f, err := try(t, programOf(t, set.schema, args), set.tables...)
		if tables := len(f.Tables) - len(plain.Tables); err != nil || (tables == 0) != (thin != "") || thin != "" && !warned(f, thin) {
			t.Errorf("%s: %d tables, %q, %v", formula, tables, f.Warnings, err)
		}
	}
}
