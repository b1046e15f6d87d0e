package synth

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
)

// pooled draws a whole region, column by column.
func pooled(c *Cohort) [][]float64 {
	cols := make([][]float64, len(c.variables))
	x, columns := c.space()
	for k, h := range c.hospitals {
		for i := range h.People {
			c.row(k, i, x, columns)
			for j, v := range x {
				cols[j] = append(cols[j], v)
			}
		}
	}
	return cols
}

// together are mean, SD and number of the recorded values of a, those of b beside them, and their correlation.
func together(a, b []float64) (mean, sd, n, r float64) {
	var sa, sb, saa, sbb, sab float64
	for i, x := range a {
		if y := b[i]; !math.IsNaN(x) && !math.IsNaN(y) {
			n, sa, sb, saa, sbb, sab = n+1, sa+x, sb+y, saa+x*x, sbb+y*y, sab+x*y
		}
	}
	mean, sd = sa/n, math.Sqrt(saa/n-sa/n*sa/n)
	return mean, sd, n, (sab/n - mean*sb/n) / (sd * math.Sqrt(sbb/n-sb/n*sb/n))
}

// Another seed and other hospitals than those the table was made with. Case mix
// differs between seeds, which moves means by more than people's scatter: 4 standard errors and 2% of an SD.
func TestMarginalsAreThoseDocumented(t *testing.T) {
	c := draw(t, Config{People: 200_000, Hospitals: 15, Seed: 77})
	cols := pooled(c)
	for _, m := range marginals {
		name, col := c.variables[m.variable].name, cols[m.variable]
		close := func(what string, got, want, se float64) {
			t.Helper()
			if math.Abs(got-want) > 4*se {
				t.Errorf("%s, %s: %.4g, documented %.4g", name, what, got, want)
			}
		}
		mean, sd, n, _ := together(col, col)
		missing := 1 - n/float64(len(col))
		close("missing", missing, m.missing, 0.002)
		if m.shares == nil {
			close("mean", mean, m.mean, sd/math.Sqrt(n)+0.005*sd)
			close("SD", sd, m.sd, 0.01*m.sd)
		}
		for l, share := range m.shares {
			got := 0.0
			for _, v := range col {
				if v == float64(l) {
					got++
				}
			}
			close(c.variables[m.variable].levels[l], got/n, share, math.Sqrt(share/n)+0.005*share)
		}
	}
	for _, p := range correlations {
		if _, _, _, r := together(cols[p.a], cols[p.b]); math.Abs(r-p.r) > 0.015 {
			t.Errorf("%s, %s: correlation %.3f, documented %.2f", c.variables[p.a].name, c.variables[p.b].name, r, p.r)
		}
	}
}

func TestReadmeSaysTheSizesLawAndNumbers(t *testing.T) {
	var b strings.Builder
	if err := draw(t, Config{People: 100, Hospitals: 2, Seed: 8}).writeReadme(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"100 people in 2 hospitals, seed 8, 13 covariates", fmt.Sprintf("exp(%g z)", sizeSpread), fmt.Sprintf("l(%g + columns + %g R)", logisticIntercept, riskSpread),
		fmt.Sprintf("exp(%g + columns + %g R) t^%g", hazardLog, riskSpread, hazardShape), fmt.Sprintf("rate of %g a year", dropout),
		fmt.Sprintf("%g + %g age + %g male + %g log(bmi) + %g diabetes + %g e", linearIntercept, linearEffects[0], linearEffects[1], linearEffects[2], linearEffects[3], linearSD),
		"ldl         mean 3.23, SD 0.995; missing 16.6%"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("README.txt lacks %q", want)
		}
	}
}

func TestGenericNumbersShareWhatTheyShould(t *testing.T) {
	c := draw(t, Config{People: 50_000, Hospitals: 3, Covariates: Clinical + 4})
	cols := pooled(c)[firstGeneric:]
	for j := range cols {
		mean, sd, _, r := together(cols[j], cols[(j+1)%len(cols)])
		if math.Abs(mean) > 0.02 || math.Abs(sd-1) > 0.015 || math.Abs(r-0.2) > 0.02 {
			t.Errorf("x%d: mean %.3f, SD %.3f, correlation with the next %.3f", j+1, mean, sd, r)
		}
	}
}

