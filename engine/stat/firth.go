package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// Firth's penalised logistic regression (Firth, Biometrika 1993;80:27; Heinze
// and Schemper, Stat Med 2002;21:2409): the likelihood times the square root of
// the information's determinant, which has a finite maximum where outcomes
// separate. As R's logistf, with Wald limits or, with profile: true, those of the
// profile of the penalised likelihood:
//
//	sum (y - p + h (1/2 - p)) x = 0,   h = p (1-p) x' I^-1 x
//
// A step takes two sums at the same coefficients: score, information and
// deviance; then, once everyone knows the information, sum h (1/2 - p) x, of which every
// hospital works out its rows' h. The step is I^-1 times the modified score, halved while the penalised likelihood falls.
type firth struct {
	openings struct{ fit, hat, profile, profileHat int }
	hat      bool // the hats are asked for

	from, step []float64 // the last accepted coefficients and the step from them
	score      []float64 // at beta, not modified
	info       []float64
	deviance   float64
	objective  float64 // deviance less log det I, where beta was accepted
	root       [][]float64
	steps      int
	determined float64 // log det I of the standardised columns

	searches []*profileSearch // of limits and tests
	profiled int              // steps of these
}

// maxFirth is the largest number of steps; these converge by a factor, not quadratically.
const maxFirth = 100

// checkFirth refuses what is not computed beside firth.
func checkFirth(args Args) error {
	switch {
	case !args.Firth && args.Profile:
		return fmt.Errorf("logistic: profile: limits from the profile of the likelihood are those of firth: true")
	case !args.Firth:
	case args.Ridge != nil && *args.Ridge > 0, args.Drop1, args.SE != "" && args.SE != "model", args.NewtonRounds > 0:
		return fmt.Errorf("logistic: firth is a penalised likelihood of its own: leave out ridge, drop1 and se")
	case args.Veil:
		return fmt.Errorf("logistic: firth is not computed for an encrypted model; use privacy.reveal: sums")
	}
	return nil
}

// layFirth declares the openings of the steps for at most q columns.
func (l *logisticPart) layFirth(q int, put func(what string, cells, times int, people bool) int) {
	l.firth = new(firth)
	l.firth.openings.fit = put("how the model fits at each step: score, information, deviance. "+l.follows(), newtonCells(q), maxFirth, false)
	l.firth.openings.hat = put("sums over rows of the columns, weighted by how far a row's leverage pulls its risk from 1/2: Firth's correction of the score", q, maxFirth, false)
	if l.args.Profile {
		l.firth.openings.profile = put("score, information and deviance on the way to both limits of every coefficient and without it: many models, from which together more follows than from the fit", 3*q*newtonCells(q), maxProfile, false)
		l.firth.openings.profileHat = put("Firth's correction of the score at each of these", 3*q*q, maxProfile, false)
	}
}

// startFirth begins at 0.
func (l *logisticPart) startFirth() {
	l.stage = logisticFirth
	l.main = newNewton(l.varies, true, func(int) float64 { return 0 }, l.dependent)
	l.askFirth()
}

// askFirth asks for score, information and deviance at the coefficients, or for the hats there.
func (l *logisticPart) askFirth() {
	f, m := l.firth, l.main
	state := append(append(centres(l.columns), l.scale...), m.beta...)
	if !f.hat {
		l.asks = []Ask{{Opening: f.openings.fit, Cells: l.newtonCells(m), State: state}}
		return
	}
	for a := range f.root {
		state = append(state, f.root[a][a:]...)
	}
	l.asks = []Ask{{Opening: f.openings.hat, Cells: l.hatCells(), State: state}}
}

func (l *logisticPart) hatCells() (cells []Cell) {
	for _, j := range l.main.cols {
		cells = append(cells, Cell{Cell: fixed.Binary(l.reach(j)*(1+0x1p-20), l.rows), Name: "Firth's correction of the score of " + l.columns[j].Name})
	}
	return cells
}

