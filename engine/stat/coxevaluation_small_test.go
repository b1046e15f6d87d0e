package stat

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// With min_cell no class has few people, events, others, or people left at the
// horizon, no observed risk rests on a time at which few leave, and nobody is lost.
func TestClassesOfCoxRisksHoldNoFewPeople(t *testing.T) {
	const least = 5
	few := func(n int64) bool { return n > 0 && n < least }
	random := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		times := make([]exit, 1+random.IntN(12))
		for i := range times {
			times[i].time = float64(i + 1)
		}
		c := &coxCalibrationPart{horizon: &horizon{exits: times}}
		var all int64
		for range 2 + random.IntN(9) {
			r := timedRisk{exits: slices.Clone(times)}
			for i := range r.exits {
				r.exits[i].events, r.exits[i].lost = random.Int64N(3), random.Int64N(2)
				r.n += r.exits[i].events + r.exits[i].lost
			}
			r.n += 1 + random.Int64N(20)
			all += r.n
			c.classes = append(c.classes, r)
		}
		before := slices.Clone(c.classes)
		shown := c.mergedClasses(least)
		for _, r := range shown {
			all -= r.n
			events, lost := r.left()
			if len(shown) > 1 && (r.n < least || few(events) || few(r.n-events) || few(r.n-events-lost)) {
				t.Fatalf("a class of %d people, %d events, %d lost is shown", r.n, events, lost)
			}
			share, _, _, _ := observed(r.exits, r.n, least)
			if !(share >= 0 && share <= 1) || events > 0 && share < float64(events)/float64(r.n)-1e-15 {
				t.Fatalf("risk %v of %d events among %d people", share, events, r.n)
			}
		}
		if all != 0 {
			t.Fatalf("%d people are lost", all)
		}
		if !slices.EqualFunc(before, c.classes, func(a, b timedRisk) bool { return slices.Equal(a.exits, b.exits) }) {
			t.Fatal("merging changes the classes")
		}
	}
	for i, c := range evaluated {
		set := readReference(t, "../../testdata/"+c.set)
		f := run(t, programOf(t, set.schema, evaluatedArgs("calibration", i, rules(least, 1))), set.tables...)
		var n, events int64
		for _, r := range f.Tidy {
			k, e := r.Get("n").(int64), r.Get("n_event").(int64)
			n, events = n+k, events+e
			if k < least || few(e) || few(k-e) {
				t.Errorf("%s: a class of %d people and %d events is shown", c.id, k, e)
			}
		}
		if n != f.N || events != f.Glance.Get("n_event") || !f.Suppressed || !warned(f, "as of") {
			t.Errorf("%s: %d of %d people, %d of %v events, warnings %q", c.id, n, f.N, events, f.Glance.Get("n_event"), f.Warnings)
		}
	}
}

// Two horizons between the same two times that are left are one: their results do not tell who left between.
func TestHorizonsBetweenMergedTimesAreOne(t *testing.T) {
	set := readReference(t, "../../testdata/lung")
	args := evaluatedArgs("calibration", 1, rules(5, 1))
	var before Frame
	for i, at := range []float64{358, 360, 365} {
		args.At = at
		f := run(t, programOf(t, set.schema, args), set.tables...)
		f.Glance = f.Glance.Set("at", 0.0)
		f.Warnings = nil
		if i > 0 {
			sameTables(t, f, before)
		}
		before = f
	}
}

