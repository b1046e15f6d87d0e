package bench

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/consilium-health/consilium/engine/report"
)

// recipe is a study of a Cohort, and the same computed in clear on the pooled rows.
type recipe struct {
	analyses []string
	unit     string // of the error
	// plain computes the answer; again, when not nil, is a former one whose number of steps it repeats.
	plain func(c *Cohort, again answer) (answer, error)
	draw  func(rows, covariates int, seed uint64) *Cohort // nil: NewCohort
}

// cohort draws the records of a scenario.
func (r recipe) cohort(s Scenario) *Cohort {
	if r.draw == nil {
		r.draw = NewCohort
	}
	return r.draw(s.Rows, s.Covariates, 7)
}

// answer is what a study should come to.
type answer interface {
	away(*report.Report) float64 // how far a report is from it
}

var logistic = recipe{
	analyses: []string{`{id: fit, kind: logistic, formula: "y ~ .", evaluate: {cells: 0}}`},
	unit:     "standard errors",
	plain: func(c *Cohort, again answer) (answer, error) {
		rounds := 0
		if again != nil {
			rounds = again.(logisticAnswer).Rounds
		}
		f, err := c.PlainNewton(rounds)
		return logisticAnswer{f}, err
	},
}

type logisticAnswer struct{ *Fit }

func (a logisticAnswer) away(r *report.Report) float64 { return a.Fit.away(r.Analyses[0].Frame) }

// linear predicts the first covariate from the others and the outcome.
var linear = recipe{
	analyses: []string{`{id: fit, kind: linear, formula: "x1 ~ ."}`},
	unit:     "standard errors",
	plain: func(c *Cohort, _ answer) (answer, error) {
		f, err := c.plainLinear()
		return logisticAnswer{f}, err
	},
}

// plainLinear is the least-squares fit x1 ~ y + x2 + ... by the normal equations of the pooled rows.
func (c *Cohort) plainLinear() (*Fit, error) {
	cols := append([][]float64{c.X[0], c.Y}, c.X[1:]...) // the response first
	p := len(cols)                                       // the intercept takes the response's place
	half := [2][]float64{}
	inTwo(func(h int) {
		lo, hi := h*c.Rows/2, (h+1)*c.Rows/2
		m := make([]float64, (p+1)*(p+1)) // cross products of 1 and all columns
		const chunk = 512                 // rows whose columns stay in the cache
		for at := lo; at < hi; at += chunk {
			end := min(at+chunk, hi)
			m[0] += float64(end - at)
			for a, x := range cols {
				for _, v := range x[at:end] {
					m[a+1] += v
				}
				for b := a; b < p; b++ {
					y, sum := cols[b][at:end], 0.0
					for i, v := range x[at:end] {
						sum += v * y[i]
					}
					m[(a+1)*(p+1)+b+1] += sum
				}
			}
		}
		half[h] = m
	})
	product := func(a, b int) float64 { // of columns -1 (ones), 0 (the response), ...
		a, b = min(a, b)+1, max(a, b)+1
		return half[0][a*(p+1)+b] + half[1][a*(p+1)+b]
	}
	column := func(j int) int { // of the model's column j
		if j == 0 {
			return -1
		}
		return j
	}
	info, right, beta := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil), mat.NewVecDense(p, nil)
	for a := range p {
		right.SetVec(a, product(column(a), 0))
		for b := a; b < p; b++ {
			info.SetSym(a, b, product(column(a), column(b)))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(info) {
		return nil, fmt.Errorf("bench: the covariates are collinear")
	}
	if err := chol.SolveVecTo(beta, right); err != nil {
		return nil, err
	}
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		return nil, err
	}
	variance := (product(0, 0) - mat.Dot(beta, right)) / float64(c.Rows-p)
	f := &Fit{Rounds: 1}
	for a := range p {
		f.Beta, f.SE = append(f.Beta, beta.AtVec(a)), append(f.SE, math.Sqrt(variance*inverse.At(a, a)))
	}
	return f, nil
}

// names lists covariates from to to.
func names(from, to int) string {
	var all []string
	for j := from; j <= to; j++ {
		all = append(all, fmt.Sprintf("x%d", j))
	}
	return strings.Join(all, ", ")
}

// describe is mean and standard deviation of the first four covariates by outcome.
var describe = recipe{
	analyses: []string{fmt.Sprintf("{id: table, kind: describe, variables: [%s], by: y}", names(1, 4))},
	unit:     "relative",
	plain:    func(c *Cohort, _ answer) (answer, error) { return c.plainMoments(4), nil },
}

// table1 is Table 1 of the first four covariates by outcome, with standardised differences and tests.
var table1 = recipe{
	analyses: []string{fmt.Sprintf("{id: table, kind: table1, variables: [%s], by: y}", names(1, 4))},
	unit:     "relative",
	plain:    func(c *Cohort, _ answer) (answer, error) { return c.plainMoments(4), nil },
}

// moments are mean and standard deviation of covariates in the groups y = 0 and y = 1.
type moments struct{ mean, sd [][2]float64 }

func (c *Cohort) plainMoments(covariates int) moments {
	m := moments{make([][2]float64, covariates), make([][2]float64, covariates)}
	for j, x := range c.X[:covariates] {
		var n, sum [2]float64
		for i, v := range x {
			g := int(c.Y[i])
			n[g]++
			sum[g] += v
		}
		for g := range 2 {
			m.mean[j][g] = sum[g] / n[g]
		}
		for i, v := range x {
			g := int(c.Y[i])
			m.sd[j][g] += (v - m.mean[j][g]) * (v - m.mean[j][g])
		}
		for g := range 2 {
			m.sd[j][g] = math.Sqrt(m.sd[j][g] / (n[g] - 1))
		}
	}
	return m
}

func (m moments) away(r *report.Report) (worst float64) {
	seen := 0
	for _, row := range r.Analyses[0].Frame.Tidy {
		name, _ := row.Get("variable").(string)
		var j int
		if _, err := fmt.Sscanf(name, "x%d", &j); err != nil {
			continue
		}
		g := 0
		switch row.Get("group") {
		case "1":
			g = 1
		case "0":
		default: // all people together
			continue
		}
		mean, ok1 := row.Get("mean").(float64)
		sd, ok2 := row.Get("sd").(float64)
		if !ok1 || !ok2 {
			return math.Inf(1)
		}
		seen++
		worst = max(worst, math.Abs(mean-m.mean[j-1][g])/m.sd[j-1][g], math.Abs(sd/m.sd[j-1][g]-1))
	}
	if seen != 2*len(m.mean) {
		return math.Inf(1)
	}
	return worst
}
