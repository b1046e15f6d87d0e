// Package table holds one hospital's rows as the data dictionary of a study
// describes them: columns of float64, NaN for missing, level numbers for
// categories. The dictionary is declared, never discovered: a value that does
// not conform stops the site with file, line, column and rule.
package table

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// Kind is the type of a variable.
type Kind uint8

// The kinds of study-file variables.
const (
	Number   Kind = iota // a measured or counted number
	Category             // one of declared levels; stored as the level's number 0, 1, ...
	Binary               // 0 or 1
)

// Site is the name of the category that every table has: the hospital, levels in the order of the study file.
const Site = "site"

// Grid is the unit M·10^E10 in which a number is recorded; grid points are its multiples.
type Grid struct {
	M   int64
	E10 int
}

// Field is one variable of the data dictionary.
type Field struct {
	Name   string
	Column string // name of the CSV column; Name when empty
	Kind   Kind
	Unit   string
	Levels []string       // Category: declared levels, the first is the reference
	Codes  map[string]int // Binary: code -> 0 or 1; nil means "0" and "1"

	Integer      bool    // Number: only whole values
	Min, Max     float64 // Number: declared range, both ends allowed
	Grid         Grid    // Number: grid of quantiles, ranks and histograms
	GridDeclared bool    // a step was written, or Integer: values off the grid do not conform

	Missing           []string // codes that mean missing, compared as text and, for numbers, also as numbers
	OutOfRangeMissing bool     // out_of_range: missing
	OffGridRound      bool     // off_grid: round
}

// Point returns the number of the grid point nearest to x: x ≈ Point·M·10^E10.
func (f *Field) Point(x float64) int64 {
	if f.Grid.E10 <= 0 {
		return int64(math.RoundToEven(x * pow10(-f.Grid.E10) / float64(f.Grid.M)))
	}
	return int64(math.RoundToEven(x / (float64(f.Grid.M) * pow10(f.Grid.E10))))
}

// Value returns the float64 nearest to grid point k: the number R reads from its decimal digits.
func (f *Field) Value(k int64) float64 {
	n := float64(k) * float64(f.Grid.M)
	if math.Abs(n) < 1<<53 && f.Grid.E10 <= 0 && f.Grid.E10 >= -22 {
		return n / pow10(-f.Grid.E10) // both exact, so the quotient is correctly rounded
	}
	if math.Abs(n) < 1<<53 && f.Grid.E10 > 0 && f.Grid.E10 <= 22 {
		return n * pow10(f.Grid.E10) // likewise
	}
	r := new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(k), big.NewInt(f.Grid.M)))
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(f.Grid.E10, -f.Grid.E10))), nil))
	if f.Grid.E10 < 0 {
		r.Quo(r, p)
	} else {
		r.Mul(r, p)
	}
	x, _ := r.Float64()
	return x
}

// OnGrid reports whether x is exactly the value of a grid point.
func (f *Field) OnGrid(x float64) bool {
	switch g := f.Grid; {
	case g == Grid{M: 1}:
		return x == math.Trunc(x)
	case g.M == 1 && g.E10 < 0 && -g.E10 < len(tens):
		// What follows, for the steps of most files: they are asked about with every value.
		if n := math.RoundToEven(x * tens[-g.E10]); math.Abs(n) < maxPoint {
			return n/tens[-g.E10] == x
		}
	}
	return f.Value(f.Point(x)) == x
}

// Points returns the first and last grid points of the declared range.
func (f *Field) Points() (lo, hi int64) {
	lo, hi = f.Point(f.Min), f.Point(f.Max)
	if f.Value(lo) < f.Min {
		lo++
	}
	if f.Value(hi) > f.Max {
		hi--
	}
	return lo, hi
}

func pow10(n int) float64 {
	if n <= 22 {
		return math.Pow10(n) // exact
	}
	x, _ := strconv.ParseFloat("1e"+strconv.Itoa(n), 64)
	return x
}

// Schema is the data dictionary of a study.
type Schema struct {
	Fields []Field  // in the order of the study file, without site
	Sites  []string // levels of the variable site
}

// Field returns the variable of that name, site included.
func (s *Schema) Field(name string) (*Field, error) {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i], nil
		}
	}
	if name == Site {
		return &Field{Name: Site, Kind: Category, Levels: s.Sites}, nil
	}
	return nil, fmt.Errorf("table: no variable %q in the dictionary; %s", name, Hint(name, s.Names()))
}

// Names returns the names of all variables, site last.
func (s *Schema) Names() []string {
	names := make([]string, 0, len(s.Fields)+1)
	for i := range s.Fields {
		names = append(names, s.Fields[i].Name)
	}
	return append(names, Site)
}

// MaxFactorPoints is the largest number of grid points with which an integer number may stand where a category is expected.
const MaxFactorPoints = 50

// Factor is a variable read as a category.
type Factor struct {
	Name   string
	Levels []string
	first  int64 // Number: the integer of level 0
	number bool
}

// Factor returns a variable as a category: a category with its levels, a
// binary with "0" and "1", an integer number of at most MaxFactorPoints values
// with its integers.
func (s *Schema) Factor(name string) (Factor, error) {
	f, err := s.Field(name)
	if err != nil {
		return Factor{}, err
	}
	switch f.Kind {
	case Category:
		return Factor{Name: name, Levels: f.Levels}, nil
	case Binary:
		return Factor{Name: name, Levels: []string{"0", "1"}}, nil
	}
	lo, hi := int64(math.Ceil(f.Min)), int64(math.Floor(f.Max))
	if !f.Integer || hi-lo >= MaxFactorPoints {
		return Factor{}, fmt.Errorf("table: variable %q is a number, want a category (or an integer with at most %d values)", name, MaxFactorPoints)
	}
	g := Factor{Name: name, first: lo, number: true}
	for k := lo; k <= hi; k++ {
		g.Levels = append(g.Levels, strconv.FormatInt(k, 10))
	}
	return g, nil
}

// Level returns the number of the level of a stored value, or -1 when it is missing.
func (f Factor) Level(x float64) int {
	if math.IsNaN(x) {
		return -1
	}
	return int(int64(x) - f.first)
}
