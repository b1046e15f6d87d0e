package stat

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// R 4.2.2 on the folds that Folds(n, 5, 7, site) gives: glm without each fold, control = list(epsilon = 1e-15), predictions
// of the fold, pROC's roc and var of them, and glm(low ~ predicted log odds).
func TestCrossValidationAgreesWithR(t *testing.T) {
	sets := references(t)
	s := sets[slices.IndexFunc(sets, func(r *reference) bool { return r.name == "birthwt" })]
	args := Args{ID: "m", Kind: "logistic", Formula: "low ~ lwt + race + smoke + ht + ui", CrossValidate: &CrossValidate{Folds: 5, Seed: 7}, Evaluate: &Evaluate{Cells: maxEvaluate}, Rules: rules(1, 1)}
	f := run(t, programOf(t, s.schema, args), s.tables...)
	if len(f.Tables) != 1 || f.Tables[0].Name != "cross_validation" {
		t.Fatalf("tables %v, warnings %v", f.Tables, f.Warnings)
	}
	rows := f.Tables[0].Rows
	crossed := rows[1]
	within := crossed.Get("auc_bound").(float64) + 1e-12
	for key, want := range map[string][2]float64{"auc": {0.7053455019556715, within}, "auc_std_error": {0.04009733473739931, 1e-4},
		"brier": {0.1947213625670802, 1e-9}, "log_loss": {0.5744505120273391, 1e-9}, "slope": {0.7344339999359216, 1e-7}, "intercept": {-0.2031132611821062, 1e-7}} {
		if got, ok := crossed.Get(key).(float64); !ok || !(math.Abs(got-want[0]) <= want[1]) {
			t.Errorf("%s is %v, R has %v", key, crossed.Get(key), want[0])
		}
	}
	if within > 0.01 {
		t.Errorf("the area is known within %v only", within)
	}
	apparent, optimism := rows[0], rows[2]
	for _, key := range []string{"auc", "brier", "log_loss"} {
		if d := apparent.Get(key).(float64) - crossed.Get(key).(float64); math.Abs(d-optimism.Get(key).(float64)) > 1e-15 {
			t.Errorf("optimism of %s is %v", key, optimism.Get(key))
		}
	}
	if apparent.Get("auc") != f.Glance.Get("auc") {
		t.Errorf("apparent area %v, that of the model is %v", apparent.Get("auc"), f.Glance.Get("auc"))
	}
	again := run(t, programOf(t, s.schema, args), s.tables...)
	if again.Tables[0].Rows[1].Get("auc") != crossed.Get("auc") {
		t.Error("the same study gives another cross-validation")
	}
}

func TestFoldsAreEvenAndDrawnFromTheSeed(t *testing.T) {
	for _, n := range []int{0, 1, 7, 100, 1001} {
		var size [10]int
		for _, k := range Folds(n, 10, 3, "north") {
			size[k]++
		}
		if slices.Max(size[:])-slices.Min(size[:]) > 1 {
			t.Errorf("%d rows in folds of %v", n, size)
		}
	}
	a, same := Folds(1000, 10, 3, "north"), func(a, b []int) (n int) {
		for i := range a {
			if a[i] == b[i] {
				n++
			}
		}
		return n
	}
	if !slices.Equal(a, Folds(1000, 10, 3, "north")) {
		t.Error("the same seed gives other folds")
	}
	for _, b := range [][]int{Folds(1000, 10, 4, "north"), Folds(1000, 10, 3, "south"), Folds(1000, 10, 3+1<<40, "north")} {
		if n := same(a, b); n < 50 || n > 160 { // 100 by chance, SD 10
			t.Errorf("%d of 1000 rows are in the same fold by another seed or hospital", n)
		}
	}
}

