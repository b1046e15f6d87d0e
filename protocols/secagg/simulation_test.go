package secagg_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// disk is a member's journal on a disk with a cache: what is written and not
// yet synced is gone when the power fails. Append returns when it is synced, as a journal must.
type disk struct {
	synced  *secagg.MemoryJournal
	next    string // what happens to the next record: "" nothing
	failing error
}

var (
	errDisk = errors.New("the disk did not take the record")
	errDead = errors.New("power failure")
)

func (d *disk) Replay(f func(string, []byte) error) error { return d.synced.Replay(f) }

func (d *disk) Append(kind string, record []byte) error {
	what := d.next
	d.next = ""
	switch what {
	case "full": // nothing was written, and the member lives
		return errDisk
	case "power before sync": // written to the cache, which is lost
		d.failing = errDead
		return errDead
	}
	if err := d.synced.Append(kind, record); err != nil {
		return err
	}
	if what == "power after sync" { // durable, and nobody was told
		d.failing = errDead
		return errDead
	}
	return nil
}

// simulation is one plan, over several attempts, among parties who follow the
// protocol and machines and a network that do anything but lie.
type simulation struct {
	*prototest.World
	t       *testing.T
	seed    uint64
	dice    *prototest.Dice
	said    map[string][]byte              // by sender, attempt, type and sequence: one body for ever
	rosters map[party.ID]map[[32]byte]bool // under which a member has sent an unlock
	disks   map[party.ID]*disk
	dead    map[party.ID]bool
	past    []round.Message // of this attempt
	log     []round.Message // that the hub has received in it
	asked   int
	inputs  map[party.ID]secagg.Vector
	counts  map[string]int
}

const simulatedSums = 2

func simulate(t *testing.T, seed uint64, counts map[string]int) {
	d := prototest.Rand(seed, "simulation")
	n := 2 + d.IntN(3)
	s := &simulation{World: prototest.New(t, seed, memberIDs(n)...), t: t, seed: seed, dice: d, said: map[string][]byte{}, rosters: map[party.ID]map[[32]byte]bool{},
		disks: map[party.ID]*disk{}, dead: map[party.ID]bool{}, inputs: map[party.ID]secagg.Vector{}, counts: counts}
	for _, m := range s.Members {
		s.inputs[m.ID] = secagg.Vector{{d.Uint64(), d.Uint64()}, {1, 0}}
	}
	s.equip()
	s.Network = s.hear
	for attempt := uint32(1); ; attempt++ {
		s.counts["attempts"]++
		calm := attempt == 3 // whatever happened before, this one must succeed if it may be at all
		s.attempt(calm)
		done := s.finish(attempt)
		if s.t.Failed() {
			return
		}
		if done || calm {
			if calm && !done {
				s.t.Errorf("seed %d: no attempt succeeds, though nothing is in its way", seed)
			}
			break
		}
	}
	s.laws()
}

// equip gives every member its disk.
func (s *simulation) equip() {
	for _, m := range s.Members {
		if s.disks[m.ID] == nil {
			s.disks[m.ID] = &disk{synced: m.Journal}
		}
		m.Config.Journal = s.disks[m.ID]
	}
	s.past, s.log, s.asked = nil, nil, 0
	clear(s.dead)
}

// hear sees every message as it leaves, and keeps the laws of speech.
func (s *simulation) hear(m round.Message) []round.Message {
	s.past = append(s.past, m)
	e := prototest.Peek(m)
	if m.From == party.Hub || e == nil {
		return []round.Message{m}
	}
	at := fmt.Sprintf("%s, attempt %d, %v %d", m.From, e.Attempt, e.Type, e.Sequence)
	before, again := s.said[at]
	if again && !bytes.Equal(before, m.Body) {
		s.t.Errorf("seed %d: said in two ways: %s", s.seed, at)
	}
	if !again {
		s.said[at] = bytes.Clone(m.Body)
		durable := false
		s.disks[m.From].Replay(func(_ string, record []byte) error {
			durable = durable || bytes.Contains(record, m.Body)
			return nil
		})
		if !durable {
			s.t.Errorf("seed %d: left before it was durable: %s", s.seed, at)
		}
	}
	if e.Type == wire.Type_UNLOCK {
		if s.rosters[m.From] == nil {
			s.rosters[m.From] = map[[32]byte]bool{}
		}
		if s.rosters[m.From][s.Charter.Roster] = true; len(s.rosters[m.From]) > 1 {
			s.t.Errorf("seed %d: %s unlocks under two rosters", s.seed, m.From)
		}
	}
	return []round.Message{m}
}

