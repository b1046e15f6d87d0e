package stat

import (
	"math"
	"math/big"
)

// finish writes the coefficients as R's summary.lm does.
func (l *linearPart) finish(f Frame) Frame {
	f.Warnings, f.Levels = l.warnings, l.design.Levels()
	if l.args.Veil {
		f.Warnings = append(f.Warnings, "reveal: model: the sums of products of the columns were opened on the way. "+openAnyway)
	}
	if l.penalty() > 0 {
		return l.finishRidge(f)
	}
	rank := len(l.fit.kept)
	rdf := float64(l.n) - float64(rank)
	rss := rounded(l.rss)
	sigma2 := math.NaN()
	if rdf > 0 {
		sigma2 = rss / rdf
	} else {
		f.Warnings = append(f.Warnings, "there are as many coefficients as rows: no residual is left, so there are no standard errors")
	}
	estimates := l.original(l.beta)
	own := l.originalCovariance(l.fit.inverse())
	cov := l.covariance(&f, sigma2)
	f.VCov = &Matrix{Matrix: make([][]float64, 0, rank)}
	t := tQuantile(0.975, rdf)
	at := 0
	for _, c := range l.columns {
		if at == rank || l.keptColumn(at) != c {
			f.Tidy = append(f.Tidy, aliasedRecord(c.Name, "std_error", "statistic", "p_value", "conf_low", "conf_high"))
			f.Warnings = append(f.Warnings, aliasedWarning(c.Name))
			continue
		}
		est := rounded(estimates[at])
		se := math.NaN()
		if cov != nil {
			se = math.Sqrt(rounded(cov.at(at, at)))
		}
		stat := est / se
		f.Tidy = append(f.Tidy, Record{}.Put("term", c.Name).Put("estimate", est).Put("std_error", se).
			Put("statistic", stat).Put("p_value", tTwoSided(stat, rdf)).
			Put("conf_low", est-t*se).Put("conf_high", est+t*se).Put("aliased", false))
		f.VCov.Terms = append(f.VCov.Terms, c.Name)
		row := make([]float64, rank)
		for j := range row {
			if cov != nil {
				row[j] = rounded(cov.at(at, j))
			}
		}
		f.VCov.Matrix = append(f.VCov.Matrix, row)
		at++
	}
	if cov == nil {
		f.VCov = nil
	}
	f.Glance = l.sandwich.mark(l.glance(&f, rank, rss, sigma2), &f)
	l.inflate(&f, own, l.fit.kept)
	if l.args.Drop1 {
		f.Drop1 = l.drop1()
	}
	return f
}

func aliasedRecord(name string, keys ...string) Record {
	r := Record{}.Put("term", name).Put("estimate", nil)
	for _, k := range keys {
		r = r.Put(k, nil)
	}
	return r.Put("aliased", true)
}

func aliasedWarning(name string) string {
	return name + " is a linear combination of the columns before it (or constant): no coefficient"
}

// keptColumn is the column of the i-th kept coefficient.
func (l *linearPart) keptColumn(i int) *regressor { return l.columns[l.fit.kept[i]] }

// original turns coefficients about the centres into those of the model matrix.
func (l *linearPart) original(beta []*big.Float) []*big.Float {
	out := make([]*big.Float, len(beta))
	for i, b := range beta {
		out[i] = newBig(0).Set(b)
	}
	if l.model.Intercept {
		y := l.gram.columns[len(l.gram.columns)-1]
		out[0].Add(out[0], y.exactCentre())
		t := newBig(0)
		for i := 1; i < len(out); i++ {
			out[0].Sub(out[0], t.Mul(beta[i], l.keptColumn(i).exactCentre()))
		}
	}
	return out
}

// covariance is that of the estimates; nil where there is none.
func (l *linearPart) covariance(f *Frame, sigma2 float64) *symmetric {
	v, none := l.fit.inverse(), ""
	switch {
	case l.sandwich != nil:
		if v, none = l.sandwich.around(v, l.n); none != "" {
			f.Warnings = append(f.Warnings, "no standard errors: "+none)
			return nil
		}
	case math.IsNaN(sigma2):
		return nil
	default:
		for _, x := range v.v {
			x.Mul(x, newBig(sigma2))
		}
	}
	return l.originalCovariance(v)
}

// originalCovariance turns a covariance matrix about the centres into that of the model matrix: only the intercept's row depends on them.
func (l *linearPart) originalCovariance(v *symmetric) *symmetric {
	if !l.model.Intercept {
		return v
	}
	centre := make([]*big.Float, v.n)
	centre[0] = newBig(-1)
	for i := 1; i < v.n; i++ {
		centre[i] = l.keptColumn(i).exactCentre()
	}
	return uncentre(v, centre)
}

// uncentre returns T v T', where T is the identity but for its first row, minus centre.
func uncentre(v *symmetric, centre []*big.Float) *symmetric {
	out := newSymmetric(v.n)
	copy(out.v, v.v)
	t := newBig(0)
	row := make([]*big.Float, v.n) // T v, first row
	for j := range v.n {
		row[j] = newBig(0)
		for i := range v.n {
			row[j].Sub(row[j], t.Mul(centre[i], v.at(i, j)))
		}
	}
	for j := 1; j < v.n; j++ {
		out.v[j] = row[j] // entry (0, j)
	}
	first := newBig(0)
	for j := range v.n {
		first.Sub(first, t.Mul(centre[j], row[j]))
	}
	out.v[0] = first
	return out
}

// glance is summary.lm's last lines. With an offset, r_squared and F compare with
// the model of intercept and offset; R before 4.3 counts the offset's own spread as explained.
func (l *linearPart) glance(f *Frame, rank int, rss, sigma2 float64) Record {
	n, first := float64(l.n), 0.0
	if l.model.Intercept {
		first = 1
	}
	rdf, ndf := n-float64(rank), float64(rank)-first
	tss := rounded(l.tss)
	warn := func(s string) { f.Warnings = append(f.Warnings, s) }
	r2, statistic, df := math.NaN(), math.NaN(), math.NaN()
	if tss > 0 {
		r2 = rounded(newBig(0).Quo(newBig(0).Sub(l.tss, l.rss), l.tss))
	} else {
		warn("the outcome is the same for everyone: no r_squared")
	}
	switch {
	case ndf > 0:
		df = ndf
		statistic = (tss - rss) / ndf / sigma2
		if l.rss.Sign() != 0 {
			d := newBig(0).Sub(l.tss, l.rss)
			statistic = rounded(d.Quo(d, l.rss)) * rdf / ndf
		}
	default:
		warn("the model has no terms: no F test")
	}
	if rdf > 0 && rss <= 1e-30*(tss+rounded(l.gram.raw(len(l.gram.columns)-1))) {
		warn("the fit is essentially perfect: standard errors, tests, log-likelihood and information criteria may be unreliable or not exist")
	}
	adjusted := 1 - (1-r2)*(n-first)/rdf
	logLik := -n / 2 * (math.Log(2*math.Pi) + 1 - math.Log(n) + math.Log(rss))
	k := float64(rank) + 1
	return Record{}.Put("r_squared", r2).Put("adj_r_squared", adjusted).Put("sigma", math.Sqrt(sigma2)).
		Put("statistic", statistic).Put("p_value", fUpper(statistic, ndf, rdf)).Put("df", df).
		Put("log_lik", logLik).Put("aic", -2*logLik+2*k).Put("bic", -2*logLik+math.Log(n)*k).
		Put("deviance", rss).Put("df_residual", rdf).Put("nobs", l.n)
}
