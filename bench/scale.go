package bench

import "fmt"

// Axes of the scale suite: one size varies, the others are as in the middle.
const (
	byRows       = "rows"
	byCovariates = "covariates"
	byHospitals  = "hospitals"
)

// largestModel is how many covariates an encrypted model of the scale suite has at most.
const largestModel = 64

// scale varies rows, covariates and hospitals in turn; the largest has 10 million rows of 11 columns, 0.9 GB.
func scale() Suite {
	var all []Scenario
	add := func(axis string, hospitals, rows, covariates int, reveal string) {
		s := Scenario{Name: fmt.Sprintf("%s/logistic/hospitals=%d/rows=%d/covariates=%d", axis, hospitals, rows, covariates), Axis: axis, Analysis: "logistic",
			Hospitals: hospitals, Rows: rows, Covariates: covariates, Reveal: reveal, Network: InMemory, Prepare: inMemory(logistic)}
		size := float64(rows) * float64(covariates*covariates+30*covariates)
		s.About = 0.1 + float64(hospitals*hospitals)*5e-4 + size*1e-8
		if reveal == "model" {
			s.Runs, s.About = 1, s.About+0.9*float64(hospitals)*float64(20+covariates)/30
		}
		all = append(all, s)
	}
	for _, reveal := range []string{"sums", "model"} {
		for _, rows := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
			add(byRows, 10, rows, 10, reveal)
		}
		for _, covariates := range []int{5, 10, 20, 50, 100} {
			if reveal == "model" {
				covariates = min(covariates, largestModel)
			}
			add(byCovariates, 3, 100_000, covariates, reveal)
		}
		for _, hospitals := range []int{3, 6, 12, 20, 40, 80, 160} {
			if reveal == "sums" || hospitals <= 12 {
				add(byHospitals, hospitals, 160_000, 10, reveal)
			}
		}
	}
	return Suite{"scale", "rows, covariates and hospitals in turn", all}
}

// size is where a row stands on its axis.
func (s Scenario) size() int {
	switch s.Axis {
	case byRows:
		return s.Rows
	case byCovariates:
		return s.Covariates
	}
	return s.Hospitals
}
