package stat

import (
	"errors"
	"math"
	"testing"
)

func TestNegBinRefusesWhatHasNoMaximum(t *testing.T) {
	none, split, even := make([]float64, 16), append([]float64{}, visited...), make([]float64, 16)
	for i, g := range trialG {
		even[i] = 3 + float64(i%2)
		if g == 1 {
			split[i] = 0
		}
	}
	for rule, y := range map[string][]float64{"constant_outcome": none, "separation": split, "dispersion": even} {
		s, tables := visits(t, y)
		_, err := try(t, programOf(t, s, Args{Kind: "negbin", Formula: "y ~ x + g", Rules: rules(1, 1)}), tables...)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Rule != rule {
			t.Errorf("%v, want a refusal by %s", err, rule)
		}
	}
	s, _ := visits(t, none)
	for _, formula := range []string{"g ~ x", "y ~ x - 1", "log(d) ~ x"} {
		if _, err := (NegBin{}).Begin(Args{Kind: "negbin", Formula: formula, Rules: rules(1, 1)}, s); err == nil {
			t.Errorf("%s is accepted", formula)
		}
	}
}

// A row's score and information of theta are the derivatives of its log-likelihood.
func TestNegBinTermsAreDerivatives(t *testing.T) {
	for _, y := range []float64{0, 1, 7, 40} {
		for _, theta := range []float64{0.05, 1.5, 300} {
			const mean = 3.2
			h := 1e-4 * theta
			up, _, _ := negbinTerms(y, mean, theta+h)
			at, score, info := negbinTerms(y, mean, theta)
			down, _, _ := negbinTerms(y, mean, theta-h)
			if first := (up - down) / (2 * h); math.Abs(first-score) > 1e-6*(math.Abs(score)+1/theta) {
				t.Errorf("y %v, theta %v: score %v, difference quotient %v", y, theta, score, first)
			}
			if second := -(up - 2*at + down) / (h * h); math.Abs(second-info) > 1e-3*(math.Abs(info)+1/theta/theta) {
				t.Errorf("y %v, theta %v: information %v, difference quotient %v", y, theta, info, second)
			}
			gamma := func(x float64) float64 { l, _ := math.Lgamma(x); return l }
			want := gamma(theta+y) - gamma(theta) - gamma(y+1) + theta*math.Log(theta/(theta+mean)) + y*math.Log(mean/(theta+mean))
			if math.Abs(at-want) > 1e-9*(math.Abs(want)+1) {
				t.Errorf("y %v, theta %v: log-likelihood %v, want %v", y, theta, at, want)
			}
		}
	}
}

// A column that is twice another has no coefficient, and changes nothing else.
func TestNegBinLeavesOutAliasedColumns(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	f := run(t, begin(t, NegBin{}, set, Args{Kind: "negbin", Formula: "infections ~ treat + age + I(2 * age)"}), set.tables...)
	g := run(t, begin(t, NegBin{}, set, Args{Kind: "negbin", Formula: "infections ~ treat + age"}), set.tables...)
	for i, r := range g.Tidy {
		if !near(f.Tidy[i].Get("estimate"), r.Get("estimate")) || !near(f.Glance.Get("theta"), g.Glance.Get("theta")) {
			t.Errorf("%v is %v with its double in the model, %v without", r.Get("term"), f.Tidy[i].Get("estimate"), r.Get("estimate"))
		}
	}
	if f.Tidy[3].Get("aliased") != true {
		t.Errorf("the double: %v", f.Tidy[3])
	}
}
