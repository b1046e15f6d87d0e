package stat

import (
	"slices"
	"strings"
	"testing"
)

// A hospital that subtracts its own terms and its own table has nine equations
// in the four counts of each other one that tells anything. One
// of those, out of seven, is solved for: fewer than min_sites hospitals that tell anything have no sums.
func TestTheTestOverHospitalsIsOpenedOverEnoughThatTellAnything(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	smoke, err := set.pooled(t).Column("smoke")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		telling, minSites, minCell int
		opened                     []int // cells after the census
	}{
		{1, 3, 5, []int{1, 4}}, {2, 3, 5, []int{1, 4}}, {3, 3, 5, []int{1, 4, 9}}, {1, 2, 5, []int{1, 4}},
		{4, 5, 5, []int{1, 4}}, {5, 5, 5, []int{1, 4, 9}}, {2, 1, 1, []int{4, 9}},
	} {
		tables := over(t, set, 7, upToZero(len(smoke)), func(i int) int {
			if smoke[i] == 1 {
				return i % c.telling
			}
			return i % 7
		})
		args := Args{Kind: "crosstab", Rows: "smoke", Columns: "low", Rules: rules(c.minCell, c.minSites)}
		f, record, err := drive(t, programOf(t, tables[0].Schema, args), views(t, tables)...)
		if err != nil {
			t.Fatal(err)
		}
		var cells []int
		for _, o := range record[1:] {
			cells = append(cells, len(o.ask.Cells))
		}
		closed := slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.Contains(w, "no Cochran-Mantel-Haenszel test") })
		given := f.Glance.Get("cmh_p") != nil && f.Glance.Get("cmh_odds_ratio") != nil
		if !slices.Equal(cells, c.opened) || given != slices.Contains(cells, 9) || closed == given || f.Glance.Get("chi_squared_p") == nil {
			t.Errorf("%+v: %v cells opened, test given %v, warnings %q", c, cells, given, f.Warnings)
		}
	}
}

// upToZero returns 0, 1, ..., n-1.
func upToZero(n int) (order []int) {
	for i := range n {
		order = append(order, i)
	}
	return order
}
