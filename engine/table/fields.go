package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// fieldReader turns the fields of one variable into stored values.
type fieldReader struct {
	field   *Field
	codes   map[string]float64 // level or binary code -> stored value; nil when fields are numbers
	missing []float64          // missing codes of a number, as numbers
	outside int                // values made missing by out_of_range: missing
	rounded int                // values moved to the grid by off_grid: round
}

func (c *fieldReader) init(f *Field) {
	c.field = f
	switch {
	case f.Kind == Category:
		c.codes = make(map[string]float64, len(f.Levels)+len(f.Missing))
		for i, l := range f.Levels {
			c.codes[l] = float64(i)
		}
	case f.Codes != nil:
		c.codes = make(map[string]float64, len(f.Codes)+len(f.Missing))
		for s, v := range f.Codes {
			c.codes[s] = float64(v)
		}
	default:
		for _, m := range f.Missing {
			if x, ok := ParseNumber(m); ok && f.Kind == Number {
				c.missing = append(c.missing, x)
			}
		}
		return
	}
	for _, m := range f.Missing {
		c.codes[m] = math.NaN()
	}
}

// value returns the stored value of a trimmed field, NaN when it is missing or
// does not conform; then rule says what it breaks.
func (c *fieldReader) value(s string) (x float64, rule Rule) {
	if s == "" {
		return math.NaN(), ""
	}
	if c.codes != nil {
		if x, ok := c.codes[s]; ok {
			return x, ""
		}
		if c.field.Kind == Binary {
			return math.NaN(), RuleCode
		}
		return math.NaN(), RuleLevel
	}
	for _, m := range c.field.Missing {
		if s == m {
			return math.NaN(), ""
		}
	}
	x, decimals, ok := parseNumber(s)
	if c.field.Kind == Binary {
		if !ok || x != 0 && x != 1 {
			return math.NaN(), RuleCode
		}
		return x, ""
	}
	if !ok {
		return math.NaN(), RuleNumber
	}
	return c.number(x, decimals)
}

// Parse returns the stored value of a text as a field of a file would hold it,
// NaN when it is missing or does not conform; then problem says what was wanted.
func (f *Field) Parse(text string) (x float64, problem string) {
	var c fieldReader
	c.init(f)
	x, rule := c.value(trim(text))
	if rule != "" {
		problem = c.wanted(rule)
	}
	return x, problem
}

// number checks a number, written with so many decimals, against the dictionary.
func (c *fieldReader) number(x float64, decimals int) (float64, Rule) {
	for _, m := range c.missing {
		if x == m {
			return math.NaN(), ""
		}
	}
	f := c.field
	if !(x >= f.Min && x <= f.Max) {
		if f.OutOfRangeMissing {
			c.outside++
			return math.NaN(), ""
		}
		return math.NaN(), RuleRange
	}
	if !f.GridDeclared || f.Grid.M == 1 && decimals <= -f.Grid.E10 || f.OnGrid(x) {
		return x, ""
	}
	if f.OffGridRound {
		lo, hi := f.Points()
		c.rounded++
		return f.Value(min(max(f.Point(x), lo), hi)), "" // a value near the end of the range stays inside
	}
	if f.Integer && x != math.Trunc(x) {
		return math.NaN(), RuleInteger
	}
	return math.NaN(), RuleStep
}

// wanted says what a field that breaks the rule should have been, and the remedy.
func (c *fieldReader) wanted(rule Rule) string {
	f := c.field
	switch rule {
	case RuleNumber:
		return "not a number; want digits with a decimal point, no comma, no unit; a code for missing values is declared with missing: [...]"
	case RuleInteger:
		return "not a whole number; correct it, or declare a step, or write off_grid: round for the variable"
	case RuleStep:
		return fmt.Sprintf("not a multiple of the step %s; correct it, or declare a finer step, or write off_grid: round for the variable", f.Grid)
	case RuleRange:
		unit := ""
		if f.Unit != "" {
			unit = " " + f.Unit
		}
		return fmt.Sprintf("outside [%s, %s]%s; correct it, or widen min and max, or write out_of_range: missing for the variable",
			plain(f.Min), plain(f.Max), unit)
	case RuleCode:
		if f.Codes == nil {
			return "not 0 or 1; other codes are declared with codes: {...: 0, ...: 1}, codes for missing values with missing: [...]"
		}
		return "not one of the declared codes; correct it, or add it to codes: or missing: of the variable"
	case RuleLevel:
		list := strings.Join(f.Levels[:min(len(f.Levels), 8)], ", ")
		if len(f.Levels) > 8 {
			list += ", ..."
		}
		return fmt.Sprintf("not a declared level; want %s (case matters); correct it, or add it to levels: or missing: of the variable", list)
	}
	return string(rule)
}

func plain(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