// The engine's own fits of 50,000 people find what they were drawn from.
func TestEngineFindsTheTrueModels(t *testing.T) {
	c := draw(t, Config{People: 50_000, Hospitals: 5, Seed: 2, Covariates: Clinical + 3})
	truth := c.Truth()
	s, err := c.Study("", `{id: logistic, kind: logistic, formula: "`+truth.Logistic.Formula+`"}`, `{id: linear, kind: linear, formula: "`+truth.Linear.Formula+`"}`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := c.Tables(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine.Simulate(t.Context(), s, tables)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range []Model{truth.Logistic, truth.Linear} {
		rows := r.Analyses[i].Frame.Tidy
		if len(rows) != len(m.Coefficients) {
			t.Fatalf("%d terms fitted, %d drawn", len(rows), len(m.Coefficients))
		}
		sum := 0.0
		for j, want := range m.Coefficients {
			term, estimate, se := rows[j].Get("term"), rows[j].Get("estimate").(float64), rows[j].Get("std_error").(float64)
			z := (estimate - want.Value) / se
			sum += z * z
			if term != want.Term || math.Abs(z) > 4 {
				t.Errorf("%s: %s estimated %.4f, drawn from %s %.4f: %.1f standard errors", m.Formula, term, estimate, want.Term, want.Value, z)
			}
		}
		if q := float64(len(rows)); sum > q+4*math.Sqrt(2*q) {
			t.Errorf("%s: the squared distances of %g terms sum to %.1f", m.Formula, q, sum)
		}
	}
}

// A Cox fit (Breslow's ties, strata by hospital; Newton's method from 0), written
// down here, finds the true hazard ratios.
func TestCoxFindsTheTrueHazardRatios(t *testing.T) {
	c := draw(t, Config{People: 50_000, Hospitals: 5, Seed: 3, Complete: true})
	p := designColumns
	type person struct {
		time, death float64
		z           []float64
	}
	strata := make([][]person, len(c.hospitals))
	x, columns := c.space()
	for k, h := range c.hospitals {
		for i := range h.People {
			c.row(k, i, x, columns)
			strata[k] = append(strata[k], person{x[days], x[death], slices.Clone(columns)})
		}
		slices.SortFunc(strata[k], func(a, b person) int { return int(b.time - a.time) }) // the longest first
	}
	beta, se := make([]float64, p), make([]float64, p)
	for range 8 {
		score, info := make([]float64, p), make([]float64, p*p)
		for _, stratum := range strata {
			s0, s1, s2 := 0.0, make([]float64, p), make([]float64, p*p)
			for i := 0; i < len(stratum); {
				end := i
				for ; end < len(stratum) && stratum[end].time == stratum[i].time; end++ {
					z, eta := stratum[end].z, 0.0
					for a := range p {
						eta += beta[a] * (z[a] - stratum[0].z[a]) // any origin will do, this one keeps exp small
					}
					w := math.Exp(eta)
					s0 += w
					for a := range p {
						s1[a] += w * z[a]
						for b := range p {
							s2[a*p+b] += w * z[a] * z[b]
						}
					}
				}
				for _, q := range stratum[i:end] {
					for a := 0; q.death == 1 && a < p; a++ {
						score[a] += q.z[a] - s1[a]/s0
						for b := range p {
							info[a*p+b] += s2[a*p+b]/s0 - s1[a]/s0*s1[b]/s0
						}
					}
				}
				i = end
			}
		}
		step, variance := solve(t, info, score)
		for a := range p {
			beta[a] += step[a]
			se[a] = math.Sqrt(variance[a])
		}
	}
	for a, want := range c.Truth().Hazard.Coefficients {
		if z := (beta[a] - want.Value) / se[a]; !(math.Abs(z) <= 4) {
			t.Errorf("%s: estimated %.4f, drawn from %.4f: %.1f standard errors", want.Term, beta[a], want.Value, z)
		}
	}
}

// The study that is written asks only for what the engine does, and nothing is refused.
func TestWrittenStudyRuns(t *testing.T) {
	for _, config := range []Config{{People: 5000, Hospitals: 4, Seed: 1}, {People: 2000, Hospitals: 1, Seed: 1, Complete: true}} {
		c := draw(t, config)
		s, err := c.Study("")
		if err != nil {
			t.Fatal(err)
		}
		tables, err := c.Tables(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		r, err := engine.Simulate(t.Context(), s, tables)
		if err != nil {
			t.Fatal(err)
		}
		if refused := r.Refused(); refused != nil && config.People > 2000 {
			t.Errorf("refused: %v", refused)
		}
	}
}
