package stat

import (
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// startNewton sets up the fits that advance side by side.
func (l *logisticPart) startNewton() {
	l.stage = logisticNewton
	l.sums = make(map[*newton]*NewtonSums)
	penalty := func(j int) float64 {
		if l.columns[j].Term < 0 {
			return 0
		}
		return l.penalty()
	}
	l.main = newNewton(l.varies, l.penalty() > 0, penalty, l.dependent)
	l.main.forced = l.args.NewtonRounds
	if l.place.null >= 0 {
		l.null = newNewton([]int{0}, true, penalty, l.dependent)
	}
	if l.args.Drop1 && l.penalty() == 0 {
		for _, t := range l.model.Droppable() {
			var rest []int
			for _, j := range l.varies {
				if l.columns[j].Term != t {
					rest = append(rest, j)
				}
			}
			d := dropped{term: t, empty: len(rest) == 0}
			if len(rest) > 0 && len(rest) < len(l.varies) {
				d.fit = newNewton(rest, false, penalty, l.dependent)
			}
			l.drops = append(l.drops, d)
		}
	}
	l.next()
}

// dependent decides which columns are aliased, from the information at beta
// 0: less than 1e-11 of the column's own norm is left after projection on the
// kept ones, or less than 1e-7 of its norm about the mean, below which float64 sums cannot decide.
func (l *logisticPart) dependent(f *newton, info *symmetric) *factored {
	n := float64(l.n)
	return factorize(info, func(a int, pivot *big.Float) bool {
		j := f.cols[a]
		if f.penalty[a] > 0 || l.columns[j].Term < 0 {
			return false
		}
		left := rounded(pivot) / rounded(info.at(a, a))
		c := l.columns[j].centre / l.scale[j]
		return left < 1e-14 || left*(n-1) < 1e-22*(n-1+n*c*c)
	})
}

// fits lists the fits with the place of their opening.
func (l *logisticPart) fits(visit func(f *newton, opening int)) {
	visit(l.main, l.place.fit)
	if l.null != nil {
		visit(l.null, l.place.null)
	}
	for i, d := range l.drops {
		if d.fit != nil {
			visit(d.fit, l.place.drops+2*i)
		}
	}
}

// next asks for the next round of every unfinished fit, or for the evaluation.
func (l *logisticPart) next() {
	l.asks = nil
	l.fits(func(f *newton, opening int) {
		if f.done {
			return
		}
		state := slices.Clone(f.beta)
		if f == l.main {
			state = append(append(centres(l.columns), l.scale...), state...)
		}
		l.asks = append(l.asks, Ask{Opening: opening, Cells: l.newtonCells(f), State: state})
		if f.direction != nil {
			l.asks = append(l.asks, Ask{Opening: opening + 1, Cells: []Cell{countCell("rows that oppose the step", Plain), countCell("rows that the step favours", Plain)}, State: f.direction})
		}
	})
	if len(l.asks) == 0 && l.sandwich != nil && !l.sandwich.opened && !l.main.separated {
		l.askSandwich()
	}
	if len(l.asks) > 0 || l.place.evaluate < 0 {
		return
	}
	l.stage = logisticEvaluate
	if k := l.args.Rules.MinCell; k > 1 && l.evaluation.part == nil {
		l.evaluation.cells = min(l.evaluation.cells, int(l.n)/k)
	}
	beta := make([]float64, len(l.main.estimate))
	for i, b := range l.main.estimate {
		beta[i] = Round40(b)
	}
	if q := l.evaluation.part; q != nil {
		q.state, q.ended = beta, false
	}
	l.asks = []Ask{{Opening: l.place.evaluate, Cells: l.evaluation.ask(l.rows), State: beta}}
}

// askSandwich asks for the meat of robust standard errors at the estimate.
func (l *logisticPart) askSandwich() {
	m := l.main
	v := m.covariance()
	if v == nil {
		return
	}
	state := append(centres(l.columns), l.scale...)
	var of []lean
	for a, j := range m.cols { // squares of a standardised column sum up to n-1
		state = append(state, Round40(m.estimate[a]))
		of = append(of, lean{l.columns[j].Name, l.reach(j), float64(l.n) * (1 + 0x1p-20), l.columns[j].levelOf(l.n, l.scale[j])})
	}
	l.stage = logisticSandwich
	l.asks = []Ask{l.sandwich.ask(l.place.sandwich, of, l.rows, state, v)}
}

// addSandwich adds a hospital's rows to the meat.
func (l *logisticPart) addSandwich(m *Panels, out *fixed.Sums) {
	cols := l.main.cols
	beta := l.asks[0].State[2*len(l.columns):][:len(cols)]
	x := make([]float64, len(cols))
	l.sandwich.begin(len(cols))
	m.each(cols, beta, func(row int, eta float64) {
		m.row(row, cols, x)
		p := 1 / (1 + math.Exp(-eta))
		l.sandwich.row(x, m.Y[row]-p, p*(1-p))
	})
	l.sandwich.put(out)
}

// reach is the largest absolute value of a standardised column.
func (l *logisticPart) reach(j int) float64 {
	if l.columns[j].Term < 0 {
		return 1
	}
	return l.columns[j].half / l.scale[j] * (1 + 0x1p-45)
}

// newtonCells are the cells of a fit's round: |y-p| <= 1 (with offsets the first
// round has |y - 1/2 - offset/4|), p(1-p) <= 1/4, and a row's deviance is at most 2 (|x'beta| + log 2).
func (l *logisticPart) newtonCells(f *newton) []Cell {
	var cells []Cell
	offset := math.Max(math.Abs(l.model.OffsetMin), math.Abs(l.model.OffsetMax))
	resid := 1.0
	if f.rounds == 0 && l.veiled == nil {
		resid = math.Max(1, 0.5+offset/4)
	}
	far := offset + math.Ln2
	for a, j := range f.cols {
		far += math.Abs(f.beta[a]) * l.reach(j)
		cells = append(cells, Cell{Cell: fixed.Binary(l.reach(j)*resid, l.rows), Name: "score of " + l.columns[j].Name})
	}
	for a, j := range f.cols {
		for _, k := range f.cols[a:] {
			cells = append(cells, Cell{Cell: fixed.Binary(l.reach(j)*l.reach(k)/4, l.rows), Name: "information of " + l.columns[j].Name + ", " + l.columns[k].Name})
		}
	}
	return append(cells, Cell{Cell: fixed.Binary(2*far*(1+0x1p-40), l.rows), Name: "deviance"})
}

func (l *logisticPart) addNewton(m *Panels, out *fixed.Sums) {
	at := 0
	l.fits(func(f *newton, _ int) {
		if f.done {
			return
		}
		q := len(f.cols)
		s := l.sums[f]
		if s == nil || len(s.Score) != q {
			s = NewNewtonSums(q)
			l.sums[f] = s
		}
		s.Reset()
		if f.rounds == 0 && l.model.HasOffset && l.veiled == nil {
			startBlock(m, f.cols, s)
		} else {
			NewtonBlock(m, 0, m.Len(), f.cols, f.beta, s)
		}
		s.write(out.Slice(at, out.Len()))
		at += newtonCells(q)
		if f.direction != nil {
			against, with := opposing(m, f.cols, f.direction)
			out.Add(at, against)
			out.Add(at+1, with)
			at += 2
		}
	})
}

func (l *logisticPart) takeNewton(asks []Ask, t fixed.Totals) {
	at, i := 0, 0
	l.fits(func(f *newton, opening int) {
		if f.done {
			return
		}
		n := len(asks[i].Cells)
		sums := t.Slice(at, at+n)
		at, i = at+n, i+1
		if f.direction != nil {
			f.opposed(t.Count(at), t.Count(at+1))
			at, i = at+2, i+1
		}
		f.reduce(sums)
	})
	l.next()
}
