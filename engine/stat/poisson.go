package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Poisson is the kind of that name: regression of a count by maximum
// likelihood with the log link, as R's glm with family poisson; an offset in the
// formula, offset(log(days)), makes it one of rates.
type Poisson struct{}

var _ Statistic = Poisson{}

// Begin implements Statistic.
func (Poisson) Begin(args Args, s *table.Schema) (Program, error) {
	p, c, err := newPoissonPart(args, s)
	if err != nil {
		return nil, err
	}
	return p.program(c, p, p.finish), nil
}

// newPoissonPart checks the model of a count.
func newPoissonPart(args Args, s *table.Schema) (*poissonPart, *census, error) {
	r, err := newRegression(args, s)
	if err != nil {
		return nil, nil, err
	}
	y := r.model.OutcomeColumn
	switch {
	case r.model.OutcomeKind == table.Binary && args.Kind == "poisson": // counted in ones, 0 or 1: rate ratios are risk ratios
	case r.model.OutcomeKind != table.Number || y.Grid == nil || y.Min < 0:
		return nil, nil, fmt.Errorf("%s: outcome %s is not a count: declare it as a number with integer: true and min: 0 or more", args.Kind, r.model.Outcome)
	case !r.model.Intercept:
		return nil, nil, fmt.Errorf("%s: a model without intercept is not computed; leave out -1 or +0", args.Kind)
	case args.Ridge != nil:
		return nil, nil, fmt.Errorf("%s: ridge is not computed", args.Kind)
	}
	if g := y.Grid; g.M != 1 || g.E10 != 0 {
		return nil, nil, fmt.Errorf("%s: outcome %s is not counted in ones: declare it with integer: true", args.Kind, r.model.Outcome)
	}
	if err := r.offsetBeyond(); err != nil {
		return nil, nil, err
	}
	c, err := newCensus(args, s, r.model.Variables, slices.Concat(r.model.Factors, r.rare))
	if err != nil {
		return nil, nil, err
	}
	p := &poissonPart{regression: r}
	p.lay()
	return p, c, nil
}

// program runs the sums of q, p itself or what goes on from it, after the census.
func (p *poissonPart) program(c *census, q part, finish func(Frame) Frame) *program {
	all := &program{census: c, parts: append([]part{q}, p.spread(c.vars, table.Factor{})...)}
	all.start = func() error {
		if err := p.settle(c); err != nil {
			return err
		}
		p.begin()
		return nil
	}
	all.finish = func() (Frame, error) { return finish(c.counts()), nil }
	return all
}

// poissonPart are the sums after the census.
type poissonPart struct {
	*regression
	stage    int
	asks     []Ask
	openings []Opening

	scale  []float64
	varies []int
	fit    *newton

	affected                          int64   // people with a count above 0
	total, saturated, shifted, counts float64 // sums of y, y log y, y offset, exp(offset)
	factorials                        float64 // sum of log y!
	pearson                           float64
	yx                                []float64 // sum of y times each column, standardised
	before                            float64   // squared decrement a round ago

	cache *panelCache
}

const (
	poissonSums = iota
	poissonSquares
	poissonNewton
	poissonPearson
	poissonSandwich
	poissonDone
)

func (p *poissonPart) lay() {
	q := len(p.most.Columns)
	list := names(p.most.Columns)
	if list == "" {
		list = "the intercept alone"
	}
	p.openings = []Opening{
		{What: "sums of the columns of the model (" + list + "): their means; of a yes/no column, how many people have it; of the outcome y: how many have any, and sums of y, y log y, log y! and, with an offset, y times it and exp of it", Cells: q + 6, MaxTimes: 1, CountsPeople: true},
		{What: "sums of squares of the columns about their means: their SDs", Cells: 2 * q, MaxTimes: 1},
		{What: "how the model fits at each step: score, information, log-likelihood. The first gives the products of any two columns; the result's vcov at full precision lets a reader compute sums of covariates", Cells: newtonCells(q), MaxTimes: maxNewton},
		{What: "sum of squared Pearson residuals: whether counts vary more than the model says", Cells: 1, MaxTimes: 1},
	}
	if p.sandwich != nil { // number robustOpening
		p.openings = append(p.openings, p.sandwich.opening(q))
	}
}

func (p *poissonPart) plan() []Opening { return p.openings }
func (p *poissonPart) ask() []Ask      { return p.asks }

// offsetReach is the largest absolute value of the offset.
func (p *poissonPart) offsetReach() float64 {
	return math.Max(math.Abs(p.model.OffsetMin), math.Abs(p.model.OffsetMax))
}

