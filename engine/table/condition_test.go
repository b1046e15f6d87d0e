package table

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// patients is a small dictionary with one variable of every kind.
func patients(t testing.TB) *Schema {
	t.Helper()
	s := &Schema{Sites: []string{"north", "south"}, Fields: []Field{
		{Name: "age", Kind: Number, Unit: "years", Integer: true, Min: 0, Max: 120, Missing: []string{"-9", "NA"}},
		{Name: "dose", Kind: Number, Min: -5, Max: 10, Grid: Grid{1, -1}, GridDeclared: true},
		{Name: "sex", Kind: Category, Levels: []string{"female", "male"}, Missing: []string{"unknown"}},
		{Name: "died", Kind: Binary},
		{Name: "stage at entry", Kind: Category, Levels: []string{"I", "II \"b\"", "007"}},
	}}
	for i := range s.Fields {
		if err := s.Fields[i].Check(); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

var nan = math.NaN()

// rows are six patients of the south: complete, and missing in every column once.
func rows(t testing.TB, s *Schema) *Table {
	t.Helper()
	tab, err := New(s, "south", [][]float64{
		{30, 40, 50, nan, 70, 80},
		{-0.5, 0.1, nan, 1, 2, 3},
		{0, 1, 0, 1, nan, 1},
		{0, 1, 1, 0, 1, nan},
		{0, 1, 2, nan, 1, 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// The kept rows are what R's subset() keeps of the same six rows.
func TestConditionKeepsTheRowsThatRKeeps(t *testing.T) {
	s := patients(t)
	tab := rows(t, s)
	for _, tc := range []struct {
		src  string
		want []int
	}{
		{"age >= 40", []int{1, 2, 4, 5}},
		{"40 <= age", []int{1, 2, 4, 5}},
		{"40 < age", []int{2, 4, 5}},
		{"40 > age", []int{0}},
		{"40 >= age", []int{0, 1}},
		{"age>40&age<80", []int{2, 4}},
		{"!(age > 40)", []int{0, 1}},
		{"!age > 40", []int{0, 1}}, // ! binds weaker than comparison
		{"age > 40 | died == 1", []int{1, 2, 4, 5}},
		{"is.na(age)", []int{3}},
		{"!is.na(age) & !is.na(dose) & !is.na(sex) & !is.na(died)", []int{0, 1}},
		{"is.na(age) | age == 30", []int{0, 3}},
		{"sex == \"male\"", []int{1, 3, 5}},
		{"sex != 'male'", []int{0, 2}},
		{"!sex %in% c('male')", []int{0, 2, 4}}, // NA is in no set, so not-in keeps it
		{"sex %in% c(\"male\", \"female\")", []int{0, 1, 2, 3, 5}},
		{"sex %in% 'female'", []int{0, 2}},
		{"`stage at entry` == \"II \\\"b\\\"\"", []int{1, 4}},
		{"`stage at entry` == '007'", []int{2}},
		{"dose == 0.1", []int{1}},
		{"dose < -.4", []int{0}},
		{"dose <= -5e-1", []int{0}},
		{"dose > - 0.5", []int{1, 3, 4, 5}},
		{"age == 30L", []int{0}},
		{"age %in% c(30, 40, 41)", []int{0, 1}},
		{"died == TRUE", []int{1, 2, 4}},
		{"died != 1", []int{0, 3}},
		{"died < 1", []int{0, 3}},
		{"dose < died", []int{0, 1}},
		{"site == \"south\"", []int{0, 1, 2, 3, 4, 5}},
		{"site != \"south\"", []int{}},
		{"is.na(site)", []int{}},
		{"TRUE", []int{0, 1, 2, 3, 4, 5}},
		{"FALSE | (TRUE & age == 30)", []int{0}},
		{"(age > 40) & FALSE", []int{}},
		{"dose > 1 | TRUE", []int{0, 1, 2, 3, 4, 5}},       // NA | TRUE is TRUE
		{"!(dose > 100 & FALSE)", []int{0, 1, 2, 3, 4, 5}}, // NA & FALSE is FALSE
		{"age >= 70 | sex == 'male' & died == 1", []int{1, 4, 5}},
		{"((((age)) > ((40))))", []int{2, 4, 5}},
		{" age\n>=\t80 ", []int{5}},
	} {
		t.Run(tc.src, func(t *testing.T) {
			c, err := ParseCondition(tc.src, s)
			if err != nil {
				t.Fatal(err)
			}
			v, err := tab.Select(c)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(v.Rows, tc.want) {
				t.Errorf("kept rows %v, want %v", v.Rows, tc.want)
			}
			if v.Filtered != tab.Rows()-len(tc.want) {
				t.Errorf("filtered %d of %d, kept %d", v.Filtered, tab.Rows(), len(tc.want))
			}
		})
	}
}

func TestConditionMistakesAreNamedWithTheirPlace(t *testing.T) {
	s := patients(t)
	for _, tc := range []struct {
		src string
		pos int
		err string
	}{
		{"", 1, "ends too early"},
		{"agee > 40", 1, `no variable "agee" in the dictionary; nearest is "age"`},
		{"age > 40 && died == 1", 10, "write &"},
		{"age > 40 || died == 1", 10, "write |"},
		{"age = 40", 5, "written =="},
		{"age <-5", 5, "assignment"},
		{"age > 40 and died == 1", 10, "write &"},
		{"and", 1, "write &"},
		{"age > '40'", 7, "without quotes"},
		{"sex == male", 8, `no variable "male"`},
		{"sex == 'femal'", 8, `"femal" is not a level of "sex"; nearest is "female"`},
		{"sex == 1", 8, "write its level in quotes"},
		{"sex < 'male'", 5, "have no order"},
		{"sex == `stage at entry`", 1, "levels in quotes"},
		{"site == 'east'", 9, `"east" is not a level of "site"`},
		{"site %in% c('north', 'west')", 22, `is not a level of "site"`},
		{"died == 2", 9, "compare it with 0 or 1"},
		{"died == 'yes'", 9, "compare it with 0 or 1"},
		{"died & age > 4", 1, "write died == 1"},
		{"age", 1, "not a condition"},
		{"40", 1, "not a condition"},
		{"1 == 1", 1, "one side must be a variable"},
		{"1 < age < 4", 9, "cannot be chained"},
		{"(age > 4) == TRUE", 2, "cannot be compared"},
		{"age == NA", 8, "write is.na(x)"},
		{"age > Inf", 7, "has no place"},
		{"is.na(age > 4)", 11, "unexpected >"},
		{"is.na('age')", 7, "takes the name of a variable"},
		{"log(age) > 4", 1, "no function log"},
		{"c(1, 2) == age", 1, "only after %in%"},
		{"age %in% c()", 12, "unexpected )"},
		{"age %in% c(1, 2", 16, "ends too early"},
		{"age %in% c(dose)", 12, "numbers or levels"},
		{"age %in% 1:5", 11, "write the values out"},
		{"age + 1 > 4", 5, "no arithmetic"},
		{"age %% 2 == 0", 5, "only %in%"},
		{"(age > 4", 9, "ends too early"},
		{"age > 4)", 8, "unexpected )"},
		{"age > 4 died == 1", 9, "unexpected died"},
		{"sex == 'male", 8, "not closed"},
		{"`age > 4", 1, "not closed"},
		{`sex == "\q"`, 8, "unknown escape"},
		{"age > 0x10", 7, "neither a number nor a name"},
		{"age > 1e999", 7, "too large"},
		{"age > 1_000", 7, "neither a number nor a name"},
		{".age > 1", 1, "backticks"},
		{"age > 4 # old", 9, "unexpected '#'"},
		{"age > 4; died == 1", 8, "unexpected ';'"},
		{"age \xff", 1, "not UTF-8"},
		{strings.Repeat("(", 65) + "age > 1" + strings.Repeat(")", 65), 65, "more than 64 deep"},
		{strings.Repeat("!", 100) + "(age > 1)", 65, "more than 64 deep"},
		{strings.Repeat(" ", 9000), 1, "at most 8192"},
	} {
		t.Run(tc.src[:min(len(tc.src), 40)], func(t *testing.T) {
			_, err := ParseCondition(tc.src, s)
			var e *ConditionError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *ConditionError", err)
			}
			if e.Pos != tc.pos || !strings.Contains(e.Msg, tc.err) {
				t.Errorf("got character %d: %s; want %d: %s", e.Pos, e.Msg, tc.pos, tc.err)
			}
		})
	}
}

func TestConditionNamesItsVariables(t *testing.T) {
	c, err := ParseCondition("age > 1 & (`stage at entry` == 'I' | is.na(age)) & site %in% c('north')", patients(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"age", "stage at entry", "site"}; !slices.Equal(c.Variables(), want) {
		t.Errorf("variables %q, want %q", c.Variables(), want)
	}
}

// A condition that parses keeps the same rows inside brackets, twice negated, and joined with itself.
func FuzzParseCondition(f *testing.F) {
	for _, s := range []string{"age >= 40", "!is.na(dose) & sex %in% c('male', \"female\")", "`stage at entry` == 'I' | died != 1", "-1 < dose", "TRUE", "!!(age<3)", "age %in% 3L", "site=='north'"} {
		f.Add(s)
	}
	s := patients(f)
	tab := rows(f, s)
	keeps := func(t *testing.T, src string) []int {
		c, err := ParseCondition(src, s)
		if err != nil {
			t.Fatalf("%q: %v", src, err)
		}
		v, err := tab.Select(c)
		if err != nil {
			t.Fatalf("%q: %v", src, err)
		}
		return v.Rows
	}
	f.Fuzz(func(t *testing.T, src string) {
		if _, err := ParseCondition(src, s); err != nil || len(src) > 1000 || strings.Count(src, "(")+strings.Count(src, "!") > 50 {
			return
		}
		want := keeps(t, src)
		for _, same := range []string{"(" + src + ")", "!(!(" + src + "))", "(" + src + ")&(" + src + ")", "FALSE|(" + src + ")"} {
			if got := keeps(t, same); !slices.Equal(got, want) {
				t.Errorf("%q keeps %v, %q keeps %v", src, want, same, got)
			}
		}
	})
}
