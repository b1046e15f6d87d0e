package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// robustOpening is the number of the opening of robust standard errors.
const robustOpening = 4

// askSandwich asks for the meat of robust standard errors at the estimate.
func (p *poissonPart) askSandwich() {
	f := p.fit
	v := f.covariance()
	if v == nil {
		return
	}
	state := append(centres(p.columns), p.scale...)
	far := math.Max(math.Exp(p.far())*(1+0x1p-10), p.model.OutcomeColumn.Max)
	// Where the fit is perfect, what is left is the rounding of the coefficients.
	rounding := math.Max(1, p.far()) * 0x1p-38
	pearson := p.pearson + p.total*rounding*rounding
	var of []lean
	for a, j := range f.cols {
		state = append(state, Round40(f.estimate[a]))
		of = append(of, lean{p.columns[j].Name, p.reach(j) * far, math.Sqrt(pearson * f.info[a*len(f.cols)+a]), p.columns[j].levelOf(p.n, p.scale[j])})
	}
	p.stage = poissonSandwich
	p.asks = []Ask{p.sandwich.ask(robustOpening, of, p.rows, state, v)}
}

// addSandwich adds a hospital's rows to the meat of robust standard errors.
func (p *poissonPart) addSandwich(m *Panels, out *fixed.Sums) {
	cols := p.fit.cols
	x := make([]float64, len(cols))
	p.sandwich.begin(len(cols))
	p.each(m, p.asks[0].State[2*len(p.columns):], func(row int, y, mean float64) {
		m.row(row, cols, x)
		p.sandwich.row(x, y-mean, mean)
	})
	p.sandwich.put(out)
}
