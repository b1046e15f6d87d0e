package stat

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// ward is a table of entry, time, event and group, dealt to three hospitals in turn.
func ward(t *testing.T, entry, time, event, group []float64) (*table.Schema, []*table.Table) {
	t.Helper()
	s := &table.Schema{Sites: []string{"one", "two", "three"}, Fields: []table.Field{
		{Name: "entry", Integer: true, Min: 0, Max: 1000, Grid: table.Grid{M: 1}, GridDeclared: true},
		{Name: "time", Integer: true, Min: 0, Max: 1000, Grid: table.Grid{M: 1}, GridDeclared: true},
		{Name: "event", Kind: table.Binary}, {Name: "g", Kind: table.Category, Levels: []string{"a", "b"}}}}
	if group == nil {
		group = make([]float64, len(time))
	}
	whole, err := table.New(s, "one", [][]float64{entry, time, event, group})
	if err != nil {
		t.Fatal(err)
	}
	return s, deal(t, whole, func(i int) int { return i % 3 })
}

// R 4.2.2: survfit(Surv(entry, time, event) ~ 1, conf.type = "log-log"), summary(..., rmean = 10).
func TestLateEntriesAgreeWithR(t *testing.T) {
	s, tables := ward(t, []float64{0, 0, 1, 2, 2, 3, 0, 4, 5, 1, 6, 0}, []float64{2, 3, 4, 4, 6, 7, 8, 8, 9, 9, 10, 12}, []float64{1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0}, nil)
	args := Args{Kind: "km", Time: "time", Event: "event", Entry: "entry", Tau: 10, Rules: rules(1, 1)}
	f := run(t, programOf(t, s, args), tables...)
	want := [][]float64{ // time, n_risk, n_event, n_censor, estimate, std_error, conf_low, conf_high
		{2, 6, 1, 0, 0.833333333333333, 0.152145154862546, 0.2731228499283560, 0.974712426690894},
		{3, 7, 0, 1, 0.833333333333333, 0.152145154862546, 0.2731228499283560, 0.974712426690894},
		{4, 7, 2, 0, 0.595238095238095, 0.179043216523285, 0.1986375817992227, 0.846603177526951},
		{6, 7, 0, 1, 0.595238095238095, 0.179043216523285, 0.1986375817992227, 0.846603177526951},
		{7, 7, 1, 0, 0.510204081632653, 0.172480460148677, 0.1650810896448473, 0.777710016021217},
		{8, 6, 1, 1, 0.425170068027211, 0.163355545464402, 0.1270792173633251, 0.701467632079000},
		{9, 4, 1, 1, 0.318877551020408, 0.153244595778580, 0.0738485162380952, 0.605725660637553},
		{10, 2, 1, 0, 0.159438775510204, 0.136313381962050, 0.0103218627951736, 0.478486408300287},
		{12, 1, 0, 1, 0.159438775510204, 0.136313381962050, 0.0103218627951736, 0.478486408300287}}
	if len(f.Tidy) != len(want) {
		t.Fatalf("%d times, R has %d", len(f.Tidy), len(want))
	}
	for i, row := range f.Tidy {
		for j, key := range []string{"time", "n_risk", "n_event", "n_censor", "estimate", "std_error", "conf_low", "conf_high"} {
			if got := row.Get(key); !near(got, want[i][j]) {
				t.Errorf("row %d: %s is %v, R has %v", i, key, got, want[i][j])
			}
		}
	}
	for key, want := range map[string]float64{"n": 12, "events": 7, "median": 8, "median_low": 2, "median_high": 10, "rmean": 6.70663265306122, "rmean_se": 1.15363584700919} {
		if got := f.Glance.Get(key); !near(got, want) {
			t.Errorf("%s is %v, R has %v", key, got, want)
		}
	}
}

func TestAnEntryAfterTheEndIsRefused(t *testing.T) {
	s, tables := ward(t, []float64{0, 3, 1}, []float64{2, 3, 4}, []float64{1, 1, 0}, nil)
	_, err := try(t, programOf(t, s, Args{Kind: "km", Time: "time", Event: "event", Entry: "entry", Rules: rules(1, 1)}), tables...)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Rule != "entry" {
		t.Fatalf("%v, want a refusal", err)
	}
}

// With min_cell the curve is the one of the data whose times are moved up to
// the next time shown, and no row stands for fewer people.
func TestMergedCurveIsThatOfTheMergedTimes(t *testing.T) {
	curves := 0
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "km" || a.Spec.Where != nil || s.pooled(t) == nil {
				continue
			}
			args := Args{Kind: "km", Time: a.Spec.Time, Event: a.Spec.Event, By: a.Spec.Group, Rules: rules(5, 1)}
			f := run(t, begin(t, KaplanMeier{}, s, args), s.tables...)
			groups := map[any][]Record{}
			for _, row := range f.Tidy {
				groups[row.Get("group")] = append(groups[row.Get("group")], row)
			}
			for group, rows := range groups {
				if rows[0].Get("suppressed") == true {
					continue
				}
				curves++
				times, events := s.followedUp(t, a.Spec.Time, a.Spec.Event, a.Spec.Group, group)
				checkSurvival(t, s.name+"/"+a.ID, rows, times, events)
			}
		}
	}
	if curves < 5 {
		t.Errorf("%d curves were compared", curves)
	}
}

