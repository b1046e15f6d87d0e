package stat

import "math"

// finish writes the coefficients with their noise, and how well they fit.
func (l *veiledLinear) finish(f Frame) Frame {
	f.Levels = l.design.Levels()
	f.Warnings = append(l.warnings, "withhold: coefficients have no standard errors, tests and covariances, and carry the noise of their opening: column noise is its standard deviation")
	first := len(l.beta) - len(l.varies)
	last := len(l.gram.columns) - 1
	put := func(name string, estimate, noise, standardised float64, aliased bool) {
		r := Record{}.Put("term", name).Put("estimate", estimate)
		for _, k := range []string{"std_error", "statistic", "p_value", "conf_low", "conf_high"} {
			r = r.Put(k, nil)
		}
		r = r.Put("aliased", aliased).Put("noise", noise)
		if l.penalty() > 0 {
			r = r.Put("estimate_standardized", standardised)
		}
		f.Tidy = append(f.Tidy, r)
	}
	if first == 1 {
		put("(Intercept)", l.beta[0], l.noise[0], rounded(l.gram.columns[last].sum)/float64(l.n), false)
	}
	at := 0
	for j, c := range l.slopes() {
		if at < len(l.varies) && l.varies[at] == j {
			b := l.beta[at+first]
			put(c.Name, b, l.noise[at+first], b*l.scale[j], false)
			at++
			continue
		}
		put(c.Name, math.NaN(), math.NaN(), math.NaN(), true)
		f.Warnings = append(f.Warnings, c.Name+" is the same for everyone: no coefficient")
	}
	// Coefficients that are off by their noise leave so much of an outcome that they would leave nothing of.
	left := 0.0
	for a, j := range l.varies {
		left += math.Pow(l.noise[a+first], 2) * l.spread[j]
	}
	if l.rss < 64*left {
		l.rss = math.NaN()
		f.Warnings = append(f.Warnings, "the fit is essentially perfect: what it leaves of the outcome is no more than the noise of the coefficients does, and so how well it fits is null")
	}
	f.Glance = l.glance(first, l.spread[last])
	switch {
	case l.sealed:
		f.Warnings = append(f.Warnings, "hospitals do not see the coefficients, so they add up no residuals: how well the model fits is null")
	case l.penalty() > 0:
		f.Warnings = append(f.Warnings, ridgeWarning)
	}
	return f
}

// glance is that of linear at the opened coefficients. Their noise makes the residual sum of squares larger by its own square.
func (l *veiledLinear) glance(first int, tss float64) Record {
	n, rank, slopes := float64(l.n), float64(len(l.beta)), float64(len(l.varies))
	rdf := n - rank
	sigma2 := math.NaN()
	if rdf > 0 {
		sigma2 = l.rss / rdf
	}
	r2 := 1 - l.rss/tss
	if l.penalty() > 0 {
		g := Record{}.Put("r_squared", r2)
		for _, k := range []string{"adj_r_squared", "sigma", "statistic", "p_value", "df", "log_lik", "aic", "bic"} {
			g = g.Put(k, nil)
		}
		return g.Put("deviance", l.rss).Put("df_residual", nil).Put("nobs", l.n).Put("ridge", l.penalty())
	}
	statistic := (tss - l.rss) / slopes / sigma2
	logLik := -n / 2 * (math.Log(2*math.Pi) + 1 - math.Log(n) + math.Log(l.rss))
	return Record{}.Put("r_squared", r2).Put("adj_r_squared", 1-(1-r2)*(n-float64(first))/rdf).Put("sigma", math.Sqrt(sigma2)).
		Put("statistic", statistic).Put("p_value", fUpper(statistic, slopes, rdf)).Put("df", slopes).
		Put("log_lik", logLik).Put("aic", -2*logLik+2*(rank+1)).Put("bic", -2*logLik+math.Log(n)*(rank+1)).
		Put("deviance", l.rss).Put("df_residual", rdf).Put("nobs", l.n)
}
