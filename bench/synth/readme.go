package synth

import (
	"fmt"
	"io"
	"strings"
)

// marginal is how a variable is distributed over the people of a region.
type marginal struct {
	variable int
	mean, sd float64   // of numbers and binaries, where recorded
	shares   []float64 // of a category's levels, where recorded
	missing  float64   // share of people whose value is not recorded
}

// marginals are those of 4 million people drawn, half in 10 hospitals, half in
// 40. How case mix is dealt to hospitals moves them a little from seed to seed.
var marginals = []marginal{
	{variable: age, mean: 60, sd: 14.3},
	{variable: sex, shares: []float64{0.520, 0.480}},
	{variable: smoking, shares: []float64{0.483, 0.276, 0.241}, missing: 0.045},
	{variable: bmi, mean: 27.06, sd: 4.67, missing: 0.070},
	{variable: diabetes, mean: 0.129, sd: 0.335},
	{variable: sbp, mean: 130.1, sd: 17.0, missing: 0.028},
	{variable: dbp, mean: 77.2, sd: 10.15, missing: 0.034},
	{variable: creatinine, mean: 83.2, sd: 22.4, missing: 0.051},
	{variable: ldl, mean: 3.23, sd: 0.995, missing: 0.166},
	{variable: hba1c, mean: 5.79, sd: 0.915, missing: 0.327},
	{variable: crp, mean: 4.18, sd: 7.05, missing: 0.233},
	{variable: comorbidity, shares: []float64{0.763, 0.125, 0.078, 0.031, 0.0023}},
	{variable: statin, mean: 0.291, sd: 0.454},
	{variable: readmitted, mean: 0.136, sd: 0.342},
	{variable: days, mean: 889, sd: 458},
	{variable: death, mean: 0.225, sd: 0.418},
}

// correlations above 0.2 between numbers or binaries, of the same 4 million people.
var correlations = []struct {
	a, b int
	r    float64
}{
	{bmi, diabetes, 0.21}, {age, sbp, 0.41}, {bmi, sbp, 0.24}, {sbp, dbp, 0.59}, {age, creatinine, 0.39}, {sbp, creatinine, 0.20},
	{bmi, hba1c, 0.30}, {diabetes, hba1c, 0.77}, {bmi, crp, 0.21}, {age, statin, 0.27}, {ldl, statin, -0.40}, {age, death, 0.32},
}

func (c *Cohort) writeReadme(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, readmeHead, c, c.config.Seed, c.config.Covariates, Version)
	b.WriteString(readmeLaw)
	if c.config.Complete {
		b.WriteString("In this cohort nothing is missing.\n\n")
	}
	b.WriteString(readmeExpect)
	for _, m := range marginals {
		v := &c.variables[m.variable]
		fmt.Fprintf(&b, "  %-12s", v.name)
		if m.shares == nil {
			fmt.Fprintf(&b, "mean %.4g, SD %.3g", m.mean, m.sd)
		}
		for l, s := range m.shares {
			if l > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s %.3g%%", v.levels[l], 100*s)
		}
		if m.missing > 0 && !c.config.Complete {
			fmt.Fprintf(&b, "; missing %.3g%%", 100*m.missing)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\nCorrelations above 0.2:\n")
	for _, r := range correlations {
		fmt.Fprintf(&b, "  %s, %s: %.2f\n", c.variables[r.a].name, c.variables[r.b].name, r.r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Version is of the law: a seed draws the same people as long as it stays.
const Version = 1

const readmeHead = `A synthetic region
==================
%v, seed %d, %d covariates, law %d. No number here stems from a real person:
these records are for trying and for measuring, never for findings.

  consilium run study.yaml

truth.json has the hospitals' effects and the true coefficients; NAME.csv are the hospitals' records.

`

const readmeLaw = `The law
-------
Hospitals. Sizes are log-normal: hospital k of K has a share proportional to exp(0.7 z), z the normal
quantile of (K - k + 1/2) / K. Each has four effects, of mean 0 and SD 1 over people, dealt by the seed:
C (case mix), S (smoking), R (risk), M (missingness).

Covariates. e is a standard normal number, new in each line; P is a probability, l(x) = 1/(1 + exp(-x)).
A = (age - 60)/14 and B = (log(bmi) - 3.29)/0.17 use the recorded values; male, current, diabetes and
statin are 0 or 1. Values are rounded as study.yaml declares, and what lies beyond a range takes its end.
  sex          P(male) = 0.48
  age          60 + 3 C + 14 e
  smoking      P(current) = l(-1.4 - 0.35 A + 0.4 male + 0.25 S); of the others P(former) = l(-0.8 + 0.4 A + 0.4 male)
  bmi          exp(3.29 + 0.17 (0.1 A - 0.15 current + e))
  diabetes     P = l(-2.2 + 0.5 A + 0.6 B + 0.15 male)
  sbp          42 + 0.45 age + 3 male + 18 log(bmi) + 4 diabetes + 15 e
  dbp          78 - 2 A + 0.4 (sbp - 132) + 8 e
  creatinine   exp(4.28 + 0.2 male + 0.1 A + 0.06 diabetes + 0.22 e)
  statin       P = l(-1.1 + 0.6 A + 0.9 diabetes)
  ldl          3.5 + 0.15 B - 0.9 statin + 0.9 e
  hba1c        exp(1.7 + 0.27 diabetes + 0.02 B + (0.06 + 0.1 diabetes) e)
  crp          exp(0.7 + 0.35 B + 0.3 current + 1.1 e)
  comorbidity  P(lung, kidney, liver, transplant) = (0.16, 0.1, 0.04, 0.003) g/(1 + 0.303 g), g = exp(0.3 A)
  x1, x2, ...  sqrt(0.2) f + sqrt(0.8) e, f a person's own standard normal number: any two correlate by 0.2

Outcomes. The models' columns are age + sex + smoking + bmi + diabetes + sbp + log(creatinine) +
comorbidity + statin + x1 + x2 + ..., their coefficients in truth.json.
  readmitted   P = l(-9 + columns + 0.3 R). The logistic fit with site has these coefficients; without
               site they are nearer to 0 by some percent, since hospitals differ in risk.
  time, death  Weibull with shape 1.3 and cumulative hazard exp(-9.3 + columns + 0.3 R) t^1.3 after t years.
               Follow-up ends between one year and five, uniformly, or earlier at a rate of 0.04 a year.
               time is in days, rounded up; death is 1 for those seen to die. A Cox fit has these coefficients.

Missing values. Each value is missing with a probability that depends on things always recorded, and on
M, never on outcomes: fits over complete rows are unbiased.
  smoking l(-3.2 + 0.3 male); bmi l(-2.7 + 0.4 A + 0.3 M); sbp l(-3.6 + 0.3 M); dbp l(-3.4 + 0.3 M);
  creatinine l(-3 - 0.4 A); ldl l(-1.6 - 0.6 diabetes + 0.4 M); hba1c l(-0.6 - 1.6 diabetes + 0.4 M);
  crp l(-1.2 + 0.2 A)

Random numbers. Row i of hospital k (from 0) has a SplitMix64 stream of its own that depends on seed, k
and i: records do not depend on how they are drawn, and those of a smaller cohort over as many hospitals
with as many covariates are the first of a larger one. Another kind of processor may round a value in many
millions to the other side.

`

const readmeExpect = `What to expect
--------------
Over recorded values of 4 million people; a smaller cohort scatters around it.
`
