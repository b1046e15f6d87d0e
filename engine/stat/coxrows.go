package stat

import (
	"cmp"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// coxRows are a hospital's rows, by stratum, those who leave last first.
type coxRows struct {
	of       *table.Table
	selected int
	panels   *Panels // the model matrix
	standard bool

	stratum         []int
	stop, start     []float64 // start -Inf without entries
	place           []int     // among the rows used, in the order of the hospital's file
	event           []bool
	entries         []int // rows by stratum, those who come last first
	cols            []int
	x, eta          []float64 // rows of the columns in use, standardised; linear predictors
	stopAt, startAt []int     // numbers of merged times, strata counted apart
}

// matrix returns the hospital's rows, standardised once the scale is known.
func (c *coxPart) matrix(rows *table.View) (*coxRows, error) {
	m := c.cache
	if m == nil || m.of != rows.Table || m.selected != len(rows.Rows) {
		var err error
		if m, err = c.sorted(rows); err != nil {
			return nil, err
		}
		c.cache = m
	}
	if c.stage > coxSquares && !m.standard {
		c.standardise(m.panels, c.scale, c.varies)
		m.standard = true
	}
	return m, nil
}

func (c *coxPart) sorted(rows *table.View) (*coxRows, error) {
	m := &coxRows{of: rows.Table, selected: len(rows.Rows)}
	group, err := c.u.groupOf(rows.Table)
	if err != nil {
		return nil, err
	}
	event, _, err := levelsOf(&c.u.event, rows.Table)
	if err != nil {
		return nil, err
	}
	type person struct {
		row, place, stratum, event int
		stop, start                float64
	}
	var people []person
	if _, err := c.u.stop.values(rows, func(i int, k int64, x float64) {
		people = append(people, person{i, len(people), group(i), event(i), c.u.stop.time(k, x), math.Inf(-1)})
	}); err != nil {
		return nil, err
	}
	if c.u.start != nil {
		at := 0
		if _, err := c.u.start.values(rows, func(_ int, k int64, x float64) {
			people[at].start = c.u.start.time(k, x)
			at++
		}); err != nil {
			return nil, err
		}
	}
	// Ties in the order of the rows: equal tables give equal sums, to the last digit.
	slices.SortStableFunc(people, func(a, b person) int {
		return cmp.Or(a.stratum-b.stratum, -cmp.Compare(a.stop, b.stop))
	})
	order := make([]int, len(people))
	for i, p := range people {
		order[i], m.place = p.row, append(m.place, p.place)
		m.stratum, m.stop, m.start, m.event = append(m.stratum, p.stratum), append(m.stop, p.stop), append(m.start, p.start), append(m.event, p.event == 1)
	}
	m.entries = make([]int, len(people))
	for i := range m.entries {
		m.entries[i] = i
	}
	slices.SortStableFunc(m.entries, func(a, b int) int {
		return cmp.Or(m.stratum[a]-m.stratum[b], -cmp.Compare(m.start[a], m.start[b]))
	})
	m.panels, err = c.build(rows.Table, order)
	return m, err
}

// time is the value that stands for x: the point of a grid that was asked for, else x as it was read.
func (g *gridPart) time(k int64, x float64) float64 {
	if g.above || g.below {
		return g.value(k)
	}
	return x
}

// use puts the columns of a fit into rows and works out the linear predictors at beta.
func (m *coxRows) use(cols []int, beta []float64) {
	q, n := len(cols), m.panels.N
	if !slices.Equal(m.cols, cols) || m.x == nil {
		m.cols, m.x = slices.Clone(cols), make([]float64, n*q)
		for k := range m.panels.Len() {
			for a, j := range cols {
				for i, v := range m.panels.column(k, j)[:min(PanelRows, n-k*PanelRows)] {
					m.x[(k*PanelRows+i)*q+a] = v
				}
			}
		}
	}
	m.eta = slices.Grow(m.eta[:0], m.panels.Len()*PanelRows)[:m.panels.Len()*PanelRows]
	for k := range m.panels.Len() {
		m.panels.eta(k, cols, beta, m.eta[k*PanelRows:(k+1)*PanelRows])
	}
	m.eta = m.eta[:n]
}

// row is that of person i.
func (m *coxRows) row(i int) []float64 { return m.x[i*len(m.cols) : (i+1)*len(m.cols)] }

// likelihood works out the hospital's own partial likelihood at beta; g may be nil.
func (m *coxRows) likelihood(efron bool, g func(time float64) float64) (p *partial, events *partial) {
	q := len(m.cols)
	p, events = newPartial(q), newPartial(q)
	m.eachTime(func(from, to int, risk, tied *riskSums, d int64, top float64) {
		weight := 1.0
		if g != nil {
			weight = g(m.stop[from])
		}
		for i := from; i < to; i++ {
			if !m.event[i] {
				continue
			}
			events.logLik += m.eta[i] - top
			for a, x := range m.row(i) {
				events.score[a] += x
				events.gScore[a] += weight * x
			}
		}
		p.time(risk, tied, d, efron, weight)
	})
	return p, events
}

// eachTime visits the times with d events, the last of each stratum first: rows from..to-1 leave then. Weights in the sums over
// everyone at risk and over the events are exp(eta - top), of which the likelihood does not depend on top.
func (m *coxRows) eachTime(visit func(from, to int, risk, tied *riskSums, d int64, top float64)) {
	risk, tied := newRiskSums(len(m.cols)), newRiskSums(len(m.cols))
	n, out := len(m.stop), 0
	for from := 0; from < n; {
		to := from
		top, least := math.Inf(-1), math.Inf(1)
		for to < n && m.stratum[to] == m.stratum[from] {
			top, least = max(top, m.eta[to]), min(least, m.eta[to])
			to++
		}
		wide := top-least > 600 // a factor for all would leave some risk sets without weight
		if wide {
			top = math.Inf(-1)
		}
		risk.reset()
		for i := from; i < to; {
			first, t := i, m.stop[i]
			tied.reset()
			var d int64
			if wide {
				before := top
				for k := i; k < to && m.stop[k] == t; k++ {
					top = max(top, m.eta[k])
				}
				risk.scale(math.Exp(before - top))
			}
			for ; i < to && m.stop[i] == t; i++ {
				w := math.Exp(m.eta[i] - top)
				risk.add(m.row(i), w)
				if m.event[i] {
					d++
					tied.add(m.row(i), w)
				}
			}
			if d == 0 {
				continue
			}
			for ; out < to && m.start[m.entries[out]] >= t; out++ { // not yet under observation
				k := m.entries[out]
				risk.add(m.row(k), -math.Exp(m.eta[k]-top))
			}
			visit(first, i, risk, tied, d, top)
		}
		from, out = to, to
	}
}

// ownCells are the cells of a fit's round within hospitals.
func (c *coxPart) ownCells(f *newton) []Cell {
	var cells []Cell
	for _, j := range f.cols {
		cells = append(cells, Cell{Cell: fixed.Binary(2*c.reach(j), c.rows), Name: "score of " + c.columns[j].Name})
	}
	cells = append(cells, c.informationCells("information of ")...)
	far := 2*c.far(f.beta) + math.Log(float64(c.rows))
	return append(cells, Cell{Cell: fixed.Binary(2*far*(1+0x1p-40), c.rows), Name: "minus twice the log partial likelihood"})
}

func (c *coxPart) informationCells(name string) (cells []Cell) {
	for a, j := range c.fit.cols {
		for _, k := range c.fit.cols[a:] {
			cells = append(cells, Cell{Cell: fixed.Binary(c.reach(j)*c.reach(k)*(1+0x1p-40), c.rows), Name: name + c.columns[j].Name + ", " + c.columns[k].Name})
		}
	}
	return cells
}

// addOwn adds a hospital's terms of a round within hospitals.
func (c *coxPart) addOwn(m *coxRows, out *fixed.Sums) {
	m.use(c.fit.cols, c.fit.beta)
	m.addLikelihood(c.efron, out)
}

// addLikelihood adds score, information and minus twice the log partial likelihood at the linear predictors in use.
func (m *coxRows) addLikelihood(efron bool, out *fixed.Sums) {
	p, e := m.likelihood(efron, nil)
	q := len(m.cols)
	for a := range q {
		out.AddFloat(a, e.score[a]-p.score[a])
	}
	for k, v := range p.info {
		out.AddFloat(q+k, v)
	}
	out.AddFloat(q+len(p.info), -2*(e.logLik+p.logLik))
}
