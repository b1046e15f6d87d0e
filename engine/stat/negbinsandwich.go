package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// Robust standard errors of a negative binomial model take theta as given, as
// R's sandwich does for MASS::glm.nb: a row's score is x e with e = (y - mean)/(1 + mean/theta),
// its weight in the information mean/(1 + mean/theta). With theta orthogonal to the
// coefficients, its error does not enter theirs.

// askSandwich asks for the meat at the estimate.
func (b *negbinPart) askSandwich() {
	f := b.fit
	v := f.covariance()
	if v == nil {
		return
	}
	far := b.far()
	most := math.Max(math.Max(1, b.model.OutcomeColumn.Max), math.Min(math.Exp(far)*(1+0x1p-10), b.theta))
	// Where the fit is perfect, what is left is the rounding of the coefficients.
	rounding := math.Max(1, far) * 0x1p-38
	residuals := b.residuals + b.total*rounding*rounding
	var of []lean
	for a, j := range f.cols {
		of = append(of, lean{b.columns[j].Name, b.reach(j) * most, math.Sqrt(residuals * f.info[a*len(f.cols)+a]), b.columns[j].levelOf(b.n, b.scale[j])})
	}
	b.step = negbinSandwich
	b.asks = []Ask{b.sandwich.ask(robustOpening, of, b.rows, b.state(), v)}
}

// addSandwich adds a hospital's rows to the meat.
func (b *negbinPart) addSandwich(m *Panels, beta []float64, theta float64, out *fixed.Sums) {
	cols := b.fit.cols
	x := make([]float64, len(cols))
	b.sandwich.begin(len(cols))
	b.each(m, beta, func(row int, y, mean float64) {
		m.row(row, cols, x)
		shrink := 1 / (1 + mean/theta)
		b.sandwich.row(x, (y-mean)*shrink, mean*shrink)
	})
	b.sandwich.put(out)
}