// followedUp returns times and events of the rows of a group, nil for all.
func (r *reference) followedUp(t *testing.T, time, event, by string, group any) (times, events []float64) {
	t.Helper()
	for _, tab := range r.tables {
		col := func(name string) []float64 {
			c, err := tab.Column(name)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		for i, x := range col(time) {
			if math.IsNaN(x) || math.IsNaN(col(event)[i]) {
				continue
			}
			if group != nil {
				f, err := tab.Schema.Factor(by)
				if err != nil {
					t.Fatal(err)
				}
				if l := f.Level(col(by)[i]); l < 0 || f.Levels[l] != group {
					continue
				}
			}
			times, events = append(times, x), append(events, col(event)[i])
		}
	}
	return times, events
}

// checkSurvival computes the product-limit estimate of moved times from the rows themselves.
func checkSurvival(t *testing.T, name string, rows []Record, times, events []float64) {
	t.Helper()
	moved := make([]float64, len(times))
	for i, x := range times {
		moved[i] = math.Inf(1)
		for _, r := range slices.Backward(rows) {
			if at := r.Get("time").(float64); at >= x {
				moved[i] = at
			}
		}
	}
	survival, tail := 1.0, 0
	for _, r := range rows {
		at := r.Get("time").(float64)
		var risk, leave, event float64
		for i, x := range moved {
			if x >= at {
				risk++
			}
			if x == at {
				leave++
				event += events[i]
			}
		}
		survival *= 1 - event/risk
		if r.Get("n_risk") != int64(risk) || r.Get("n_event") != int64(event) || r.Get("n_censor") != int64(leave-event) || !near(r.Get("estimate"), survival) {
			t.Errorf("%s at %v: %v, want %v at risk, %v events, %v leave, survival %v", name, at, r, risk, event, leave, survival)
		}
		if leave < 5 {
			t.Errorf("%s at %v: a row for %v people", name, at, leave)
		}
	}
	for _, x := range moved {
		if math.IsInf(x, 1) {
			tail++
		}
	}
	if tail > 0 && tail < 5 {
		t.Errorf("%s: %d people are left: the size of the tail tells of them", name, tail)
	}
}

// Coarser times: ends count at the next multiple.
func TestTimesOnACoarserGrid(t *testing.T) {
	s, tables := ward(t, make([]float64, 6), []float64{1, 9, 10, 11, 20, 25}, []float64{1, 1, 0, 1, 1, 0}, nil)
	f := run(t, programOf(t, s, Args{Kind: "km", Time: "time", Event: "event", Grid: 10, Rules: rules(1, 1)}), tables...)
	want := [][]float64{{10, 6, 2, 1}, {20, 3, 2, 0}, {30, 1, 0, 1}}
	for i, row := range f.Tidy {
		for j, key := range []string{"time", "n_risk", "n_event", "n_censor"} {
			if !near(row.Get(key), want[i][j]) {
				t.Errorf("row %d: %s is %v, want %v", i, key, row.Get(key), want[i][j])
			}
		}
	}
	if len(f.Tidy) != len(want) {
		t.Errorf("%d times, want %d", len(f.Tidy), len(want))
	}
}

// Nobody under observation, one person, everyone at one time, time 0, no event: a result with warnings, never a number that does not exist.
func TestSurvivalOfAwkwardGroups(t *testing.T) {
	for name, c := range map[string]struct {
		times, events []float64
		median        any
		warning       string
	}{
		"nobody":        {nil, nil, nil, ""},
		"one person":    {[]float64{7}, []float64{1}, 7.0, "falls to 0"},
		"one time":      {[]float64{3, 3, 3, 3}, []float64{1, 1, 0, 0}, 3.0, ""},
		"at time 0":     {[]float64{0, 0, 5, 6}, []float64{1, 1, 1, 0}, 2.5, ""},
		"no event":      {[]float64{4, 5, 6}, []float64{0, 0, 0}, nil, "nobody has the event"},
		"all at time 0": {[]float64{0, 0}, []float64{1, 1}, 0.0, "falls to 0"},
	} {
		s, tables := ward(t, make([]float64, len(c.times)), c.times, c.events, nil)
		f := run(t, programOf(t, s, Args{Kind: "km", Time: "time", Event: "event", Rules: rules(1, 1)}), tables...)
		if got := f.Glance.Get("median"); got != c.median {
			t.Errorf("%s: median %v, want %v", name, got, c.median)
		}
		if c.warning != "" && !warned(f, c.warning) {
			t.Errorf("%s: warnings %q, want %q", name, f.Warnings, c.warning)
		}
		if g := run(t, programOf(t, s, Args{Kind: "logrank", Time: "time", Event: "event", By: "g", Rules: rules(1, 1)}), tables...); g.Glance.Get("statistic") != nil {
			t.Errorf("%s: log-rank statistic %v of one group", name, g.Glance)
		}
	}
}

// The sums of hospitals' own strata equal the test on counts by time and stratum.
func TestLogRankStratifiedByAnotherVariable(t *testing.T) {
	// R 4.2.2: survdiff(Surv(time, event) ~ g + strata(entry)).
	times := []float64{5, 8, 8, 12, 3, 9, 14, 7, 2, 10, 11, 6}
	events := []float64{1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1}
	group := []float64{0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1}
	strata := []float64{0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1}
	s, tables := ward(t, strata, times, events, group)
	s.Fields[0].Max = 1
	f := run(t, programOf(t, s, Args{Kind: "logrank", Time: "time", Event: "event", By: "g", Strata: OneOrMore{"entry"}, Rules: rules(1, 1)}), tables...)
	if got, want := f.Glance.Get("statistic"), 0.760460782652889; !near(got, want) {
		t.Errorf("statistic %v, R has %v", got, want)
	}
	small := run(t, programOf(t, s, Args{Kind: "logrank", Time: "time", Event: "event", By: "g", Strata: OneOrMore{"entry"}, Rules: rules(5, 1)}), tables...)
	if small.Tidy[0].Get("observed") != nil || !small.Suppressed {
		t.Errorf("observed events of small groups are shown: %v", small.Tidy)
	}
}
