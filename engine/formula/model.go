package formula

import (
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// Model is a formula bound to a dictionary.
type Model struct {
	Outcome   string   // as R prints it: "y", "log(y)"; "" without left side
	Variables []string // every dictionary variable (and site) the formula uses, outcome included: rows missing one are dropped
	Factors   []string // variables used as categories in the terms, in order
	Terms     []Term   // in R's order: main effects before interactions
	Intercept bool
	HasOffset bool

	// OutcomeColumn describes the outcome's values: range, grid, whether 0/1.
	// A category of two levels is the 0/1 of its second level.
	OutcomeColumn Column
	// OutcomeKind is Number for a number or an expression, Binary, or Category (two levels, as 0 and 1).
	OutcomeKind table.Kind
	// OutcomeLevels are the two levels of a Category outcome, the second being the event; nil otherwise.
	OutcomeLevels []string
	// OffsetMin and OffsetMax bound the sum of the offsets; both 0 without one.
	OffsetMin, OffsetMax float64

	outcome   *variable
	variables []*variable // of the right side, in order of first appearance
	sets      []set       // the terms as sets of variables
}

// Term is one term of a model.
type Term struct {
	Label     string   // as R prints it: "age:sex", "log(chol)"
	Variables []string // dictionary variables the term uses, in order
	Order     int      // 1 for main effects, 2 for two-way interactions, ...
}

// Within reports whether m is nested in the larger model by its formula: the
// same outcome, intercept and offsets, and every term of m among the larger's.
// Contrasts do not matter: the terms say what the columns span.
func (m *Model) Within(larger *Model) bool {
	terms := func(m *Model) (l []string) {
		for _, t := range m.Terms {
			l = append(l, t.Label)
		}
		return l
	}
	offsets := func(m *Model) (l []string) {
		for _, v := range m.variables {
			if v.offset {
				l = append(l, v.label)
			}
		}
		slices.Sort(l)
		return l
	}
	all := terms(larger)
	return m.Outcome == larger.Outcome && m.Intercept == larger.Intercept && slices.Equal(offsets(m), offsets(larger)) &&
		!slices.ContainsFunc(terms(m), func(l string) bool { return !slices.Contains(all, l) })
}

// Droppable returns the indices of the terms that no other term contains: R's drop1 scope.
func (m *Model) Droppable() []int {
	var out []int
	for i, t := range m.sets {
		contained := false
		for j, u := range m.sets {
			contained = contained || i != j && t.within(u)
		}
		if !contained {
			out = append(out, i)
		}
	}
	return out
}

// Without returns the model without one term. Contrasts are those of R's
// update(. ~ . - term); Variables stay, so that both models use the same rows.
func (m *Model) Without(term int) *Model {
	w := *m
	w.sets = slices.Delete(slices.Clone(m.sets), term, term+1)
	w.describe()
	return &w
}

// Right returns the model without its outcome, for rows of which none is known.
func (m *Model) Right() *Model {
	r := *m
	r.Outcome, r.OutcomeColumn, r.OutcomeLevels, r.outcome = "", Column{}, nil, nil
	r.Variables = nil
	for _, v := range m.variables {
		for _, n := range v.names {
			if !slices.Contains(r.Variables, n) {
				r.Variables = append(r.Variables, n)
			}
		}
	}
	return &r
}
