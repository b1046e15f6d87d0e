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

// Formula is a syntactically valid formula.
type Formula struct {
	src         string
	left, right *node // left nil without left side
}

// Parse reads a formula with or without left side ("y ~ a", "~ a", "a"), at
// most MaxLength characters. An error names the column and what was expected.
func Parse(src string) (*Formula, error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	f := &Formula{src: src}
	p := &parser{tokens: tokens}
	for i, t := range tokens {
		if !t.is("~") {
			continue
		}
		if i > 0 {
			if f.left, err = p.outcome(); err != nil {
				return nil, err
			}
		}
		if err := p.expect("~", "the outcome"); err != nil {
			return nil, err
		}
		break
	}
	if f.right, err = p.sum(); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, complain(t.col, "unexpected %v, want + - * : ^ or the end", t)
	}
	return f, nil
}

// outcome reads the left side: a variable, factor(x) or arithmetic.
func (p *parser) outcome() (*node, error) {
	if t := p.peek(); t.kind == nameToken && t.text == "factor" && !t.quoted && p.tokens[p.at+1].is("(") {
		return p.named(p.next(), true)
	}
	return p.arithmetic()
}

// String returns the formula as written.
func (f *Formula) String() string { return f.src }
