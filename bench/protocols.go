package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// largestNumber bounds the sums that are encrypted in benchmarks.
const largestNumber = 8

// protocols are the parts of a study: set-up, a masked sum, keys, an encrypted sum, an encrypted solve.
func protocols() Suite {
	var all []Scenario
	for _, hospitals := range []int{3, 20, 100} {
		all = append(all, Scenario{Name: fmt.Sprintf("set-up/hospitals=%d", hospitals), Analysis: "set-up", Hospitals: hospitals, Network: InMemory, About: 0.02 + 6e-4*float64(hospitals*hospitals), Prepare: setUpAlone})
		for _, cells := range []int{1_000, 10_000, 100_000} {
			all = append(all, Scenario{Name: fmt.Sprintf("masked-sum/hospitals=%d/cells=%d", hospitals, cells), Analysis: "masked sum without set-up", Hospitals: hospitals, Cells: cells, Reveal: "sums", Network: InMemory,
				About: 0.02 + 6e-4*float64(hospitals*hospitals) + 2e-8*float64(hospitals*hospitals*cells), Prepare: sumAlone})
		}
	}
	for _, hospitals := range []int{3, 10} {
		all = append(all,
			Scenario{Name: fmt.Sprintf("keys/hospitals=%d", hospitals), Analysis: "keys of an encrypted session", Hospitals: hospitals, Reveal: "model", Network: InMemory, About: 0.2 * float64(hospitals), Prepare: keysAlone},
			Scenario{Name: fmt.Sprintf("encrypted-sum/hospitals=%d/cells=1000", hospitals), Analysis: "sum of encrypted numbers, opened", Hospitals: hospitals, Cells: 1000, Reveal: "model", Network: InMemory, About: 0.4 * float64(hospitals), Prepare: encryptedSum})
		for _, covariates := range []int{10, 32} {
			all = append(all, Scenario{Name: fmt.Sprintf("solve/hospitals=%d/covariates=%d", hospitals, covariates), Analysis: "encrypted solve of a logistic model", Hospitals: hospitals, Rows: 2000 * hospitals, Covariates: covariates,
				Reveal: "model", Network: InMemory, About: 0.07 * float64(hospitals*(10+covariates)), Runs: 1, Prepare: solveAlone},
				Scenario{Name: fmt.Sprintf("phases/hospitals=%d/covariates=%d", hospitals, covariates), Analysis: "circuit of a logistic model, by phase", Hospitals: hospitals, Covariates: covariates,
					Reveal: "model", Network: InMemory, About: 0.07 * float64(hospitals*(10+covariates)), Prepare: byPhase})
		}
	}
	return Suite{"protocols", "the parts of a study, each by itself", all}
}

func setUpAlone(_ context.Context, s Scenario) (*Work, error) {
	return &Work{Security: sessionSecurity, Run: func(context.Context) (*Sample, error) {
		star, err := newStar(s.Hospitals, secagg.Limits{Members: s.Hospitals, Cells: 64}, "sums", nil)
		if err != nil {
			return nil, err
		}
		return timed(star, star.setUp)
	}}, nil
}

// timed measures one part of what happens in a star.
func timed(s *star, part func() error) (*Sample, error) {
	s.sample() // of what came before
	took, err := stopwatch(part)
	if err != nil {
		return nil, err
	}
	x := s.sample()
	x.Seconds = took.Seconds()
	for _, p := range x.Parties {
		x.CPU += p.CPU
	}
	return x, nil
}

func sumAlone(_ context.Context, s Scenario) (*Work, error) {
	star, err := newStar(s.Hospitals, secagg.Limits{Members: s.Hospitals, Cells: s.Cells}, "sums", nil)
	if err != nil {
		return nil, err
	}
	if err := star.setUp(); err != nil {
		return nil, err
	}
	terms, want := drawTerms(s.Hospitals, s.Cells)
	number := 0
	return &Work{Security: sessionSecurity, ErrorUnit: "numbers that are wrong",
		Run: func(context.Context) (*Sample, error) {
			var got secagg.Vector
			number++
			x, err := timed(star, func() (err error) {
				got, err = star.sum(number, terms)
				return err
			})
			if err != nil {
				return nil, err
			}
			wrong := 0.0
			for k := range got {
				if got[k] != want[k] {
					wrong++
				}
			}
			x.Error = &wrong
			x.Opened = []Opened{{What: "the sums", Cells: s.Cells, Times: 1, To: "all hospitals"}}
			return x, nil
		},
		Plain: func(context.Context) error {
			addAll(terms)
			return nil
		}}, nil
}

func keysAlone(_ context.Context, s Scenario) (*Work, error) {
	w := &Work{}
	w.Run = func(context.Context) (*Sample, error) {
		v, err := newVault(s.Hospitals, 64, largestNumber)
		if err != nil {
			return nil, err
		}
		w.Security = v.security()
		return timed(v.star, v.keys)
	}
	return w, nil
}

// encryptedSum encrypts numbers, multiplies their sum by an encrypted 1, refreshes and opens it: what every encrypted statistic does at least once.
func encryptedSum(_ context.Context, s Scenario) (*Work, error) {
	terms, want := drawNumbers(s.Hospitals, s.Cells, largestNumber)
	w := &Work{ErrorUnit: "absolute"}
	w.Run = func(context.Context) (*Sample, error) {
		v, err := newVault(s.Hospitals, s.Cells, largestNumber)
		if err != nil {
			return nil, err
		}
		w.Security = v.security()
		if err := v.keys(); err != nil {
			return nil, err
		}
		var got []float64
		x, err := timed(v.star, func() error {
			in, err := v.input(terms, largestNumber)
			if err != nil {
				return err
			}
			products, err := v.products(in)
			if err != nil {
				return err
			}
			refreshed, err := v.refresh(products)
			if err != nil {
				return err
			}
			got, err = v.open(refreshed)
			return err
		})
		if err != nil {
			return nil, err
		}
		off, err := worst(got, want)
		x.Error = &off
		x.Opened = []Opened{{What: "the sums, under noise", Cells: s.Cells, Times: 1, To: "all hospitals"}}
		return x, err
	}
	w.Plain = func(context.Context) error {
		sum := make([]float64, s.Cells)
		for _, t := range terms {
			for k, v := range t {
				sum[k] += v
			}
		}
		return nil
	}
	return w, nil
}

// solveAlone is a whole encrypted model of which the solve alone is counted: a hospital's seconds, bytes and round trips in it.
func solveAlone(ctx context.Context, s Scenario) (*Work, error) {
	whole, err := inMemory(logistic)(ctx, s)
	if err != nil {
		return nil, err
	}
	run := whole.Run
	whole.Plain = nil
	whole.Run = func(ctx context.Context) (*Sample, error) {
		x, err := run(ctx)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(x.Phases, func(p report.Phase) bool { return p.Name == "solve" })
		if i < 0 {
			return nil, fmt.Errorf("bench: the model was not solved under encryption: %v", x.Phases)
		}
		p := x.Phases[i]
		x.Seconds, x.Rounds = p.Seconds, p.RoundTrips
		x.Parties = []Party{{ID: "one hospital", BytesUp: p.BytesUp, Down: p.BytesDown}}
		return x, nil
	}
	return whole, nil
}
