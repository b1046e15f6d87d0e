package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// The profile of Firth's penalised likelihood, as R's logistf takes it for
// limits and tests: for each coefficient the two values at which the penalised
// likelihood, the others at their best, has fallen by the 95 % point of chi-squared
// (Venzon and Moolgavkar, Appl Stat 1988;37:87), and its fall at 0. All searches
// advance side by side, each in two sums a step as the fit itself.

// maxProfile is the largest number of steps of a search.
const maxProfile = 100

// profileSearch is one of them: where a'beta has a limit (side -1 or 1), or is 0 (side 0).
type profileSearch struct {
	at, side  int       // the coefficient; a is its row of the way back to the model matrix
	a         []float64 // standardised coefficients -> the coefficient, up to scale
	beta      []float64
	score     []float64
	info      []float64
	v         *symmetric
	root      [][]float64
	objective float64
	done, ok  bool
	value     float64 // of the coefficient at the limit
}

// startProfile begins every search with the step that a quadratic likelihood would end with.
func (l *logisticPart) startProfile() {
	f, m := l.firth, l.main
	v := m.covariance()
	l.stage = logisticProfile
	for at, j := range m.cols {
		a := make([]float64, len(m.cols))
		a[at] = 1
		if l.columns[j].Term < 0 { // the intercept is that at 0, not at the means
			for b, k := range m.cols {
				if l.columns[k].Term >= 0 {
					a[b] = -l.columns[k].centre / l.scale[k]
				}
			}
		}
		for _, side := range []int{-1, 0, 1} {
			s := &profileSearch{at: at, side: side, a: a, v: v, objective: f.objective, score: make([]float64, len(a)), beta: m.estimate}
			s.step(f.objective)
			f.searches = append(f.searches, s)
		}
	}
	f.hat = false
	l.askProfile()
}

// times is v x in float64.
func (s *symmetric) times(x []float64) []float64 {
	out := make([]float64, s.n)
	for a := range out {
		for b := range out {
			out[a] += rounded(s.at(a, b)) * x[b]
		}
	}
	return out
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// step goes on from modified score and objective at beta; least is the objective at the maximum. It returns the squared length of the step.
func (s *profileSearch) step(least float64) float64 {
	va, vu := s.v.times(s.a), s.v.times(s.score)
	size := dot(s.a, va)
	lambda := 0.0
	if s.side == 0 {
		lambda = -(dot(s.a, s.beta) + dot(s.a, vu)) / size
	} else {
		square := (least + z975*z975 - s.objective + dot(s.score, vu)) / size
		lambda = float64(s.side) * math.Sqrt(math.Max(0, square))
	}
	next := make([]float64, len(s.beta))
	longest := 0.0
	step := make([]float64, len(s.beta))
	for i := range step {
		step[i] = vu[i] + lambda*va[i]
		longest = math.Max(longest, math.Abs(step[i]))
	}
	for i := range next {
		if longest > 5 { // as logistf's maxstep
			step[i] *= 5 / longest
		}
		next[i] = s.beta[i] + step[i]
	}
	// step' I step, I the inverse of v: of u = score + lambda a it is u'vu.
	u := make([]float64, len(s.score))
	for i := range u {
		u[i] = s.score[i] + lambda*s.a[i]
	}
	length := dot(u, step)
	s.value = dot(s.a, next)
	s.beta = make([]float64, len(next))
	for i, x := range next {
		s.beta[i] = Round40(x)
	}
	return length
}

// askProfile asks for the sums of every search that goes on, or ends.
func (l *logisticPart) askProfile() {
	f := l.firth
	state := append(centres(l.columns), l.scale...)
	var cells []Cell
	for _, s := range f.searches {
		if s.done {
			continue
		}
		state = append(state, s.beta...)
		if f.hat {
			cells = append(cells, l.hatCells()...)
			for a := range s.root {
				state = append(state, s.root[a][a:]...)
			}
		} else {
			cells = append(cells, l.newtonCells(&newton{cols: l.main.cols, beta: s.beta, rounds: 1})...)
		}
	}
	l.asks = nil
	switch {
	case len(cells) == 0 || f.profiled == maxProfile:
		l.next()
	case f.hat:
		l.asks = []Ask{{Opening: f.openings.profileHat, Cells: cells, State: state}}
	default:
		l.asks = []Ask{{Opening: f.openings.profile, Cells: cells, State: state}}
	}
}

// addProfile adds a hospital's terms of every search.
func (l *logisticPart) addProfile(m *Panels, out *fixed.Sums) {
	at, cols := 0, l.main.cols
	for _, s := range l.firth.searches {
		switch {
		case s.done:
		case l.firth.hat:
			addHats(m, cols, s.beta, s.root, out.Slice(at, at+len(cols)))
			at += len(cols)
		default:
			n := NewNewtonSums(len(cols))
			NewtonBlock(m, 0, m.Len(), cols, s.beta, n)
			n.write(out.Slice(at, at+newtonCells(len(cols))))
			at += newtonCells(len(cols))
		}
	}
}

// takeProfile goes on from the sums of every search.
func (l *logisticPart) takeProfile(t fixed.Totals) {
	f, q, at := l.firth, len(l.main.cols), 0
	for _, s := range f.searches {
		switch {
		case s.done:
		case f.hat:
			for a := range q {
				s.score[a] += t.Float(at + a)
			}
			at += q
			s.done = s.step(f.objective) < 1e-20
			s.ok = s.done
		default:
			var deviance float64
			s.score, s.info, deviance = readNewton(t.Slice(at, at+newtonCells(q)), q)
			at += newtonCells(q)
			if s.v = (&newton{cols: l.main.cols, info: s.info}).covariance(); s.v == nil {
				s.done = true
				continue
			}
			s.root, s.objective = rootOf(s.v), deviance+logDeterminant(s.v)
		}
	}
	if f.hat {
		f.profiled++
	}
	f.hat = !f.hat
	l.askProfile()
}

// profiled is a row of tidy with the limits and the test of the profile. The
// statistic is the root of the likelihood ratio's, with the estimate's sign.
func (l *logisticPart) profiled(r Record, at int, f *Frame) Record {
	for _, s := range l.firth.searches {
		if s.at != at {
			continue
		}
		scale := l.scale[l.main.cols[at]]
		x := s.value / scale
		if !s.ok {
			x = math.NaN()
			f.Warnings = append(f.Warnings, fmt.Sprintf("profile: the search for a limit or the test of %v did not end", r.Get("term")))
		}
		switch s.side {
		case -1:
			r = r.Set("conf_low", x).Set("odds_low", math.Exp(x))
		case 1:
			r = r.Set("conf_high", x).Set("odds_high", math.Exp(x))
		default:
			z := math.Copysign(math.Sqrt(math.Max(0, s.objective-l.firth.objective)), r.Get("estimate").(float64))
			if !s.ok {
				z = math.NaN()
			}
			r = r.Set("statistic", z).Set("p_value", normalTwoSided(z))
		}
	}
	return r
}
