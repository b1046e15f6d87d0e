package formula

import (
	"fmt"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

// Bind expands the formula over a dictionary: terms in R's order, types,
// ranges and domains of transformations over the declared ranges. With needOutcome the formula must
// have a left side, without it must not have one.
//
// '.' stands for every field of the schema that the left side does not use;
// site is not among them. An analysis that takes its outcome from keys of its own
// binds over a schema without those fields. As in R a variable that is only removed (a - b) still counts as used:
// rows missing it are dropped.
func (f *Formula) Bind(s *table.Schema, needOutcome bool) (*Model, error) {
	switch {
	case needOutcome && f.left == nil:
		return nil, fmt.Errorf("formula: %q has no outcome, want outcome ~ terms", f.src)
	case !needOutcome && f.left != nil:
		return nil, fmt.Errorf("formula: %q has a left side; this analysis takes its outcome from its own keys, want ~ terms", f.src)
	}
	m := &Model{}
	if f.left != nil {
		if err := m.bindOutcome(f.left, s); err != nil {
			return nil, err
		}
	}
	x := &expansion{place: map[string]int{}, intercept: true, adding: true}
	if err := x.collect(f.right, s, m.Variables); err != nil {
		return nil, err
	}
	if v, ok := x.place[m.Outcome]; ok && f.left != nil {
		return nil, fmt.Errorf("formula: the outcome %s is also on the right side; remove it there", x.variables[v].label)
	}
	terms, err := x.encode(f.right)
	if err != nil {
		return nil, err
	}
	m.Intercept, m.variables = x.intercept, x.variables
	for _, t := range terms {
		v := t.members()
		if i := slices.IndexFunc(v, func(v int) bool { return x.variables[v].offset }); i < 0 {
			m.sets = append(m.sets, t)
		} else if len(v) > 1 {
			return nil, fmt.Errorf("formula: %s in an interaction; an offset stands alone, joined by +", x.variables[v[i]].label)
		}
	}
	for _, v := range x.variables {
		for _, n := range v.names {
			if !slices.Contains(m.Variables, n) {
				m.Variables = append(m.Variables, n)
			}
		}
		if v.offset {
			m.HasOffset = true
			m.OffsetMin += v.value.min
			m.OffsetMax += v.value.max
		}
	}
	slices.SortStableFunc(m.sets, func(a, b set) int { return a.count() - b.count() })
	m.describe()
	return m, nil
}

// bindOutcome settles the left side.
func (m *Model) bindOutcome(n *node, s *table.Schema) error {
	v, err := newVariable(n, s)
	if err != nil {
		return err
	}
	m.outcome, m.Outcome, m.Variables = v, v.label, slices.Clone(v.names)
	if v.factor {
		if len(v.levels) != 2 || v.ref >= 0 {
			return complain(n.col, "outcome %s is a category of %d levels, want a number, a binary or two levels of which the second is the event", v.label, len(v.levels))
		}
		m.OutcomeKind, m.OutcomeLevels = table.Category, v.levels
		m.OutcomeColumn = Column{Name: v.label, Term: -1, Max: 1, ZeroOne: true, Grid: &table.Grid{M: 1},
			Levels: []Level{{Factor: v.field, Level: v.levels[1], Index: 1}}}
		return nil
	}
	if v.value.op == opName {
		m.OutcomeKind = v.value.field.Kind
	}
	e := v.value
	m.OutcomeColumn = Column{Name: v.label, Term: -1, Min: e.min, Max: e.max, ZeroOne: e.zeroOne(), Grid: e.grid.unit(), Numbers: []string{v.label}}
	return nil
}

// collect gives every variable of the right side its bit, in reading order; used are the variables of the left side.
func (x *expansion) collect(n *node, s *table.Schema, used []string) error {
	add := func(n *node) (int, error) {
		label := n.String()
		if i, ok := x.place[label]; ok {
			return i, nil
		}
		v, err := newVariable(n, s)
		if err != nil {
			return 0, err
		}
		x.place[label] = len(x.variables)
		x.variables = append(x.variables, v)
		return x.place[label], nil
	}
	switch n.op {
	case opNumber:
		return nil
	case opName, opCall:
		_, err := add(n)
		return err
	case opPow:
		return x.collect(n.args[0], s, used)
	case opDot:
		x.dot = nil
		for i := range s.Fields {
			name := s.Fields[i].Name
			if slices.Contains(used, name) {
				continue
			}
			v, err := add(&node{op: opName, col: n.col, name: name})
			if err != nil {
				return err
			}
			x.dot = append(x.dot, v)
		}
		return nil
	}
	for _, a := range n.args {
		if err := x.collect(a, s, used); err != nil {
			return err
		}
	}
	return nil
}

// label names a term by its variables.
func label(t set, variables []*variable) string {
	var parts []string
	for _, v := range t.members() {
		parts = append(parts, variables[v].label)
	}
	return strings.Join(parts, ":")
}

// describe fills Terms and Factors from the sets.
func (m *Model) describe() {
	m.Terms, m.Factors = nil, nil
	used := make([]bool, len(m.variables))
	for _, t := range m.sets {
		d := Term{Label: label(t, m.variables), Order: t.count()}
		for _, v := range t.members() {
			used[v] = true
			for _, n := range m.variables[v].names {
				if !slices.Contains(d.Variables, n) {
					d.Variables = append(d.Variables, n)
				}
			}
		}
		m.Terms = append(m.Terms, d)
	}
	for i, v := range m.variables {
		if used[i] && v.factor && !slices.Contains(m.Factors, v.field) {
			m.Factors = append(m.Factors, v.field)
		}
	}
}
