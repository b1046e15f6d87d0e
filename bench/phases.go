package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// byPhase prepares the circuit of a logistic model under encryption, from keys to openings, and tells
// where its processor time goes. Nothing of a circuit depends on data, so the hospitals put in terms of a
// line whose root is known. Only one party computes at a time.
//
// Metrics are seconds of processor time. hospital: of one, on average. elsewhere: of the process, outside of
// all parties, which is collecting garbage. Of a hospital:
//
//	keys, encrypt, open    all of that phase
//	products               sums and products of ciphertexts, which every hospital computes itself
//	share                  a refresh: masks, errors and their encryptions; packing; the vow
//	check                  the others' vows, and signing
//	finish                 the sum's parts: hashing, unpacking, folding; the refreshed encryptions
func byPhase(_ context.Context, s Scenario) (*Work, error) {
	plan, err := logisticPlan(s.Hospitals, s.Covariates)
	if err != nil {
		return nil, err
	}
	terms, want := drawLine(s.Hospitals, s.Covariates+1)
	w := &Work{ErrorUnit: "absolute"}
	w.Run = func(context.Context) (*Sample, error) {
		limits := plan.Limits()
		limits.Cells = max(64, s.Covariates+1)
		star, err := newStar(s.Hospitals, limits, "model", func(r party.Roster) ([]round.Guest, error) {
			guest, err := plan.Hub(r)
			return []round.Guest{guest}, err
		})
		if err != nil {
			return nil, err
		}
		if err := star.setUp(); err != nil {
			return nil, err
		}
		p := plan.Params()
		w.Security = append(sessionSecurity[:len(sessionSecurity):len(sessionSecurity)], fmt.Sprintf(
			"encryption %s: ring of degree %d, modulus of %d bits, 128 bits against quantum computers; masks of a refresh hide %d bits, noise on what is opened %d bits",
			p.Name(), p.Degree(), p.LogQP(), p.Hiding(), blind.Security))
		f := &fit{star: star, plan: plan, metrics: map[string]float64{}}
		star.watch = f.heard
		var got []float64
		used := processTime()
		x, err := timed(star, func() error {
			got, err = f.run(terms)
			return err
		})
		if err != nil {
			return nil, err
		}
		parties := x.CPU
		x.CPU = (processTime() - used).Seconds()
		f.metrics["s-elsewhere"] = max(0, x.CPU-parties)
		off, err := worst(got, want)
		x.Error, x.Metrics = &off, f.metrics
		return x, err
	}
	return w, nil
}

// logisticPlan is what a study with one logistic model of so many covariates computes under encryption.
func logisticPlan(hospitals, covariates int) (*blind.Plan, error) {
	spec, _, err := NewCohort(hospitals, covariates, 7).Study(hospitals, logistic.analyses, "model")
	if err != nil {
		return nil, err
	}
	args := spec.Analyses[0]
	kind, _ := stat.Lookup(args.Kind)
	program, err := kind.Statistic.Begin(args, spec.Schema)
	if err != nil {
		return nil, err
	}
	var jobs []blind.Job
	for _, c := range program.(stat.Veiled).Circuits() {
		jobs = append(jobs, blind.Job{Analysis: args.ID, Circuit: c})
	}
	params, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		return nil, err
	}
	return blind.NewPlan(params, hospitals, mhe.VerifyFold, jobs)
}

// drawLine draws a root and the hospitals' terms of A b = a, the score of which is a - A b.
func drawLine(hospitals, dim int) (terms []stat.Input, root []float64) {
	r := mathrand.New(mathrand.NewPCG(uint64(dim), 3))
	for range dim {
		root = append(root, (2*r.Float64()-1)/float64(dim))
	}
	monomials := len(stat.Monomials(dim, 3))
	share := 1 / float64(2*dim*hospitals)
	for range hospitals {
		t := &stat.RootTerm{}
		for i := range dim {
			a, score := make([]float64, dim), make([]float64, monomials)
			a[i], score[0], score[i+1] = share, share*root[i], -share
			t.A, t.Right, t.Score = append(t.A, a), append(t.Right, score[0]), append(t.Score, score)
		}
		terms = append(terms, stat.Input{Root: t})
	}
	return terms, root
}

