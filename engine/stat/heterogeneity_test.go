package stat

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

func heterogeneous(of Args, term string, apart bool, minCell int) Args {
	of.Rules = Rules{MinCell: minCell, MinSites: 1, MaxParametersPerRow: 1}
	return Args{Kind: "heterogeneity", Of: &of, Term: term, Apart: apart, Rules: of.Rules}
}

func TestHeterogeneityOfFewHospitalsNeedsTheirConsent(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt") // three hospitals
	of := Args{ID: "m", Kind: "linear", Formula: "bwt ~ age"}
	_, err := try(t, begin(t, Heterogeneity{}, set, heterogeneous(of, "age", false, 5)), set.tables...)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Rule != "hospitals" {
		t.Errorf("sums over three hospitals: %v", err)
	}
	var views []*table.View
	for _, tab := range set.tables {
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	_, record, _ := drive(t, begin(t, Heterogeneity{}, set, heterogeneous(of, "age", false, 5)), views...)
	for _, o := range record[1:] { // after the census
		for _, c := range o.ask.Cells {
			if c.Name != "hospitals that take part" {
				t.Errorf("%q was opened before the analysis was refused", c.Name)
			}
		}
	}
	f := run(t, begin(t, Heterogeneity{}, set, heterogeneous(of, "age", true, 5)), set.tables...)
	if len(f.Tidy) != 5 || f.Tidy[0].Get("estimate") == nil {
		t.Errorf("per hospital: %v", f.Tidy)
	}
	p := begin(t, Heterogeneity{}, set, heterogeneous(of, "age", true, 5))()
	if o := p.Plan()[1]; !o.PerHospital {
		t.Errorf("%q is not said to be of single hospitals", o.What)
	}
}

// A hospital with too few rows, with a level of too few people or whose
// reference level is another does not take part, and the rest is as without it.
func TestHeterogeneityLeavesOutWhoHasNoFitOfItsOwn(t *testing.T) {
	set := readReference(t, "../../testdata/rotterdam_gbsg")
	order := make([]int, set.pooled(t).Rows())
	for i := range order {
		order[i] = i
	}
	size, err := set.pooled(t).Column("size")
	if err != nil {
		t.Fatal(err)
	}
	of := Args{ID: "m", Kind: "linear", Formula: "age ~ size"}
	dealt := func(i int) int {
		switch {
		case i < 20:
			return 7 // too few rows
		case i < 400:
			if size[i] == 0 {
				return i % 6
			}
			return 6 // nobody of the reference level
		}
		return i % 6
	}
	tables := over(t, set, 9, order, dealt) // the last is empty
	f := run(t, programOf(t, tables[0].Schema, heterogeneous(of, "size>50", true, 5)), tables...)
	for i, want := range []bool{true, true, true, true, true, true, false, false, false} {
		if got := f.Tidy[i].Get("estimate") != nil; got != want {
			t.Errorf("%v takes part: %v, want %v", f.Tidy[i].Get("term"), got, want)
		}
	}
	if k := f.Glance.Get("hospitals"); k != int64(6) || !strings.Contains(strings.Join(f.Warnings, "\n"), "3 of 9") {
		t.Errorf("%v hospitals, warnings %q", k, f.Warnings)
	}
	back := slices.Clone(order)
	slices.Reverse(back)
	n := len(back)
	sums := run(t, programOf(t, tables[0].Schema, heterogeneous(of, "size>50", false, 5)), over(t, set, 9, back, func(i int) int { return dealt(n - 1 - i) })...)
	sameTables(t, Frame{Tidy: sums.Tidy}, Frame{Tidy: f.Tidy[9:]})
}

func TestHeterogeneityRefusesWhatHospitalsCannotFit(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	for why, a := range map[string]Args{
		"no coefficient \"agee\"": heterogeneous(Args{ID: "m", Kind: "linear", Formula: "bwt ~ age"}, "agee", false, 1),
		"site among its terms":    heterogeneous(Args{ID: "m", Kind: "linear", Formula: "bwt ~ age + site"}, "age", false, 1),
		"of kind rank":            heterogeneous(Args{ID: "m", Kind: "rank"}, "age", false, 1),
	} {
		if _, err := (Heterogeneity{}).Begin(a, set.schema); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %q", err, why)
		}
	}
}
