package study

import (
	"slices"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/stat"
)

// Variables returns every variable that decides which rows analysis i uses or
// what it says of them: its own and its condition's. The cohort's are those of every analysis alike.
func (s *Spec) Variables(i int) []string { return s.variablesOf(s.Analyses[i]) }

func (s *Spec) variablesOf(a stat.Args) []string {
	names := slices.Concat(a.Variables, a.Paired, a.Medians, a.Strata, []string{a.By, a.Variable, a.Rows, a.Columns, a.Outcome, a.Score, a.Time, a.Event, a.Entry}, s.formulaVariables(a))
	if a.Where != nil {
		names = append(names, a.Where.Variables()...)
	}
	for _, of := range append(slices.Clone(a.OfAll), a.Of) {
		if of != nil {
			names = append(names, s.variablesOf(*of)...)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// formulaVariables reads the names out of a formula; none when it is not valid, which Begin tells.
func (s *Spec) formulaVariables(a stat.Args) []string {
	if a.Formula == "" {
		return nil
	}
	f, err := formula.Parse(a.Formula)
	if err != nil {
		return nil
	}
	m, err := f.Bind(s.Schema, a.Kind != "cox")
	if err != nil {
		return nil
	}
	return m.Variables
}