func (p *poissonPart) begin() {
	cells := p.sumCells()
	most := p.model.OutcomeColumn.Max
	logMost, gamma := math.Log(math.Max(most, 1)), 0.0
	if most > 1 {
		gamma, _ = math.Lgamma(most + 1)
	}
	put := func(name string, bound float64) {
		cells = append(cells, Cell{Cell: fixed.Binary(math.Max(bound, 1)*(1+0x1p-40), p.rows), Name: name})
	}
	cells = append(cells, countCell("people with a count above 0", Plain),
		Cell{Cell: fixed.Cell{Max: math.Max(most, 1), Step: fixed.One()}, Name: "sum of " + p.model.Outcome})
	put("sum of y log y", most*logMost)
	put("sum of log y!", gamma)
	put("sum of y times the offset", most*p.offsetReach())
	put("sum of exp(offset)", math.Exp(p.offsetReach()))
	p.asks = []Ask{{Opening: 0, Cells: cells}}
}

// matrix returns the model matrix of the rows, standardised once the scale is known.
func (p *poissonPart) matrix(rows *table.View) (*Panels, error) {
	c := p.cache
	if c == nil || c.of != rows.Table || c.selected != len(rows.Rows) {
		used, _, err := rows.Complete(p.model.Variables...)
		if err != nil {
			return nil, err
		}
		m, err := p.build(rows.Table, used.Rows)
		if err != nil {
			return nil, err
		}
		c = &panelCache{of: rows.Table, selected: len(rows.Rows), m: m}
		p.cache = c
	}
	if p.stage > poissonSquares && !c.standard {
		p.standardise(c.m, p.scale, p.varies)
		c.standard = true
	}
	return c.m, nil
}

func (p *poissonPart) add(rows *table.View, out *fixed.Sums) error {
	m, err := p.matrix(rows)
	if err != nil {
		return err
	}
	switch p.stage {
	case poissonSums:
		for i, col := range p.columns {
			addColumn(m, i, col, out, i, false)
		}
		at := len(p.columns)
		var high, low [4]float64
		for i, y := range m.Y[:m.N] {
			o := 0.0
			if m.Offset != nil {
				o = m.Offset[i]
			}
			if y > 0 {
				out.Add(at, 1)
				out.Add(at+1, int64(y))
				add(&high[0], &low[0], y*math.Log(y))
				f, _ := math.Lgamma(y + 1)
				add(&high[1], &low[1], f)
				add(&high[2], &low[2], y*o)
			}
			add(&high[3], &low[3], math.Exp(o))
		}
		for k := range high {
			out.AddFloat(at+2+k, high[k])
			out.AddFloat(at+2+k, low[k])
		}
	case poissonSquares:
		p.addSquareCells(m, out)
	case poissonNewton:
		p.addNewton(m, out)
	case poissonPearson:
		high, low := 0.0, 0.0
		p.each(m, p.asks[0].State[2*len(p.columns):], func(_ int, y, mean float64) {
			add(&high, &low, (y-mean)*(y-mean)/mean)
		})
		out.AddFloat(0, high)
		out.AddFloat(0, low)
	case poissonSandwich:
		p.addSandwich(m, out)
	}
	return nil
}

// each visits the rows with their panel place, count and fitted mean.
func (p *poissonPart) each(m *Panels, beta []float64, visit func(row int, y, mean float64)) {
	m.each(p.fit.cols, beta, func(row int, eta float64) { visit(row, m.Y[row], math.Exp(eta)) })
}

// addNewton adds a hospital's terms of a round.
func (p *poissonPart) addNewton(m *Panels, out *fixed.Sums) {
	q := len(p.fit.cols)
	n := newtonCells(q)
	high, low := make([]float64, n), make([]float64, n)
	x := make([]float64, q)
	p.each(m, p.fit.beta, func(row int, y, mean float64) {
		k, i := row/PanelRows, row%PanelRows
		at := q
		for a, j := range p.fit.cols {
			x[a] = m.column(k, j)[i]
			add(&high[a], &low[a], (y-mean)*x[a])
		}
		for a := range q {
			w := mean * x[a]
			for b := a; b < q; b++ {
				add(&high[at], &low[at], w*x[b])
				at++
			}
		}
		add(&high[at], &low[at], mean)
	})
	for i := range high {
		out.AddFloat(i, high[i])
		out.AddFloat(i, low[i])
	}
}
