package stat

import (
	"fmt"
	"math"
	"math/big"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

func (p *poissonPart) reduce(t fixed.Totals) error {
	p.asks = nil
	switch p.stage {
	case poissonSums:
		return p.takeSums(t)
	case poissonSquares:
		return p.takeSquares(t)
	case poissonNewton:
		return p.takeNewton(t)
	case poissonPearson:
		p.pearson = t.Float(0)
		if p.stage = poissonDone; p.sandwich != nil && p.args.Kind == "poisson" { // negbin's are at another model
			p.askSandwich()
		}
	case poissonSandwich:
		p.sandwich.take(t, len(p.fit.cols))
		p.stage = poissonDone
	}
	return nil
}

func (p *poissonPart) takeSums(t fixed.Totals) error {
	sums := p.readSums(t)
	at := len(p.columns)
	p.affected, p.total = t.Count(at), float64(t.Count(at+1))
	p.saturated, p.factorials, p.shifted, p.counts = t.Float(at+2), t.Float(at+3), t.Float(at+4), t.Float(at+5)
	least := int64(p.args.Rules.MinCell)
	switch {
	case p.total == 0:
		return &Refusal{Rule: "constant_outcome", Message: "every count is 0: no finite maximum", Remedy: "widen the cohort, or choose another outcome"}
	case least > 1 && (p.affected < least || p.n > p.affected && p.n-p.affected < least):
		return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("fewer than %d people have a count above 0, or fewer have 0", least), Remedy: "widen the cohort, or choose a more frequent outcome"}
	}
	if err := p.smallColumns(); err != nil {
		return err
	}
	cells, err := p.crossTable()
	if err != nil {
		return err
	}
	if err := p.smallTable(cells, sums); err != nil {
		return err
	}
	if err := p.smallInteractions(); err != nil {
		return err
	}
	p.stage = poissonSquares
	squares := p.squareCells()
	if len(squares) == 0 {
		return p.takeSquares(fixed.Totals{})
	}
	p.asks = []Ask{{Opening: 1, Cells: squares, State: centres(p.columns)}}
	return nil
}

// takeSquares begins Newton's rounds at the model of the intercept (and offset) alone.
func (p *poissonPart) takeSquares(t fixed.Totals) (err error) {
	if p.scale, p.varies, err = p.readSquares(t); err != nil {
		return err
	}
	p.fit = newNewton(p.varies, true, func(int) float64 { return 0 }, p.dependent)
	p.fit.beta[0] = Round40(math.Log(p.total / p.counts))
	p.stage = poissonNewton
	return p.next()
}

func (p *poissonPart) reach(j int) float64 {
	if p.columns[j].Term < 0 {
		return 1
	}
	return p.columns[j].half / p.scale[j] * (1 + 0x1p-45)
}

// far is the largest absolute linear predictor over the declared ranges.
func (p *poissonPart) far() float64 {
	far := p.offsetReach()
	for a, j := range p.fit.cols {
		far += math.Abs(p.fit.beta[a]) * p.reach(j)
	}
	return far
}

func (p *poissonPart) next() error {
	f := p.fit
	if p.far() > expReach {
		return &Refusal{Rule: "resolution", Message: tooFar,
			Remedy: "declare narrower ranges, of the offset above all, or leave out terms that nobody or everybody with a count has"}
	}
	mean := math.Exp(p.far()) * (1 + 0x1p-40)
	most := math.Max(mean, p.model.OutcomeColumn.Max)
	var cells []Cell
	for _, j := range f.cols {
		cells = append(cells, Cell{Cell: fixed.Binary(most*p.reach(j), p.rows), Name: "score of " + p.columns[j].Name})
	}
	for a, j := range f.cols {
		for _, k := range f.cols[a:] {
			cells = append(cells, Cell{Cell: fixed.Binary(mean*p.reach(j)*p.reach(k), p.rows), Name: "information of " + p.columns[j].Name + ", " + p.columns[k].Name})
		}
	}
	cells = append(cells, Cell{Cell: fixed.Binary(mean, p.rows), Name: "sum of fitted means"})
	p.asks = []Ask{{Opening: 2, Cells: cells, State: append(append(centres(p.columns), p.scale...), f.beta...)}}
	return nil
}

// dependent decides which columns are aliased, from the information at the null model.
func (p *poissonPart) dependent(f *newton, info *symmetric) *factored {
	return factorize(info, func(a int, pivot *big.Float) bool {
		return p.columns[f.cols[a]].Term >= 0 && rounded(pivot) < 1e-11*rounded(info.at(a, a))
	})
}

