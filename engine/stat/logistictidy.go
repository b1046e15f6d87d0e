package stat

import (
	"fmt"
	"math"
)

// finish writes coefficients, odds ratios and fit as R's summary.glm does. Limits are Wald's, R's confint.default.
func (l *logisticPart) finish(f Frame) Frame {
	m := l.main
	f.Warnings, f.Levels = l.warnings, l.design.Levels()
	infinite := l.infinite()
	est, cov := l.unscaledEstimate(l.main, l.scale), (*symmetric)(nil)
	if l.penalty() == 0 {
		cov = l.unscaledCovariance(l.main, l.scale)
	}
	own := cov // whatever the standard errors
	if cov != nil && l.sandwich != nil {
		cov = l.robustCovariance(&f, l.main, l.scale)
	}
	if !m.converged {
		f.Warnings = append(f.Warnings, fmt.Sprintf("the fit did not converge in %d rounds: its figures are those of the last round", m.rounds))
	}
	at := 0
	var finite []int
	for j, c := range l.columns {
		if at == len(m.cols) || m.cols[at] != j {
			f.Tidy = append(f.Tidy, l.coefficient(c.Name, math.NaN(), math.NaN(), true, "", math.NaN()))
			f.Warnings = append(f.Warnings, aliasedWarning(c.Name))
			continue
		}
		e, se, sign := est[at], math.NaN(), ""
		if m.separated {
			sign = infinite[at]
		}
		switch {
		case sign != "":
			e = math.NaN()
		case cov != nil:
			se = math.Sqrt(rounded(cov.at(at, at)))
			if m.separated && se*l.scale[j] > undetermined {
				e, se = math.NaN(), math.NaN()
				f.Warnings = append(f.Warnings, c.Name+" has no estimate: it is a difference of infinite ones")
				break
			}
			finite = append(finite, at)
		}
		r := l.coefficient(c.Name, e, se, false, sign, l.standardized(at))
		if l.firth != nil && l.firth.searches != nil {
			r = l.profiled(r, at, &f)
		}
		f.Tidy = append(f.Tidy, r)
		at++
	}
	f.Warnings = append(f.Warnings, l.separation(infinite)...)
	if l.penalty() > 0 {
		f.Warnings = append(f.Warnings, ridgeWarning)
	} else {
		f.VCov = l.vcov(l.main, cov, finite)
	}
	f.Warnings = append(f.Warnings, overflown(f.Tidy, "odds ratio", "odds_ratio", "odds_high")...)
	f.Glance = l.glance(&f)
	if m.separated {
		own = nil
	}
	l.inflate(&f, own, m.cols)
	for _, d := range l.drops {
		if d.fit == nil && !d.empty {
			continue
		}
		if f.Drop1 == nil {
			f.Drop1 = []Record{l.dropRecord("<none>", m, nil)}
		}
		f.Drop1 = append(f.Drop1, l.dropRecord(l.model.Terms[d.term].Label, d.fit, m))
		if d.fit != nil && !d.fit.converged {
			f.Warnings = append(f.Warnings, "drop1: the fit without "+l.model.Terms[d.term].Label+" did not converge")
		}
	}
	return f
}

// undetermined is the standard error of a standardised coefficient of a
// separated fit above which it has no limit: infinite ones cancel in its
// direction, and what Newton shows is where it stopped.
const undetermined = 1e3

// coefficient is a row of tidy; NaN becomes null.
func (l *logisticPart) coefficient(name string, e, se float64, aliased bool, infinite string, standardized float64) Record {
	z := e / se
	r := Record{}.Put("term", name).Put("estimate", e).Put("std_error", se).Put("statistic", z).Put("p_value", normalTwoSided(z)).
		Put("conf_low", e-z975*se).Put("conf_high", e+z975*se).
		Put("odds_ratio", math.Exp(e)).Put("odds_low", math.Exp(e-z975*se)).Put("odds_high", math.Exp(e+z975*se)).
		Put("aliased", aliased)
	if l.main.separated {
		if infinite == "" || infinite == "0" {
			r = r.Put("infinite", nil)
		} else {
			r = r.Put("infinite", infinite)
		}
	}
	if l.penalty() > 0 {
		r = r.Put("estimate_standardized", standardized)
	}
	return r
}

