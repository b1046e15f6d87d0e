package table

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestFactorReadsVariablesAsCategories(t *testing.T) {
	s := patients(t)
	s.Fields = append(s.Fields, Field{Name: "visits", Integer: true, Min: -1.5, Max: 2.5}, Field{Name: "score", Integer: true, Min: 0, Max: 49})
	for _, tc := range []struct {
		name   string
		levels []string
		value  float64
		level  int
	}{
		{"sex", []string{"female", "male"}, 1, 1},
		{"died", []string{"0", "1"}, 0, 0},
		{"visits", []string{"-1", "0", "1", "2"}, 2, 3},
		{"site", []string{"north", "south"}, 1, 1},
		{"sex", []string{"female", "male"}, nan, -1},
	} {
		f, err := s.Factor(tc.name)
		if err != nil || !slices.Equal(f.Levels, tc.levels) || f.Level(tc.value) != tc.level {
			t.Errorf("%s: levels %q, value %g is level %d, %v", tc.name, f.Levels, tc.value, f.Level(tc.value), err)
		}
	}
	if f, err := s.Factor("score"); err != nil || len(f.Levels) != MaxFactorPoints {
		t.Errorf("score: %d levels, %v", len(f.Levels), err)
	}
	for name, want := range map[string]string{"age": "want a category", "dose": "want a category", "sexx": `nearest is "sex"`} {
		if _, err := s.Factor(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestPointsAreTheGridInsideTheRange(t *testing.T) {
	for _, tc := range []struct {
		f      Field
		lo, hi int64
	}{
		{Field{Min: -0.25, Max: 0.75, Grid: Grid{1, -1}}, -2, 7},
		{Field{Min: 0, Max: 9, Grid: Grid{5, 0}}, 0, 1},
		{Field{Min: 1, Max: 1e6, Grid: Grid{1, 3}}, 1, 1000},
		{Field{Min: 0.3, Max: 0.7, Grid: Grid{1, -1}}, 3, 7},
	} {
		if lo, hi := tc.f.Points(); lo != tc.lo || hi != tc.hi {
			t.Errorf("[%g, %g] by %s: points %d to %d, want %d to %d", tc.f.Min, tc.f.Max, tc.f.Grid, lo, hi, tc.lo, tc.hi)
		}
	}
}

func TestSelectAndCompleteCountWhatTheyDrop(t *testing.T) {
	s := patients(t)
	tab := rows(t, s)
	adult, err := ParseCondition("age >= 40", s)
	if err != nil {
		t.Fatal(err)
	}
	male, err := ParseCondition("sex == 'male'", s)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tab.Select(nil, adult, male)
	if err != nil || !slices.Equal(v.Rows, []int{1, 5}) || v.Filtered != 4 {
		t.Errorf("selected %+v, %v", v, err)
	}
	all, err := tab.Select()
	if err != nil || len(all.Rows) != 6 || all.Filtered != 0 {
		t.Errorf("selected %+v, %v", all, err)
	}
	c, dropped, err := v.Complete("died", "site")
	if err != nil || !slices.Equal(c.Rows, []int{1}) || dropped != 1 || c.Filtered != 4 {
		t.Errorf("complete %+v, %d dropped, %v", c, dropped, err)
	}
	if _, _, err := v.Complete("dead"); err == nil {
		t.Error("rows are complete for a variable that does not exist")
	}
}

func TestTableRefusesColumnsThatDoNotFit(t *testing.T) {
	s := &Schema{Sites: []string{"a"}, Fields: []Field{{Name: "x"}, {Name: "y"}}}
	for want, cols := range map[string][][]float64{
		"1 columns for 2 variables": {{1}},
		`column "y" has 1 rows`:     {{1, 2}, {1}},
	} {
		if _, err := New(s, "a", cols); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := New(s, "b", [][]float64{{1}, {1}}); err == nil || !strings.Contains(err.Error(), "not in the study") {
		t.Errorf("got %v", err)
	}
	tab, err := New(s, "a", [][]float64{{1}, {math.NaN()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tab.Column("z"); err == nil {
		t.Error("a column that does not exist")
	}
}
