package stat

import (
	"math"
	"slices"
	"testing"
)

// R 4.2.2: coxph(Surv(entry, time, event) ~ x + g, robust = TRUE, id = 1:16), and the same with strata(site) for three sites.
func TestRobustErrorsWithLateEntriesAgreeWithR(t *testing.T) {
	for _, c := range []struct {
		hospitals      int
		ties           string
		seX, seG, wald float64
	}{
		{1, "efron", 0.1114101665806617, 0.6276293106913963, 11.6992805879218},
		{1, "breslow", 0.1034074448469862, 0.6082275521003115, 12.26505656980642},
		{3, "efron", 0.2098941433165541, 0.7103482067633856, 12.18155468541863},
		{3, "breslow", 0.2098941433165541, 0.7103482067633856, 12.18155468541863},
	} {
		s, tables := trial(t, c.hospitals, trialEntry, trialTime, trialEvent, trialX, trialG)
		args := Args{Kind: "cox", Time: "time", Event: "event", Entry: "entry", Formula: "~ x + g", Ties: c.ties, Strata: OneOrMore{"site"}, SE: "hc0", Rules: rules(1, 1)}
		f := run(t, programOf(t, s, args), tables...)
		if x, g := f.Tidy[0].Get("std_error"), f.Tidy[1].Get("std_error"); !near(x, c.seX) || !near(g, c.seG) || !near(f.Glance.Get("wald"), c.wald) {
			t.Errorf("%d hospitals, %s: %v, %v, Wald's statistic %v", c.hospitals, c.ties, x, g, f.Glance.Get("wald"))
		}
	}
}

// People's residuals sum to the score, also where risks differ by more than float64 holds; who is at risk at no event has none.
func TestScoreResidualsSumToTheScore(t *testing.T) {
	for _, far := range []float64{0, 3, 2000} {
		for _, efron := range []bool{true, false} {
			start := slices.Repeat([]float64{math.Inf(-1)}, 8)
			start[1], start[4] = 1.5, 2
			m := &coxRows{cols: []int{0, 1}, eta: []float64{0, 0.5, far, far + 1, -0.3, 1, 2, far / 2},
				x:    []float64{1, 0, -1, 1, 0.5, 1, 2, 0, -0.2, 1, 0.7, 0.1, 3, -1, 1, 0},
				stop: []float64{4, 3, 2, 2, 4, 3, 3, 0.5}, start: start,
				event: []bool{true, true, true, true, false, true, false, false}, stratum: []int{0, 0, 0, 0, 1, 1, 1, 1}}
			for _, s := range []struct{ rows []int }{{[]int{0, 1, 2, 3}}, {[]int{4, 5, 6, 7}}} {
				slices.SortFunc(s.rows, func(a, b int) int { return int(2 * (m.start[b] - m.start[a])) })
				m.entries = append(m.entries, s.rows...)
			}
			u := m.residuals(efron)
			p, e := m.likelihood(efron, nil)
			for a := range 2 {
				sum := 0.0
				for i := range m.stop {
					sum += u[2*i+a]
				}
				if want := e.score[a] - p.score[a]; !(math.Abs(sum-want) < 1e-12*max(1, math.Abs(want))) {
					t.Errorf("far %v, efron %v: residuals sum to %v, the score is %v", far, efron, sum, want)
				}
				if u[2*7+a] != 0 {
					t.Errorf("far %v: the residual of one who left before the first event is %v", far, u[2*7+a])
				}
			}
		}
	}
}

// Of two columns that both vary at the smallest hospital alone there is no robust standard error: the meat would be of its four people.
func TestRobustErrorsOfFewPeoplesStrataAreNotGiven(t *testing.T) {
	const n = 44
	time, event, x, g := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range time {
		time[i] = float64(1 + 7*i%20)
		if i%3 > 0 {
			event[i] = 1
		}
		if i < 20 || i >= 40 {
			x[i] = float64(i % 2)
		}
		if i >= 20 {
			g[i] = float64(i / 2 % 2)
		}
	}
	s, tables := trial(t, 1, make([]float64, n), time, event, x, g)
	tables = deal(t, tables[0], func(i int) int { return i / 20 })
	for minCell, given := range map[int]bool{1: true, 4: true, 5: false} {
		args := Args{Kind: "cox", Time: "time", Event: "event", Formula: "~ x + g", Strata: OneOrMore{"site"}, SE: "hc0", Rules: rules(minCell, 1)}
		f := run(t, programOf(t, s, args), tables...)
		if got := f.VCov != nil && f.Tidy[0].Get("std_error") != nil; got != given || warned(f, "fewer than 5 people tell of x and gb") == given {
			t.Errorf("min_cell %d: standard error %v, warnings %q", minCell, f.Tidy[0].Get("std_error"), f.Warnings)
		}
		args.SE = ""
		if f := run(t, programOf(t, s, args), tables...); f.VCov == nil {
			t.Errorf("min_cell %d: the model's own standard errors are gone: %q", minCell, f.Warnings)
		}
	}
}

// 100 women before the menopause have hormones.
func TestRobustErrorsOfAHazardAreNotOfFewPeople(t *testing.T) {
	set := readReference(t, "../../testdata/rotterdam_gbsg")
	for minCell, given := range map[int]bool{100: true, 101: false} {
		args := Args{Kind: "cox", Time: "rfstime", Event: "rfs", Formula: "~ meno + hormon + age", Strata: OneOrMore{"site"}, SE: "hc0", ZPH: "none", Rules: rules(minCell, 1)}
		f := run(t, begin(t, Cox{}, set, args), set.tables...)
		if got := f.VCov != nil; got != given || warned(f, "alike in meno and hormon") == given {
			t.Errorf("min_cell %d: given %v, warnings %q", minCell, got, f.Warnings)
		}
	}
}