// A fold of too few people is not left out of a fit: the difference of two sums would be theirs.
func TestSmallFoldsAreNotLeftOut(t *testing.T) {
	sets := references(t)
	s := sets[slices.IndexFunc(sets, func(r *reference) bool { return r.name == "birthwt" })]
	args := Args{ID: "m", Kind: "logistic", Formula: "low ~ lwt + smoke", CrossValidate: &CrossValidate{Folds: 40}, Rules: rules(5, 1)}
	f := run(t, programOf(t, s.schema, args), s.tables...)
	if len(f.Tables) > 0 || !warned(f, "cross_validate: a fold has fewer than 5 people with the event") {
		t.Errorf("folds of 4 or 5 people: %v, %v", f.Tables, f.Warnings)
	}
	if f.Glance.Get("auc") == nil {
		t.Error("the model itself is gone")
	}
	args.CrossValidate.Folds = 5
	if f := run(t, programOf(t, s.schema, args), s.tables...); len(f.Tables) != 1 {
		t.Errorf("five folds: %v", f.Warnings)
	}
	// Of 26 black women a fold has 3 or 4: the sums of the fit without it, less those of the whole, would be theirs.
	for formula, thin := range map[string]string{"low ~ lwt + race": "raceblack", "low ~ lwt + smoke:ht": "smoke:ht", "low ~ lwt + ht": "ht"} {
		args.Formula = formula
		f, record, err := drive(t, programOf(t, s.schema, args), views(t, s.tables)...)
		if err != nil || len(f.Tables) > 0 || !warned(f, "cross_validate: a fold has fewer than 5 people with "+thin) {
			t.Errorf("%s: %v, %v", formula, f.Warnings, err)
		}
		if last := record[len(record)-1].ask.Cells[0].Name; !strings.HasPrefix(last, "people of fold") {
			t.Errorf("%s: after the sizes of the folds %s is opened", formula, last)
		}
	}
	// All but one hospital's people in a fold are few: that hospital would know their sums.
	one := slices.Clone(s.tables)
	for i, tab := range one {
		if tab.Site != "north" {
			one[i] = first(t, tab, 4)
		}
	}
	f, err := try(t, programOf(t, s.schema, Args{ID: "m", Kind: "logistic", Formula: "low ~ lwt + age", CrossValidate: &CrossValidate{Folds: 2, Seed: 1}, Rules: rules(5, 1)}), one...)
	if err != nil || len(f.Tables) > 0 || !warned(f, "cross_validate: in a fold the people of all hospitals but one are too few") {
		t.Errorf("a fold with 4 people of other hospitals: %v, %v", f.Warnings, err)
	}
}

func TestCrossValidationIsRefusedWhereItCannotBe(t *testing.T) {
	s, _ := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	for _, v := range []CrossValidate{{Folds: 1}, {Folds: 51}} {
		if _, err := (Logistic{}).Begin(Args{Kind: "logistic", Formula: "event ~ x", CrossValidate: &v, Rules: rules(1, 1)}, s); err == nil {
			t.Errorf("%+v is accepted", v)
		}
	}
	cox := Args{Kind: "cox", Time: "time", Event: "event", Formula: "~ x", Strata: OneOrMore{"g"}, CrossValidate: &CrossValidate{Folds: 3}, Rules: rules(1, 1)}
	if _, err := (Cox{}).Begin(cox, s); err == nil || !strings.Contains(err.Error(), "cross_validate needs strata: site") {
		t.Errorf("a Cox model whose hospitals do not finish their own likelihood: %v", err)
	}
	if _, err := (Logistic{}).Begin(Args{Kind: "logistic", Formula: "event ~ x", CrossValidate: &CrossValidate{Folds: 3}, Veil: true, Rules: rules(1, 1)}, s); err == nil {
		t.Error("an encrypted model is cross-validated")
	}
}

// Where outcomes separate without a fold, or a column is the same for everyone, there is no cross-validation, not one of whatever the last round gave.
func TestFoldsWithoutWhichThereIsNoMaximum(t *testing.T) {
	n := len(trialTime)
	event, g, first := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, fold := range Folds(n, 3, 2, "one") {
		if g[i] = float64(i % 2); g[i] == 0 || fold == 0 {
			event[i] = trialEvent[i] // of the second level, in the first fold alone
		}
		if fold == 0 {
			first[i] = 1
		}
	}
	for _, c := range []struct {
		event, g []float64
		why      string
	}{{event, g, "without fold 1 the model has no finite maximum"}, {trialEvent, first, "without fold 1 a column is a combination of others, or the same for everyone"}} {
		s, tables := trial(t, 1, trialEntry, trialTime, c.event, trialX, c.g)
		args := Args{Kind: "logistic", Formula: "event ~ x + g", CrossValidate: &CrossValidate{Folds: 3, Seed: 2}, Rules: rules(1, 1)}
		if f := run(t, programOf(t, s, args), tables...); len(f.Tables) > 0 || !warned(f, c.why) {
			t.Errorf("tables %v, warnings %q, want %s", f.Tables, f.Warnings, c.why)
		}
	}
}
