package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

func TestRatiosTellLimitsFromEstimateAndFromOne(t *testing.T) {
	for _, c := range []struct {
		e, low, high float64
		want         string
	}{
		{0.33223, 0.15157, 0.72822, "0.332 0.152 0.728"},
		{0.960714, 0.91947, 1.00381, "0.961 0.919 1.004"},
		{0.99712, 0.99688, 0.99734, "0.9971 0.9969 0.9973"},
		{1.00021, 1.00012, 1.0003, "1.0002 1.0001 1.0003"},
		{1, 1, 1, "1.00 1.00 1.00"},
		{2.5, math.NaN(), math.NaN(), "2.50 NA NA"},
		{0.9999999, 0.5, 2, "1.00000 0.500 2.00"},
	} {
		e, low, high := ratios(c.e, c.low, c.high)
		if got := e + " " + low + " " + high; got != c.want {
			t.Errorf("%v: %s, want %s", c, got, c.want)
		}
	}
}

// The number below a time is that of the time: of a curve from there on, of asked times that very one's.
func TestNumbersAtRiskAreThoseOfTheirTime(t *testing.T) {
	asked := []stat.Record{rec("time", 90.0, "n_risk", 40, "n_event", 3, "n_censor", 1), rec("time", 180.0, "n_risk", 20, "n_event", 2, "n_censor", 0)}
	done := []stat.Record{rec("time", 90.0, "n_risk", 40, "n_event", 20, "n_censor", 0), rec("time", 180.0, "n_risk", 20, "n_event", 5, "n_censor", 15)}
	secret := []stat.Record{rec("time", nil, "n_risk", nil, "suppressed", true)}
	for _, c := range []struct {
		rows  []stat.Record
		at    float64
		steps bool
		want  string
	}{
		{asked, 0, false, "–"}, {asked, 90, false, "40"}, {asked, 100, false, "–"}, {asked, 100, true, "20"}, {asked, 200, true, "–"}, {done, 0, true, "40"}, {done, 200, true, "0"}, {done, 200, false, "–"}, {secret, 0, true, hidden}, {nil, 0, true, "–"},
	} {
		if got := atRisk(c.rows, c.at, c.steps); got != c.want {
			t.Errorf("at %v (steps %v): %s, want %s", c.at, c.steps, got, c.want)
		}
	}
}

func TestLongNamesAreBrokenBehindMarks(t *testing.T) {
	for name, want := range map[string][]string{
		"age": {"age"}, "treatinterferon:inheritautosomal": {"treatinterferon:", "inheritautosomal"},
		strings.Repeat("x", 60): {strings.Repeat("x", 14), strings.Repeat("x", 14), strings.Repeat("x", 32)}, "": {""},
	} {
		if got := wrapped(name, 110, 3); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// An axis of ratios has more than one value on it, and their labels do not touch.
func TestAnAxisOfRatiosCanBeRead(t *testing.T) {
	for _, c := range [][2]float64{{0.95, 1.1}, {0.999, 1.002}, {0.1, 2}, {0.5, 2}, {1e-4, 1e4}, {0.03, 300}, {1, 1.0001}, {1e-30, 1e30}} {
		for _, wide := range []float64{70, 110, 300} {
			s := scale{low: c[0], high: c[1], to: wide, log: true}
			if got := ratioTicks(s); !s.apart(got) || len(got) < 2 && wide > 110 {
				t.Errorf("%v on %v: %v", c, wide, got)
			}
		}
	}
}

// A coefficient that falls for ever has a ratio of nought, not an infinite one.
func TestInfiniteCoefficientsAreDrawnWhereTheyGo(t *testing.T) {
	r := outcome()
	for i := range r.Analyses {
		if r.Analyses[i].ID == "risk" {
			rows := r.Analyses[i].Frame.Tidy
			rows[1] = rec("term", "low", "estimate", nil, "odds_ratio", nil, "odds_low", nil, "odds_high", nil, "infinite", "-")
			rows[2] = rec("term", "high", "estimate", nil, "odds_ratio", nil, "odds_low", nil, "odds_high", nil, "infinite", "+")
		}
	}
	for _, svg := range figures(t, page1(t, r)) {
		if strings.Contains(svg, `"fig-risk-t`) && (strings.Index(svg, "→ 0") < strings.Index(svg, ">low<") || strings.Index(svg, "→ ∞") < strings.Index(svg, ">high<")) {
			t.Errorf("the ends are not drawn: %s", svg)
		}
	}
}
