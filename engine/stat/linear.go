package stat

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Linear fits least squares, and ridge regression, as R's lm does:
//
//	census ──► sums of the columns ──► products about the means ──► [score and residuals at the solution] ──► one correction
//
// The last sum is needed only where values are taken as read: on declared
// steps the products are whole numbers, and solving with 200 bits leaves one
// rounding, that of the result.
type Linear struct{}

// Begin implements Statistic.
func (Linear) Begin(args Args, s *table.Schema) (Program, error) {
	r, err := newRegression(args, s)
	if err != nil {
		return nil, err
	}
	if r.model.OutcomeKind == table.Category {
		return nil, fmt.Errorf("linear: outcome %s is a category, want a number (kind logistic takes two levels)", r.model.Outcome)
	}
	c, err := newCensus(args, s, r.model.Variables, slices.Concat(r.model.Factors, r.rare))
	if err != nil {
		return nil, err
	}
	if err := checkWithhold(args); err != nil {
		return nil, err
	}
	if args.Veil && len(args.Withhold) > 0 {
		return beginVeiledLinear(r, c)
	}
	l := &linearPart{regression: r}
	l.gram = &gram{regression: r, centred: r.model.Intercept, read: l.read}
	l.exact = exactColumns(append(r.most.Columns[:len(r.most.Columns):len(r.most.Columns)], l.outcome()))
	p := &program{census: c, parts: append([]part{l}, r.spread(c.vars, table.Factor{})...)}
	p.start = func() error {
		if err := r.settle(c); err != nil {
			return err
		}
		return l.begin()
	}
	p.finish = func() (Frame, error) { return l.finish(c.counts()), nil }
	return p, nil
}

// exactColumns reports whether all products of the columns will be whole numbers of units.
func exactColumns(columns []formula.Column) bool {
	for _, d := range columns {
		if d.Term < 0 {
			continue
		}
		if c := newRegressor(d); !c.grid || c.half/c.unit.Float() >= gridPoints {
			return false
		}
	}
	return true
}

// linearPart are the sums after the census.
type linearPart struct {
	*regression
	gram  *gram
	exact bool // no residual round
	table [][]float64
	stage int // of linearSums, ...
	asks  []Ask

	fit      *factored
	kept     []*regressor // of the slopes
	beta     []*big.Float // of the kept columns about their centres, intercept first
	state    []float64    // beta in 40 bits, where residuals are taken
	rss, tss *big.Float

	standardised []float64 // ridge: coefficients of the standardised columns
}

const (
	linearWaits = iota
	linearSums
	linearProducts
	linearResiduals
	linearSandwich
	linearDone
)

// outcome is the column of what is modelled: the left side less the offset.
func (r *regression) outcome() formula.Column {
	y := r.model.OutcomeColumn
	y.Name = r.model.Outcome
	y.Term = len(r.model.Terms)
	if r.model.HasOffset {
		y.Min, y.Max, y.Grid, y.ZeroOne = y.Min-r.model.OffsetMax, y.Max-r.model.OffsetMin, nil, false
	}
	return y
}

func (l *linearPart) plan() []Opening {
	m := len(l.most.Columns) + 1
	if l.model.Intercept {
		m--
	}
	all := names(l.most.Columns)
	if all == "" {
		all = "the intercept alone"
	}
	plan := []Opening{
		{What: "sums of " + l.model.Outcome + " and of the columns of the model (" + all + "); of a yes/no column, how many people have it",
			Cells: m, MaxTimes: 1, CountsPeople: zeroOnes(l.most.Columns) > 0},
		{What: "sums of products of the columns and of " + l.model.Outcome + " about their means: from them follow correlations, the cross table of any two factors of the model, and every smaller model of the same columns; the result's vcov at full precision lets a reader compute them too",
			Cells: productCells(m, l.model.Intercept), MaxTimes: 1, CountsPeople: zeroOnes(l.most.Columns) > 1},
	}
	if l.args.Veil {
		plan[1].What += ". " + openAnyway
	}
	if !l.exact && l.penalty() == 0 {
		plan = append(plan, Opening{What: "how the residuals at the solution still lean on each column, and their sum of squares: corrects the last digits", Cells: m + 1, MaxTimes: 1})
	}
	if l.sandwich != nil {
		plan = append(plan, l.sandwich.opening(len(l.most.Columns)))
	}
	return plan
}

// openAnyway is why a linear model is not encrypted with reveal: model.
const openAnyway = "A linear model that shows its vcov gives these products away, so they are opened with reveal: model as with reveal: sums; withhold: [vcov, std_error] keeps them encrypted"

func (l *linearPart) ask() []Ask { return l.asks }

func (l *linearPart) begin() error {
	var err error
	if l.table, err = l.crossTable(); err != nil {
		return err
	}
	y := newRegressor(l.outcome())
	if !l.model.HasOffset {
		y.support = l.model.OutcomeSupport()
	}
	l.gram.columns = append(slices.Clone(l.slopes()), y)
	l.stage = linearSums
	l.asks = []Ask{{Opening: 0, Cells: l.gram.sumCells()}}
	return nil
}

