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

// evaluatedArgs are the keys of a kind that takes up one of them.
func evaluatedArgs(kind string, i int, r Rules) Args {
	c := evaluated[i]
	model := c.model
	model.ID, model.Kind, model.Rules = "m", "cox", r
	return Args{Kind: kind, Model: "m", Of: &model, At: c.at, Rules: r}
}

func TestCalibrationOfCoxAgreesWithR(t *testing.T) {
	numbers := make(map[string][][]string)
	for _, l := range rLines(t, "testdata/coxevaluation/coxevaluation.csv") {
		numbers[l[0]] = append(numbers[l[0]], l)
	}
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
