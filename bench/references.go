package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"

	"github.com/consilium-health/consilium/bench/reference"
)

// references is what others do with the same records, in clear or by another protocol: how long it takes, and how far it is from the maximum of the likelihood.
func references() Suite {
	var all []Scenario
	fit := func(name, analysis string, hospitals int, about float64, prepare func(context.Context, Scenario) (*Work, error)) {
		all = append(all, Scenario{Name: fmt.Sprintf("%s/rows=100000/covariates=32", name), Analysis: analysis, Hospitals: hospitals, Rows: 100_000, Covariates: 32, About: about, Prepare: prepare})
	}
	fit("newton", "Newton's method in clear, pooled, streamed", 0, 2, plainReference(func(_ context.Context, _ Scenario, d *reference.Data, _ []*reference.Data) (*reference.Fit, error) {
		return reference.Newton(d, 0, 2)
	}))
	fit("meta-analysis/hospitals=10", "fixed-effect meta-analysis of the hospitals' own fits", 10, 2, plainReference(func(_ context.Context, _ Scenario, d *reference.Data, parts []*reference.Data) (*reference.Fit, error) {
		m, err := reference.Meta(parts, d.Names)
		if err != nil {
			return nil, err
		}
		return &m.Fit, nil
	}))
	for _, degree := range []int{3, 7} {
		fit(fmt.Sprintf("gradient-descent/degree=%d", degree), "gradient descent with a polynomial sigmoid, as published programs train under encryption, in clear", 0, 4,
			plainReference(func(_ context.Context, _ Scenario, d *reference.Data, _ []*reference.Data) (*reference.Fit, error) {
				how, err := reference.Published(degree)
				if err != nil {
					return nil, err
				}
				f, err := reference.Descend(d, how)
				if err != nil {
					return nil, err
				}
				return &f.Fit, nil
			}))
	}
	fit("r-glm", "R's glm.fit, reading its file included", 0, 20, plainReference(func(ctx context.Context, _ Scenario, d *reference.Data, _ []*reference.Data) (*reference.Fit, error) {
		f, _, err := reference.RLogistic(ctx, d)
		if errors.Is(err, reference.ErrNoR) {
			return nil, &Skipped{Why: "there is no Rscript on this machine"}
		}
		return f, err
	}))
	for _, cells := range []int{1_000, 10_000} {
		all = append(all, Scenario{Name: fmt.Sprintf("prio3-sumvec/clients=3/cells=%d/bits=40", cells), Analysis: "Prio3SumVec, two aggregators", Hospitals: 3, Cells: cells, About: float64(cells) / 1000, Prepare: prioSums})
	}
	return Suite{"references", "what others do with the same records: plain, meta-analysis, polynomial sigmoid, R, Prio3", all}
}

// plainReference prepares a fit in clear of another program.
func plainReference(fit func(context.Context, Scenario, *reference.Data, []*reference.Data) (*reference.Fit, error)) func(context.Context, Scenario) (*Work, error) {
	return func(_ context.Context, s Scenario) (*Work, error) {
		c := NewCohort(s.Rows, s.Covariates, 7)
		want, err := c.PlainNewton(0)
		if err != nil {
			return nil, err
		}
		var columns []string
		for j := range c.X {
			columns = append(columns, fmt.Sprintf("x%d", j+1))
		}
		pooled := reference.Columns(columns, c.X, c.Y)
		var parts []*reference.Data
		for h := range s.Hospitals {
			lo, hi := c.share(h, s.Hospitals)
			var x [][]float64
			for _, column := range c.X {
				x = append(x, column[lo:hi])
			}
			parts = append(parts, reference.Columns(columns, x, c.Y[lo:hi]))
		}
		return &Work{ErrorUnit: "standard errors",
			Run: func(ctx context.Context) (*Sample, error) {
				f, err := fit(ctx, s, pooled, parts)
				if err != nil {
					return nil, err
				}
				off := 0.0
				for j, beta := range f.Beta {
					off = max(off, math.Abs(beta-want.Beta[j])/want.SE[j])
				}
				return &Sample{Error: &off, Metrics: map[string]float64{"passes": float64(f.Rounds)}}, nil
			},
			Plain: func(context.Context) error {
				_, err := c.PlainNewton(want.Rounds)
				return err
			}}, nil
	}
}

// prioSums adds the clients' numbers by Prio3SumVec: the clients' and both aggregators' work, one after the other, without a network.
func prioSums(_ context.Context, s Scenario) (*Work, error) {
	terms, want := drawTerms(s.Hospitals, s.Cells)
	var clients [][]uint64
	for _, t := range terms {
		var x []uint64
		for _, w := range t {
			x = append(x, w[0])
		}
		clients = append(clients, x)
	}
	return &Work{ErrorUnit: "numbers that are wrong", Security: []string{"two aggregators, one of them honest; numbers proved to be below 2^40"},
		Run: func(context.Context) (*Sample, error) {
			sum, cost, err := reference.PrioSum(rand.Reader, clients, 40)
			if err != nil {
				return nil, err
			}
			wrong := 0.0
			for k := range want {
				if sum[k] != want[k][0] {
					wrong++
				}
			}
			return &Sample{Error: &wrong, Parties: []Party{{ID: "one client", BytesUp: int64(cost.BytesUp)}},
				Metrics: map[string]float64{"clients-seconds": cost.Shard, "aggregators-seconds": cost.Prepare + cost.Aggregate}}, nil
		},
		Plain: func(context.Context) error {
			addAll(terms)
			return nil
		}}, nil
}
