package stat

import (
	"fmt"
	"math"
	"strings"
)

// Separation: where a combination of columns predicts outcomes perfectly, the
// likelihood has no finite maximum (Albert and Anderson 1984). Newton's steps
// then tend to a direction that no row opposes. Counting those rows tells it;
// terms in the direction grow without end, the others have a limit.

// opposing counts the rows with (2y-1) x'd < -1e-3 (Albert and Anderson 1984),
// and those with more than 1e-3: none of the first and some of the second mean that
// moving on along d makes no row less likely. None of either: d is a direction in
// which nearly collinear columns cancel, and says nothing.
func opposing(m *Panels, cols []int, d []float64) (against, with int64) {
	along := &Panels{P: m.P, N: m.N, X: m.X, Y: m.Y} // without the offset
	eta := make([]float64, PanelRows)
	for k := range m.Len() {
		along.eta(k, cols, d, eta)
		for i, v := range eta[:min(PanelRows, m.N-k*PanelRows)] {
			switch v *= 2*m.Y[k*PanelRows+i] - 1; {
			case v < -1e-3:
				against++
			case v > 1e-3:
				with++
			}
		}
	}
	return against, with
}

// allPredicted is the deviance per row below which every outcome counts as predicted.
const allPredicted = 1e-8

// infinite says for each coefficient of a separated fit whether it grows
// without end: "+", "-", or "" where it has a limit. When all rows are
// predicted no coefficient has one; "0" is one without a direction. The last
// step has converged to the direction, in the units of the model matrix.
func (l *logisticPart) infinite() []string {
	m := l.main
	if !m.separated {
		return nil
	}
	const noise = 1e-4 // what is left of the other coefficients' steps is below
	largest := 0.0
	for _, d := range m.step {
		largest = math.Max(largest, math.Abs(d))
	}
	all := m.deviance < allPredicted*float64(l.n)
	out := make([]string, len(m.cols))
	for a, j := range m.cols {
		d, size := m.step[a], largest
		if l.columns[j].Term < 0 {
			size = math.Abs(d)
			for b, k := range m.cols {
				if l.columns[k].Term >= 0 {
					u := m.step[b] / l.scale[k] * l.columns[k].centre
					d -= u
					size += math.Abs(u)
				}
			}
		}
		switch {
		case d > noise*size:
			out[a] = "+"
		case d < -noise*size:
			out[a] = "-"
		case all:
			out[a] = "0"
		}
	}
	return out
}

// separation names the terms whose coefficients are infinite.
func (l *logisticPart) separation(infinite []string) []string {
	if !l.main.separated {
		return nil
	}
	var grow []string
	all := true
	for a, sign := range infinite {
		all = all && sign != ""
		if sign == "+" || sign == "-" {
			grow = append(grow, l.columns[l.main.cols[a]].Name)
		}
	}
	what := "some outcomes are predicted perfectly (quasi-complete separation)"
	if all {
		what = "every outcome is predicted perfectly (complete separation)"
	}
	return []string{what + ": there is no finite estimate of " + strings.Join(grow, ", ") + "; ridge gives one"}
}

// lastRound warns whoever evaluates the risks of a model that did not converge.
func (l *logisticPart) lastRound() []string {
	if l.main.converged {
		return nil
	}
	return []string{fmt.Sprintf("the model did not converge in %d rounds: its risks are those of the last round", l.main.rounds)}
}

// separatedRefusal refuses to evaluate the risks of a model that has none.
func separatedRefusal() *Refusal {
	return &Refusal{Rule: "separation", Message: "the model has no finite maximum: the outcomes separate", Remedy: "leave out the terms that separate, or add ridge: to the model"}
}
