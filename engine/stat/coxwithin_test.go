package stat

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// A covariate of hospitals that is another for few of a hospital's patients: its coefficient would be theirs.
func TestColumnsThatVaryForFewPeopleWithinHospitalsAreRefused(t *testing.T) {
	const n = 60
	time, event, x := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range time {
		time[i], x[i] = float64(1+7*i%20), float64(i%11)
		if i/3%3 > 0 {
			event[i] = 1
		}
	}
	time[0] = 30 // who leaves before the first event tells nothing
	for _, c := range []struct {
		odd     int // patients of the first hospital with the covariate of the second
		minCell int
		refused bool
	}{{0, 5, false}, {1, 5, true}, {4, 5, true}, {5, 5, false}, {1, 1, false}, {17, 5, true}, {15, 5, false}} {
		g := make([]float64, n)
		for i := range g {
			if i%3 == 1 || i%3 == 0 && i/3 < c.odd {
				g[i] = 1
			}
		}
		s, tables := trial(t, 3, make([]float64, n), time, event, x, g)
		args := Args{Kind: "cox", Time: "time", Event: "event", Formula: "~ x + g", Strata: OneOrMore{"site"}, ZPH: "none", Rules: rules(c.minCell, 1)}
		f, err := try(t, programOf(t, s, args), tables...)
		var refusal *Refusal
		if refused := errors.As(err, &refusal) && refusal.Rule == "min_cell"; refused != c.refused || !refused && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if c.odd == 0 && (err != nil || f.Tidy[1].Get("aliased") != true) {
			t.Errorf("the same within hospitals: %v, %v", f.Tidy, err)
		}
	}
}

func TestOnlyThoseAtRiskAtAnEventTellOfAColumn(t *testing.T) {
	m := &coxRows{stratum: []int{0, 0, 0, 0, 1, 1, 2}, stop: []float64{9, 5, 5, 2, 8, 3, 4}, event: []bool{false, true, false, false, false, false, true},
		start: []float64{5, math.Inf(-1), 4, math.Inf(-1), math.Inf(-1), math.Inf(-1), 3}}
	if got, want := m.atRisk(), []bool{false, true, true, false, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
