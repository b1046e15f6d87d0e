package bench

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// openingSecurity is the statistical security of openings in studies, in bits.
const openingSecurity = 64

// vault is a star whose members also hold an encrypted session.
type vault struct {
	*star
	params mhe.Params
	inner  []*mhe.Session
	cells  int
}

// theSum is the circuit of a vault: an encrypted sum, opened.
const theSum = "sum"

// newVault sets up a session whose members can open one encrypted sum of so many numbers up to largest.
func newVault(members, cells int, largest float64) (*vault, error) {
	v := &vault{cells: cells}
	var err error
	if v.params, err = mhe.NewParams(mhe.Standard()); err != nil {
		return nil, err
	}
	registry, err := mhe.NewRegistry(v.params, members, openingSecurity)
	if err != nil {
		return nil, err
	}
	if err := registry.Add(theSum, cells, 1, func(c mhe.Calculus) (mhe.Bound, error) {
		return c.Product([2]mhe.Bound{c.Input(largest, largest*float64(cells)), c.Input(1, 1)}), nil
	}); err != nil {
		return nil, err
	}
	limits := v.params.Limits(members, mhe.VerifyFold)
	limits.Cells = max(cells, 64)
	v.star, err = newStar(members, limits, "model", func(r party.Roster) ([]round.Guest, error) {
		guest, err := mhe.NewHub(mhe.HubConfig{Roster: r, Params: v.params, Verify: mhe.VerifyFold})
		return []round.Guest{guest}, err
	})
	if err != nil {
		return nil, err
	}
	if err := v.setUp(); err != nil {
		return nil, err
	}
	for i, s := range v.sessions {
		inner, err := mhe.New(mhe.Config{Session: s.Beside("encrypted"), Params: v.params, Registry: registry, Verify: mhe.VerifyFold, Rand: rand.Reader, Journal: v.configs[i].Journal})
		if err != nil {
			return nil, err
		}
		v.inner = append(v.inner, inner)
	}
	return v, nil
}

func (v *vault) keys() error {
	_, err := play(v.star, func(i int) (round.Machine[struct{}], error) { return v.inner[i].Keys() })
	return err
}

// input encrypts the sum of the members' numbers, and a 1.
func (v *vault) input(terms [][]float64, largest float64) ([][]*mhe.Ciphertext, error) {
	return play(v.star, func(i int) (round.Machine[[]*mhe.Ciphertext], error) {
		x := mhe.Plain{Name: "x", Max: largest, Sum: largest * float64(v.cells)}
		for _, t := range terms[i] {
			x.At = append(x.At, v.params.Fixed(t))
		}
		one := mhe.Plain{Name: "one", Max: 1, Sum: 1}
		if i == 0 {
			one.At = append(one.At, v.params.Fixed(1))
		}
		return v.inner[i].Input([]mhe.Plain{x, one})
	})
}

// products multiplies the sum by the 1, at every member.
func (v *vault) products(in [][]*mhe.Ciphertext) ([]*mhe.Ciphertext, error) {
	runtime.LockOSThread() // its clock is read around every product
	defer runtime.UnlockOSThread()
	out := make([]*mhe.Ciphertext, len(in))
	for i, s := range v.inner {
		began := threadTime()
		var err error
		if out[i], err = s.Product([2]*mhe.Ciphertext{in[i][0], in[i][1]}); err != nil {
			return nil, err
		}
		v.spent[i].cpu += threadTime() - began
	}
	return out, nil
}

// refresh brings products back to where they can be multiplied again, keeping shares for an opening.
func (v *vault) refresh(products []*mhe.Ciphertext) ([]mhe.Refreshed, error) {
	return play(v.star, func(i int) (round.Machine[mhe.Refreshed], error) {
		return v.inner[i].Refresh(products[i], true, mhe.Output{Copies: []mhe.Copy{{From: 0, To: 0}}})
	})
}

// open opens the retained sum through a masked sum.
func (v *vault) open(refreshed []mhe.Refreshed) ([]float64, error) {
	var cells [][]int
	for k := range v.cells {
		cells = append(cells, []int{k})
	}
	openings, err := play(v.star, func(i int) (round.Machine[*mhe.Opening], error) {
		return v.inner[i].Open(theSum, refreshed[i].Value, cells...)
	})
	if err != nil {
		return nil, err
	}
	totals, err := play(v.star, func(i int) (round.Machine[secagg.Total], error) {
		o := openings[i]
		return v.sessions[i].Sum(secagg.Ask{Digest: o.Digest, Cells: len(o.Terms)}, o.Terms)
	})
	if err != nil {
		return nil, err
	}
	grid := math.Ldexp(1, -openings[0].Circuit.Grid)
	var opened []float64
	for _, w := range totals[0].Sum {
		opened = append(opened, (float64(int64(w[1]))*0x1p64+float64(w[0]))*grid)
	}
	return opened, nil
}

// security lists the parameters of a vault.
func (v *vault) security() []string {
	return append(sessionSecurity[:len(sessionSecurity):len(sessionSecurity)], fmt.Sprintf(
		"encryption %s: ring of degree %d, modulus of %d bits, 128 bits against quantum computers; masks of a refresh hide %d bits, noise on what is opened %d bits",
		v.params.Name(), v.params.Degree(), v.params.LogQP(), v.params.Hiding(), openingSecurity))
}

// drawNumbers draws every member's numbers, the sum of which is at most largest in absolute value, and adds them.
func drawNumbers(members, cells int, largest float64) (terms [][]float64, sum []float64) {
	whole, total := drawTerms(members, cells)
	scale := largest / 0x1p40 / float64(members)
	for _, x := range whole {
		var t []float64
		for _, w := range x {
			t = append(t, float64(w[0])*scale)
		}
		terms = append(terms, t)
	}
	for _, w := range total {
		sum = append(sum, float64(w[0])*scale)
	}
	return terms, sum
}

func worst(got, want []float64) (off float64, err error) {
	if len(got) != len(want) {
		return 0, errors.New("bench: the opened sum has another length")
	}
	for k := range want {
		off = max(off, math.Abs(got[k]-want[k]))
	}
	return off, nil
}
