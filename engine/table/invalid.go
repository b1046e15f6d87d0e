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

// keptProblems is how many problems are described one by one; all are counted.
const keptProblems = 20

// Invalid is the error of a file that does not conform. Its text holds no
// value of a record, but lines and columns: it stays at the site.
type Invalid struct {
	File     string
	Problems []Problem      // the first 20
	Counts   []ProblemCount // all, most frequent first
	Total    int
}

// Error describes up to 20 problems, one a line.
func (e *Invalid) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("table: " + e.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ", line %d", p.Line)
		}
		if p.Column != "" {
			fmt.Fprintf(&b, ", column %q", p.Column)
		}
		b.WriteString(": " + p.Message)
	}
	if more := e.Total - len(e.Problems); more > 0 {
		fmt.Fprintf(&b, "\ntable: %s: and %d more; in all:", e.File, more)
		for i, c := range e.Counts {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, " %d by rule %s", c.Count, c.Rule)
			if c.Column != "" {
				fmt.Fprintf(&b, " in %q", c.Column)
			}
		}
	}
	return b.String()
}

// problems collects what a file breaks while it is read.
type problems struct {
	kept   []Problem
	counts map[ProblemCount]int // keyed with Count 0
	total  int
}

// add counts a problem; describe is called only for those that are kept.
func (p *problems) add(line int, column string, rule Rule, describe func() string) {
	if len(p.kept) < keptProblems {
		p.kept = append(p.kept, Problem{line, column, rule, describe()})
	}
	if p.counts == nil {
		p.counts = map[ProblemCount]int{}
	}
	p.counts[ProblemCount{Column: column, Rule: rule}]++
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
	return &Invalid{File: file, Problems: p.kept, Counts: p.list(), Total: p.total}
}
