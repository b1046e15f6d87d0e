package stat

import (
	"fmt"
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// takeResiduals decides whether the solution may be opened.
func (l *logisticPart) takeResiduals(asks []Ask, t fixed.Totals) error {
	v := l.veiled
	v.correction = math.Max(0, t.Float(1))
	left := float64(v.root.Dim) - t.Float(0)
	if !(math.Abs(left) <= 1.0/64) {
		return singularRefusal(v.root.Condition)
	}
	// No standard error is below 2 over the root of n: the last correction was less than half of that. Where no step
	// follows it must be less than an eighth.
	limit := float64(len(l.varies)) / float64(l.n)
	if v.steps == 0 {
		limit /= 16
	}
	// Of very many rows the opening's own noise is larger.
	if !(math.Abs(t.Float(1)) <= limit+5*asks[0].Cells[1].Noise) {
		return l.unconverged("the corrections under encryption do not settle")
	}
	var cells []Cell
	for j := range v.root.Dim {
		name := "nothing"
		if j < len(l.columns) {
			name = "coefficient of " + l.columns[j].Name + ", standardised"
		}
		cells = append(cells, Cell{Name: name})
	}
	l.stage = logisticSolution
	l.asks = []Ask{{Opening: l.place.solution, Cells: cells, From: &From{Outcome: RootSolution}}}
	return nil
}

func singularRefusal(condition float64) error {
	return &Refusal{Rule: "singular",
		Message: fmt.Sprintf("the information matrix is singular, or its condition exceeds %g: columns of the model are collinear, or nearly", condition),
		Remedy:  "leave out columns that follow from others, or set condition higher"}
}

func (l *logisticPart) unconverged(what string) error {
	ridge := "ridge"
	if l.penalty() > 0 {
		ridge = "a larger ridge"
	}
	remedy := []string{"leave out terms", ridge, "or reveal: sums"}
	switch v := l.veiled; {
	case v.steps > 0 && v.steps < mostSteps:
		remedy = append([]string{fmt.Sprintf("final_steps: %d", mostSteps)}, remedy...)
	case v.root.Degree == 2 && v.root.Dim <= cubicColumns:
		remedy = append([]string{"degree: 3"}, remedy...)
	}
	return &Refusal{Rule: "unconverged", Message: what + ": the hospitals' patients or effects differ too much for a polynomial of degree " + fmt.Sprint(l.veiled.root.Degree) + ", or the outcomes separate",
		Remedy: strings.Join(remedy, ", ")}
}

// takeSolution starts the final steps at the start model.
func (l *logisticPart) takeSolution(cells []Cell, t fixed.Totals) error {
	v := l.veiled
	length := 0.0
	for j := range v.root.Dim {
		length += t.Float(j) * t.Float(j)
		v.noise = math.Max(v.noise, cells[j].Noise)
	}
	if !(length <= v.root.Largest.Solve*v.root.Largest.Solve) {
		return l.separates()
	}
	// In all reference models that have a sound fit the solution is at most 2.3 from the centre; where outcomes nearly
	// separate it is farther, and only an exact step would show how far the maximum is.
	if v.steps == 0 && length > farthestUnmeasured*farthestUnmeasured {
		return l.unconverged("the coefficients are large, outcomes nearly separate, and no exact step measures how far the start model is from the maximum")
	}
	penalty := func(j int) float64 {
		if l.columns[j].Term < 0 {
			return 0
		}
		return l.penalty()
	}
	l.sums = make(map[*newton]*NewtonSums)
	l.main = newNewton(l.varies, true, penalty, nil)
	l.main.forced = v.steps
	for a, j := range l.varies {
		l.main.beta[a] = t.Float(j)
		if a == 0 {
			l.main.beta[a] += l.centre()
		}
		l.main.beta[a] = Round40(l.main.beta[a])
	}
	if v.steps == 0 {
		l.main.done, l.main.converged, l.main.estimate = true, true, l.main.beta
		l.main.deviance, l.main.decrement = math.NaN(), math.NaN()
	}
	l.stage = logisticNewton
	l.next()
	return nil
}

func (l *logisticPart) separates() error {
	remedy := "ridge, leave out the terms that separate, or reveal: sums, which names them"
	if steps := l.veiled.steps; steps > 0 && steps < mostSteps {
		remedy = fmt.Sprintf("final_steps: %d where none do, ", mostSteps) + remedy
	}
	return &Refusal{Rule: "separation", Message: "some outcomes are predicted perfectly, or the model is far from settled: an estimate would not be finite",
		Remedy: remedy}
}

// settled judges the last exact step. Towards a separation every step moves some linear predictor by 1, and
// on the way to a maximum the step after one of se standard errors that moves
// predictors by r is about r/2 as long, in standard errors too.
func (l *logisticPart) settled() error {
	m := l.main
	v := m.covariance()
	if m.newton == nil || v == nil {
		return l.separates()
	}
	reach, errors := 0.0, 0.0
	for a, j := range m.cols {
		d := math.Abs(m.newton[a])
		errors = math.Max(errors, d/math.Sqrt(rounded(v.at(a, a))))
		reach = math.Max(reach, d*l.farthest(j))
	}
	l.veiled.lastStep, l.veiled.remains = errors, errors*reach/2
	switch {
	case l.penalty() == 0 && !(reach < mostReach):
		return l.separates()
	case !(l.veiled.remains < mostRemaining):
		return l.unconverged(fmt.Sprintf("after %d exact steps the model may still be %.2g standard errors off", l.veiled.steps, l.veiled.remains))
	}
	// The sums were taken at the model before the last step, which lowers the penalised deviance by the decrement.
	m.converged = true
	m.deviance = m.objective - m.decrement
	for a, b := range m.estimate {
		m.deviance -= m.penalty[a] * b * b
	}
	return nil
}

// farthest bounds how far a person's standardised value of column j is from the mean: by what is declared, and
// by all people's squares together being n. Of a yes/no column it is the distance of the two values.
func (l *logisticPart) farthest(j int) float64 {
	switch c := l.columns[j]; {
	case c.Term < 0:
		return 1
	case c.ZeroOne:
		return 1 / l.scale[j]
	default:
		return math.Min(c.half/l.scale[j], math.Sqrt(float64(l.n)))
	}
}

const (
	farthestUnmeasured = 2.5  // standardised coefficients, Euclid's length
	mostReach          = 0.5  // in all reference sets: 1 or more where outcomes separate, below 0.25 elsewhere
	mostRemaining      = 0.05 // standard errors
)

// glance says how the model was reached, and warns of what it lacks.
func (v *veiledLogistic) glance(g Record, f *Frame) Record {
	g = g.Put("iterations", v.steps).Put("final_steps", v.steps).Put("degree", v.root.Degree).Put("correction", math.Sqrt(v.correction)).Put("start_noise", v.noise)
	if v.steps > 0 {
		return g.Put("converged", true).Put("last_step", v.lastStep).Put("remaining_error", v.remains)
	}
	f.Warnings = append(f.Warnings, "final_steps is 0: the coefficients are those of the start model, which are near the maximum of the likelihood where hospitals are alike; nothing has measured how near, nor whether outcomes separate. There are no standard errors, tests and deviance")
	return g.Put("converged", nil).Put("last_step", nil).Put("remaining_error", nil)
}
