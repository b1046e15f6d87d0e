package bench

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// star is one session of hospitals around a hub, with every party in one
// goroutine: what each spends and sends is told apart exactly.
type star struct {
	hub      *secagg.Hub
	roster   party.Roster
	charter  secagg.Charter
	configs  []secagg.Config
	sessions []*secagg.Session
	spent    []spending // by member; the hub's is the last
	trips    int        // that the first member made
	held     [][]round.Message
	watch    func(party int, heard wireformat.Type, took time.Duration) // is told of every call; nil: nobody
}

type spending struct {
	cpu      time.Duration
	up, down int64
}

// newStar draws identities and makes the hub; setUp does what is measured.
func newStar(members int, limits secagg.Limits, reveal string, guests func(party.Roster) ([]round.Guest, error)) (*star, error) {
	s := &star{spent: make([]spending, members+1), held: make([][]round.Message, members)}
	keys := make(map[party.ID]*party.Identity)
	var list []party.Member
	for i := range members {
		id, err := party.NewIdentity(rand.Reader)
		if err != nil {
			return nil, err
		}
		m := party.Member{ID: party.ID(fmt.Sprintf("s%03d", i)), Key: id.Public()}
		keys[m.ID], list = id, append(list, m)
	}
	var err error
	if s.roster, err = party.NewRoster(list); err != nil {
		return nil, err
	}
	s.charter = secagg.Charter{Version: "bench", Roster: s.roster.Digest(), Reveal: reveal, Release: secagg.ReleaseAll, Attempt: 1, Limits: limits}
	cfg := secagg.HubConfig{Charter: s.charter, Roster: s.roster}
	if guests != nil {
		if cfg.Guests, err = guests(s.roster); err != nil {
			return nil, err
		}
	}
	if s.hub, err = secagg.NewHub(cfg); err != nil {
		return nil, err
	}
	for _, m := range s.roster.Members() {
		s.configs = append(s.configs, secagg.Config{Charter: s.charter, Roster: s.roster, ID: m.ID, Identity: keys[m.ID], Rand: rand.Reader, Journal: new(secagg.MemoryJournal)})
	}
	return s, nil
}

// setUp agrees on keys.
func (s *star) setUp() (err error) {
	s.sessions, err = play(s, func(i int) (round.Machine[*secagg.Session], error) { return secagg.NewMember(s.configs[i]) })
	return err
}

// play lets every member do the machine it makes, and returns what each got.
func play[R any](s *star, machine func(member int) (round.Machine[R], error)) ([]R, error) {
	runtime.LockOSThread() // its clock is read around every call
	defer runtime.UnlockOSThread()
	var queue []round.Message
	call := func(i int, heard wireformat.Type, f func() ([]round.Message, error)) error {
		began := threadTime()
		out, err := f()
		took := threadTime() - began
		s.spent[i].cpu += took
		if s.watch != nil {
			s.watch(i, heard, took)
		}
		for _, m := range out {
			s.spent[i].up += int64(len(m.Body))
			queue = append(queue, m)
		}
		if i == 0 && len(out) > 0 {
			s.trips++
		}
		return err
	}
	hub := len(s.spent) - 1
	machines, results := make([]round.Machine[R], hub), make([]R, hub)
	over := make([]bool, hub)
	step := func(i int, heard wireformat.Type, f func() ([]round.Message, error)) error {
		err := call(i, heard, f)
		results[i], over[i] = machines[i].Result()
		return err
	}
	for i := range machines {
		err := call(i, wireformat.Type_NONE, func() (_ []round.Message, err error) {
			machines[i], err = machine(i)
			return nil, err
		})
		if err == nil {
			err = step(i, wireformat.Type_NONE, machines[i].Start)
		}
		if err != nil {
			return nil, err
		}
		queue, s.held[i] = append(queue, s.held[i]...), nil
	}
	for len(queue) > 0 {
		m := queue[0]
		queue[0] = round.Message{}
		queue = queue[1:]
		i := hub
		if m.To != party.Hub {
			i = s.roster.Index(m.To)
		}
		if i < hub && over[i] { // it waits for the member's next machine, as on a link
			s.held[i] = append(s.held[i], m)
			continue
		}
		s.spent[i].down += int64(len(m.Body))
		heard, err := wireformat.Peek(m.Body)
		if err != nil {
			return nil, err
		}
		if i == hub {
			err = call(i, heard, func() ([]round.Message, error) { return s.hub.Receive(m) })
		} else {
			err = step(i, heard, func() ([]round.Message, error) { return machines[i].Receive(m) })
		}
		if err != nil {
			return nil, err
		}
	}
	for i, done := range over {
		if !done {
			return nil, fmt.Errorf("bench: member %d has no result", i)
		}
	}
	return results, nil
}

// sum is one masked sum of the members' terms; number tells it from the session's others.
func (s *star) sum(number int, terms []secagg.Vector) (secagg.Vector, error) {
	totals, err := play(s, func(i int) (round.Machine[secagg.Total], error) {
		return s.sessions[i].Sum(secagg.Ask{Digest: party.Hash("bench", fmt.Append(nil, number)), Cells: len(terms[i])}, terms[i])
	})
	if err != nil {
		return nil, err
	}
	for _, t := range totals[1:] {
		if t.Sum[0] != totals[0].Sum[0] {
			return nil, errors.New("bench: members have different totals")
		}
	}
	return totals[0].Sum, nil
}

// sample is what was spent since the last one.
func (s *star) sample() *Sample {
	x := &Sample{Rounds: s.trips}
	for i, p := range s.spent {
		id := hubName
		if i < s.roster.Len() {
			id = string(s.roster.At(i).ID)
		}
		x.Parties = append(x.Parties, Party{ID: id, CPU: p.cpu.Seconds(), BytesUp: p.up, Down: p.down})
	}
	clear(s.spent)
	s.trips = 0
	return x
}
