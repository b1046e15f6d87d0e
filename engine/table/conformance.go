package table

import "math"

// Conformance is a data steward's report on one site's file: what was found of
// each variable and what does not conform. It holds counts and ranges of the
// site's own records and is for that site alone; it never leaves it.
type Conformance struct {
	Site      string           `json:"site"`
	File      string           `json:"file"`
	Rows      int              `json:"rows"` // records read, those with problems included
	Variables []VariableReport `json:"variables"`
	Ignored   []string         `json:"ignored"` // columns of the file that the dictionary does not name
	Problems  []Problem        `json:"problems"`
	Counts    []ProblemCount   `json:"problem_counts"`
	Stopped   int              `json:"stopped,omitempty"` // the line at which the reading ended early
}

// Violations lists what was found against the file, one text for each column
// and rule, and where the reading stopped early.
func (c *Conformance) Violations() []string {
	var texts []string
	for _, v := range Violations(c.Problems, c.Counts) {
		texts = append(texts, v.String())
	}
	if c.Stopped > 0 {
		texts = append(texts, stopped(c.Stopped))
	}
	return texts
}

// Conforms reports whether nothing was found against the file.
func (c *Conformance) Conforms() bool { return len(c.Counts) == 0 }

// VariableReport is what one column holds. Values that break a rule count neither in N nor in Missing.
type VariableReport struct {
	Name       string       `json:"name"`
	Column     string       `json:"column"`
	N          int          `json:"n"`
	Missing    int          `json:"missing"`
	OutOfRange int          `json:"out_of_range,omitempty"` // values made missing by out_of_range: missing; they count in Missing
	OffGrid    int          `json:"off_grid,omitempty"`     // values moved by off_grid: round
	Levels     []LevelCount `json:"levels,omitempty"`       // of categories and binaries
	Min        *float64     `json:"min,omitempty"`          // smallest and largest value of a number
	Max        *float64     `json:"max,omitempty"`
}

// LevelCount is how many of the site's records have a level.
type LevelCount struct {
	Level string `json:"level"`
	N     int    `json:"n"`
}

// count fills the report from the stored values, of which broken are those that break a rule.
func (v *VariableReport) count(f *Field, values []float64, broken int) {
	switch f.Kind {
	case Category:
		for _, l := range f.Levels {
			v.Levels = append(v.Levels, LevelCount{Level: l})
		}
	case Binary:
		v.Levels = []LevelCount{{Level: "0"}, {Level: "1"}}
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range values {
		switch {
		case x != x:
			v.Missing++
			continue
		case v.Levels != nil:
			v.Levels[int(x)].N++
		}
		if x < lo {
			lo = x
		}
		if x > hi {
			hi = x
		}
	}
	v.N = len(values) - v.Missing
	v.Missing -= broken
	if f.Kind == Number && v.N > 0 {
		v.Min, v.Max = &lo, &hi
	}
}
