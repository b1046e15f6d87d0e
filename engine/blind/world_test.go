package blind

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// world is a plan's members and their hub in one process, a goroutine each.
type world struct {
	plan   *Plan
	roster party.Roster
	ids    []*party.Identity
	hub    *secagg.Hub
	toHub  chan round.Message
	inbox  []chan round.Message
	stop   chan struct{}
	once   sync.Once
	bytes  [2]int64 // up, down, of member 0, after the set-up
	steps  int      // machines of member 0, after the set-up
	random []*random
}

// random is a member's source of randomness. What openings draw comes from streams of
// their own, so that a test can draw the same noise again and take it off.
type random struct{ now *rand.ChaCha8 }

func (r *random) Read(b []byte) (int, error) { return r.now.Read(b) }

func noiseOf(member, outcome int) *rand.ChaCha8 {
	return rand.NewChaCha8([32]byte{byte(member), byte(outcome), 3})
}

func newPlan(t testing.TB, p mhe.Params, n int, jobs ...Job) *Plan {
	t.Helper()
	l, err := NewPlan(p, n, mhe.VerifyFold, jobs)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// play runs work as every member of the plan, with its session; the first error is returned.
func play(t testing.TB, l *Plan, work func(i int, w *world, s *Session) error) (*world, error) {
	t.Helper()
	n := l.members
	w := &world{plan: l, toHub: make(chan round.Message, 1024), stop: make(chan struct{})}
	var list []party.Member
	for i := range n {
		id, err := party.NewIdentity(rand.NewChaCha8([32]byte{byte(i), 9}))
		if err != nil {
			t.Fatal(err)
		}
		w.ids = append(w.ids, id)
		list = append(list, party.Member{ID: party.ID(fmt.Sprintf("m%02d", i)), Key: id.Public()})
		w.inbox = append(w.inbox, make(chan round.Message, 1024))
		w.random = append(w.random, &random{rand.NewChaCha8([32]byte{byte(i), 1})})
	}
	var err error
	if w.roster, err = party.NewRoster(list); err != nil {
		t.Fatal(err)
	}
	limits := l.params.Limits(n, l.verify)
	limits.Cells = 64
	charter := secagg.Charter{
		Version: "test", Plan: party.Hash("plan"), Roster: w.roster.Digest(), Reveal: "model", Release: secagg.ReleaseAll, Attempt: 1, Limits: limits,
	}
	guest, err := mhe.NewHub(mhe.HubConfig{Roster: w.roster, Params: l.params, Verify: l.verify})
	if err != nil {
		t.Fatal(err)
	}
	if w.hub, err = secagg.NewHub(secagg.HubConfig{Charter: charter, Roster: w.roster, Guests: []round.Guest{guest}}); err != nil {
		t.Fatal(err)
	}
	go w.serve()
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		go func() {
			defer all.Done()
			if errs[i] = w.member(i, charter, work); errs[i] != nil {
				w.end()
			}
		}()
	}
	all.Wait()
	w.end()
	for _, err := range errs {
		if err != nil && !errors.Is(err, errStopped) {
			return w, err
		}
	}
	return w, nil
}

var errStopped = errors.New("another member has stopped")

func (w *world) end() { w.once.Do(func() { close(w.stop) }) }

func (w *world) serve() {
	for {
		select {
		case <-w.stop:
			return
		case m := <-w.toHub:
			out, err := w.hub.Receive(m)
			if err != nil {
				w.end()
			}
			for _, m := range out {
				w.inbox[w.roster.Index(m.To)] <- m
			}
		}
	}
}

func (w *world) member(i int, charter secagg.Charter, work func(int, *world, *Session) error) error {
	m, err := secagg.NewMember(secagg.Config{
		Charter: charter, Roster: w.roster, ID: w.roster.At(i).ID, Identity: w.ids[i], Rand: rand.NewChaCha8([32]byte{byte(i), 2}), Journal: new(secagg.MemoryJournal),
	})
	if err != nil {
		return err
	}
	setup, err := drivenTo(w, i, m)
	if err != nil {
		return err
	}
	if i == 0 {
		w.bytes, w.steps = [2]int64{}, 0
	}
	s, err := w.plan.Begin(
		mhe.Config{Session: setup.Beside("encrypted"), Rand: w.random[i], Journal: new(secagg.MemoryJournal)},
		func(m round.Machine[struct{}]) error { _, err := drivenTo(w, i, m); return err })
	if err != nil {
		return err
	}
	if err := s.Keys(); err != nil {
		return err
	}
	return work(i, w, s)
}

