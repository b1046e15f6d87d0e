package stat

import (
	"slices"
	"testing"
)

// By hand in R 4.2.2: p <- fitted(glm(...)); sum(p >= t & low == 1)/n - sum(p >= t & low == 0)/n * t/(1 - t).
func TestNetBenefitIsThatCountedByHand(t *testing.T) {
	sets := references(t)
	s := sets[slices.IndexFunc(sets, func(r *reference) bool { return r.name == "birthwt" })]
	model := Args{ID: "m", Kind: "logistic", Formula: "low ~ lwt + race + smoke + ht + ui", Rules: rules(1, 1)}
	args := Args{Kind: "decision_curve", Model: "m", Of: &model, Thresholds: []float64{0.1, 0.3, 0.5}, Rules: rules(1, 1)}
	f := run(t, programOf(t, s.schema, args), s.tables...)
	for i, want := range [][6]float64{{0.1, 58, 109, 0.242798353909465, 0.2357436801881246, 0.06349206349206324}, {0.3, 42, 43, 0.1247165532879819, 0.01738473167044596, 0.2504409171075837}, {0.5, 21, 13, 0.04232804232804233, -0.3756613756613756, 0.417989417989418}} {
		for k, key := range []string{"threshold", "true_positives", "false_positives", "net_benefit", "treat_all", "avoided"} {
			if got := f.Tidy[i].Get(key); !near(got, want[k]) {
				t.Errorf("row %d: %s is %v, want %v", i, key, got, want[k])
			}
		}
	}
	// With min_cell no two thresholds that are shown differ by few people, nor do the ends.
	args.Thresholds, args.Rules, model.Rules = nil, rules(8, 1), rules(8, 1)
	f = run(t, programOf(t, s.schema, args), s.tables...)
	tp, fp := f.Glance.Get("n_event").(int64), f.N-f.Glance.Get("n_event").(int64)
	for _, r := range append(slices.Clone(f.Tidy), Record{}.Put("true_positives", int64(0)).Put("false_positives", int64(0))) {
		a, b := r.Get("true_positives").(int64), r.Get("false_positives").(int64)
		for _, d := range []int64{tp - a, fp - b} {
			if d > 0 && d < 8 {
				t.Errorf("%d people lie between two thresholds", d)
			}
		}
		tp, fp = a, b
	}
	if len(f.Tidy) == 0 || len(f.Tidy) == 19 {
		t.Errorf("%d of 19 thresholds are shown", len(f.Tidy))
	}
}

func TestDecisionCurveRefusesWhatItCannotDo(t *testing.T) {
	s, _ := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	model, linear := Args{Kind: "logistic", Formula: "event ~ x", Rules: rules(1, 1)}, Args{Kind: "linear", Formula: "time ~ x", Rules: rules(1, 1)}
	for _, args := range []Args{{Of: nil}, {Of: &linear}, {Of: &model, Veil: true}, {Of: &model, Thresholds: []float64{0.5, 0.4}}, {Of: &model, Thresholds: []float64{0}}, {Of: &model, Thresholds: []float64{1}}} {
		args.Kind, args.Model, args.Rules = "decision_curve", "m", rules(1, 1)
		if _, err := (DecisionCurve{}).Begin(args, s); err == nil {
			t.Errorf("%+v is accepted", args)
		}
	}
}
