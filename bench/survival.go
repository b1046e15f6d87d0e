package bench

import (
	"fmt"
	"math"
	"strings"

	"github.com/consilium-health/consilium/bench/reference"
	"github.com/consilium-health/consilium/engine/report"
)

// Sizes of the workload.
const (
	coxHospitals  = 10
	coxCovariates = 9
)

// coxByWeek is one partial likelihood over all hospitals' people: at each week, sums over those who leave.
var coxByWeek = coxRecipe(`, grid: 7`, 7, 0)

// coxByHospital is the sum of the hospitals' own partial likelihoods, by the day.
var coxByHospital = coxAmong(coxHospitals)

// coxAmong is coxByHospital among so many.
func coxAmong(hospitals int) recipe { return coxRecipe(`, strata: site, zph: identity`, 1, hospitals) }

// kaplanMeier is the survival curve of everyone, by the week.
var kaplanMeier = recipe{
	analyses: []string{`{id: curve, kind: km, time: days, event: y, grid: 7}`},
	unit:     "absolute",
	draw:     NewFollowedCohort,
	plain: func(c *Cohort, _ answer) (answer, error) {
		var events, left [longest/7 + 1]float64
		for i, t := range c.Days {
			week := int(math.Ceil(t / 7))
			left[week]++
			events[week] += c.Y[i]
		}
		curve, s, risk := curve{}, 1.0, float64(c.Rows)
		for week := range left {
			if left[week] > 0 {
				s *= 1 - events[week]/risk
				risk -= left[week]
				curve[float64(7*week)] = s
			}
		}
		return curve, nil
	},
}

// curve is the survival at each time at which people leave.
type curve map[float64]float64

func (c curve) away(r *report.Report) (worst float64) {
	rows := r.Analyses[0].Frame.Tidy
	if len(rows) != len(c) {
		return math.Inf(1)
	}
	for _, row := range rows {
		t, _ := row.Get("time").(float64)
		want, known := c[t]
		got, shown := row.Get("estimate").(float64)
		if !known || !shown {
			return math.Inf(1)
		}
		worst = max(worst, math.Abs(got-want))
	}
	return worst
}

// coxRecipe fits a proportional hazards model; times are counted at the ends of periods of so many days. strata is the number of hospitals with a baseline of their own; 0: one baseline.
func coxRecipe(keys string, days float64, strata int) recipe {
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
			if strata > 0 {
				for s := range strata {
					lo, hi := c.share(s, strata)
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
