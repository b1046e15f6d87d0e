package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"time"

	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// micro are primitives. Seconds are of one operation, on one core, by the clock of the thread.
func micro() Suite {
	var all []Scenario
	add := func(name string, hospitals, cells int, prepare func(context.Context, Scenario) (*Work, error)) {
		all = append(all, Scenario{Name: name, Analysis: "primitive", Hospitals: hospitals, Cells: cells, About: 0.5, Runs: 5, Prepare: prepare})
	}
	add("identity/new", 0, 0, identity(func(*party.Identity, []byte) (func() error, error) {
		return func() error { _, err := party.NewIdentity(rand.Reader); return err }, nil
	}))
	add("identity/sign", 0, 0, identity(func(id *party.Identity, m []byte) (func() error, error) {
		return func() error { _, err := id.Sign("bench", m); return err }, nil
	}))
	add("identity/verify", 0, 0, identity(func(id *party.Identity, m []byte) (func() error, error) {
		key := id.Public()
		signature, err := id.Sign("bench", m)
		return func() error { return key.Verify("bench", m, signature) }, err
	}))
	add("x-wing/seal", 0, 0, identity(func(id *party.Identity, m []byte) (func() error, error) {
		key := id.Public()
		return func() error { _, err := key.Seal(rand.Reader, nil, nil, m); return err }, nil
	}))
	add("x-wing/open", 0, 0, identity(func(id *party.Identity, m []byte) (func() error, error) {
		sealed, err := id.Public().Seal(rand.Reader, nil, nil, m)
		return func() error { _, err := id.Open(nil, nil, sealed); return err }, err
	}))
	for _, hospitals := range []int{3, 20} {
		add(fmt.Sprintf("mask/hospitals=%d/cells=10000", hospitals), hospitals, 10_000, masking)
	}
	add("encryption/share-input", 3, 1000, encryption(func(v *vault, in [][]*mhe.Ciphertext) (func() error, error) {
		terms, _ := drawNumbers(3, v.cells, largestNumber)
		return func() error { _, err := v.input(terms, largestNumber); return err }, nil
	}))
	add("encryption/product", 3, 1000, encryption(func(v *vault, in [][]*mhe.Ciphertext) (func() error, error) {
		return func() error { _, err := v.products(in); return err }, nil
	}))
	add("encryption/refresh", 3, 1000, encryption(func(v *vault, in [][]*mhe.Ciphertext) (func() error, error) {
		products, err := v.products(in)
		return func() error { _, err := v.refresh(products); return err }, err
	}))
	add("encryption/open", 3, 1000, encryption(func(v *vault, in [][]*mhe.Ciphertext) (func() error, error) {
		products, err := v.products(in)
		if err != nil {
			return nil, err
		}
		refreshed, err := v.refresh(products)
		return func() error { _, err := v.open(refreshed); return err }, err
	}))
	return Suite{"micro", "primitives: signatures, X-Wing, masks, encrypted product, refresh, opening", all}
}

// identity prepares an operation of a party's keys on a message of 1 kB, repeated for a while.
func identity(make func(*party.Identity, []byte) (func() error, error)) func(context.Context, Scenario) (*Work, error) {
	return func(context.Context, Scenario) (*Work, error) {
		id, err := party.NewIdentity(rand.Reader)
		if err != nil {
			return nil, err
		}
		message := [1024]byte{}
		operation, err := make(id, message[:])
		if err != nil {
			return nil, err
		}
		return &Work{Security: sessionSecurity[:1], Run: func(context.Context) (*Sample, error) { return repeated(operation) }}, nil
	}
}

// repeated times an operation that is done again and again.
func repeated(operation func() error) (*Sample, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, start, n := threadTime(), time.Now(), 0
	for ; time.Since(start) < 100*time.Millisecond; n++ {
		if err := operation(); err != nil {
			return nil, err
		}
	}
	took := threadTime() - began
	if took == 0 { // this system has no such clock
		took = time.Since(start)
	}
	seconds := took.Seconds() / float64(n)
	return &Sample{Seconds: seconds, CPU: seconds, Metrics: map[string]float64{"operations": float64(n)}}, nil
}

// masking is what a member computes until its masked term of a sum goes out:
// masks, addition, signature. Keys are made anew for each run, and not counted.
func masking(_ context.Context, s Scenario) (*Work, error) {
	terms, _ := drawTerms(s.Hospitals, s.Cells)
	return &Work{Security: sessionSecurity, Run: func(context.Context) (*Sample, error) {
		star, err := newStar(s.Hospitals, secagg.Limits{Members: s.Hospitals, Cells: s.Cells}, "sums", nil)
		if err != nil {
			return nil, err
		}
		if err := star.setUp(); err != nil {
			return nil, err
		}
		return alone(func() error {
			machine, err := star.sessions[0].Sum(secagg.Ask{Cells: s.Cells}, terms[0])
			if err != nil {
				return err
			}
			_, err = machine.Start()
			return err
		})
	}}, nil
}

// alone times one call by the clock of its thread.
func alone(f func() error) (*Sample, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime()
	took, err := stopwatch(f)
	if cpu := threadTime() - began; cpu > 0 {
		took = cpu
	}
	return &Sample{Seconds: took.Seconds(), CPU: took.Seconds()}, err
}

// encryption prepares a step of an encrypted session of three members, freshly
// for each run: no share is ever made twice. The seconds are one member's.
func encryption(make func(*vault, [][]*mhe.Ciphertext) (func() error, error)) func(context.Context, Scenario) (*Work, error) {
	return func(_ context.Context, s Scenario) (*Work, error) {
		w := &Work{}
		w.Run = func(context.Context) (*Sample, error) {
			v, err := newVault(s.Hospitals, s.Cells, largestNumber)
			if err != nil {
				return nil, err
			}
			w.Security = v.security()
			if err := v.keys(); err != nil {
				return nil, err
			}
			terms, _ := drawNumbers(s.Hospitals, s.Cells, largestNumber)
			in, err := v.input(terms, largestNumber)
			if err != nil {
				return nil, err
			}
			step, err := make(v, in)
			if err != nil {
				return nil, err
			}
			x, err := timed(v.star, step)
			if err == nil && x.busiest() > 0 {
				x.Seconds = x.busiest()
			}
			return x, err
		}
		return w, nil
	}
}
