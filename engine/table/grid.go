package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxPoint bounds the numbers of grid points: below 2^53 they are exact in float64.
const maxPoint = 1 << 53

// ParseGrid reads a step from its decimal text exactly: "0.1" is 1·10^-1, "0.25" is 25·10^-2, "500" is 5·10^2.
func ParseGrid(step string) (Grid, error) {
	x, ok := ParseNumber(step)
	if !ok || x <= 0 {
		return Grid{}, fmt.Errorf("table: step is not a positive decimal number")
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(step, "+")), "e")
	e := 0
	if exponent != "" {
		e, _ = strconv.Atoi(exponent) // the number was read above, so it fits
	}
	whole, decimals, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+decimals, "0")
	e -= len(decimals)
	short := strings.TrimRight(digits, "0")
	e += len(digits) - len(short)
	m, err := strconv.ParseInt(short, 10, 64)
	if err != nil || m > maxPoint {
		return Grid{}, fmt.Errorf("table: step has more than 15 digits")
	}
	return Grid{M: m, E10: e}, nil
}

// DefaultGrid is the grid of a number without a declared step: the power of
// ten at or below (max-min)/2^24, but never finer than float64 tells apart at the ends of the range.
func DefaultGrid(lo, hi float64) Grid {
	e := floorLog10((hi/2 - lo/2) / (1 << 23))
	if largest := max(math.Abs(lo), math.Abs(hi)); largest > 0 {
		e = max(e, floorLog10(largest/maxPoint)+1)
	}
	return Grid{M: 1, E10: e}
}

// floorLog10 returns the exponent of a positive number's shortest decimal form: the same on every machine.
func floorLog10(x float64) int {
	s := strconv.FormatFloat(x, 'e', -1, 64)
	e, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	return e
}

// step is the grid as a decimal number.
func (g Grid) step() float64 {
	x, _ := strconv.ParseFloat(g.String(), 64)
	return x
}

// String writes the grid's unit as a decimal number.
func (g Grid) String() string {
	if g.E10 == 0 {
		return strconv.FormatInt(g.M, 10)
	}
	s := strconv.FormatInt(g.M, 10)
	if g.E10 < 0 && g.E10 >= -20 {
		for len(s) <= -g.E10 {
			s = "0" + s
		}
		return s[:len(s)+g.E10] + "." + s[len(s)+g.E10:]
	}
	return s + "e" + strconv.Itoa(g.E10)
}

// Check fills the grid of a number that declares none and refuses a field that
// contradicts itself. A schema's fields are checked once, before it is used.
func (f *Field) Check() error {
	if err := checkName(f.Name); err != nil {
		return err
	}
	switch f.Kind {
	case Number:
		return f.checkNumber()
	case Category:
		return f.checkLevels()
	case Binary:
		return f.checkCodes()
	}
	return fmt.Errorf("table: variable %q has no type; want number, category or binary", f.Name)
}

// maxName bounds names and codes, in bytes.
const maxName = 256

func checkName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("table: a variable has no name")
	case s == Site:
		return fmt.Errorf("table: the name %q is taken: it is the category of hospitals that every table has; give the variable another name and write column: site", Site)
	case len(s) > maxName:
		return fmt.Errorf("table: a variable's name has %d bytes, at most %d", len(s), maxName)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("table: variable %q begins or ends with a space", s)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '`' || r == 0xfffd }):
		return fmt.Errorf("table: variable %q has a backtick or a control character in its name", s)
	}
	return nil
}

func (f *Field) checkNumber() error {
	if !(f.Min < f.Max) || math.IsInf(f.Min, 0) || math.IsInf(f.Max, 0) {
		return fmt.Errorf("table: variable %q: min must be below max, both finite", f.Name)
	}
	if f.Grid == (Grid{}) {
		f.Grid = DefaultGrid(f.Min, f.Max)
		if f.Integer {
			f.Grid = Grid{M: 1}
		}
	}
	if f.Grid.M <= 0 || f.Grid.M > maxPoint {
		return fmt.Errorf("table: variable %q: step is not positive", f.Name)
	}
	f.GridDeclared = f.GridDeclared || f.Integer
	if f.Integer && f.Grid.E10 < 0 {
		return fmt.Errorf("table: variable %q: step %s with integer: true; want a whole step", f.Name, f.Grid)
	}
	if step := f.Grid.step(); step == 0 || max(math.Abs(f.Min), math.Abs(f.Max))/step > maxPoint {
		return fmt.Errorf("table: variable %q: step %s is too fine for the range: more than 2^53 steps; declare a coarser step", f.Name, f.Grid)
	}
	if lo, hi := f.Points(); lo > hi {
		return fmt.Errorf("table: variable %q: no multiple of step %s lies between min and max", f.Name, f.Grid)
	}
	if f.OffGridRound && !f.GridDeclared {
		return fmt.Errorf("table: variable %q: off_grid: round needs a declared step", f.Name)
	}
	return nil
}

func (f *Field) checkLevels() error {
	if len(f.Levels) == 0 {
		return fmt.Errorf("table: variable %q is a category without levels; list them, the reference first", f.Name)
	}
	seen := map[string]bool{}
	for _, l := range f.Levels {
		if err := f.checkCode("level", l); err != nil {
			return err
		}
		if seen[l] {
			return fmt.Errorf("table: variable %q declares the level %q twice", f.Name, l)
		}
		seen[l] = true
	}
	return nil
}

func (f *Field) checkCodes() error {
	var has [2]bool
	for c, v := range f.Codes {
		if err := f.checkCode("code", c); err != nil {
			return err
		}
		if v != 0 && v != 1 {
			return fmt.Errorf("table: variable %q: code %q means %d; want 0 or 1", f.Name, c, v)
		}
		has[v] = true
	}
	if f.Codes != nil && has != [2]bool{true, true} {
		return fmt.Errorf("table: variable %q: codes must name at least one code for 0 and one for 1", f.Name)
	}
	return nil
}

// checkCode refuses levels and codes that no field of a file can hold: fields are trimmed, and an empty one is missing.
func (f *Field) checkCode(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("table: variable %q has an empty %s; an empty field is a missing value", f.Name, what)
	case len(s) > maxName:
		return fmt.Errorf("table: variable %q has a %s of %d bytes, at most %d", f.Name, what, len(s), maxName)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("table: variable %q: %s %q begins or ends with a space; fields are trimmed", f.Name, what, s)
	}
	for _, m := range f.Missing {
		if m == s {
			return fmt.Errorf("table: variable %q: %q is both a %s and a missing code", f.Name, s, what)
		}
	}
	return nil
}
