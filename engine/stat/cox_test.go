package stat

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// trial is a table of follow-up with a number x and a category g, dealt to hospitals in turn.
func trial(t *testing.T, hospitals int, entry, time, event, x, g []float64) (*table.Schema, []*table.Table) {
	t.Helper()
	days := table.Field{Integer: true, Min: 0, Max: 1000, Grid: table.Grid{M: 1}, GridDeclared: true}
	field := func(name string) table.Field { f := days; f.Name = name; return f }
	s := &table.Schema{Sites: []string{"one", "two", "three"}, Fields: []table.Field{field("entry"), field("time"), {Name: "event", Kind: table.Binary}, field("x"),
		{Name: "g", Kind: table.Category, Levels: []string{"a", "b"}}}}
	s.Fields[3].Max = 10
	whole, err := table.New(s, "one", [][]float64{entry, time, event, x, g})
	if err != nil {
		t.Fatal(err)
	}
	if hospitals == 1 {
		return s, []*table.Table{whole}
	}
	return s, deal(t, whole, func(i int) int { return i % hospitals })
}

var (
	trialEntry = []float64{0, 0, 1, 2, 2, 3, 0, 4, 5, 1, 6, 0, 2, 1, 0, 3}
	trialTime  = []float64{2, 3, 4, 4, 6, 7, 8, 8, 9, 9, 10, 12, 5, 4, 6, 9}
	trialEvent = []float64{1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0}
	trialX     = []float64{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3}
	trialG     = []float64{0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1}
)

// R 4.2.2: coxph(Surv(entry, time, event) ~ x + g, ties = ..., control = coxph.control(eps = 1e-13)), cox.zph.
// The same from sums over times and, with everyone in one hospital, from that hospital's own likelihood.
func TestCoxWithLateEntriesAgreesWithR(t *testing.T) {
	for ties, want := range map[string]struct{ x, g, seX, seG, null, logLik, score, zphX, zphG, zph, km float64 }{
		"efron":   {0.0648186786005636, -1.8979453788537104, 0.129566722935176, 0.811520086545671, -19.6995324232101, -16.2009243241403, 6.9353836534565, 1.24891800081337578, 0.00248511199642676, 1.33371068968290363, 2.444212959410657},
		"breslow": {0.0746665780203361, -1.8364615504188710, 0.131171275524209, 0.813751451715259, -19.9955132984766, -16.7521491689702, 6.33853201713942, 1.11411185755572184, 0.00135736610709365, 1.25414468966856862, 2.210412878952326},
	} {
		for _, way := range []struct {
			hospitals int
			strata    OneOrMore
		}{{3, nil}, {1, OneOrMore{"site"}}} {
			name := fmt.Sprint(ties, way)
			s, tables := trial(t, way.hospitals, trialEntry, trialTime, trialEvent, trialX, trialG)
			args := Args{Kind: "cox", Time: "time", Event: "event", Entry: "entry", Formula: "~ x + g", Ties: ties, Strata: way.strata, ZPH: "identity", Rules: rules(1, 1)}
			f := run(t, programOf(t, s, args), tables...)
			for key, w := range map[string]float64{"log_lik_null": want.null, "log_lik": want.logLik, "score": want.score, "n_event": 10} {
				if got := f.Glance.Get(key); !near(got, w) {
					t.Errorf("%s: %s is %v, R has %v", name, key, got, w)
				}
			}
			for i, w := range [][2]float64{{want.x, want.seX}, {want.g, want.seG}} {
				if e, se := f.Tidy[i].Get("estimate"), f.Tidy[i].Get("std_error"); !near(e, w[0]) || !near(se, w[1]) {
					t.Errorf("%s: %v is %v with standard error %v, R has %v", name, f.Tidy[i].Get("term"), e, se, w)
				}
			}
			for i, w := range []float64{want.zphX, want.zphG, want.zph} {
				if got := f.Tables[0].Rows[i].Get("statistic"); !near(got, w) && math.Abs(got.(float64)-w) > 1e-9 {
					t.Errorf("%s: zph of %v is %v, R has %v", name, f.Tables[0].Rows[i].Get("term"), got, w)
				}
			}
			c, bound := f.Glance.Get("concordance").(float64), f.Glance.Get("concordance_bound").(float64)
			if math.Abs(c-0.769230769230769) > bound+1e-12 || way.strata != nil && bound != 0 {
				t.Errorf("%s: concordance %v within %v, R has 0.769230769230769", name, c, bound)
			}
			args.ZPH = "km"
			f = run(t, programOf(t, s, args), tables...)
			if got := f.Tables[0].Rows[2].Get("statistic"); !near(got, want.km) {
				t.Errorf("%s: zph with km is %v, R has %v", name, got, want.km)
			}
		}
	}
}

