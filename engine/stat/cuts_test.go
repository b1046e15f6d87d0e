package stat

import (
	"slices"
	"testing"
)

// Both evaluations of a model say by the same name where they cut the people by risk, and no cut is beside a few of them.
func TestEvaluationsSayWhereTheyCut(t *testing.T) {
	set := readReference(t, "../../testdata/lung")
	logistic := Args{ID: "m", Kind: "logistic", Formula: "death ~ age + sex + ph_karno", Rules: rules(5, 1)}
	cox := Args{ID: "m", Kind: "cox", Time: "time", Event: "death", Formula: "~ age + sex + ph_karno", Rules: rules(5, 1)}
	for _, of := range []Args{logistic, cox} {
		var names []string
		for _, args := range []Args{{Kind: "calibration", Bins: 8}, {Kind: "decision_curve", Thresholds: []float64{0.6, 0.7}}} {
			args.Model, args.Of, args.Rules = "m", &of, rules(5, 1)
			if of.Kind == "cox" {
				args.At = 365
			}
			f := run(t, programOf(t, set.schema, args), set.tables...)
			by := make(map[string][]int64)
			for _, c := range f.Cuts {
				by[c.Of] = append(by[c.Of], c.Below)
			}
			for name, places := range by {
				slices.Sort(places)
				for i, p := range places {
					if d := p - append([]int64{0}, places...)[i]; d > 0 && d < 5 || p >= f.N {
						t.Errorf("%s of %s: %s is cut at %v", args.Kind, of.Kind, name, places)
					}
				}
			}
			if len(f.Cuts) > 0 {
				names = append(names, f.Cuts[0].Of)
			}
		}
		if len(names) != 2 || names[0] != names[1] {
			t.Errorf("%s: cuts by %q, want one name of both", of.Kind, names)
		}
	}
}