// takeNewton goes on from a round. Sum of y x'beta follows from the score: the
// score is sum of (y - mean) x, so that the deviance needs sum of y x, opened with the first score.
func (p *poissonPart) takeNewton(t fixed.Totals) error {
	f := p.fit
	q := len(f.cols)
	if f.rounds == 0 {
		// At the null model the mean is known: sum y x = score + c sum exp(offset) x, and the
		// latter is the information's first row.
		p.yx = make([]float64, len(p.columns))
		for a, j := range f.cols {
			p.yx[j] = t.Float(a) + t.Float(q+a)
		}
	}
	score, info := make([]float64, q), make([]float64, q*q)
	at := q
	for a := range q {
		score[a] = t.Float(a)
		for b := a; b < q; b++ {
			info[a*q+b] = t.Float(at)
			at++
		}
	}
	fitted := p.shifted // sum of y times the linear predictor
	for a, j := range f.cols {
		fitted += f.beta[a] * p.yx[j]
	}
	f.take(score, info, 2*(p.saturated-fitted-p.total+t.Float(at)))
	if p.endless() {
		return &Refusal{Rule: "separation", Message: "no finite maximum: in some group of a term every count is 0", Remedy: "leave out the term, or merge the level with another"}
	}
	if !f.done {
		return p.next()
	}
	p.stage = poissonPearson
	state := append(append(centres(p.columns), p.scale...), f.estimate...)
	for i := 2 * len(p.columns); i < len(state); i++ {
		state[i] = Round40(state[i])
	}
	bound := math.Max(1, math.Max(p.model.OutcomeColumn.Max, 1)*math.Max(p.model.OutcomeColumn.Max, 1)*math.Exp(p.far()))
	p.asks = []Ask{{Opening: 3, Cells: []Cell{{Cell: fixed.Binary(bound+math.Exp(p.far())+2*p.model.OutcomeColumn.Max, p.rows), Name: "sum of squared Pearson residuals"}}, State: state}}
	return nil
}

// endless reports whether the likelihood rises for ever: Newton's decrement
// falls by exp(-1) a step towards infinity, not with its square.
func (p *poissonPart) endless() bool {
	f := p.fit
	slow := f.rounds > 8 && f.length == 1 && p.before > 0 && f.decrement > 0.2*p.before && f.decrement < 1
	p.before = f.decrement
	return slow && !f.converged
}

// finish writes coefficients, rate ratios and fit as R's summary.glm does.
func (p *poissonPart) finish(f Frame) Frame {
	m := p.fit
	f.Warnings, f.Levels = p.warnings, p.design.Levels()
	if !m.converged {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the fit did not converge in %d rounds: its figures are those of the last round", m.rounds))
	}
	est, cov := p.unscaledEstimate(m, p.scale), p.unscaledCovariance(m, p.scale)
	own := cov // whatever the standard errors
	if cov != nil && p.sandwich != nil {
		cov = p.robustCovariance(&f, m, p.scale)
	}
	p.coefficients(&f, est, cov)
	p.inflate(&f, own, m.cols)
	n, rank := float64(p.n), float64(len(m.cols))
	// The null model's mean is c exp(offset), c = sum y / sum exp(offset).
	null := 2 * (p.saturated - p.shifted - p.total*math.Log(p.total/p.counts))
	logLik := (p.saturated - p.total - p.factorials) - m.deviance/2
	dispersion := p.pearson / (n - rank)
	f.Glance = Record{}.Put("null_deviance", null).Put("df_null", n-1).Put("deviance", m.deviance).Put("df_residual", n-rank).
		Put("log_lik", logLik).Put("aic", 2*rank-2*logLik).Put("bic", math.Log(n)*rank-2*logLik).
		Put("lr_statistic", null-m.deviance).Put("lr_df", rank-1).Put("lr_p", tail(null-m.deviance, rank-1)).
		Put("pearson_chi_squared", p.pearson).Put("dispersion", dispersion).Put("nobs", p.n).Put("iterations", m.rounds-1).Put("converged", m.converged)
	f.Glance = p.sandwich.mark(f.Glance, &f)
	if dispersion > 1.5 && p.sandwich == nil {
		f.Warnings = append(f.Warnings, fmt.Sprintf("counts vary more than the model says (dispersion %.2g): standard errors are too small", dispersion))
	}
	return f
}

// coefficients writes the rows of tidy and vcov.
func (p *poissonPart) coefficients(f *Frame, est []float64, cov *symmetric) {
	m := p.fit
	at := 0
	var all []int
	for j, c := range p.columns {
		if at == len(m.cols) || m.cols[at] != j {
			f.Tidy = append(f.Tidy, rateRow(c.Name, math.NaN(), math.NaN(), true))
			f.Warnings = append(f.Warnings, aliasedWarning(c.Name))
			continue
		}
		se := math.NaN()
		if cov != nil {
			se = math.Sqrt(rounded(cov.at(at, at)))
		}
		f.Tidy = append(f.Tidy, rateRow(c.Name, est[at], se, false))
		all = append(all, at)
		at++
	}
	f.Warnings = append(f.Warnings, overflown(f.Tidy, "rate ratio", "rate_ratio", "rate_high")...)
	f.VCov = p.vcov(m, cov, all)
}

func tail(x, df float64) float64 {
	if df < 1 {
		return math.NaN()
	}
	return chiUpper(math.Max(0, x), df)
}

func rateRow(name string, e, se float64, aliased bool) Record {
	z := e / se
	return Record{}.Put("term", name).Put("estimate", e).Put("std_error", se).Put("statistic", z).Put("p_value", normalTwoSided(z)).
		Put("conf_low", e-z975*se).Put("conf_high", e+z975*se).
		Put("rate_ratio", math.Exp(e)).Put("rate_low", math.Exp(e-z975*se)).Put("rate_high", math.Exp(e+z975*se)).Put("aliased", aliased)
}
