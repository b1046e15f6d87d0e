package stat

import (
	"fmt"
	"math"
)

// Variance inflation: how much wider collinearity with the other terms makes
// a term's confidence region. With R the correlation matrix of the estimates
// without the intercept, cut into a term's block R11 and the rest R22 (Fox and
// Monette, J Am Stat Assoc 1992;87:178), as R's car::vif:
//
//	GVIF = det R11 det R22 / det R
//
// of a single column the usual 1 / (1 - R^2). It follows from the covariance
// matrix, so that nothing further is opened.

// checkVIF refuses a vif that cannot be given.
func checkVIF(args Args) error {
	switch {
	case !args.VIF:
	case args.Ridge != nil && *args.Ridge > 0:
		return fmt.Errorf("%s: vif comes from the covariance of estimates that are not penalised: leave out ridge or vif", args.Kind)
	case args.Veil && len(args.Withhold) > 0:
		return fmt.Errorf("%s: vif comes from the covariance matrix that withhold keeps encrypted: leave out one of them", args.Kind)
	}
	return nil
}

// inflate adds the table of variance inflation to a model's frame. cov is the
// covariance matrix of the estimates of columns cols, up to a factor; nil: there is none.
func (r *regression) inflate(f *Frame, cov *symmetric, cols []int) {
	if !r.args.VIF {
		return
	}
	none := func(why string) { f.Warnings = append(f.Warnings, "no variance inflation factors: "+why) }
	all, slopes := len(r.columns), 0
	if r.model.Intercept {
		all--
	}
	groups := make(map[int][]int) // term -> its rows in cov
	for a, j := range cols {
		if t := r.columns[j].Term; t >= 0 {
			groups[t] = append(groups[t], a)
			slopes++
		}
	}
	switch {
	case cov == nil:
		none("the estimates have no covariance matrix")
		return
	case slopes < all:
		none("a coefficient is aliased, so that the others' collinearity is complete")
		return
	case len(groups) < 2:
		none("the model has fewer than two terms")
		return
	}
	if !r.model.Intercept {
		f.Warnings = append(f.Warnings, "without an intercept, variance inflation is about 0 instead of the means, and hardly means anything")
	}
	var rows []Record
	var every []int
	for a, j := range cols {
		if r.columns[j].Term >= 0 {
			every = append(every, a)
		}
	}
	whole := logDeterminant(cov.pick(every))
	for t, term := range r.model.Terms {
		own := groups[t]
		if own == nil {
			continue // its factor has one level left
		}
		var rest []int
		for _, a := range every {
			if r.columns[cols[a]].Term != t {
				rest = append(rest, a)
			}
		}
		g := math.Exp(logDeterminant(cov.pick(own)) + logDeterminant(cov.pick(rest)) - whole)
		df := float64(len(own))
		rows = append(rows, Record{}.Put("term", term.Label).Put("gvif", g).Put("df", df).Put("gvif_root", math.Pow(g, 1/(2*df))))
	}
	f.Tables = append(f.Tables, Table{"vif", rows})
}

// logDeterminant is the logarithm of a positive definite matrix's determinant, NaN of others.
func logDeterminant(s *symmetric) float64 {
	k := factorize(s, neverAliased)
	if len(k.kept) < s.n {
		return math.NaN()
	}
	sum := 0.0
	for _, p := range k.pivot {
		mant := newBig(0)
		exp := p.MantExp(mant)
		sum += math.Log(rounded(mant)) + float64(exp)*math.Ln2
	}
	return sum
}