// standardized is the coefficient of the standardised column; the intercept's is that at the means.
func (l *logisticPart) standardized(a int) float64 {
	m := l.main
	if l.columns[m.cols[a]].Term >= 0 {
		return m.estimate[a]
	}
	at := newBig(m.estimate[a])
	for b, j := range m.cols {
		if c := l.columns[j]; c.Term >= 0 { // centres are means to 40 bits
			mean := newBig(0).Quo(c.sum, newBig(float64(l.n)))
			mean.Sub(mean, newBig(c.centre))
			mean.Mul(mean, newBig(m.estimate[b]/l.scale[j]))
			at.Add(at, mean)
		}
	}
	return rounded(at)
}

// nullDeviance is that of the intercept (and offset) alone.
func (l *logisticPart) nullDeviance() float64 {
	switch {
	case l.null != nil:
		return l.null.deviance
	case l.veiled != nil && l.model.HasOffset: // that of the offset alone would be another fit
		return math.NaN()
	case l.veiled != nil && !l.model.Intercept:
		return 2 * math.Ln2 * float64(l.n)
	case !l.model.Intercept:
		return l.main.start // p from the offset, or 1/2
	}
	n, e := float64(l.n), float64(l.nEvent)
	return -2 * (e*math.Log(e/n) + (n-e)*math.Log((n-e)/n))
}

func (l *logisticPart) glance(f *Frame) Record {
	m := l.main
	n, rank, first := float64(l.n), float64(len(m.cols)), 0.0
	if l.model.Intercept {
		first = 1
	}
	null, deviance, slopes := l.nullDeviance(), m.deviance, rank-first
	if l.veiled != nil && l.model.HasOffset {
		f.Warnings = append(f.Warnings, "null_deviance is that of the offset alone, a fit of its own, which an encrypted model does not open: it and what is compared with it are null")
	}
	aic, bic, df := deviance+2*rank, deviance+math.Log(n)*rank, n-rank
	lr, lrP := null-deviance, math.NaN()
	if slopes > 0 {
		lrP = chiUpper(lr, slopes)
	}
	nagelkerke := -math.Expm1((deviance-null)/n) / -math.Expm1(-null/n)
	perParameter := math.NaN()
	if slopes > 0 {
		perParameter = float64(l.nEvent) / slopes
		if perParameter < 10 {
			f.Warnings = append(f.Warnings, fmt.Sprintf("%.2g events per parameter: below 10, estimates may be far off and their limits too narrow", perParameter))
		}
	} else {
		f.Warnings = append(f.Warnings, "the model has no slopes: no likelihood-ratio test, no events per parameter")
	}
	if l.firth != nil {
		limits := "profile"
		if l.firth.searches == nil {
			limits = "wald"
			f.Warnings = append(f.Warnings, "firth: limits and p are Wald's; profile: true gives those of the profile of the penalised likelihood")
		}
		g := Record{}.Put("deviance", deviance).Put("df_residual", df).Put("log_lik", 0-deviance/2).Put("log_lik_penalized", l.penalised()).Put("limits", limits).
			Put("nobs", l.n).Put("n_event", l.nEvent).Put("events_per_parameter", perParameter).Put("iterations", m.rounds-1).Put("converged", m.converged)
		return l.putEvaluation(g, f, deviance)
	}
	g := Record{}.Put("null_deviance", null).Put("df_null", n-first).Put("deviance", deviance)
	if l.penalty() > 0 {
		g = g.Put("df_residual", nil).Put("log_lik", 0-deviance/2)
		for _, k := range []string{"aic", "bic", "lr_statistic", "lr_df", "lr_p"} {
			g = g.Put(k, nil)
		}
	} else {
		g = g.Put("df_residual", df).Put("log_lik", 0-deviance/2).Put("aic", aic).Put("bic", bic).
			Put("lr_statistic", lr).Put("lr_df", slopes).Put("lr_p", lrP)
	}
	g = g.Put("mcfadden_r2", 1-deviance/null).Put("nagelkerke_r2", nagelkerke).Put("nobs", l.n).Put("n_event", l.nEvent).
		Put("events_per_parameter", perParameter)
	if l.veiled != nil {
		g = l.veiled.glance(g, f)
	} else {
		g = g.Put("iterations", m.rounds-1).Put("converged", m.converged)
	}
	if l.penalty() > 0 {
		g = g.Put("ridge", l.penalty())
	}
	return l.putEvaluation(l.sandwich.mark(g, f), f, deviance)
}

func (l *logisticPart) putEvaluation(g Record, f *Frame, deviance float64) Record {
	if l.place.evaluate >= 0 {
		g = l.evaluation.put(g, l.n, deviance)
		if g.Get("auc_std_error") == nil {
			f.Warnings = append(f.Warnings, "one event, one row without, or a single class of risk: no standard error of the AUC")
		}
	}
	return g
}