func TestCoxEvaluationRefusesWhatItCannotDo(t *testing.T) {
	of := func(change func(*Args)) *Args {
		a := Args{ID: "m", Kind: "cox", Time: "time", Event: "event", Formula: "~ x", Rules: rules(1, 1)}
		change(&a)
		return &a
	}
	plain := func(*Args) {}
	s, _ := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	for why, args := range map[string]Args{
		"at which time":       {Of: of(plain)},
		"before the last":     {Of: of(plain), At: 1000},
		"strata: site":        {Of: of(func(a *Args) { a.Strata = OneOrMore{"site"} }), At: 6},
		"entry":               {Of: of(func(a *Args) { a.Entry = "entry" }), At: 6},
		"per_hospital":        {Of: of(plain), At: 6, Apart: true},
		"reveal: sums":        {Of: of(plain), At: 6, Veil: true},
		"bins":                {Of: of(plain), At: 6, Bins: 2},
		"at is of Cox models": {Of: &Args{Kind: "logistic", Formula: "event ~ x", Rules: rules(1, 1)}, At: 6},
	} {
		args.Kind, args.Model, args.Rules = "calibration", "m", rules(1, 1)
		if _, err := (Calibration{}).Begin(args, s); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
	for why, args := range map[string]Args{"at which time": {Of: of(plain)}, "entry": {Of: of(func(a *Args) { a.Entry = "entry" }), At: 6}, "strata: site": {Of: of(func(a *Args) { a.Strata = OneOrMore{"site"} }), At: 6},
		"at is of Cox models": {Of: &Args{Kind: "logistic", Formula: "event ~ x", Rules: rules(1, 1)}, At: 6}} {
		args.Kind, args.Model, args.Rules = "decision_curve", "m", rules(1, 1)
		if _, err := (DecisionCurve{}).Begin(args, s); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("decision_curve, %s: %v", why, err)
		}
	}
	nobody := make([]float64, 16)
	later := slices.Clone(trialEvent)
	for i, x := range trialTime {
		if x < 8 {
			later[i] = 0
		}
	}
	grows := slices.Clone(trialEvent) // only those of the second group have the event
	for _, c := range []struct {
		what, rule string
		event, g   []float64
		model      Args
		at         float64
		minCell    int
	}{
		{"nobody has the event", "constant_outcome", nobody, trialG, Args{}, 6, 1},
		{"nobody has the event by then", "constant_outcome", later, trialG, Args{}, 6, 1},
		{"nobody is there any more", "horizon", trialEvent, trialG, Args{}, 12, 1},
		{"long after the last", "horizon", trialEvent, trialG, Args{}, 900, 1},
		{"nobody of a stratum is there any more", "horizon", trialEvent, trialG, Args{Strata: OneOrMore{"g"}}, 10, 1},
		{"an infinite coefficient", "separation", trialEvent, grows, Args{Formula: "~ g"}, 6, 1},
		{"few events", "min_cell", trialEvent, trialG, Args{}, 3, 3},
		{"before anyone leaves", "constant_outcome", trialEvent, trialG, Args{}, 1, 1},
	} {
		_, tables := trial(t, 2, trialEntry, trialTime, c.event, trialX, c.g) // the third hospital is empty
		model := of(func(a *Args) {
			a.Strata, a.Rules = c.model.Strata, rules(c.minCell, 1)
			if c.model.Formula != "" {
				a.Formula = c.model.Formula
			}
		})
		_, err := try(t, programOf(t, s, Args{Kind: "calibration", Model: "m", Of: model, At: c.at, Rules: model.Rules}), tables...)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Rule != c.rule {
			t.Errorf("%s: %v, want a refusal by %s", c.what, err, c.rule)
		}
	}
	// The same risk for everyone: an answer, without slope and intercept, and half of the area.
	balanced := []float64{1, 1, 1, 1, 1, 1, 1, 1}
	_, tables := trial(t, 2, nobody[:8], []float64{1, 1, 2, 2, 3, 3, 4, 4}, balanced, []float64{3, 5, 3, 5, 3, 5, 3, 5}, nobody[:8])
	f := run(t, programOf(t, s, Args{Kind: "calibration", Model: "m", Of: of(plain), At: 2, Rules: rules(1, 1)}), tables...)
	if f.Glance.Get("slope") != nil || f.Glance.Get("auc") != 0.5 || len(f.Tidy) != 1 || !warned(f, "the same predicted risk") {
		t.Errorf("%v %v %q", f.Tidy, f.Glance, f.Warnings)
	}
}

