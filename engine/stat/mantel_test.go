package stat

import (
	"errors"
	"strings"
	"testing"
)

func mantelOf(minCell int, strata ...string) Args {
	return Args{Kind: "mantel_haenszel", Rows: "smoke", Columns: "low", Strata: strata, Rules: Rules{MinCell: minCell, MinSites: 1}}
}

func TestMantelHaenszelRefusesSmallCellsAndFewHospitals(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt") // three hospitals; of black smokers 4 have no low weight
	for _, c := range []struct {
		args Args
		rule string
	}{
		{mantelOf(4, "race"), ""}, {mantelOf(5, "race"), "min_cell"},
		{mantelOf(5, "site"), "hospitals"}, {mantelOf(5, "race", "site"), "hospitals"}, {mantelOf(1, "race", "site"), ""},
	} {
		f, err := try(t, begin(t, MantelHaenszel{}, set, c.args), set.tables...)
		var refusal *Refusal
		switch {
		case c.rule == "" && (err != nil || f.Glance.Get("cmh_odds_ratio") == nil):
			t.Errorf("%v: %v, %v", c.args, f.Glance, err)
		case c.rule != "" && (!errors.As(err, &refusal) || refusal.Rule != c.rule):
			t.Errorf("%v: %v, want a refusal by %s", c.args, err, c.rule)
		}
	}
	for why, args := range map[string]Args{
		"3 levels": {Kind: "mantel_haenszel", Rows: "race", Columns: "low", Strata: OneOrMore{"smoke"}},
		"twice":    {Kind: "mantel_haenszel", Rows: "smoke", Columns: "low", Strata: OneOrMore{"smoke"}},
		"empty":    {Kind: "mantel_haenszel", Rows: "smoke", Columns: "low"},
	} {
		if _, err := (MantelHaenszel{}).Begin(args, set.schema); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %q", err, why)
		}
	}
}

// Seven hospitals, and smokers in one of them alone: every term of the sums but its own is 0.
func TestMantelHaenszelOfOneHospitalThatTellsAnythingIsRefused(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	smoke, err := set.pooled(t).Column("smoke")
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, len(smoke))
	for i := range order {
		order[i] = i
	}
	for most, refused := range map[int]bool{1: true, 4: true, 5: false} {
		tables := over(t, set, 7, order, func(i int) int {
			if smoke[i] == 1 {
				return i % most
			}
			return i % 7
		})
		_, err := try(t, programOf(t, tables[0].Schema, mantelOf(5, "site")), tables...)
		var refusal *Refusal
		if refused != (errors.As(err, &refusal) && refusal.Rule == "hospitals") || !refused && err != nil {
			t.Errorf("smokers in %d of 7 hospitals: %v", most, err)
		}
	}
}

// With site among the strata nothing is opened but sums, and these give what the tables of the hospitals would.
func TestMantelHaenszelWithinHospitalsEqualsItsTables(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	own := run(t, begin(t, MantelHaenszel{}, set, mantelOf(1, "race", "site")), set.tables...)
	var whole mhSums
	even := breslowDay{ratio: own.Glance.Get("cmh_odds_ratio").(float64)}
	for _, tab := range set.tables {
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		m := begin(t, MantelHaenszel{}, set, mantelOf(1, "race"))().(*program).parts[0].(*mantelPart)
		counts, err := m.tables(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range counts {
			whole.stratum(c)
			even.stratum(c)
		}
	}
	want := whole.put(Record{}.Put("strata", float64(whole.strata)), true).Put("breslow_day", even.statistic)
	for _, e := range want {
		if got := own.Glance.Get(e.Key); !near(got, e.Value) {
			t.Errorf("%s is %v, the tables give %v", e.Key, got, e.Value)
		}
	}
	if opened := own.Tidy; len(opened) != 1 {
		t.Errorf("%d rows are written, want the common odds ratio alone", len(opened))
	}
}

func TestMantelHaenszelWithoutAnythingToTest(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	where := set.tables[0]
	smoke, err := where.Column("smoke")
	if err != nil {
		t.Fatal(err)
	}
	var none []int
	for i, x := range smoke {
		if x == 0 {
			none = append(none, i)
		}
	}
	f := run(t, begin(t, MantelHaenszel{}, set, mantelOf(1, "race")), some(t, where, none))
	for _, key := range []string{"cmh_statistic", "cmh_odds_ratio", "breslow_day", "tarone_p"} {
		if f.Glance.Get(key) != nil {
			t.Errorf("nobody smokes, and %s is %v", key, f.Glance.Get(key))
		}
	}
	if !strings.Contains(strings.Join(f.Warnings, "\n"), "nothing to test") || !strings.Contains(strings.Join(f.Warnings, "\n"), "race = white has an empty cell") {
		t.Errorf("warnings %q", f.Warnings)
	}
}
