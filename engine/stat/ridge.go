package stat

import (
	"math"
	"math/big"
)

// ridge minimises RSS/2 + L/2 sum(b^2), where b are the coefficients of the
// columns standardised with their pooled means and SDs (n-1); the intercept is
// free. About the means this is (S + L diag(sd^2)) beta = S y.
func (l *linearPart) ridge() {
	g := l.gram
	m := len(g.columns) - 1
	s := newSymmetric(m)
	y := make([]*big.Float, m)
	sd2 := make([]*big.Float, m)
	for i := range m {
		for j := i; j < m; j++ {
			s.at(i, j).Set(g.centredProduct(i, j))
		}
		y[i] = g.centredProduct(i, m)
		sd2[i] = newBig(0).Quo(s.at(i, i), newBig(float64(max(1, l.n-1))))
	}
	penalised := newSymmetric(m)
	for i := range s.v {
		penalised.v[i].Set(s.v[i])
	}
	var varies []int
	for i := range m {
		limit := g.raw(i)
		if s.at(i, i).Cmp(limit.Mul(limit, newBig(1e-14))) > 0 {
			varies = append(varies, i)
		}
		p := newBig(l.penalty())
		penalised.at(i, i).Add(penalised.at(i, i), p.Mul(p, sd2[i]))
	}
	yv := make([]*big.Float, len(varies))
	for a, i := range varies {
		yv[a] = y[i]
	}
	f := factorize(penalised.pick(varies), neverAliased)
	beta := f.solve(yv)
	l.beta, l.standardised = nil, nil
	l.rss = newBig(0).Set(l.tss)
	t := newBig(0)
	for a, i := range varies {
		l.kept = append(l.kept, g.columns[i])
		l.beta = append(l.beta, beta[a])
		l.standardised = append(l.standardised, rounded(beta[a])*math.Sqrt(rounded(sd2[i])))
		// RSS = yy - 2 b's + b'S b
		l.rss.Sub(l.rss, t.Mul(newBig(2), t.Mul(beta[a], yv[a])))
		for b, j := range varies {
			u := newBig(0).Mul(beta[a], beta[b])
			l.rss.Add(l.rss, u.Mul(u, s.at(i, j)))
		}
	}
}

// centredProduct is the sum of products of slopes i and j (the outcome is last) about their means.
func (g *gram) centredProduct(i, j int) *big.Float {
	p := newBig(0).Mul(g.products.at(0, i+1), g.products.at(0, j+1))
	p.Quo(p, newBig(float64(g.n)))
	return p.Sub(g.products.at(i+1, j+1), p)
}

func (l *linearPart) finishRidge(f Frame) Frame {
	g := l.gram
	mean := func(i int) *big.Float { return newBig(0).Quo(g.columns[i].sum, newBig(float64(l.n))) }
	place := make(map[*regressor]int)
	for i, c := range g.columns {
		place[c] = i
	}
	intercept, t := mean(len(g.columns)-1), newBig(0)
	for a, c := range l.kept {
		intercept.Sub(intercept, t.Mul(l.beta[a], mean(place[c])))
	}
	gone := []string{"std_error", "statistic", "p_value", "conf_low", "conf_high"}
	put := func(name string, estimate, standardised any) {
		r := Record{}.Put("term", name).Put("estimate", estimate)
		for _, k := range gone {
			r = r.Put(k, nil)
		}
		f.Tidy = append(f.Tidy, r.Put("aliased", estimate == nil).Put("estimate_standardized", standardised))
	}
	put("(Intercept)", rounded(intercept), rounded(mean(len(g.columns)-1)))
	at := 0
	for _, c := range l.slopes() {
		if at < len(l.kept) && l.kept[at] == c {
			put(c.Name, rounded(l.beta[at]), l.standardised[at])
			at++
			continue
		}
		put(c.Name, nil, nil)
		f.Warnings = append(f.Warnings, c.Name+" is the same for everyone: no coefficient")
	}
	f.Warnings = append(f.Warnings, ridgeWarning)
	r2 := math.NaN()
	if l.tss.Sign() > 0 {
		r2 = rounded(newBig(0).Quo(newBig(0).Sub(l.tss, l.rss), l.tss))
	}
	f.Glance = Record{}.Put("r_squared", r2)
	for _, k := range []string{"adj_r_squared", "sigma", "statistic", "p_value", "df", "log_lik", "aic", "bic"} {
		f.Glance = f.Glance.Put(k, nil)
	}
	f.Glance = f.Glance.Put("deviance", rounded(l.rss)).Put("df_residual", nil).Put("nobs", l.n).Put("ridge", l.penalty())
	return f
}

const ridgeWarning = "ridge: a penalised fit has no standard errors, tests or information criteria"
