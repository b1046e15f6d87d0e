package synth

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/table"
)

// The columns of a row. covariates come first, then outcomes, then generic numbers.
const (
	age = iota
	sex
	smoking
	bmi
	diabetes
	sbp
	dbp
	creatinine
	ldl
	hba1c
	crp
	comorbidity
	statin

	readmitted
	days // of follow-up
	death

	firstGeneric
)

// Clinical is the number of covariates that every cohort has: age to statin.
const Clinical = statin + 1

// variable is a column: how the dictionary describes it, and how a file writes it.
type variable struct {
	name       string
	kind       table.Kind
	levels     []string
	dictionary string // what the study file says after the name
	decimals   int    // of a number
	min, max   float64
}

// sizeSpread is the SD of the logarithms of the hospitals' sizes; riskSpread
// that of their baseline log odds and log hazard.
const (
	sizeSpread = 0.7
	riskSpread = 0.3
)

// The models. Columns of the design, in this order:
//
//	age, sexmale, smokingformer, smokingcurrent, bmi, diabetes, sbp, log(creatinine),
//	comorbiditylung, comorbiditykidney, comorbidityliver, comorbiditytransplant, statin
const (
	designColumns = 13

	logisticIntercept = -9.0
	hazardShape       = 1.3  // of the Weibull law
	hazardLog         = -9.3 // logarithm of the cumulative baseline hazard after one year
	dropout           = 0.04 // a year

	linearIntercept = 42.0 // of the blood pressure
	linearSD        = 15.0
)

var (
	designTerms     = [designColumns]string{"age", "sexmale", "smokingformer", "smokingcurrent", "bmi", "diabetes", "sbp", "log(creatinine)", "comorbiditylung", "comorbiditykidney", "comorbidityliver", "comorbiditytransplant", "statin"}
	logisticEffects = [designColumns]float64{0.03, 0.2, 0.15, 0.45, 0.02, 0.5, 0.006, 0.8, 0.35, 0.25, 0.6, 1.0, -0.3}
	hazardEffects   = [designColumns]float64{0.05, 0.25, 0.1, 0.5, 0.01, 0.45, 0.004, 0.5, 0.3, 0.4, 0.7, 1.2, -0.25}

	linearTerms   = [...]string{"age", "sexmale", "log(bmi)", "diabetes"}
	linearEffects = [...]float64{0.45, 3, 18, 4}
)

const (
	modelFormula  = "age + sex + smoking + bmi + diabetes + sbp + log(creatinine) + comorbidity + statin"
	linearFormula = "sbp ~ age + sex + log(bmi) + diabetes"
)

// genericEffect is the coefficient of x(j+1) of n: of alternating sign, so that
// what the numbers have in common cancels, and such that all of them together
// move the log odds by an SD of about 0.45 whatever n is.
func genericEffect(j, n int) float64 {
	e := math.Round(0.5/math.Sqrt(float64(n))*10_000) / 10_000
	if j%2 == 1 {
		return -e
	}
	return e
}

// variables are the columns of a cohort with so many generic numbers.
func variables(generic int) []variable {
	number := func(name, unit string, decimals int, lo, hi float64) variable {
		d := "{type: number"
		if unit != "" {
			d += ", unit: " + unit
		}
		if decimals == 0 {
			d += ", integer: true"
		} else {
			d += fmt.Sprintf(", step: %g", math.Pow10(-decimals))
		}
		return variable{name: name, decimals: decimals, min: lo, max: hi, dictionary: fmt.Sprintf("%s, min: %g, max: %g}", d, lo, hi)}
	}
	category := func(name, list string, levels ...string) variable {
		return variable{name: name, kind: table.Category, levels: levels, dictionary: "{type: category, levels: [" + list + "]}"}
	}
	binary := func(name string) variable {
		return variable{name: name, kind: table.Binary, dictionary: "{type: binary}"}
	}
	all := []variable{
		age:         number("age", "years", 0, 18, 100),
		sex:         category("sex", "female, male", "female", "male"),
		smoking:     category("smoking", "never, former, current", "never", "former", "current"),
		bmi:         number("bmi", "kg/m2", 1, 12, 70),
		diabetes:    binary("diabetes"),
		sbp:         number("sbp", "mmHg", 0, 60, 260),
		dbp:         number("dbp", "mmHg", 0, 30, 160),
		creatinine:  number("creatinine", "umol/L", 0, 20, 1500),
		ldl:         number("ldl", "mmol/L", 2, 0.2, 12),
		hba1c:       number("hba1c", "percent", 1, 3, 20),
		crp:         number("crp", "mg/L", 1, 0, 500),
		comorbidity: category("comorbidity", "none, lung, kidney, liver, transplant", "none", "lung", "kidney", "liver", "transplant"),
		statin:      binary("statin"),
		readmitted:  binary("readmitted"),
		days:        number("time", "days", 0, 1, 1827),
		death:       binary("death"),
	}
	for j := range generic {
		all = append(all, number(fmt.Sprintf("x%d", j+1), "", 3, -8, 8))
	}
	return all
}