// The transform km of the test of proportional hazards is of everyone's survival: also before the first exit
// of a person's own stratum that person is at risk. Here people of g = b leave from 3 on, those of a from 2.
// R 4.2.2: cox.zph(coxph(Surv(time, event) ~ x + strata(g), ties = ..., control = coxph.control(eps = 1e-13, toler.chol = 1e-14))),
// and with Surv(entry, time, event).
func TestZPHByKaplanMeierCountsEveryStratumFromTheStart(t *testing.T) {
	for _, c := range []struct {
		ties, entry string
		want        float64
	}{{"efron", "", 2.02430482000142}, {"efron", "entry", 2.31040772681418}, {"breslow", "", 1.91038665485498}, {"breslow", "entry", 2.18567129275403}} {
		for _, way := range []struct {
			hospitals int
			strata    OneOrMore
		}{{3, OneOrMore{"g"}}, {1, OneOrMore{"site", "g"}}} {
			s, tables := trial(t, way.hospitals, trialEntry, trialTime, trialEvent, trialX, trialG)
			args := Args{Kind: "cox", Time: "time", Event: "event", Entry: c.entry, Formula: "~ x", Ties: c.ties, Strata: way.strata, ZPH: "km", Rules: rules(1, 1)}
			f := run(t, programOf(t, s, args), tables...)
			if got := f.Tables[0].Rows[0].Get("statistic"); !near(got, c.want) {
				t.Errorf("%s, entry %q, strata %v: zph is %v, R has %v", c.ties, c.entry, way.strata, got, c.want)
			}
		}
	}
}

// With min_cell the model is that of the data whose times are moved up to the
// last of those they are merged with, and no sum over times is of fewer people.
func TestCoxOnMergedTimesIsThatOfTheMergedTimes(t *testing.T) {
	models := 0
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "cox" || a.Spec.Where != nil || a.Spec.Separated || a.Spec.Strata != "" {
				continue
			}
			for _, ties := range []string{"efron", "breslow"} {
				formula := "~ "
				for i, term := range a.Spec.Terms {
					if i > 0 {
						formula += " + "
					}
					for k, v := range term {
						if k > 0 {
							formula += ":"
						}
						formula += v
					}
				}
				args := Args{Kind: "cox", Time: a.Spec.Time, Event: a.Spec.Event, Formula: formula, Ties: ties, Times: []float64{1}, Rules: rules(5, 1)}
				p := begin(t, Cox{}, s, args)
				var views []*table.View
				for _, tab := range s.tables {
					v, err := tab.Select()
					if err != nil {
						t.Fatal(err)
					}
					views = append(views, v)
				}
				f, _, err := drive(t, p, views...)
				var refusal *Refusal
				if errors.As(err, &refusal) {
					continue
				}
				if err != nil {
					t.Fatalf("%s/%s: %v", s.name, a.ID, err)
				}
				models++
				moved := s.mergedTimes(t, args, int64(max(5, len(f.Tidy)-aliased(f)+2)))
				args.Rules = rules(1, 1)
				g := run(t, begin(t, Cox{}, s, args), moved...)
				if got, want := f.Tables[len(f.Tables)-1], g.Tables[len(g.Tables)-1]; got.Name != "baseline" || len(got.Rows) != len(want.Rows) {
					t.Errorf("%s/%s %s: %d rows of %s, want %d", s.name, a.ID, ties, len(got.Rows), got.Name, len(want.Rows))
				} else {
					for i, r := range got.Rows {
						for _, key := range []string{"time", "cumulative_hazard", "variance"} {
							if !near(r.Get(key), want.Rows[i].Get(key)) {
								t.Errorf("%s/%s %s: %s of the baseline is %v, on the merged times %v", s.name, a.ID, ties, key, r.Get(key), want.Rows[i].Get(key))
							}
						}
					}
				}
				for i := range f.Tidy {
					for _, key := range []string{"estimate", "std_error"} {
						if !near(f.Tidy[i].Get(key), g.Tidy[i].Get(key)) {
							t.Errorf("%s/%s %s: %s of %v is %v, on the merged times %v", s.name, a.ID, ties, key, f.Tidy[i].Get("term"), f.Tidy[i].Get(key), g.Tidy[i].Get(key))
						}
					}
				}
			}
		}
	}
	if models < 6 {
		t.Errorf("%d models were compared", models)
	}
}

func aliased(f Frame) (n int) {
	for _, r := range f.Tidy {
		if r.Get("aliased") == true {
			n++
		}
	}
	return n
}

