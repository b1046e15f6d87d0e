// Package synth draws a regional cohort: people of K hospitals with correlated
// covariates, missing values, rare levels, a binary outcome from a known logistic
// model and follow-up from a known Weibull proportional hazards model.
//
//	Config -> New -> Cohort -> Table, Tables, Records   rows in memory
//	                        -> Write                    CSV files, study.yaml, truth.json, README.txt
//	                        -> Truth                    the coefficients that fits should find
//
// The law is that of README.txt, which Write places beside the records; law.go
// has its numbers and row.go its equations. Row i of hospital k depends on the
// seed, the number of hospitals, the covariates, k and i alone: not on how many
// people there are, nor on who draws it. (Another kind of processor, whose
// exponential differs in the last bit, may round a value in many millions to the
// other side.) No number stems from a real person.
package synth

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/protocols/party"
)

// Bounds of a cohort.
const (
	MaxPeople     = 10_000_000
	MaxHospitals  = 200
	MaxCovariates = 1000
)

// Config says which cohort.
type Config struct {
	People     int    // over all hospitals, 10 per hospital to MaxPeople
	Hospitals  int    // 1 to MaxHospitals
	Seed       uint64 // another seed, other people
	Covariates int    // 0 means the Clinical ones; above these generic numbers x1, x2, ... follow, to MaxCovariates
	Complete   bool   // nothing is missing
}

// Cohort is a drawn region: its hospitals, not yet its rows. It is read only
// and may be used by several goroutines.
type Cohort struct {
	config    Config
	hospitals []Hospital
	variables []variable
	logistic  []float64 // coefficients of the columns that design fills
	hazard    []float64
}

// Hospital is one of the region, with what sets its people apart. The four
// effects have mean 0 and SD 1 over the people of the region.
type Hospital struct {
	Name        party.ID `json:"name"`
	People      int      `json:"people"`
	CaseMix     float64  `json:"case_mix"`    // how old its people are
	Smoking     float64  `json:"smoking"`     // how many of them smoke
	Risk        float64  `json:"risk"`        // log odds and log hazard beyond what covariates explain
	Missingness float64  `json:"missingness"` // how much its records lack
	seed        uint64
}

// New draws the region of a configuration.
func New(c Config) (*Cohort, error) {
	if c.Covariates == 0 {
		c.Covariates = Clinical
	}
	switch {
	case c.Hospitals < 1 || c.Hospitals > MaxHospitals:
		return nil, fmt.Errorf("synth: %d hospitals, want 1 to %d", c.Hospitals, MaxHospitals)
	case c.People < 10*c.Hospitals || c.People > MaxPeople:
		return nil, fmt.Errorf("synth: %d people, want %d (10 a hospital) to %d", c.People, 10*c.Hospitals, MaxPeople)
	case c.Covariates < Clinical || c.Covariates > MaxCovariates:
		return nil, fmt.Errorf("synth: %d covariates, want %d (the clinical ones) to %d", c.Covariates, Clinical, MaxCovariates)
	}
	generic := c.Covariates - Clinical
	r := &Cohort{config: c, variables: variables(generic)}
	r.logistic, r.hazard = slices.Clone(logisticEffects[:]), slices.Clone(hazardEffects[:])
	for j := range generic {
		r.logistic = append(r.logistic, genericEffect(j, generic))
		r.hazard = append(r.hazard, genericEffect(j, generic)/2)
	}
	shares := shares(c.Hospitals)
	sizes := apportion(c.People, shares)
	effects := make([][]float64, 4)
	for e := range effects {
		effects[e] = scores(shares, mix(c.Seed)+uint64(e))
	}
	digits := len(fmt.Sprint(c.Hospitals))
	for k := range c.Hospitals {
		r.hospitals = append(r.hospitals, Hospital{
			Name: party.ID(fmt.Sprintf("h%0*d", digits, k+1)), People: sizes[k],
			CaseMix: effects[0][k], Smoking: effects[1][k], Risk: effects[2][k], Missingness: effects[3][k],
			seed: mix(mix(c.Seed) + golden*uint64(k+1)),
		})
	}
	return r, nil
}

// Config returns the configuration, with defaults filled in.
func (c *Cohort) Config() Config { return c.config }

// String says how large the cohort is.
func (c *Cohort) String() string {
	plural := "s"
	if c.config.Hospitals == 1 {
		plural = ""
	}
	return fmt.Sprintf("%d people in %d hospital%s", c.config.People, c.config.Hospitals, plural)
}

// Hospitals returns the hospitals, the largest first.
func (c *Cohort) Hospitals() []Hospital { return slices.Clone(c.hospitals) }

// shares are those of log-normal sizes: hospital k of K (from 0) has a share
// proportional to exp(0.7 z), z the normal quantile of (K - k - 1/2) / K.
func shares(hospitals int) []float64 {
	s, sum := make([]float64, hospitals), 0.0
	for k := range s {
		s[k] = math.Exp(sizeSpread * normal((float64(hospitals-k)-0.5)/float64(hospitals)))
		sum += s[k]
	}
	for k := range s {
		s[k] /= sum
	}
	return s
}

// apportion divides people by shares, the largest remainders rounded up, the first on a tie.
func apportion(people int, shares []float64) []int {
	n, order, left := make([]int, len(shares)), make([]int, len(shares)), people
	rest := make([]float64, len(shares))
	for k, s := range shares {
		exact := s * float64(people)
		n[k], order[k] = int(exact), k
		rest[k] = exact - float64(n[k])
		left -= n[k]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rest[a] > rest[b]:
			return -1
		case rest[a] < rest[b]:
			return 1
		}
		return 0
	})
	for _, k := range order[:left] {
		n[k]++
	}
	return n
}

// scores are normal quantiles dealt to the hospitals in a drawn order, then
// centred and scaled to mean 0 and SD 1 over people, so that the law of the
// region hardly depends on the seed. One hospital has score 0.
func scores(shares []float64, seed uint64) []float64 {
	n := len(shares)
	z, s := make([]float64, n), stream(mix(seed))
	for k := range z {
		z[k] = normal((float64(k) + 0.5) / float64(n))
	}
	for k := n - 1; k > 0; k-- {
		j := int(s.uniform() * float64(k+1))
		z[k], z[j] = z[j], z[k]
	}
	var mean, square float64
	for k, w := range shares {
		mean += w * z[k]
	}
	for k, w := range shares {
		z[k] -= mean
		square += w * z[k] * z[k]
	}
	if square > 0 {
		for k := range z {
			z[k] /= math.Sqrt(square)
		}
	}
	return z
}