// What the kind opens by time ends at the horizon, and nothing of it is outside the plan, which drive checks.
func TestCoxCalibrationOpensNothingAfterTheHorizon(t *testing.T) {
	set := readReference(t, "../../testdata/lung")
	var views []*table.View
	for _, tab := range set.tables {
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	p := programOf(t, set.schema, evaluatedArgs("calibration", 0, rules(5, 1)))
	_, record, err := drive(t, p, views...)
	if err != nil {
		t.Fatal(err)
	}
	classes := 0
	for _, o := range record {
		if !strings.Contains(p().Plan()[o.ask.Opening].What, "in each class of predicted risk") {
			continue
		}
		classes++
		for _, c := range o.ask.Cells {
			if _, at, ok := strings.Cut(c.Name, "time = "); ok && (len(at) > 3 || at > "365") && len(at) > 2 {
				t.Errorf("%s is opened", c.Name)
			}
		}
	}
	if classes != 1 {
		t.Errorf("%d sums by class", classes)
	}
}

// The terms of the slope are derivatives of one another, far out too.
func TestTermsOfTheHazardSlope(t *testing.T) {
	for _, log := range []float64{-30, -9.3, -9.2, -9.1, -4, -1, 0, 1, 3, 6, 20} {
		value := func(x float64) float64 { _, _, loss := hazardTerms(math.Exp(x)); return -loss }
		slope := func(x float64) float64 { s, _, _ := hazardTerms(math.Exp(x)); return s }
		const d = 1e-5
		s, info, _ := hazardTerms(math.Exp(log))
		if got := (value(log+d) - value(log-d)) / (2 * d); math.Abs(got-s) > 1e-8*(1+math.Abs(log)) {
			t.Errorf("at %v: score %v, want %v", log, s, got)
		}
		if got := (slope(log-d) - slope(log+d)) / (2 * d); math.Abs(got-info) > 1e-8 {
			t.Errorf("at %v: information %v, want %v", log, info, got)
		}
	}
}

// Within a class single people who leave are not told apart by when: their times are one, and the rest joins the last.
func TestObservedRisksRestOnTimesAtWhichManyLeave(t *testing.T) {
	alone := func(events ...int64) (exits []exit) { // one person leaves at each time, 1 with the event
		for i, e := range events {
			exits = append(exits, exit{time: float64(i + 1), events: e, lost: 1 - e})
		}
		return exits
	}
	for _, c := range []struct {
		exits  []exit
		n, few int64
		want   float64
		merged bool
	}{
		{alone(1, 0, 1, 0, 1), 10, 1, 1 - 9.0/10*7/8*5/6, false},
		{alone(1, 0, 1, 0, 1), 10, 5, 0.3, true},
		{alone(1, 0, 1, 0, 1, 1, 1), 10, 5, 0.5, true}, // the last two join those before
		{alone(0, 1, 1, 0, 1, 1, 0, 1, 1, 1), 20, 5, 1 - 17.0/20*11/15, true},
		{alone(1, 1), 10, 5, 0.2, true},
		{nil, 10, 5, 0, false},
		{[]exit{{time: 3, events: 6, lost: 2}}, 8, 5, 0.75, false},
	} {
		if got, _, _, merged := observed(c.exits, c.n, c.few); math.Abs(got-c.want) > 1e-15 || merged != c.merged {
			t.Errorf("%v among %d, few %d: %v, merged %v, want %v", c.exits, c.n, c.few, got, merged, c.want)
		}
	}
}

// With min_cell a model is evaluated as if everyone had left at the last of the times that theirs is merged with.
func TestCoxEvaluationOnMergedTimesIsThatOfTheMergedTimes(t *testing.T) {
	for i, c := range evaluated {
		if len(c.model.Strata) > 0 {
			continue // each has its own
		}
		set := readReference(t, "../../testdata/"+c.set)
		args := evaluatedArgs("calibration", i, rules(5, 1))
		f := run(t, programOf(t, set.schema, args), set.tables...)
		model := run(t, programOf(t, set.schema, *args.Of), set.tables...)
		moved := set.mergedTimes(t, *args.Of, int64(max(5, len(model.Tidy)+2)))
		g := run(t, programOf(t, set.schema, evaluatedArgs("calibration", i, rules(1, 1))), moved...)
		for _, key := range []string{"n_event", "n_risk", "mean_predicted", "observed_risk", "observed_low", "observed_high", "observed_expected", "slope", "intercept", "brier", "brier_std_error", "brier_null", "ipa"} {
			if got, want := f.Glance.Get(key), g.Glance.Get(key); got == nil || got != want && !near(got, want) {
				t.Errorf("%s: %s is %v, on the merged times %v", c.id, key, got, want)
			}
		}
	}
}