// fit is one run: a goroutine for each hospital, of which one computes at a time, and the caller's, in
// which a step's machines are played once every hospital has come to it.
type fit struct {
	*star
	plan     *blind.Plan
	phase    string // of the hospital that computes; in a step all are in the same
	turn     sync.Mutex
	machines []round.Machine[struct{}] // of the step
	arrived  chan error                // a hospital has a machine (nil), has failed, or is at its end (errEnd)
	played   []chan error
	openings [][2][]*mhe.Opening // by hospital and outcome
	metrics  map[string]float64
}

var errEnd = errors.New("bench: the end")

// run does all of it and returns the root that was opened.
func (f *fit) run(terms []stat.Input) ([]float64, error) {
	n := len(terms)
	f.machines, f.arrived, f.openings = make([]round.Machine[struct{}], n), make(chan error, 2*n), make([][2][]*mhe.Opening, n)
	for range n {
		f.played = append(f.played, make(chan error, 1))
	}
	for i := range n {
		go func() { f.arrived <- f.hospital(i, terms[i]) }()
	}
	for {
		var failed error
		for range n {
			if err := <-f.arrived; err != nil && (failed == nil || failed == errEnd) {
				failed = err
			}
		}
		if failed == nil {
			_, failed = play(f.star, func(i int) (round.Machine[struct{}], error) { return f.machines[i], nil })
		}
		for _, c := range f.played { // nobody waits for more than this
			c <- failed
		}
		if failed == errEnd {
			return f.open()
		}
		if failed != nil {
			return nil, failed
		}
	}
}

// hospital is one hospital's side, up to its terms of the openings.
func (f *fit) hospital(i int, term stat.Input) error {
	runtime.LockOSThread() // for its clock
	defer runtime.UnlockOSThread()
	f.turn.Lock()
	defer f.turn.Unlock()
	f.phase = blind.PhaseKeys
	began := threadTime()
	own := func() {
		took := threadTime() - began
		f.spent[i].cpu += took
		f.count(i, "products", took)
	}
	cfg := mhe.Config{Session: f.sessions[i].Beside("encrypted"), Rand: rand.Reader, Journal: f.configs[i].Journal}
	session, err := f.plan.Begin(cfg, func(m round.Machine[struct{}]) error {
		own()
		f.machines[i] = m
		f.turn.Unlock()
		f.arrived <- nil
		err := <-f.played[i]
		f.turn.Lock()
		began = threadTime()
		return err
	})
	if err != nil {
		return err
	}
	if err := session.Keys(); err != nil {
		return err
	}
	f.phase = blind.PhaseEncrypt
	if err := session.Run(0, term, func(phase string, _, _ int) { f.phase = phase }); err != nil {
		return err
	}
	f.phase = blind.PhaseOpen
	for outcome := range f.openings[i] {
		if f.openings[i][outcome], err = session.Open(0, outcome); err != nil {
			return err
		}
	}
	own()
	return errEnd
}

// open plays the masked sums of the openings and returns the last outcome, the root.
func (f *fit) open() (cells []float64, err error) {
	number := 0
	for outcome := range f.openings[0] {
		cells = nil
		for k, o := range f.openings[0][outcome] {
			var terms []secagg.Vector
			for i := range f.openings {
				terms = append(terms, f.openings[i][outcome][k].Terms)
			}
			number++
			total, err := f.sum(number, terms)
			if err != nil {
				return nil, err
			}
			some, err := o.Read(total)
			if err != nil {
				return nil, err
			}
			cells = append(cells, some...)
		}
	}
	return cells, nil
}

// count adds processor time of a party to the phase under way; part is what a hospital does of a solve.
func (f *fit) count(party int, part string, took time.Duration) {
	seconds, name := took.Seconds(), "s-hub-"+f.phase
	if hospitals := len(f.machines); party < hospitals {
		seconds /= float64(hospitals)
		if name = "s-hospital-" + f.phase; f.phase == blind.PhaseSolve {
			name = "s-hospital-" + part
		}
	}
	f.metrics[name] += seconds
}

// heard is what a hospital does of a step when it hears a message of that type, or begins it.
func (f *fit) heard(party int, of wireformat.Type, took time.Duration) {
	part := "share"
	switch of {
	case wireformat.Type_VOWS:
		part = "check"
	case wireformat.Type_FOLDED:
		part = "finish"
	}
	f.count(party, part, took)
}