// attempt plays one attempt; unless it is calm, anything may happen at any point.
func (s *simulation) attempt(calm bool) {
	for _, m := range s.Members {
		s.join(m)
	}
	ops := 60 + s.dice.IntN(200)
	if calm {
		ops = 0
	}
	for range ops {
		s.op()
		s.advance()
	}
	for range 30 { // the weather clears up; whoever is down comes back
		for _, m := range s.Members {
			if s.dead[m.ID] {
				s.restart(m)
			}
		}
		for len(s.Queue) > 0 {
			s.deliver(0)
			s.advance()
		}
		for _, m := range s.Members {
			if !s.dead[m.ID] && m.Stuck() {
				s.Resend(m)
			}
		}
		s.advance()
		if len(s.Queue) == 0 && !slices.ContainsFunc(s.Members, func(m *prototest.Member) bool {
			return s.dead[m.ID] || s.disks[m.ID].failing != nil || errors.Is(m.Err, errDisk)
		}) {
			return
		}
	}
}

// op does one thing to the world.
func (s *simulation) op() {
	m := s.Members[s.dice.IntN(len(s.Members))]
	i := 0
	if len(s.Queue) > 0 {
		i = s.dice.IntN(len(s.Queue))
	}
	count := func(what string) { s.counts["op: "+what]++ }
	switch x := s.dice.IntN(200); {
	case x < 6 && len(s.Queue) > 0:
		count("drop")
		s.Queue = append(s.Queue[:i:i], s.Queue[i+1:]...)
	case x < 14 && len(s.past) > 0:
		count("duplicate")
		s.Queue = append(s.Queue, s.past[s.dice.IntN(len(s.past))])
	case x < 40 && len(s.Queue) > 1:
		count("reorder")
		s.deliver(i)
	case x < 44:
		if !s.dead[m.ID] {
			count("crash")
			s.crash(m)
		}
	case x < 60:
		if s.dead[m.ID] {
			count("restart")
			s.restart(m)
		}
	case x < 62:
		count("crash of the hub")
		s.newHub(s.dice.IntN(4) > 0)
	case x < 70:
		if !s.dead[m.ID] && m.Stuck() {
			count("clock: repeat")
			s.Resend(m)
		}
	case x < 71:
		if !s.dead[m.ID] {
			count("clock: deadline")
			s.Expire(m)
		}
	case x < 72 && s.dice.IntN(3) == 0:
		count("clock: the hub's deadline")
		s.ExpireHub()
	case x < 76:
		what := []string{"full", "power before sync", "power after sync"}[s.dice.IntN(3)]
		count("disk: " + what)
		s.disks[m.ID].next = what
	case len(s.Queue) > 0:
		count("deliver")
		s.deliver(0)
	}
}

func (s *simulation) deliver(i int) {
	m := s.Queue[i]
	if m.To == party.Hub {
		s.log = append(s.log, m)
	}
	if s.dead[m.To] {
		s.Queue = append(s.Queue[:i:i], s.Queue[i+1:]...) // to nobody
		return
	}
	s.Deliver(i)
}

func (s *simulation) crash(m *prototest.Member) {
	s.dead[m.ID], s.disks[m.ID].next, s.disks[m.ID].failing = true, "", nil
	m.Kill()
}

func (s *simulation) join(m *prototest.Member) {
	_ = s.Join(m) // refused, as after it was closed: its error says so
}

func (s *simulation) restart(m *prototest.Member) {
	delete(s.dead, m.ID)
	_ = s.Restart(m)
}

// newHub loses the hub's memory. The log of what it received is read again, unless the disk is lost with it.
func (s *simulation) newHub(kept bool) {
	hub, err := secagg.NewHub(secagg.HubConfig{Charter: s.Charter, Roster: s.Roster})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Hub = hub
	if !kept {
		s.counts["op: loss of the hub's disk"]++
		s.log = nil
		return
	}
	s.Queue = append(s.Queue, s.log...)
	s.log = nil
}

// advance does what an engine does next: whoever lost power is down, whose disk
// was full is started again, and who has a session and nothing to do asks for its next sum.
func (s *simulation) advance() {
	for _, m := range s.Members {
		switch d := s.disks[m.ID]; {
		case d.failing != nil:
			s.crash(m)
		case s.dead[m.ID]:
		case errors.Is(m.Err, errDisk):
			s.counts["machines ended by a full disk"]++
			s.crash(m)
			s.restart(m)
		case m.Session != nil && m.Err == nil && !m.Stuck() && len(m.Totals) < simulatedSums:
			k := len(m.Totals) + 1
			_ = s.StartSum(m, prototest.Ask(k, 2), s.inputs[m.ID])
		}
	}
}

