package mhe

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// world is members and a hub with a network that a test can tamper with.
type world struct {
	t        testing.TB
	params   Params
	roster   party.Roster
	sessions []*Session
	journals []*secagg.MemoryJournal
	configs  []Config
	hub      *Hub
	network  func(round.Message) []round.Message // nil: honest
	closed   []wire.Code                         // what each member told the others when it stopped
	bytes    [2]int                              // up, down, of member 0
	err      []error
	timing   *timing
	products map[*Session]*Ciphertext
}

// timing is processor time: of member 0, and of the hub.
type timing struct{ start, vows, folded, hub time.Duration }

type worldOption func(*Config)

func newWorld(t testing.TB, p Params, n int, options ...worldOption) *world {
	t.Helper()
	w := &world{t: t, params: p, closed: make([]wire.Code, n), err: make([]error, n)}
	ids := make([]*party.Identity, n)
	list := make([]party.Member, n)
	for i := range n {
		id, err := party.NewIdentity(seeded(byte(i)))
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
		list[i] = party.Member{ID: party.ID(fmt.Sprintf("m%02d", i)), Key: id.Public()}
	}
	var err error
	if w.roster, err = party.NewRoster(list); err != nil {
		t.Fatal(err)
	}
	charter, plan := party.Hash("charter"), party.Hash("plan")
	pair := func(i, j int) [32]byte { return party.Hash("pair", []byte{byte(i), byte(j)}) }
	for i := range n {
		c := Config{Params: p, Verify: VerifyFold, Rand: rand.NewChaCha8([32]byte{byte(i), 1}), Journal: new(secagg.MemoryJournal)}
		c.Session = round.Session{
			Plan: plan, Attempt: 1, Context: round.Context{Charter: charter, Roster: w.roster.Digest(), Session: party.Hash("T")},
			Roster: w.roster, ID: list[i].ID, Identity: ids[i],
			Stop: func(code wire.Code) ([]round.Message, error) { w.closed[i] = code; return nil, nil },
		}
		for j := range n {
			c.Session.TagsOut, c.Session.TagsIn = append(c.Session.TagsOut, pair(i, j)), append(c.Session.TagsIn, pair(j, i))
		}
		for _, o := range options {
			o(&c)
		}
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		w.sessions, w.configs = append(w.sessions, s), append(w.configs, c)
		w.journals = append(w.journals, c.Journal.(*secagg.MemoryJournal))
	}
	w.hub, err = NewHub(HubConfig{Plan: plan, Attempt: 1, Charter: charter, Roster: w.roster, Params: p, Verify: w.configs[0].Verify})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run brings all members through one machine and returns what each got; w.err
// has what each failed with.
func run[R any](w *world, make func(*Session) (round.Machine[R], error)) []R {
	w.t.Helper()
	var queue []round.Message
	post := func(out []round.Message) {
		for _, m := range out {
			if w.network == nil {
				queue = append(queue, m)
			} else {
				queue = append(queue, w.network(m)...)
			}
		}
	}
	machines := map[party.ID]round.Machine[R]{}
	for i, s := range w.sessions {
		m, err := make(s)
		if err != nil {
			w.err[i] = err
			continue
		}
		machines[s.cfg.Session.ID] = m
		began := cpuTime()
		out, err := m.Start()
		if err != nil {
			w.err[i] = err
		}
		if i == 0 && w.timing != nil {
			w.timing.start += cpuTime() - began
		}
		post(out)
	}
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		if m.To == party.Hub {
			if m.From == w.sessions[0].cfg.Session.ID {
				w.bytes[0] += len(m.Body)
			}
			began := cpuTime()
			out, err := w.hub.Receive(m)
			if err != nil {
				w.t.Errorf("the hub failed: %v", err)
			}
			if w.timing != nil {
				w.timing.hub += cpuTime() - began
			}
			post(out)
			continue
		}
		i := w.roster.Index(m.To)
		if i == 0 {
			w.bytes[1] += len(m.Body)
		}
		machine := machines[m.To]
		if machine == nil {
			continue
		}
		began := cpuTime()
		out, err := machine.Receive(m)
		if i == 0 && w.timing != nil {
			if len(out) > 0 {
				w.timing.vows += cpuTime() - began
			} else {
				w.timing.folded += cpuTime() - began
			}
		}
		if err != nil && w.err[i] == nil {
			w.err[i] = err
		}
		post(out)
	}
	var out []R
	for i, s := range w.sessions {
		m := machines[s.cfg.Session.ID]
		if m == nil || w.err[i] != nil {
			continue
		}
		if r, ok := m.Result(); ok {
			out = append(out, r)
		}
	}
	return out
}

