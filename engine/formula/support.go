package formula

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// What the disclosure rules of models ask about a column: whether it can take
// two values only, on how few people it may rest, and which cross tables the
// columns of the model count.

// maxPoints bounds the combinations of declared grid points that are tried for a column's values.
const maxPoints = 1 << 16

// Support describes a column for the disclosure rules.
type Support struct {
	Two        bool     // it takes two values only, Low and High, whatever the rows
	Low, High  float64  // all its values lie here: exactly, where they can all be tried, else the declared range
	Computed   bool     // it is not a dictionary variable as it is, nor a product of such
	Indicators []string // the dummies and yes/no variables it multiplies: it is 0 but for people who have them all
}

// Support returns that of column j.
func (d *Design) Support(j int) Support {
	c := d.Columns[j]
	s := Support{Low: c.Min, High: c.Max}
	values, known := []float64{1}, true
	for _, p := range d.parts[j] {
		v := d.model.variables[p.variable]
		if p.level >= 0 {
			s.Indicators = append(s.Indicators, v.label+v.levels[p.level])
			values = products(values, []float64{0, 1})
			continue
		}
		if v.value.zeroOne() {
			s.Indicators = append(s.Indicators, v.label)
		}
		s.Computed = s.Computed || v.value.op != opName
		x := v.value.all()
		known = known && x != nil
		values = products(values, x)
	}
	s.settle(values, known && len(d.parts[j]) > 0)
	return s
}

// OutcomeSupport returns that of the outcome.
func (m *Model) OutcomeSupport() Support {
	s := Support{Low: m.OutcomeColumn.Min, High: m.OutcomeColumn.Max, Two: m.OutcomeColumn.ZeroOne}
	if v := m.outcome; v != nil && !v.factor {
		s.Computed = v.value.op != opName
		x := v.value.all()
		s.settle(x, x != nil)
	}
	return s
}

// settle notes the values that a column can take, where they are known.
func (s *Support) settle(values []float64, known bool) {
	if known && len(values) > 0 {
		s.Low, s.High = slices.Min(values), slices.Max(values)
		s.Two = len(values) == 2
	}
}

// products returns the different products of two lists of values; the ends of many are enough.
func products(a, b []float64) []float64 {
	var out []float64
	for _, x := range a {
		for _, y := range b {
			out = append(out, x*y+0) // no negative zero
		}
	}
	return different(out)
}

// different returns the different values in order; of more than three, the first, one other and the last.
func different(x []float64) []float64 {
	slices.Sort(x)
	x = slices.Compact(x)
	if len(x) > 3 {
		x = []float64{x[0], x[1], x[len(x)-1]}
	}
	return x
}

// all returns the different values of e over the declared grid of its
// variables, shortened as different does; nil where they are too many to try.
func (e *expr) all() []float64 {
	if e.op == opName && e.field.Kind == table.Number && e.field.GridDeclared {
		lo, hi := e.field.Points()
		return different([]float64{e.field.Value(lo), e.field.Value(lo + (hi-lo)/2), e.field.Value(hi)})
	}
	var names []string
	var points [][]float64
	n := 1
	for _, f := range e.fields() {
		if slices.Contains(names, f.Name) {
			continue
		}
		x := gridValues(f, maxPoints/n)
		if x == nil {
			return nil
		}
		n *= len(x)
		names, points = append(names, f.Name), append(points, x)
	}
	at := make([]float64, len(names))
	value, err := e.values(func(name string) ([]float64, error) {
		i := slices.Index(names, name)
		return at[i : i+1], nil
	})
	if err != nil {
		return nil
	}
	out := make([]float64, 0, n)
	for k := range n {
		for i, x := range points {
			at[i] = x[k%len(x)]
			k /= len(x)
		}
		if v := value(0); !math.IsNaN(v) {
			out = append(out, v+0)
		}
	}
	return different(out)
}

// gridValues returns the values a number with a declared step, or a binary, can take; nil when they are more than most.
func gridValues(f *table.Field, most int) (x []float64) {
	if f.Kind == table.Binary {
		if most < 2 {
			return nil
		}
		return []float64{0, 1}
	}
	if f.Kind != table.Number || !f.GridDeclared {
		return nil
	}
	lo, hi := f.Points()
	if hi-lo >= int64(most) {
		return nil
	}
	for k := lo; k <= hi; k++ {
		x = append(x, f.Value(k))
	}
	return x
}

// CrossTable is a cross table that some columns of a model count: Rows[c][i]
// is the value of column Columns[i] in cell c.
type CrossTable struct {
	Label   string
	Columns []int
	Rows    [][]float64
}

// CrossTables returns the cross tables of the interactions of categories and
// yes/no variables alone, as far as the model's columns have a coefficient for
// every cell: whatever level is the reference, each cell has one in some coding.
func (d *Design) CrossTables() (tables []CrossTable) {
	for i, t := range d.model.sets {
		if t.count() < 2 || !d.indicators(t) {
			continue
		}
		sub := &Design{model: d.model, levels: d.levels}
		var columns []int
		for j, c := range d.Columns {
			if c.Term >= 0 && !d.model.sets[c.Term].within(t) {
				continue
			}
			columns = append(columns, j)
			sub.Columns, sub.parts = append(sub.Columns, c), append(sub.parts, d.parts[j])
		}
		if rows := sub.Cells(); rows != nil {
			tables = append(tables, CrossTable{d.model.Terms[i].Label, columns, rows})
		}
	}
	return tables
}

// indicators reports whether all variables of a term are factors or yes/no variables.
func (d *Design) indicators(t set) bool {
	for _, v := range t.members() {
		if x := d.model.variables[v]; !x.factor && !x.value.zeroOne() {
			return false
		}
	}
	return true
}

// Rare returns the variables of the formula that take two values or levels of
// a category only, and of which no column of the model counts the people who
// have them: used in an offset, in an expression, in a product alone or as the outcome.
func (m *Model) Rare(d *Design, s *table.Schema) (names []string) {
	for _, name := range m.Variables {
		f, err := s.Field(name)
		if err != nil || f.Kind == table.Category || slices.Contains(m.Factors, name) {
			continue
		}
		lo, hi := f.Points()
		if f.Kind == table.Number && (!f.Integer || hi-lo != 1) {
			continue
		}
		counted := slices.ContainsFunc(d.parts, func(p []part) bool {
			if len(p) != 1 || p[0].level >= 0 {
				return false
			}
			v := m.variables[p[0].variable]
			return slices.Equal(v.names, []string{name}) && (v.value.zeroOne() || v.value.op == opName)
		})
		if !counted {
			names = append(names, name)
		}
	}
	return names
}
