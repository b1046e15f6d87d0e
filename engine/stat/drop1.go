package stat

import (
	"math"
	"math/big"
	"slices"
)

// drop1 fits the model without each term that no other contains, as R's
// drop1(test = "F") does, from the same products: the columns of the term go,
// the others stay as they are.
func (l *linearPart) drop1() []Record {
	inverse := l.fit.inverse()
	n, rank := float64(l.n), len(l.fit.kept)
	rdf := n - float64(rank)
	aic := func(rss float64, k int) float64 { return n*math.Log(rss/n) + 2*float64(k) }
	out := []Record{Record{}.Put("term", "<none>").Put("df", nil).Put("sumsq", nil).Put("rss", rounded(l.rss)).
		Put("aic", aic(rounded(l.rss), rank)).Put("statistic", nil).Put("p_value", nil)}
	for _, term := range l.model.Droppable() {
		if !slices.ContainsFunc(l.columns, func(c *regressor) bool { return c.Term == term }) {
			continue // its factor has one level left
		}
		sumsq, kept := l.without(term, inverse)
		if l.nothing(sumsq) {
			sumsq.SetInt64(0)
		}
		df := float64(rank - kept)
		rss := newBig(0).Add(sumsq, l.rss)
		statistic := math.NaN()
		if df > 0 && l.rss.Sign() > 0 {
			statistic = rounded(newBig(0).Quo(sumsq, l.rss)) * rdf / df
		}
		out = append(out, Record{}.Put("term", l.model.Terms[term].Label).Put("df", int64(df)).Put("sumsq", rounded(sumsq)).
			Put("rss", rounded(rss)).Put("aic", aic(rounded(rss), kept)).
			Put("statistic", statistic).Put("p_value", fUpper(statistic, df, rdf)))
	}
	return out
}

// without returns by how much the residual sum of squares grows without a
// term's columns, and how many coefficients are left.
func (l *linearPart) without(term int, inverse *symmetric) (sumsq *big.Float, kept int) {
	g := l.gram
	m := g.products.n - 1
	first := len(l.columns) - len(l.slopes())
	var rest, gone []int
	for i := range m {
		if i < first || g.columns[i-first].Term != term {
			rest = append(rest, i)
		} else {
			gone = append(gone, i)
		}
	}
	if len(l.fit.kept) == m { // no column is aliased, so none becomes so: b' V^-1 b of the term's own block
		b := make([]*big.Float, len(gone))
		for a, i := range gone {
			b[a] = l.beta[i]
		}
		sumsq = newBig(0)
		t := newBig(0)
		for a, x := range factorize(inverse.pick(gone), neverAliased).solve(b) {
			sumsq.Add(sumsq, t.Mul(x, b[a]))
		}
		return sumsq, len(rest)
	}
	y := make([]*big.Float, len(rest))
	for a, i := range rest {
		y[a] = g.products.at(i, m)
	}
	f := factorize(g.products.pick(rest), func(a int, pivot *big.Float) bool { return rest[a] >= first && l.dependent(rest[a]-first, pivot) })
	full := l.fit.remainder(l.outcomeProducts(), g.products.at(m, m)) // as the smaller model: without correction
	return newBig(0).Sub(f.remainder(y, g.products.at(m, m)), full), len(f.kept)
}

func (l *linearPart) outcomeProducts() []*big.Float {
	m := l.gram.products.n - 1
	y := make([]*big.Float, m)
	for i := range m {
		y[i] = l.gram.products.at(i, m)
	}
	return y
}

// dropRecord is a row of drop1: the fit without a term against the full one.
func (l *logisticPart) dropRecord(term string, f, full *newton) Record {
	rank, deviance := 0, l.main.start // no column is left
	if f != nil {
		rank, deviance = len(f.cols), f.deviance
	}
	r := Record{}.Put("term", term)
	aic := deviance + 2*float64(rank)
	if full == nil {
		return r.Put("df", nil).Put("deviance", deviance).Put("aic", aic).Put("statistic", nil).Put("p_value", nil)
	}
	df := len(full.cols) - rank
	lr := math.Max(0, deviance-full.deviance)
	p := math.NaN()
	if df > 0 {
		p = chiUpper(lr, float64(df))
	}
	return r.Put("df", df).Put("deviance", deviance).Put("aic", aic).Put("statistic", lr).Put("p_value", p)
}
