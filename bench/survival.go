package bench

import (
	"fmt"
	"math"
	"strings"

	"github.com/consilium-health/consilium/bench/reference"
)

// Sizes of the workload.
const (
	coxHospitals  = 10
	coxCovariates = 9
)

// coxByWeek is one partial likelihood over all hospitals' people: at each week, sums over those who leave.
var coxByWeek = coxRecipe(`, grid: 7`, 7, false)

// coxByHospital is the sum of the hospitals' own partial likelihoods, by the day.
var coxByHospital = coxRecipe(`, strata: site, zph: identity`, 1, true)

// coxRecipe fits a proportional hazards model; times are counted at the ends of periods of so many days.
func coxRecipe(keys string, days float64, byHospital bool) recipe {
	return recipe{
		analyses: []string{`{id: fit, kind: cox, time: days, event: y, formula: "` + strings.ReplaceAll(names(1, coxCovariates), ", ", " + ") + `"` + keys + `}`},
		unit:     "standard errors",
		draw:     NewFollowedCohort,
		plain: func(c *Cohort, again answer) (answer, error) {
			rounds := 0
			if again != nil {
				rounds = again.(logisticAnswer).Rounds
			}
			d := &reference.Survival{X: c.X, Event: c.Y}
			for j := range c.X {
				d.Names = append(d.Names, fmt.Sprintf("x%d", j+1))
			}
			for _, t := range c.Days {
				d.Time = append(d.Time, math.Ceil(t/days)*days)
			}
			if byHospital {
				for s := range coxHospitals {
					lo, hi := c.share(s, coxHospitals)
					for range hi - lo {
						d.Stratum = append(d.Stratum, s)
					}
				}
			}
			f, err := reference.Cox(d, rounds)
			if err != nil {
				return nil, err
			}
			return logisticAnswer{&Fit{Beta: f.Beta, SE: f.SE, Rounds: f.Rounds}}, nil
		},
	}
}
