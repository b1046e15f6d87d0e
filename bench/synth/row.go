package synth

import "math"

// row draws person i of hospital k into x, one value per variable: NaN is
// missing, a category its level's number. What is missing was there when the
// outcomes were drawn, and whether it is missing depends on covariates that are
// never missing and on the hospital: fits over complete rows are unbiased.
func (c *Cohort) row(k, i int, x, columns []float64) {
	h := &c.hospitals[k]
	s := stream(mix(h.seed + golden*uint64(i+1)))
	missing := c.covariates(h, &s, x)
	common := s.normal() // what the generic numbers share: correlation 0.2
	for j := firstGeneric; j < len(x); j++ {
		x[j] = c.variables[j].grid(math.Sqrt(0.2)*common + math.Sqrt(0.8)*s.normal())
	}
	c.outcomes(h, &s, x, columns)
	if !c.config.Complete {
		for _, j := range missing.list[:missing.n] {
			x[j] = math.NaN()
		}
	}
}

// holes are the columns that a person's record lacks.
type holes struct {
	list [8]int
	n    int
}

func (m *holes) add(column int, is bool) {
	if is {
		m.list[m.n] = column
		m.n++
	}
}

// covariates draws age to statin.
func (c *Cohort) covariates(h *Hospital, s *stream, x []float64) (missing holes) {
	v := c.variables
	male := truth(s.happens(0.48))
	x[sex] = male
	x[age] = v[age].grid(60 + 3*h.CaseMix + 14*s.normal())
	a := (x[age] - 60) / 14
	x[smoking] = 0
	current := logistic(-1.4 - 0.35*a + 0.4*male + 0.25*h.Smoking)
	switch u := s.uniform(); {
	case u < current:
		x[smoking] = 2
	case u < current+(1-current)*logistic(-0.8+0.4*a+0.4*male):
		x[smoking] = 1
	}
	smokes := truth(x[smoking] == 2)
	x[bmi] = v[bmi].grid(math.Exp(3.29 + 0.17*(0.1*a-0.15*smokes+s.normal())))
	b := (math.Log(x[bmi]) - 3.29) / 0.17
	x[diabetes] = truth(s.happens(logistic(-2.2 + 0.5*a + 0.6*b + 0.15*male)))
	x[sbp] = v[sbp].grid(linearIntercept + linearEffects[0]*x[age] + linearEffects[1]*male + linearEffects[2]*math.Log(x[bmi]) +
		linearEffects[3]*x[diabetes] + linearSD*s.normal())
	x[dbp] = v[dbp].grid(78 - 2*a + 0.4*(x[sbp]-132) + 8*s.normal())
	x[creatinine] = v[creatinine].grid(math.Exp(4.28 + 0.2*male + 0.1*a + 0.06*x[diabetes] + 0.22*s.normal()))
	x[statin] = truth(s.happens(logistic(-1.1 + 0.6*a + 0.9*x[diabetes])))
	x[ldl] = v[ldl].grid(3.5 + 0.15*b - 0.9*x[statin] + 0.9*s.normal())
	x[hba1c] = v[hba1c].grid(math.Exp(1.7 + 0.27*x[diabetes] + 0.02*b + (0.06+0.1*x[diabetes])*s.normal()))
	x[crp] = v[crp].grid(math.Exp(0.7 + 0.35*b + 0.3*smokes + 1.1*s.normal()))
	x[comorbidity] = comorbidityLevel(s.uniform(), a)

	missing.add(smoking, s.happens(logistic(-3.2+0.3*male)))
	missing.add(bmi, s.happens(logistic(-2.7+0.4*a+0.3*h.Missingness)))
	missing.add(sbp, s.happens(logistic(-3.6+0.3*h.Missingness)))
	missing.add(dbp, s.happens(logistic(-3.4+0.3*h.Missingness)))
	missing.add(creatinine, s.happens(logistic(-3-0.4*a)))
	missing.add(ldl, s.happens(logistic(-1.6-0.6*x[diabetes]+0.4*h.Missingness)))
	missing.add(hba1c, s.happens(logistic(-0.6-1.6*x[diabetes]+0.4*h.Missingness)))
	missing.add(crp, s.happens(logistic(-1.2+0.2*a)))
	return missing
}

// comorbidityLevel: lung, kidney, liver and the rare transplant grow with age by the same factor.
func comorbidityLevel(u, a float64) float64 {
	grown := math.Exp(0.3 * a)
	for level, weight := range [...]float64{0.16, 0.1, 0.04, 0.003} {
		p := weight * grown / (1 + 0.303*grown)
		if u < p {
			return float64(level + 1)
		}
		u -= p
	}
	return 0
}

// outcomes draws readmission from the logistic model, and death from the
// Weibull model with people entering over four years of a study of five, and some leaving.
func (c *Cohort) outcomes(h *Hospital, s *stream, x, columns []float64) {
	design(x, columns)
	eta, log := logisticIntercept+riskSpread*h.Risk, hazardLog+riskSpread*h.Risk
	for j, z := range columns {
		eta += c.logistic[j] * z
		log += c.hazard[j] * z
	}
	x[readmitted] = truth(s.happens(logistic(eta)))
	died := math.Pow(s.exponential()/math.Exp(log), 1/hazardShape) // years: the cumulative hazard is exp(log) t^shape
	left := min(1+4*s.uniform(), s.exponential()/dropout)
	x[death] = truth(died <= left)
	x[days] = min(max(math.Ceil(365.25*min(died, left)), 1), 1827)
}

// design fills the columns of the models of a person whose values are all there.
func design(x, columns []float64) {
	is := func(column int, level float64) float64 { return truth(x[column] == level) }
	copy(columns, []float64{x[age], x[sex], is(smoking, 1), is(smoking, 2), x[bmi], x[diabetes], x[sbp], math.Log(x[creatinine]),
		is(comorbidity, 1), is(comorbidity, 2), is(comorbidity, 3), is(comorbidity, 4), x[statin]})
	copy(columns[designColumns:], x[firstGeneric:])
}

// grid is the recorded value: to the decimals of the variable, and within its
// range, whose ends stand for what lies beyond.
func (v *variable) grid(x float64) float64 {
	ten := powers[v.decimals]
	return math.Round(min(max(x, v.min), v.max)*ten)/ten + 0 // not -0
}

var powers = [...]float64{1, 10, 100, 1000}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
