package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one place where a file does not conform to the dictionary.
// Message says what is wanted and what to do, never the value that is there.
type Problem struct {
	Line    int    `json:"line"`             // physical line from 1; 0 when the whole file is meant
	Column  string `json:"column,omitempty"` // of the file; empty when a whole line is meant
	Rule    Rule   `json:"rule"`
	Message string `json:"message"`
}

// Rule names what a value or a file breaks.
type Rule string

// The rules of conformance.
const (
	RuleFile      Rule = "file"      // cannot be opened or read
	RuleEncoding  Rule = "encoding"  // bytes that do not decode
	RuleHeader    Rule = "header"    // no header, or a column twice
	RuleColumn    Rule = "column"    // a variable's column is not there
	RuleQuote     Rule = "quote"     // quotes that do not close
	RuleFields    Rule = "fields"    // a line with more or fewer fields than the header
	RuleNumber    Rule = "number"    // not a decimal number
	RuleInteger   Rule = "integer"   // not a whole number
	RuleRange     Rule = "range"     // outside [min, max]
	RuleStep      Rule = "step"      // not a multiple of the step
	RuleLevel     Rule = "level"     // not a declared level
	RuleCode      Rule = "code"      // not a declared code of a binary
	RuleRows      Rule = "rows"      // more rows than the study allows
	RuleSeparator Rule = "separator" // the site's source is declared wrongly
)

// ProblemCount is how often one column breaks one rule.
type ProblemCount struct {
	Column string `json:"column,omitempty"`
	Rule   Rule   `json:"rule"`
	Count  int    `json:"count"`
}

// keptLines is how many problems of one column and rule are described; all are counted.
const keptLines = 5

// Invalid is the error of a file that does not conform. Its text holds no
// value of a record, but lines and columns: it stays at the site.
type Invalid struct {
	File     string
	Problems []Problem      // the first 5 of each column and rule
	Counts   []ProblemCount // all, most frequent first
	Total    int
	Stopped  int // the line at which the reading ended early; 0 when it did not
}

// Error has a line for each column and rule.
func (e *Invalid) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table: %s does not conform to the dictionary", e.File)
	for _, v := range Violations(e.Problems, e.Counts) {
		b.WriteString("\n  " + v.String())
	}
	if e.Stopped > 0 {
		b.WriteString("\n  " + stopped(e.Stopped))
	}
	return b.String()
}

// Violation is everything that one column breaks by one rule.
type Violation struct {
	Problem       // the first
	Count   int   // of problems
	Lines   []int // of the first of them, at most 5
}

// Violations gathers problems by column and rule, in the order in which they were met.
func Violations(described []Problem, counts []ProblemCount) []Violation {
	var all []Violation
	at := map[ProblemCount]int{} // keyed with Count 0
	for _, p := range described {
		key := ProblemCount{Column: p.Column, Rule: p.Rule}
		i, seen := at[key]
		if !seen {
			i = len(all)
			at[key] = i
			all = append(all, Violation{Problem: p})
		}
		all[i].Lines = append(all[i].Lines, p.Line)
	}
	for _, c := range counts {
		n := c.Count
		c.Count = 0
		if i, ok := at[c]; ok {
			all[i].Count = n
		}
	}
	return all
}

// String says where, which rule, and what to do:
//
//	column "race", rule level, 51 values (lines 2, 3, 4, 5, 6, ...): not a declared level; want ...
func (v Violation) String() string {
	var place []string
	if v.Count == 1 && v.Line > 0 {
		place = append(place, fmt.Sprintf("line %d", v.Line))
	}
	if v.Column != "" {
		place = append(place, fmt.Sprintf("column %q", v.Column))
	}
	if place == nil && v.Count == 1 { // the file itself
		return fmt.Sprintf("%s (rule %s)", v.Message, v.Rule)
	}
	place = append(place, "rule "+string(v.Rule))
	if v.Count == 1 {
		return strings.Join(place, ", ") + ": " + v.Message
	}
	var lines []string
	for _, n := range v.Lines {
		lines = append(lines, fmt.Sprint(n))
	}
	if v.Count > len(lines) {
		lines = append(lines, "...")
	}
	what, message := "values", v.Message
	if v.Column == "" { // the lines differ in what they break
		what, message = "records", "the first has "+v.Message
	}
	return fmt.Sprintf("%s, %d %s (lines %s): %s", strings.Join(place, ", "), v.Count, what, strings.Join(lines, ", "), message)
}

// stopped says from where on a file was not checked.
func stopped(line int) string {
	return fmt.Sprintf("reading stopped at line %d; later lines were not checked", line)
}

// problems collects what a file breaks while it is read.
type problems struct {
	kept    []Problem
	counts  map[ProblemCount]int // keyed with Count 0
	total   int
	stopped int // the line at which the reading ended early, or 0
}

// add counts a problem; describe is called only for those that are kept.
func (p *problems) add(line int, column string, rule Rule, describe func() string) {
	if p.counts == nil {
		p.counts = map[ProblemCount]int{}
	}
	key := ProblemCount{Column: column, Rule: rule}
	if p.counts[key] < keptLines {
		p.kept = append(p.kept, Problem{line, column, rule, describe()})
	}
	p.counts[key]++
	p.total++
}

// list returns the counts, most frequent first.
func (p *problems) list() []ProblemCount {
	var l []ProblemCount
	for k, n := range p.counts {
		k.Count = n
		l = append(l, k)
	}
	slices.SortFunc(l, func(a, b ProblemCount) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Column, b.Column), strings.Compare(string(a.Rule), string(b.Rule)))
	})
	return l
}

// err returns the *Invalid of a file, nil when nothing was added.
func (p *problems) err(file string) error {
	if p.total == 0 {
		return nil
	}
	return &Invalid{File: file, Problems: p.kept, Counts: p.list(), Total: p.total, Stopped: p.stopped}
}
