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
	hub      *secagg.Hub
	setups   []*secagg.Session // that the sessions are beside
	charter  secagg.Charter
	settled  []round.Message                     // that the set-up sent to the hub
	members  []secagg.Config                     // of the setups
	held     [][]round.Message                   // for each member: what came while it had no machine
	network  func(round.Message) []round.Message // nil: honest
	closed   []wire.Code                         // what each member told the others when it stopped
	bytes    [2]int                              // up, down, of member 0
	err      []error
	timing   *timing // if it is to be measured
	products map[*Session]*Ciphertext
}

// timing is processor time: of member 0, and of the hub.
type timing struct{ start, vows, folded, hub time.Duration }

type worldOption func(*Config)

func newWorld(t testing.TB, p Params, n int, options ...worldOption) *world {
	t.Helper()
	return newWorldFor(t, nil, p, n, options...)
}

// newWorldFor is a world with a reader.
func newWorldFor(t testing.TB, reader *party.Identity, p Params, n int, options ...worldOption) *world {
	t.Helper()
	w := &world{t: t, params: p, closed: make([]wire.Code, n), err: make([]error, n), held: make([][]round.Message, n)}
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
	for i := range n {
		c := Config{Params: p, Verify: VerifyFold, Rand: rand.NewChaCha8([32]byte{byte(i), 1}), Journal: new(secagg.MemoryJournal)}
		c.Session.ID = list[i].ID
		for _, o := range options {
			o(&c)
		}
		w.configs = append(w.configs, c)
	}
	w.setUp(ids, reader)
	for i, c := range w.configs {
		c.Session = w.setups[i].Beside("encrypted")
		stop := c.Session.Stop
		c.Session.Stop = func(err error, said, heard []byte) ([]round.Message, error) {
			w.closed[i] = round.CodeOf(err)
			return stop(err, said, heard)
		}
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		w.configs[i] = c
		w.sessions = append(w.sessions, s)
		w.journals = append(w.journals, c.Journal.(*secagg.MemoryJournal))
	}
	return w
}

// setUp brings the members to sessions of masked sums, with a hub that serves both.
func (w *world) setUp(ids []*party.Identity, reader *party.Identity) {
	w.t.Helper()
	limits := w.params.Limits(len(ids), w.configs[0].Verify)
	limits.Cells = 64
	charter := secagg.Charter{
		Version: "test", Plan: party.Hash("plan"), Roster: w.roster.Digest(), Reveal: "model", Release: secagg.ReleaseAll, Attempt: 1, Limits: limits,
	}
	var key *party.PublicKey
	if reader != nil {
		k := reader.Public()
		key, charter.Release, charter.Reader = &k, secagg.ReleaseAnalyst, k.Digest()
	}
	w.charter = charter
	guest, err := NewHub(HubConfig{Roster: w.roster, Params: w.params, Verify: w.configs[0].Verify})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.hub, err = secagg.NewHub(secagg.HubConfig{Charter: charter, Roster: w.roster, Guests: []round.Guest{guest}}); err != nil {
		w.t.Fatal(err)
	}
	machines := map[party.ID]round.Machine[*secagg.Session]{}
	for i, id := range ids {
		w.members = append(w.members, secagg.Config{
			Charter: charter, Roster: w.roster, ID: w.roster.At(i).ID, Identity: id, Reader: key, Rand: rand.NewChaCha8([32]byte{byte(i), 2}), Journal: w.configs[i].Journal, // one for both
		})
		m, err := secagg.NewMember(w.members[i])
		if err != nil {
			w.t.Fatal(err)
		}
		machines[w.roster.At(i).ID] = m
	}
	w.network = func(m round.Message) []round.Message {
		if m.To == party.Hub {
			w.settled = append(w.settled, m)
		}
		return []round.Message{m}
	}
	play(w, machines, round.Machine[*secagg.Session].Start)
	w.network = nil
	for i := range ids {
		s, ok := machines[w.roster.At(i).ID].Result()
		if !ok {
			w.t.Fatalf("member %d has no set-up: %v", i, w.err[i])
		}
		w.setups = append(w.setups, s)
	}
}

// run brings all members through one machine and returns what each got; w.err
// has what each failed with.
func run[R any](w *world, make func(*Session) (round.Machine[R], error)) []R {
	w.t.Helper()
	machines := map[party.ID]round.Machine[R]{}
	for i, s := range w.sessions {
		m, err := make(s)
		if err != nil {
			w.err[i] = err
			continue
		}
		machines[s.cfg.Session.ID] = m
	}
	play(w, machines, round.Machine[R].Start)
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

// play calls begin on every machine and delivers until nothing is under way. What comes for a
// member whose machine is done waits for its next one, as a link lets it wait.
func play[R any](w *world, machines map[party.ID]round.Machine[R], begin func(round.Machine[R]) ([]round.Message, error)) {
	w.t.Helper()
	var queue []round.Message
	over := make([]bool, w.roster.Len())
	post := func(out []round.Message) {
		for _, m := range out {
			if w.network == nil {
				queue = append(queue, m)
			} else {
				queue = append(queue, w.network(m)...)
			}
		}
	}
	call := func(i int, f func() ([]round.Message, error)) (time.Duration, int) {
		began := cpuTime()
		out, err := f()
		took := cpuTime() - began
		if err != nil && w.err[i] == nil {
			w.err[i] = err
		}
		_, done := machines[w.roster.At(i).ID].Result()
		over[i] = done || err != nil
		post(out)
		return took, len(out)
	}
	var now timing // of member 0, and of the hub
	for i := range over {
		if m := machines[w.roster.At(i).ID]; m != nil {
			if took, _ := call(i, func() ([]round.Message, error) { return begin(m) }); i == 0 {
				now.start += took
			}
		}
		queue, w.held[i] = append(queue, w.held[i]...), nil
	}
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		i := w.roster.Index(m.To)
		switch {
		case m.To == party.Hub:
			if m.From == w.roster.At(0).ID {
				w.bytes[0] += len(m.Body)
			}
			began := cpuTime()
			out, err := w.hub.Receive(m)
			now.hub += cpuTime() - began
			if err != nil {
				w.t.Errorf("the hub failed: %v", err)
			}
			post(out)
		case machines[m.To] == nil || over[i]:
			w.held[i] = append(w.held[i], m)
		default:
			took, sent := call(i, func() ([]round.Message, error) { return machines[m.To].Receive(m) })
			if i > 0 {
				break
			}
			w.bytes[1] += len(m.Body)
			if sent > 0 {
				now.vows += took
			} else {
				now.folded += took
			}
		}
	}
	if w.timing != nil {
		w.timing.start, w.timing.vows, w.timing.folded, w.timing.hub = w.timing.start+now.start, w.timing.vows+now.vows, w.timing.folded+now.folded, w.timing.hub+now.hub
	}
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
		w.t.Fatalf("%d of %d members have a result; the hub says: %v", len(out), len(w.sessions), w.hub.Summary().Failure)
	}
	return out
}

// sum is one masked sum of all members, between two steps.
func (w *world) sum(n int, terms func(i int) secagg.Vector, ask [32]byte) []secagg.Total {
	w.t.Helper()
	return run(w, func(s *Session) (round.Machine[secagg.Total], error) {
		x := terms(w.index(s))
		return w.setups[w.index(s)].Sum(secagg.Ask{Digest: ask, State: party.Hash("state", uint64Bytes(uint64(n))), Cells: len(x)}, x)
	})
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