// must is run for honest networks.
func must[R any](w *world, make func(*Session) (round.Machine[R], error)) []R {
	w.t.Helper()
	out := run(w, make)
	for i, err := range w.err {
		if err != nil {
			w.t.Fatalf("member %d: %v", i, err)
		}
	}
	if len(out) != len(w.sessions) {
		w.t.Fatalf("%d of %d members have a result; the hub says: %v", len(out), len(w.sessions), w.hub.summary.Failure)
	}
	return out
}

// decrypt uses all members' keys, which nobody but a test has. The numbers are exact.
func (w *world) decrypt(c *Ciphertext) []*big.Float {
	w.t.Helper()
	r := w.params.rlwe.RingQ().AtLevel(c.level)
	d := r.NewPoly()
	d.Copy(c.c0)
	for _, s := range w.sessions {
		r.MulCoeffsMontgomeryThenAdd(c.c1, s.secret.key.Value.Q, d)
	}
	r.INTT(d, d)
	ints := make([]*big.Int, w.params.Degree())
	for k := range ints {
		ints[k] = new(big.Int)
	}
	r.PolyToBigintCentered(d, 1, ints)
	out := make([]*big.Float, len(ints))
	for k, x := range ints {
		f := new(big.Float).SetPrec(500).SetInt(x.Mul(x, c.scale.den))
		out[k] = f.SetMantExp(f, -c.scale.exp)
	}
	return out
}

// off is the largest |got - want|, as a float64.
func off(got []*big.Float, want []float64) float64 {
	worst := 0.0
	for k := range want {
		d, _ := new(big.Float).Sub(got[k], big.NewFloat(want[k])).Float64()
		worst = max(worst, math.Abs(d))
	}
	return worst
}

// plain is numbers as an input.
func (p Params) plain(name string, largest, sum float64, x ...float64) Plain {
	out := Plain{Name: name, Max: largest, Sum: sum}
	for _, v := range x {
		out.At = append(out.At, p.Fixed(v))
	}
	return out
}

func keys(s *Session) (round.Machine[struct{}], error) { return s.Keys() }

func (w *world) index(s *Session) int { return w.roster.Index(s.cfg.Session.ID) }

// withRegistry registers the square of an input up to 8, opened twice.
func withRegistry(t testing.TB, p Params, n int) worldOption {
	r, err := NewRegistry(p, n, 40)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add("square", 1, 2, func(c Calculus) (Bound, error) {
		x := c.Input(8, 8)
		return c.Product([2]Bound{x, x}), nil
	}); err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Registry = r }
}

// squared makes keys, encrypts x from every member, and squares the sum; with
// refresh it also retains the square.
func (w *world) squared(x float64, refresh func(*Session, *Ciphertext) (round.Machine[Refreshed], error)) []Refreshed {
	w.t.Helper()
	must(w, keys)
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		return s.Input([]Plain{w.params.plain("x", 8, 8, x/float64(len(w.sessions)))})
	})
	w.products = map[*Session]*Ciphertext{}
	for i, s := range w.sessions {
		c, err := s.Product([2]*Ciphertext{in[i][0], in[i][0]})
		if err != nil {
			w.t.Fatal(err)
		}
		w.products[s] = c
	}
	if refresh == nil {
		return make([]Refreshed, len(w.sessions))
	}
	return must(w, func(s *Session) (round.Machine[Refreshed], error) { return refresh(s, w.products[s]) })
}
