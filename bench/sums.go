package bench

import (
	"context"
	"errors"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/consilium-health/consilium/protocols/secagg"
)

// maskedSum is one session that opens one sum of s.Cells whole numbers: keys,
// set-up and the sum. In clear it is their addition.
func maskedSum(_ context.Context, s Scenario) (*Work, error) {
	terms, want := drawTerms(s.Hospitals, s.Cells)
	unit := "numbers that are wrong"
	return &Work{Security: sessionSecurity, ErrorUnit: unit,
		Run: func(context.Context) (*Sample, error) {
			star, err := newStar(s.Hospitals, secagg.Limits{Members: s.Hospitals, Cells: s.Cells}, "sums", nil)
			if err != nil {
				return nil, err
			}
			if err := star.setUp(); err != nil {
				return nil, err
			}
			got, err := star.sum(1, terms)
			if err != nil {
				return nil, err
			}
			x := star.sample()
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
			if !slices.Equal(addAll(terms), want) {
				return errors.New("bench: adding the same numbers again gives another sum")
			}
			return nil
		}}, nil
}

// drawTerms draws every hospital's numbers of 40 bits, and adds them.
func drawTerms(hospitals, cells int) (terms []secagg.Vector, sum secagg.Vector) {
	r := rand.New(rand.NewPCG(11, 1))
	for range hospitals {
		x := make(secagg.Vector, cells)
		for k := range x {
			x[k] = [2]uint64{r.Uint64() >> 24, 0}
		}
		terms = append(terms, x)
	}
	return terms, addAll(terms)
}

// addAll adds vectors over Z/2^128.
func addAll(terms []secagg.Vector) secagg.Vector {
	sum := make(secagg.Vector, len(terms[0]))
	for _, x := range terms {
		for k, v := range x {
			lo, carry := bits.Add64(sum[k][0], v[0], 0)
			hi, _ := bits.Add64(sum[k][1], v[1], carry)
			sum[k] = [2]uint64{lo, hi}
		}
	}
	return sum
}