// drivenTo drives member i's machine to its result.
func drivenTo[R any](w *world, i int, m round.Machine[R]) (R, error) {
	var none R
	if i == 0 {
		w.steps++
	}
	out, err := m.Start()
	for {
		for _, x := range out {
			if i == 0 {
				w.bytes[0] += int64(len(x.Body))
			}
			w.toHub <- x
		}
		if err != nil {
			return none, err
		}
		if r, done := m.Result(); done {
			return r, nil
		}
		select {
		case <-w.stop:
			return none, errStopped
		case x := <-w.inbox[i]:
			if i == 0 {
				w.bytes[1] += int64(len(x.Body))
			}
			out, err = m.Receive(x)
		}
	}
}

// opened is what the members' terms of an outcome add up to, and what may be off.
type opened struct {
	cells, spread, eps []float64
	bare               []*big.Float // without the noise
}

// sum adds up the members' terms of an outcome as a masked sum does.
func sum(t testing.TB, outcome int, members [][]*mhe.Opening) opened {
	t.Helper()
	var out opened
	var noise []*rand.ChaCha8
	for i := range members {
		noise = append(noise, noiseOf(i, outcome))
	}
	for o := range members[0] {
		total := make([][2]uint64, len(members[0][o].Terms))
		c := members[0][o].Circuit
		for k := range total {
			x := new(big.Int)
			for _, m := range members {
				if m[o].Digest != members[0][o].Digest {
					t.Fatal("members open different things")
				}
				w := new(big.Int).Lsh(new(big.Int).SetUint64(m[o].Terms[k][1]), 64)
				x.Add(x, w.Or(w, new(big.Int).SetUint64(m[o].Terms[k][0])))
			}
			modulus := new(big.Int).Lsh(big.NewInt(1), 128)
			x.Mod(x, modulus)
			total[k] = [2]uint64{new(big.Int).And(x, new(big.Int).SetUint64(1<<64-1)).Uint64(), new(big.Int).Rsh(x, 64).Uint64()}
			if x.Bit(127) == 1 {
				x.Sub(x, modulus)
			}
			out.bare = append(out.bare, new(big.Float).SetPrec(200).SetInt(x))
			out.spread, out.eps = append(out.spread, c.Spread(len(members))), append(out.eps, c.Eps)
		}
		for i := range members {
			g, err := mhe.NewGaussian(noise[i], c.Sigma)
			if err != nil {
				t.Fatal(err)
			}
			for k := range total {
				x, err := g.Sample()
				if err != nil {
					t.Fatal(err)
				}
				b := out.bare[len(out.bare)-len(total)+k]
				b.Sub(b, new(big.Float).SetInt(x))
			}
		}
		for _, b := range out.bare[len(out.bare)-len(total):] {
			b.SetMantExp(b, -c.Grid)
		}
		cells, err := members[0][o].Read(total)
		if err != nil {
			t.Fatal(err)
		}
		out.cells = append(out.cells, cells...)
	}
	return out
}

// compute runs the plan's first job with every member's term and opens all its outcomes.
func compute(t testing.TB, l *Plan, terms []stat.Input) ([]opened, *world) {
	t.Helper()
	outcomes := len(l.jobs[0].Job.Circuit.Outcomes)
	got := make([][][]*mhe.Opening, outcomes)
	for o := range got {
		got[o] = make([][]*mhe.Opening, l.members)
	}
	w, err := play(t, l, func(i int, w *world, s *Session) error {
		if err := s.Run(0, terms[i], nil); err != nil {
			return err
		}
		for o := range got {
			w.random[i].now = noiseOf(i, o)
			opening, err := s.Open(0, o)
			if err != nil {
				return err
			}
			got[o][i] = opening
		}
		return s.Burn()
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []opened
	for o := range got {
		out = append(out, sum(t, o, got[o]))
	}
	return out, w
}