// mergedTimes returns the tables with times moved up to the last of those they are merged with.
func (r *reference) mergedTimes(t *testing.T, args Args, few int64) (moved []*table.Table) {
	t.Helper()
	u, err := newFollowUp(args, r.schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newRegression(args, r.schema)
	if err != nil {
		t.Fatal(err)
	}
	u.stop.vars = append(u.stop.vars, m.model.Variables...)
	var all []exit
	var people []exit
	for _, tab := range r.tables {
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		own, err := u.own(v)
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, own[0]...)
	}
	slices.SortFunc(people, func(a, b exit) int { return cmp.Compare(a.time, b.time) })
	for _, e := range people {
		if n := len(all); n > 0 && all[n-1].time == e.time {
			all[n-1].events, all[n-1].lost = all[n-1].events+e.events, all[n-1].lost+e.lost
		} else {
			all = append(all, e)
		}
	}
	sets := &riskSets{exits: mergedForRisk(all, few, args.Ties != "breslow")}
	for _, e := range sets.exits {
		if e.events+e.lost < few && len(sets.exits) > 1 {
			t.Errorf("%s: %d people leave at %v", r.name, e.events+e.lost, e.time)
		}
	}
	for _, tab := range r.tables {
		cols := make([][]float64, len(tab.Schema.Fields))
		for i, f := range tab.Schema.Fields {
			col, err := tab.Column(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			cols[i] = slices.Clone(col)
			if f.Name == args.Time {
				for k, x := range cols[i] {
					if !math.IsNaN(x) {
						cols[i][k] = sets.exits[sets.at(x)].time
					}
				}
			}
		}
		m, err := table.New(tab.Schema, tab.Site, cols)
		if err != nil {
			t.Fatal(err)
		}
		moved = append(moved, m)
	}
	return moved
}

func TestCoxRefusesWhatItCannotFit(t *testing.T) {
	s, tables := trial(t, 3, trialEntry, trialTime, make([]float64, 16), trialX, trialG)
	for _, c := range []struct{ formula, rule string }{{"~ x", "constant_outcome"}} {
		_, err := try(t, programOf(t, s, Args{Kind: "cox", Time: "time", Event: "event", Formula: c.formula, Rules: rules(1, 1)}), tables...)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Rule != c.rule {
			t.Errorf("%s: %v, want a refusal by %s", c.formula, err, c.rule)
		}
	}
	for _, args := range []Args{{Formula: "~ 1"}, {Formula: "~ x - 1"}, {Formula: "~ x", Ties: "exact"}, {Formula: "~ x", ZPH: "log"}, {Formula: "~ x", Strata: OneOrMore{"g", "g"}}, {Formula: "~ x", Entry: "time"}, {Formula: "event ~ x"}} {
		args.Kind, args.Time, args.Event, args.Rules = "cox", "time", "event", rules(1, 1)
		if _, err := (Cox{}).Begin(args, s); err == nil {
			t.Errorf("%+v is accepted", args)
		}
	}
}

// Rows whose observation ends before it begins have no risk sets, also where hospitals work out their own.
func TestCoxRefusesRowsThatEndBeforeTheyBegin(t *testing.T) {
	late := slices.Clone(trialEntry)
	late[3] = trialTime[3]
	for _, strata := range []OneOrMore{nil, {"site"}} {
		s, tables := trial(t, 3, late, trialTime, trialEvent, trialX, trialG)
		_, err := try(t, programOf(t, s, Args{Kind: "cox", Time: "time", Event: "event", Entry: "entry", Formula: "~ x", Strata: strata, Rules: rules(1, 1)}), tables...)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Rule != "entry" {
			t.Errorf("strata %v: %v, want a refusal", strata, err)
		}
	}
}

// A column that runs to infinity is named with its sign, and the others have the estimates of the limit.
func TestMonotoneLikelihoodIsNamed(t *testing.T) {
	event := []float64{1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0}
	g := make([]float64, len(event))
	for i, e := range event { // nobody of the second group has the event
		if e == 0 && i%2 == 1 {
			g[i] = 1
		}
	}
	for _, strata := range []OneOrMore{nil, {"site"}} {
		s, tables := trial(t, 3, make([]float64, 16), trialTime, event, trialX, g)
		f := run(t, programOf(t, s, Args{Kind: "cox", Time: "time", Event: "event", Formula: "~ x + g", Strata: strata, Rules: rules(1, 1)}), tables...)
		if f.Tidy[1].Get("infinite") != "-" || f.Tidy[1].Get("estimate") != nil || f.Tidy[0].Get("estimate") == nil || !warned(f, "monotone") {
			t.Errorf("strata %v: %v, %q", strata, f.Tidy, f.Warnings)
		}
	}
}

// R 4.2.2: sqrt(concordance(coxph(...))$var), with late entries in one hospital, in three with strata(site), and over all of
// them, where people are known by their class of risk alone.
func TestErrorOfTheConcordanceAgreesWithR(t *testing.T) {
	for _, c := range []struct {
		hospitals int
		entry     string
		strata    OneOrMore
		value, se float64
		within    float64
	}{
		{1, "entry", OneOrMore{"site"}, 0.7692307692307692, 0.08290783378999761, 1e-9},
		{3, "", OneOrMore{"site"}, 0.7777777777777778, 0.1114914994579758, 1e-9},
		{3, "", nil, 0.7294117647058823, 0.09059783031968456, 0.01},
		{3, "entry", nil, 0.7692307692307692, math.NaN(), 0.01},
	} {
		s, tables := trial(t, c.hospitals, trialEntry, trialTime, trialEvent, trialX, trialG)
		args := Args{Kind: "cox", Time: "time", Event: "event", Entry: c.entry, Formula: "~ x + g", Strata: c.strata, ZPH: "none", Rules: rules(1, 1)}
		f := run(t, programOf(t, s, args), tables...)
		value, se := f.Glance.Get("concordance").(float64), f.Glance.Get("concordance_std_error")
		if math.Abs(value-c.value) > c.within {
			t.Errorf("%+v: the concordance is %v", c, value)
		}
		if math.IsNaN(c.se) {
			if se != nil {
				t.Errorf("%+v: error %v of people of whom it is not known when both came and left", c, se)
			}
		} else if e, ok := se.(float64); !ok || math.Abs(e-c.se) > c.within {
			t.Errorf("%+v: the error is %v", c, se)
		}
	}
}

// At every time one of each sex has the event: the score is 0 at the start, and no step is taken.
func TestCoxOfAModelThatIsItsOwnStart(t *testing.T) {
	set := readReference(t, "../../testdata/lung")
	pooled := set.pooled(t)
	column := func(name string) []float64 {
		x, err := pooled.Column(name)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	sex, death := column("sex"), column("death")
	var first [2]int
	for i := range sex {
		if death[i] == 1 {
			first[int(sex[i])] = i
		}
	}
	var cols [][]float64
	for _, f := range set.schema.Fields {
		x := column(f.Name)
		if f.Name == "time" {
			x = slices.Clone(x)
			x[first[1]] = x[first[0]]
		}
		cols = append(cols, x)
	}
	same, err := table.New(set.schema, set.schema.Sites[0], cols)
	if err != nil {
		t.Fatal(err)
	}
	for _, strata := range []OneOrMore{nil, {"site"}} {
		args := Args{Kind: "cox", Time: "time", Event: "death", Formula: "~ sex", Ties: "breslow", Strata: strata, Rules: rules(1, 1)}
		f := run(t, begin(t, Cox{}, set, args), some(t, same, []int{first[0], first[1], first[0], first[1]}))
		if e := f.Tidy[0].Get("estimate"); e != 0.0 {
			t.Errorf("strata %v: estimate %v, want 0", strata, e)
		}
	}
}

// Risks that differ by more than float64 holds leave no risk set without weight: the later ones have their own factor.
func TestCoxRiskSetsOfRisksFarApart(t *testing.T) {
	likelihood := func(far float64) (p, e *partial) {
		m := &coxRows{cols: []int{0}, x: []float64{1, -1, 0.5, 2}, eta: []float64{0, 0.5, far, far + 1}, stop: []float64{4, 3, 2, 1},
			event: []bool{true, true, true, true}, stratum: make([]int, 4),
			start: slices.Repeat([]float64{math.Inf(-1)}, 4), entries: []int{0, 1, 2, 3}}
		return m.likelihood(true, nil)
	}
	p, e := likelihood(2000)
	// With 1 and 2 far above, they alone are at risk where they are.
	late := []float64{1, (1 - math.Exp(0.5)) / (1 + math.Exp(0.5)), 0.5, (0.5 + 2*math.E) / (1 + math.E)}
	want := late[0] + late[1] + late[2] + late[3]
	if math.Abs(p.score[0]-want) > 1e-12 || math.Abs(e.logLik+p.logLik-(0.5-math.Log(1+math.Exp(0.5))+1-math.Log(1+math.E))) > 1e-12 {
		t.Errorf("score %v, want %v; log-likelihood %v", p.score[0], want, e.logLik+p.logLik)
	}
}