// read binds the design to a table.
func (l *linearPart) read(rows *table.View) (*reading, error) {
	used, _, err := rows.Complete(l.model.Variables...)
	if err != nil {
		return nil, err
	}
	e, err := l.design.Eval(rows.Table)
	if err != nil {
		return nil, err
	}
	first := len(l.columns) - len(l.slopes())
	x, k := make([]float64, len(l.columns)), make([]int64, len(l.columns))
	return &reading{
		rows: used.Rows,
		values: func(row int, out []float64) {
			e.Row(row, x)
			n := copy(out, x[first:])
			out[n] = e.Outcome(row) - e.Offset(row)
		},
		points: func(row int, out []int64) {
			e.Points(row, k)
			n := copy(out, k[first:])
			out[n] = e.OutcomePoint(row)
		},
	}, nil
}

func (l *linearPart) add(rows *table.View, out *fixed.Sums) error {
	switch l.stage {
	case linearSums:
		return l.gram.addSums(rows, out)
	case linearProducts:
		return l.gram.addProducts(rows, out)
	case linearSandwich:
		return l.addSandwich(rows, out)
	default:
		return l.addResiduals(rows, out)
	}
}

func (l *linearPart) reduce(t fixed.Totals) error {
	l.asks = nil
	switch l.stage {
	case linearSums:
		return l.takeSums(t)
	case linearProducts:
		if err := l.gram.takeProducts(t); err != nil {
			return err
		}
		if err := l.smallProducts(); err != nil {
			return err
		}
		l.solve()
		if !l.exact && l.penalty() == 0 {
			l.askResiduals()
		} else {
			l.askSandwich()
		}
	case linearResiduals:
		l.correct(t)
		l.askSandwich()
	default:
		l.sandwich.take(t, len(l.beta))
		l.stage = linearDone
	}
	return nil
}

func (l *linearPart) takeSums(t fixed.Totals) error {
	l.gram.takeSums(t)
	if err := l.smallSums(l.table, l.gram.columns[len(l.gram.columns)-1]); err != nil {
		return err
	}
	l.stage = linearProducts
	l.asks = []Ask{{Opening: 1, Cells: l.gram.productCells(), State: centres(l.gram.columns)}}
	return nil
}

// smallProducts applies the rules that need products: columns and outcomes that
// rest on few people, and the table of a saturated model by an outcome of two values.
func (l *linearPart) smallProducts() error {
	g := l.gram
	n := newBig(float64(l.n))
	for i, c := range g.columns {
		spread := g.spread(i)
		if !g.centred { // about 0
			square := newBig(0).Mul(c.sum, c.sum)
			spread.Sub(spread, square.Quo(square, n))
		}
		if err := l.restsOnFew(c, rounded(spread)); err != nil {
			return err
		}
	}
	y := g.columns[len(g.columns)-1]
	ones, two := y.ones(l.n)
	if l.table == nil || !two {
		return nil
	}
	lo, width := newBig(0), newBig(1)
	if !y.ZeroOne {
		lo, width = newBig(y.support.Low), newBig(y.support.High-y.support.Low)
	}
	var events, rest []float64
	if l.model.Intercept {
		events, rest = []float64{float64(ones)}, []float64{float64(l.n - ones)}
	}
	last := g.products.n - 1
	for i, c := range l.slopes() {
		// sum of x y = product about the centres + c_x sum y + c_y sum x - n c_x c_y
		xy, u := newBig(0).Set(g.products.at(last-len(g.columns)+1+i, last)), newBig(0)
		xy.Add(xy, u.Mul(c.exactCentre(), y.sum))
		xy.Add(xy, u.Mul(y.exactCentre(), c.sum))
		xy.Sub(xy, u.Mul(u.Mul(n, c.exactCentre()), y.exactCentre()))
		xy.Sub(xy, u.Mul(lo, c.sum))
		with := rounded(xy.Quo(xy, width))
		events, rest = append(events, with), append(rest, rounded(c.sum)-with)
	}
	if err := l.smallTable(l.table, events); err != nil {
		return err
	}
	return l.smallTable(l.table, rest)
}

// solve finds the solution about the centres, R's aliased columns left out.
func (l *linearPart) solve() {
	g, m := l.gram, l.gram.products.n-1 // the outcome is last
	first := len(l.columns) - len(l.slopes())
	idx := make([]int, m)
	y := make([]*big.Float, m)
	for i := range m {
		idx[i], y[i] = i, g.products.at(i, m)
	}
	x := g.products.pick(idx)
	yy := g.products.at(m, m)
	l.tss = newBig(0).Set(g.spread(len(g.columns) - 1))
	if l.penalty() > 0 {
		l.ridge()
		return
	}
	l.fit = factorize(x, func(j int, pivot *big.Float) bool { return j >= first && l.dependent(j-first, pivot) })
	l.beta = l.fit.solve(y)
	l.rss = l.fit.remainder(y, yy)
	for _, i := range l.fit.kept {
		if i >= first {
			l.kept = append(l.kept, g.columns[i-first])
		}
	}
	if l.nothing(l.rss) {
		l.rss.SetInt64(0)
	}
}

// dependent is R's rule: less than 1e-7 of the column's norm is left after projection.
func (l *linearPart) dependent(slope int, pivot *big.Float) bool {
	limit := l.gram.raw(slope)
	limit.Mul(limit, newBig(1e-14))
	return pivot.Cmp(limit) < 0
}

// nothing reports whether a sum of squares of the outcome is zero as far as 200 bits can tell.
func (l *linearPart) nothing(sumsq *big.Float) bool {
	last := l.gram.products.n - 1
	return sumsq.Cmp(newBig(0).Mul(l.gram.products.at(last, last), newBig(0x1p-120))) <= 0
}
