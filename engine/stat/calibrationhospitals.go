package stat

import (
	"cmp"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// hospitalCells are what a hospital opens of its own with per_hospital: whether
// the rules hold for its rows, people, events, sum of risks, sum of squared errors, AUC and its error.
const hospitalCells = 7

// ownCells are those of every hospital.
func (c *calibrationPart) ownCells() (cells []Cell) {
	for _, site := range c.sites {
		in := " at " + site
		for _, name := range []string{"whether it takes part", "people", "events"} {
			cells = append(cells, countCell(name+in, Plain))
		}
		for _, name := range []string{"sum of predicted risks", "sum of squared errors of prediction"} {
			cells = append(cells, Cell{Cell: fixed.Binary(1, c.model.rows), Name: name + in})
		}
		for _, name := range []string{"area under the curve", "its standard error"} {
			cells = append(cells, Cell{Cell: fixed.Binary(1, c.model.rows), Name: name + in})
		}
	}
	return cells
}

// addOwn adds the hospital's own figures, where the rules hold for its rows alone.
func (c *calibrationPart) addOwn(m *Panels, site string, out *fixed.Sums) {
	at := hospitalCells * slices.Index(c.sites, site)
	n, events := int64(m.N), eventsOf(m)
	if least := max(int64(c.args.Rules.MinCell), 2); events < least || n-events < least {
		return
	}
	var people []scored
	var risk, squares [2]float64
	c.each(m, func(y, p float64) {
		add(&risk[0], &risk[1], p)
		add(&squares[0], &squares[1], (y-p)*(y-p))
		people = append(people, scored{from: float64(riskPoint(p)), with: int64(y), without: 1 - int64(y), single: true})
	})
	slices.SortFunc(people, func(a, b scored) int { return cmp.Compare(a.from, b.from) })
	classes := people[:0]
	for _, s := range people {
		if k := len(classes) - 1; k >= 0 && classes[k].from == s.from {
			classes[k].with, classes[k].without = classes[k].with+s.with, classes[k].without+s.without
			continue
		}
		classes = append(classes, s)
	}
	out.Add(at, 1)
	out.Add(at+1, n)
	out.Add(at+2, events)
	for i := range 2 {
		out.AddFloat(at+3, risk[i])
		out.AddFloat(at+4, squares[i])
	}
	if a, _ := areaGiven(classes, nil, int64(c.args.Rules.MinCell)); !math.IsNaN(a.auc) && !math.IsNaN(a.se) {
		out.AddFloat(at+5, a.auc)
		out.AddFloat(at+6, a.se)
	}
}

// takeOwn makes a row for each hospital.
func (c *calibrationPart) takeOwn(t fixed.Totals) {
	hidden := c.hidden(t)
	for h, site := range c.sites {
		at := hospitalCells * h
		r := Record{}.Put("hospital", site)
		if hidden[h] {
			for _, key := range []string{"n", "n_event", "mean_predicted", "observed", "brier", "auc", "auc_std_error", "auc_low", "auc_high"} {
				r = r.Put(key, nil)
			}
			c.hospitals = append(c.hospitals, r.Put("suppressed", true))
			continue
		}
		n := float64(t.Count(at + 1))
		auc, se := t.Float(at+5), t.Float(at+6)
		if auc == 0 && se == 0 { // not given
			auc, se = math.NaN(), math.NaN()
		}
		c.hospitals = append(c.hospitals, r.Put("n", t.Count(at+1)).Put("n_event", t.Count(at+2)).Put("mean_predicted", t.Float(at+3)/n).Put("observed", float64(t.Count(at+2))/n).
			Put("brier", t.Float(at+4)/n).Put("auc", auc).Put("auc_std_error", se).Put("auc_low", math.Max(0, auc-z975*se)).Put("auc_high", math.Min(1, auc+z975*se)))
	}
}

// hidden says which hospitals show nothing: those for whose rows the rules do
// not hold and, since all hospitals' figures are in the result, those without which
// the hidden ones' could be told by subtraction: of one hospital, or of few people.
// The smallest go first.
func (c *calibrationPart) hidden(t fixed.Totals) []bool {
	least := int64(c.args.Rules.MinCell)
	few := func(n int64) bool { return n > 0 && n < least }
	hidden, count := make([]bool, len(c.sites)), 0
	var rest riskSum // of the hidden
	for _, k := range c.classes {
		rest.n, rest.events = rest.n+k.n, rest.events+k.events
	}
	of := func(h int) (n, events int64) { return t.Count(hospitalCells*h + 1), t.Count(hospitalCells*h + 2) }
	for h := range hidden {
		if hidden[h] = t.Count(hospitalCells*h) != 1; hidden[h] {
			count++
			continue
		}
		n, events := of(h)
		rest.n, rest.events = rest.n-n, rest.events-events
	}
	for least > 1 && rest.n > 0 && count < len(hidden) && (count == 1 || few(rest.events) || few(rest.n-rest.events)) {
		next := -1
		for h := range hidden {
			if hidden[h] {
				continue
			}
			n, _ := of(h)
			if next < 0 {
				next = h
			} else if smallest, _ := of(next); n < smallest {
				next = h
			}
		}
		n, events := of(next)
		hidden[next], rest.n, rest.events = true, rest.n+n, rest.events+events
		count++
	}
	return hidden
}
