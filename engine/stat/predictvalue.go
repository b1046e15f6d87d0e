package stat

import (
	"math"

	"github.com/consilium-health/consilium/engine/table"
)

// curve returns the survival of the first row of a table, over a stratum's baseline.
func (p *Predictor) curve(t *table.Table) (func(stratum string, at float64) Survival, error) {
	eval, err := p.design.Eval(t)
	if err != nil {
		return nil, err
	}
	all := make([]float64, len(p.design.Columns))
	eval.Row(0, all)
	return func(stratum string, at float64) Survival {
		return p.survival(all[len(all)-len(p.beta):], eval.Offset(0), stratum, at)
	}, nil
}

// predict is that of a row of the model matrix.
func (p *Predictor) predict(x []float64, offset float64) Prediction {
	linear, rising, falling := offset, false, false
	for j, t := range p.fitted.Terms {
		switch v := x[j]; {
		case v == 0 || t.Aliased:
		case t.Infinite != "":
			up := t.Infinite == "+" == (v > 0)
			rising, falling = rising || up, falling || !up
		case math.IsNaN(t.Estimate):
			return Prediction{Undetermined: true}
		default:
			linear += t.Estimate * v
		}
	}
	none := math.NaN()
	switch {
	case rising && falling:
		return Prediction{Undetermined: true}
	case rising || falling:
		linear = math.Inf(1)
		if falling {
			linear = math.Inf(-1)
		}
		return Prediction{Limit: true, Linear: linear, LinearSE: none, Estimate: p.response(linear), SE: none, Low: none, High: none}
	}
	se := p.error(x)
	r := Prediction{Linear: linear, LinearSE: se, Estimate: p.response(linear), Low: p.response(linear - p.wide*se), High: p.response(linear + p.wide*se)}
	switch p.kind {
	case "linear":
		r.SE = se
	case "logistic":
		r.SE = se * r.Estimate * (1 - r.Estimate)
	default:
		r.SE = se * r.Estimate
	}
	return r
}

// response is the inverse of the link.
func (p *Predictor) response(linear float64) float64 {
	switch p.kind {
	case "linear":
		return linear
	case "logistic":
		return 1 / (1 + math.Exp(-linear))
	}
	return math.Exp(linear)
}

// error is the standard error of x'beta.
func (p *Predictor) error(x []float64) float64 {
	if p.cov == nil {
		return math.NaN()
	}
	v := 0.0
	for a, j := range p.known {
		if x[j] == 0 {
			continue
		}
		for b, k := range p.known {
			v += x[j] * x[k] * p.cov[a][b]
		}
	}
	return math.Sqrt(math.Max(0, v))
}

var noSurvival = Survival{math.NaN(), math.NaN(), math.NaN(), math.NaN()}

// survival is that at a time, as R's survfit of a coxph gives it: a step
// function, nothing beyond the last time of the baseline.
func (p *Predictor) survival(x []float64, offset float64, stratum string, at float64) Survival {
	var point *BaselinePoint
	beyond := true
	for k := range p.fitted.Baseline {
		b := &p.fitted.Baseline[k]
		if b.Stratum != stratum {
			continue
		}
		if b.Time > at {
			beyond = false
			break
		}
		point = b
		beyond = b.Time < at
	}
	if point == nil && !beyond {
		return Survival{1, 0, 1, 1}
	}
	if beyond {
		return noSurvival
	}
	linear := offset
	from := make([]float64, len(x)) // the integral of x less the means of the risk sets
	for j, t := range p.fitted.Terms {
		v := x[j] - p.fitted.Reference[j]
		if t.Infinite != "" || math.IsNaN(t.Estimate) && !t.Aliased {
			return noSurvival
		}
		linear += p.beta[j] * v
		from[j] = point.Hazard*v - point.Means[j]
	}
	return survivalOf(point.Hazard, point.Variance, linear, p.error(from))
}

// survivalOf is exp(-hazard exp(linear)); spread is the standard error that
// comes from the coefficients, over exp(linear). Limits are those of the logarithm (R's conf.type = "log").
func survivalOf(hazard, variance, linear, spread float64) Survival {
	risk := math.Exp(linear)
	log, se := -hazard*risk, risk*math.Sqrt(variance+spread*spread)
	s := math.Exp(log)
	return Survival{s, s * se, math.Exp(log - z975*se), math.Min(1, math.Exp(log+z975*se))}
}
