package stat

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// finish writes coefficients, hazard ratios and tests as R's summary.coxph does. Limits are Wald's.
func (c *coxPart) finish(f Frame) Frame {
	m := c.fit
	f.Warnings, f.Levels = c.warnings, c.design.Levels()
	if !m.converged {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the fit did not converge in %d rounds: its figures are those of the last round", m.rounds))
	}
	infinite := c.infinite()
	cov := c.unscaledCovariance(m, c.scale)
	own := cov // whatever the standard errors
	if cov != nil && c.sandwich != nil {
		cov = c.robustCovariance(&f, m, c.scale)
		c.wide = cov
	}
	var finite []int
	at := 0
	for j, col := range c.columns {
		if col.Term < 0 {
			continue
		}
		if at == len(m.cols) || m.cols[at] != j {
			f.Tidy = append(f.Tidy, c.coefficient(col.Name, math.NaN(), math.NaN(), true, ""))
			f.Warnings = append(f.Warnings, aliasedWarning(col.Name))
			continue
		}
		e, se, sign := m.estimate[at]/c.scale[j], math.NaN(), ""
		if m.separated {
			sign = infinite[at]
		}
		switch {
		case sign != "":
			e = math.NaN()
		case cov != nil:
			se = math.Sqrt(rounded(cov.at(at, at)))
			if m.separated && se*c.scale[j] > undetermined {
				e, se = math.NaN(), math.NaN()
				f.Warnings = append(f.Warnings, col.Name+" has no estimate: it is a difference of infinite ones")
				break
			}
			finite = append(finite, at)
		}
		f.Tidy = append(f.Tidy, c.coefficient(col.Name, e, se, false, sign))
		at++
	}
	if m.separated {
		var grow []string
		for a, sign := range infinite {
			if sign != "" {
				grow = append(grow, c.columns[m.cols[a]].Name)
			}
		}
		f.Warnings = append(f.Warnings, "the likelihood rises for ever as the coefficient grows (monotone likelihood): there is no finite estimate of "+strings.Join(grow, ", "))
	}
	f.VCov = c.vcov(m, cov, finite)
	f.Warnings = append(f.Warnings, overflown(f.Tidy, "hazard ratio", "hazard_ratio", "hazard_high")...)
	f.Glance = c.glance(&f)
	if m.separated {
		own = nil
	}
	c.inflate(&f, own, m.cols)
	if c.test != nil {
		rows, warning := c.zphRows()
		f.Tables = append(f.Tables, Table{"zph", rows})
		if warning != "" {
			f.Warnings = append(f.Warnings, warning)
		}
	}
	if !c.own {
		_, more := c.u.stop.resolution()
		f.Warnings = append(f.Warnings, more...)
		if c.shown < c.moved {
			f.Suppressed = true
			f.Warnings = append(f.Warnings, fmt.Sprintf("%d of %d times are left: neighbouring ones are merged until at least %d people leave at each, and counted at the last of them. strata: site needs no merging",
				c.shown, c.moved, c.few(len(c.varies))))
		}
	}
	return f
}

func (c *coxPart) coefficient(name string, e, se float64, aliased bool, infinite string) Record {
	z := e / se
	r := Record{}.Put("term", name).Put("estimate", e).Put("std_error", se).Put("statistic", z).Put("p_value", normalTwoSided(z)).
		Put("conf_low", e-z975*se).Put("conf_high", e+z975*se).
		Put("hazard_ratio", math.Exp(e)).Put("hazard_low", math.Exp(e-z975*se)).Put("hazard_high", math.Exp(e+z975*se)).Put("aliased", aliased)
	if c.fit.separated {
		if infinite == "" {
			r = r.Put("infinite", nil)
		} else {
			r = r.Put("infinite", infinite)
		}
	}
	return r
}

// infinite says for each coefficient of a monotone likelihood whether it grows
// without end, "+" or "-": the last step has converged to the direction.
func (c *coxPart) infinite() []string {
	if !c.fit.separated {
		return nil // where the score is 0 at the start there was no step
	}
	const noise = 1e-4
	largest := 0.0
	for _, d := range c.fit.step {
		largest = math.Max(largest, math.Abs(d))
	}
	out := make([]string, len(c.fit.cols))
	for a := range out {
		switch d := c.fit.step[a]; {
		case d > noise*largest:
			out[a] = "+"
		case d < -noise*largest:
			out[a] = "-"
		}
	}
	return out
}

func (c *coxPart) glance(f *Frame) Record {
	m := c.fit
	df := float64(len(m.cols))
	logLik := -m.deviance / 2
	lrt := 2 * (logLik - c.null)
	wald := math.NaN()
	if !m.separated {
		wald = c.wald()
	}
	score := c.first
	p := func(x float64) float64 {
		if math.IsNaN(x) {
			return x
		}
		return chiUpper(math.Max(0, x), df)
	}
	g := Record{}.Put("n", c.n).Put("n_event", c.nEvent).Put("log_lik", logLik).Put("log_lik_null", c.null).Put("df", df).
		Put("lrt", lrt).Put("lrt_p", p(lrt)).Put("wald", wald).Put("wald_p", p(wald)).Put("score", score).Put("score_p", p(score)).
		Put("aic", 2*df-2*logLik)
	value, bound := c.ranking.value()
	g = g.Put("concordance", value).Put("concordance_bound", bound).Put("concordance_std_error", c.ranking.stdError()).Put("iterations", m.rounds-1).Put("converged", m.converged)
	if math.IsNaN(value) && !c.unranked {
		f.Warnings = append(f.Warnings, "there is no concordance: no pair of people can be put in order, or there are too many times to count classes of risk at each (grid: makes them fewer)")
	}
	if !math.IsNaN(value) && math.IsNaN(c.ranking.stdError()) {
		f.Warnings = append(f.Warnings, "the concordance has no standard error where people enter late")
	}
	if slopes := df; float64(c.nEvent) < 10*slopes {
		f.Warnings = append(f.Warnings, fmt.Sprintf("%.2g events per parameter: below 10, estimates may be far off and their limits too narrow", float64(c.nEvent)/slopes))
	}
	if c.transform != "none" {
		g = g.Put("zph_transform", c.transform)
	}
	return c.sandwich.mark(g, f)
}

// wald is the Wald statistic of all coefficients.
func (c *coxPart) wald() float64 {
	q := len(c.fit.cols)
	s, t := newBig(0), new(big.Float)
	if c.sandwich != nil {
		if c.wide == nil {
			return math.NaN()
		}
		b := make([]*big.Float, q)
		for a, j := range c.fit.cols {
			b[a] = newBig(c.fit.estimate[a] / c.scale[j])
		}
		k := factorize(c.wide, neverAliased)
		if len(k.kept) < q {
			return math.NaN()
		}
		for a, x := range k.solve(b) {
			s.Add(s, t.Mul(x, b[a]))
		}
		return rounded(s)
	}
	for a := range q {
		for b := range q {
			t = newBig(c.fit.info[min(a, b)*q+max(a, b)])
			t.Mul(t, newBig(c.fit.estimate[a]))
			s.Add(s, t.Mul(t, newBig(c.fit.estimate[b])))
		}
	}
	return rounded(s)
}