// addFirth adds a hospital's terms.
func (l *logisticPart) addFirth(m *Panels, out *fixed.Sums) {
	f, cols := l.firth, l.main.cols
	q := len(cols)
	if !f.hat {
		s := NewNewtonSums(q)
		NewtonBlock(m, 0, m.Len(), cols, l.main.beta, s)
		s.write(out)
		return
	}
	addHats(m, cols, l.main.beta, f.root, out)
}

// addHats adds sum h (1/2 - p) x at beta; root is that of the inverse information there.
func addHats(m *Panels, cols []int, beta []float64, root [][]float64, out *fixed.Sums) {
	q := len(cols)
	high, low := make([]float64, q), make([]float64, q)
	x := make([]float64, q)
	m.each(cols, beta, func(row int, eta float64) {
		m.row(row, cols, x)
		p := 1 / (1 + math.Exp(-eta))
		u := leverage(root, x) * p * (1 - p) * (0.5 - p)
		for a := range x {
			add(&high[a], &low[a], u*x[a])
		}
	})
	for a := range high {
		out.AddFloat(a, high[a])
		out.AddFloat(a, low[a])
	}
}

// takeFirth goes on from a sum.
func (l *logisticPart) takeFirth(t fixed.Totals) {
	f, m := l.firth, l.main
	if f.hat {
		l.stepFirth(t)
		return
	}
	score, info, deviance := readNewton(t, len(m.cols))
	if m.rounds++; m.rounds == 1 {
		m.start = deviance
		score, info = m.dropAliased(score, info)
	}
	m.info = info
	v := m.covariance()
	objective := math.Inf(1)
	if v != nil {
		f.determined = -logDeterminant(v)
		objective = deviance - f.determined
	}
	if f.from != nil && !(objective <= f.objective+1e-10*(math.Abs(f.objective)+1)) && f.steps < maxFirth-1 {
		f.steps++
		for a := range f.step {
			f.step[a] /= 2
			m.beta[a] = Round40(f.from[a] + f.step[a])
		}
		l.askFirth()
		return
	}
	if v == nil {
		l.endFirth(m.beta, false)
		return
	}
	f.score, f.info, f.deviance, f.objective = score, info, deviance, objective
	f.root, f.hat = rootOf(v), true
	l.askFirth()
}

// stepFirth takes the correction of the score and steps.
func (l *logisticPart) stepFirth(t fixed.Totals) {
	f, m := l.firth, l.main
	q := len(m.cols)
	score := make([]float64, q)
	for a := range score {
		score[a] = f.score[a] + t.Float(a)
	}
	f.hat = false
	f.steps++
	step, ok := cholesky(f.info, q, score, 0)
	if !ok {
		l.endFirth(m.beta, false)
		return
	}
	decrement, longest := 0.0, 0.0
	for a := range step {
		decrement += score[a] * step[a]
		longest = math.Max(longest, math.Abs(step[a]))
	}
	if longest > 5 { // as logistf's maxstep
		for a := range step {
			step[a] *= 5 / longest
		}
	}
	next := make([]float64, q)
	for a := range step {
		next[a] = m.beta[a] + step[a]
	}
	m.deviance = f.deviance
	if decrement < 1e-21 || f.steps >= maxFirth {
		l.endFirth(next, decrement < 1e-12)
		return
	}
	f.from, f.step = m.beta, step
	m.beta = make([]float64, q)
	for a := range next {
		m.beta[a] = Round40(next[a])
	}
	l.askFirth()
}

func (l *logisticPart) endFirth(estimate []float64, converged bool) {
	m := l.main
	m.estimate, m.converged, m.done, m.rounds = estimate, converged, true, l.firth.steps+1
	if l.args.Profile && converged {
		l.startProfile()
		return
	}
	l.next()
}

// penalised is the penalised log-likelihood of the model matrix as it is.
func (l *logisticPart) penalised() float64 {
	x := l.firth.determined
	for _, j := range l.main.cols {
		x += 2 * math.Log(l.scale[j])
	}
	return (x - l.main.deviance) / 2
}
