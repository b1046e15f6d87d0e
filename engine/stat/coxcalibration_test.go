package stat

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// evaluated are the Cox models of testdata/coxevaluation/coxevaluation.csv, on the pooled rows of a set.
var evaluated = []struct {
	id, set string
	model   Args
	at      float64
	bins    int
}{
	{"ties", "lung", Args{Time: "time", Event: "death", Formula: "~ sex + ph_ecog"}, 365, 5},
	{"lung", "lung", Args{Time: "time", Event: "death", Formula: "~ age + sex + ph_karno"}, 200, 10},
	{"strata", "lung", Args{Time: "time", Event: "death", Formula: "~ age + ph_karno", Strata: OneOrMore{"sex"}}, 365, 4},
	{"breast", "rotterdam_gbsg", Args{Time: "rfstime", Event: "rfs", Formula: "~ age + size + nodes + hormon", Ties: "breslow"}, 1825, 10},
	{"aids", "aids2", Args{Time: "time", Event: "dead", Formula: "~ age + sex"}, 365, 6},
}

// thresholds are those of the net benefit of each.
var thresholds = [][]float64{{0.3, 0.5, 0.7}, {0.2, 0.3, 0.4}, {0.45, 0.6}, {0.2, 0.4, 0.6}, {0.4, 0.5}}

// evaluatedArgs are the keys of a kind that takes up one of them.
func evaluatedArgs(kind string, i int, r Rules) Args {
	c := evaluated[i]
	model := c.model
	model.ID, model.Kind, model.Rules = "m", "cox", r
	return Args{Kind: kind, Model: "m", Of: &model, At: c.at, Rules: r}
}

// evaluations are R's lines of each.
func evaluations(t *testing.T) map[string][][]string {
	numbers := make(map[string][][]string)
	for _, l := range rLines(t, "testdata/coxevaluation/coxevaluation.csv") {
		numbers[l[0]] = append(numbers[l[0]], l)
	}
	return numbers
}

func TestCalibrationOfCoxAgreesWithR(t *testing.T) {
	numbers := evaluations(t)
	for i, c := range evaluated {
		t.Run(c.id, func(t *testing.T) {
			set := readReference(t, "../../testdata/"+c.set)
			args := evaluatedArgs("calibration", i, rules(1, 1))
			args.Bins = c.bins
			f := run(t, programOf(t, set.schema, args), set.tables...)
			compared := 0
			for _, l := range numbers[c.id] {
				row, key, want := f.Glance, l[2], rValue(t, l[3])
				if k, err := strconv.ParseFloat(l[1], 64); err == nil {
					if k < 1 {
						continue // a threshold
					}
					if int(k) > len(f.Tidy) {
						t.Fatalf("%d classes, R has more", len(f.Tidy))
					}
					row = f.Tidy[int(k)-1]
				}
				got := row.Get(key)
				compared++
				if strings.HasPrefix(key, "auc") && c.id != "ties" { // of classes of risk
					g, w, _ := pair(got, want)
					if bound := f.Glance.Get("auc_bound").(float64); key == "auc" && math.Abs(g-w) > bound || key != "auc" && math.Abs(g-w) > bound*w || bound > 0.02 {
						t.Errorf("%s is %v within %v, R has %v", key, got, bound, want)
					}
					continue
				}
				if !near(got, want) {
					t.Errorf("row %s: %s is %v, R has %v", l[1], key, got, want)
				}
			}
			if compared < 6*len(f.Tidy)+15 {
				t.Errorf("%d numbers compared of %d classes", compared, len(f.Tidy))
			}
		})
	}
}

func TestDecisionCurveOfCoxAgreesWithR(t *testing.T) {
	numbers := evaluations(t)
	for i, c := range evaluated {
		t.Run(c.id, func(t *testing.T) {
			set := readReference(t, "../../testdata/"+c.set)
			args := evaluatedArgs("decision_curve", i, rules(1, 1))
			args.Thresholds = thresholds[i]
			f := run(t, programOf(t, set.schema, args), set.tables...)
			compared := 0
			for _, l := range numbers[c.id] {
				at, err := strconv.ParseFloat(l[1], 64)
				if err != nil || at >= 1 {
					continue
				}
				for _, r := range f.Tidy {
					if r.Get("threshold") == at {
						compared++
						if got, want := r.Get(l[2]), rValue(t, l[3]); !near(got, want) {
							t.Errorf("threshold %v: %s is %v, R has %v", at, l[2], got, want)
						}
					}
				}
			}
			if compared != 5*len(thresholds[i]) {
				t.Errorf("%d numbers compared", compared)
			}
			// With min_cell no two thresholds that are shown differ by few people.
			args = evaluatedArgs("decision_curve", i, rules(5, 1))
			f = run(t, programOf(t, set.schema, args), set.tables...)
			before := f.N
			for _, r := range f.Tidy {
				n := r.Get("n_treated").(int64)
				if d := before - n; d > 0 && d < 5 || n > 0 && n < 5 {
					t.Errorf("%d, then %d are treated", before, n)
				}
				if tp, fp := r.Get("true_positives").(float64), r.Get("false_positives").(float64); tp < 0 || fp < 0 || math.Abs(tp+fp-float64(n)) > 1e-9 {
					t.Errorf("%v and %v of %d", tp, fp, n)
				}
				before = n
			}
			if len(f.Tidy) == 0 || !f.Suppressed {
				t.Errorf("%d thresholds", len(f.Tidy))
			}
		})
	}
}
