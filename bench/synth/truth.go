package synth

// Truth is what the rows were drawn from. Write puts it into truth.json.
type Truth struct {
	People     int        `json:"people"`
	Seed       uint64     `json:"seed"`
	Covariates int        `json:"covariates"`
	Hospitals  []Hospital `json:"hospitals"`
	Logistic   Model      `json:"logistic"`
	Linear     Model      `json:"linear"`
	Hazard     Hazard     `json:"hazard"`
}

// Model is a true model: a fit of the formula estimates the coefficients without bias.
type Model struct {
	Formula      string        `json:"formula"`
	Coefficients []Coefficient `json:"coefficients"`
	SD           float64       `json:"sd,omitempty"` // of a linear model's residuals, before rounding
}

// Coefficient is one of a true model, named as R names it.
type Coefficient struct {
	Term  string  `json:"term"`
	Value float64 `json:"value"`
}

// Hazard is the true Weibull proportional hazards model: the cumulative hazard
// after t years is exp(log_cumulative_hazard + x'b + the hospital's own) t^shape.
// A Cox fit of the formula with strata estimates b.
type Hazard struct {
	Time                string        `json:"time"`
	Event               string        `json:"event"`
	Formula             string        `json:"formula"`
	Strata              string        `json:"strata"`
	Coefficients        []Coefficient `json:"coefficients"`
	Shape               float64       `json:"shape"`
	LogCumulativeHazard float64       `json:"log_cumulative_hazard"`
	DropoutPerYear      float64       `json:"dropout_per_year"`
}

// Truth returns the models that the rows are drawn from. The logistic one names
// site: hospitals have intercepts of their own.
func (c *Cohort) Truth() Truth {
	t := Truth{People: c.config.People, Seed: c.config.Seed, Covariates: c.config.Covariates, Hospitals: c.Hospitals()}
	terms := designTerms[:]
	for j := firstGeneric; j < len(c.variables); j++ {
		terms = append(terms[:len(terms):len(terms)], c.variables[j].name)
	}
	t.Logistic = Model{Formula: c.logisticFormula(), Coefficients: []Coefficient{{"(Intercept)", logisticIntercept + riskSpread*c.hospitals[0].Risk}}}
	t.Hazard = Hazard{Time: c.variables[days].name, Event: c.variables[death].name, Formula: c.modelFormula(), Strata: "site",
		Shape: hazardShape, LogCumulativeHazard: hazardLog, DropoutPerYear: dropout}
	for j, term := range terms {
		t.Logistic.Coefficients = append(t.Logistic.Coefficients, Coefficient{term, c.logistic[j]})
		t.Hazard.Coefficients = append(t.Hazard.Coefficients, Coefficient{term, c.hazard[j]})
	}
	if len(c.hospitals) > 1 {
		t.Logistic.Formula += " + site"
		for _, h := range c.hospitals[1:] {
			t.Logistic.Coefficients = append(t.Logistic.Coefficients, Coefficient{"site" + string(h.Name), riskSpread * (h.Risk - c.hospitals[0].Risk)})
		}
	}
	t.Linear = Model{Formula: linearFormula, Coefficients: []Coefficient{{"(Intercept)", linearIntercept}}, SD: linearSD}
	for j, term := range linearTerms {
		t.Linear.Coefficients = append(t.Linear.Coefficients, Coefficient{term, linearEffects[j]})
	}
	return t
}