// finish holds the outcome against the oracle, closes the attempt and prepares the next. It reports whether this one succeeded.
func (s *simulation) finish(attempt uint32) bool {
	want := make(secagg.Vector, 2)
	for _, m := range s.Members {
		want = prototest.Add(want, s.inputs[m.ID])
	}
	all, opened := true, 0
	for _, m := range s.Members {
		for k, total := range m.Totals {
			opened++
			if !prototest.Equal(total.Sum, want) || total.Sequence != uint64(k)+1 {
				s.t.Errorf("seed %d: attempt %d: %s opened a wrong total", s.seed, attempt, m.ID)
			}
		}
		if len(m.Totals) == simulatedSums && m.Err == nil {
			continue
		}
		all = false
		var blame *round.Blame
		switch code := round.CodeOf(m.Err); {
		case m.Err == nil, errors.Is(m.Err, secagg.ErrClosed):
			s.counts["waits, or closed before"]++
		case errors.As(m.Err, &blame):
			s.t.Errorf("seed %d: attempt %d: %s blames %s, and nobody lies: %v", s.seed, attempt, m.ID, blame.Who, m.Err)
		case code == wire.Code_SILENCE || code == wire.Code_PEER || errors.Is(m.Err, errDisk):
			s.counts["stopped: "+code.String()]++
		default:
			s.t.Errorf("seed %d: attempt %d: %s stopped without a reason of this world: %v", s.seed, attempt, m.ID, m.Err)
		}
	}
	if all {
		s.counts["attempts done"]++
		return true
	}
	s.counts["attempts ended with a reason"]++
	if opened > 0 {
		s.counts["of these, after a total was opened"]++
	}
	s.next(attempt)
	return false
}

// next closes the attempt and begins another: with the same members, or with
// one less, which those who have unlocked must refuse.
func (s *simulation) next(attempt uint32) {
	var closings [][]byte
	unlocked := false
	for _, m := range s.Members {
		s.disks[m.ID].next = ""
		machine, err := secagg.Abandon(m.Config, wire.Code_SILENCE)
		if err != nil {
			s.t.Fatal(err)
		}
		out, err := machine.Start()
		if err != nil || len(out) != 1 {
			s.t.Fatalf("seed %d: %s does not close: %v", s.seed, m.ID, err)
		}
		s.hear(out[0])
		c, err := secagg.ParseClosing(out[0].Body, s.Roster)
		if err != nil {
			s.t.Fatal(err)
		}
		if c.Unlocked != (len(s.rosters[m.ID]) > 0) && !c.Unlocked {
			s.t.Errorf("seed %d: %s has unlocked and signs that it has not", s.seed, m.ID)
		}
		// Without the unlocks of those who stay, nothing that includes who leaves was opened.
		unlocked = unlocked || c.Unlocked && m != s.Members[0]
		closings = append(closings, out[0].Body)
	}
	if len(s.Members) > 2 && s.dice.IntN(2) == 0 {
		everybody := slices.Clone(s.Members)
		s.Members = s.Members[1:]
		s.begin(attempt+1, secagg.Record{Closings: closings})
		if !unlocked {
			s.counts["attempts with one member less"]++
			return
		}
		for _, m := range s.Members { // a hub that tries it all the same
			if _, err := secagg.NewMember(m.Config); round.CodeOf(err) != wire.Code_FROZEN {
				s.t.Errorf("seed %d: after an unlock %s joins another roster: %v", s.seed, m.ID, err)
			}
		}
		s.counts["smaller rosters refused"]++
		s.Members = everybody
	}
	s.begin(attempt+1, secagg.Record{Closings: closings})
}

func (s *simulation) begin(attempt uint32, r secagg.Record) {
	s.Begin(attempt, r.Closings, nil)
	if own := r.For(s.Roster); len(own) != len(r.Closings) {
		s.Begin(attempt, own, nil)
	}
	s.equip()
}

// laws are those that hold at the end.
func (s *simulation) laws() {
	for id, d := range s.disks {
		d.Replay(func(kind string, _ []byte) error {
			if kind == secagg.KindEvidence || kind == secagg.KindRolledback {
				s.t.Errorf("seed %d: %s has a record of kind %q, and nobody lied", s.seed, id, kind)
			}
			return nil
		})
	}
}

// Masked sums among machines that crash, over a network that loses, repeats and
// reorders, from journals whose disks fail and lose what was not synced: for every seed
// nobody ever says two things for one place, a total is right or the attempt
// ends with a reason that blames nobody, nobody unlocks under two rosters, and
// when the weather is good an attempt succeeds.
func TestSimulatedWorlds(t *testing.T) {
	var mu sync.Mutex
	total := map[string]int{}
	workers := runtime.GOMAXPROCS(0)
	t.Run("seeds", func(t *testing.T) {
		for w := range workers {
			t.Run(fmt.Sprint(w), func(t *testing.T) {
				t.Parallel()
				counts := map[string]int{}
				for seed := w; seed < simulated && !t.Failed(); seed += workers {
					simulate(t, uint64(seed), counts)
				}
				mu.Lock()
				defer mu.Unlock()
				for k, n := range counts {
					total[k] += n
				}
			})
		}
	})
	for _, k := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%8d %s", total[k], k)
	}
	for _, k := range []string{"attempts done", "attempts with one member less", "smaller rosters refused", "of these, after a total was opened", "op: disk: power before sync", "op: loss of the hub's disk"} {
		if total[k] == 0 {
			t.Errorf("in %d worlds there was none of: %s", simulated, k)
		}
	}
}
