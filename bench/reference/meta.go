package reference

import (
	"errors"
	"math"
)

// MetaFit is a meta-analysis of the hospitals' own fits.
type MetaFit struct {
	Fit
	Used    []int     // for each coefficient, how many hospitals gave an estimate
	Left    int       // hospitals whose own fit failed: too few events, separation, a level that nobody has
	Q       []float64 // Cochran's heterogeneity statistic of each coefficient, on Used-1 degrees of freedom
	Dropped int       // rows of the hospitals left out
}

// Meta fits every hospital by itself and weighs each coefficient by the inverse
// of its variance: the fixed-effect meta-analysis (Cochran, Biometrics 1954;
// 10:101-129) that hospitals do when only estimates may leave them. It opens every
// hospital's estimates. It is biased where hospitals are small, and loses those
// that cannot be fitted alone; Worst tells how far it is from the pooled fit.
// A hospital without a factor's reference level has other contrasts, which goes unnoticed here as in practice.
// names are the coefficients wanted; nil means those of the first hospital that could be fitted.
func Meta(hospitals []*Data, names []string) (*MetaFit, error) {
	m := &MetaFit{Fit: Fit{Deviance: math.NaN()}}
	var fits []*Fit
	for _, d := range hospitals {
		f, err := Newton(d, 0, 1)
		if err != nil {
			m.Left++
			m.Dropped += d.Rows
			continue
		}
		fits = append(fits, f)
		m.Rows += f.Rows
		m.Rounds = max(m.Rounds, f.Rounds)
	}
	if fits == nil {
		return nil, errors.New("reference: no hospital's rows can be fitted by themselves")
	}
	if m.Names = names; names == nil {
		m.Names = fits[0].Names
	}
	for _, name := range m.Names {
		var b, weights []float64
		for _, f := range fits {
			for j, n := range f.Names {
				if n == name {
					b, weights = append(b, f.Beta[j]), append(weights, 1/(f.SE[j]*f.SE[j]))
				}
			}
		}
		beta, se, q := pooled(b, weights)
		m.Beta, m.SE, m.Q, m.Used = append(m.Beta, beta), append(m.SE, se), append(m.Q, q), append(m.Used, len(b))
	}
	return m, nil
}

// pooled is the weighted mean of estimates, its standard error, and their weighted squares around it.
func pooled(b, weights []float64) (beta, se, q float64) {
	var sum float64
	for k, w := range weights {
		sum += w
		beta += w * b[k]
	}
	beta /= sum
	for k, w := range weights {
		q += w * (b[k] - beta) * (b[k] - beta)
	}
	return beta, 1 / math.Sqrt(sum), q
}
