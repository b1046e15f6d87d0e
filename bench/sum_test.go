package bench

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// star is a session of one study with every party in one goroutine, so that
// the time each spends can be told apart.
type star struct {
	hub      *secagg.Hub
	roster   party.Roster
	sessions []*secagg.Session
	up, down []int64         // bytes per member
	busy     []time.Duration // time per member
	hubBusy  time.Duration
}

func newStar(b *testing.B, members, cells int) *star {
	b.Helper()
	s := &star{sessions: make([]*secagg.Session, members), up: make([]int64, members), down: make([]int64, members), busy: make([]time.Duration, members)}
	keys := make(map[party.ID]*party.Identity)
	var list []party.Member
	for i := range members {
		id, err := party.NewIdentity(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		m := party.Member{ID: party.ID(fmt.Sprintf("h%03d", i)), Key: id.Public()}
		keys[m.ID], list = id, append(list, m)
	}
	var err error
	if s.roster, err = party.NewRoster(list); err != nil {
		b.Fatal(err)
	}
	charter := secagg.Charter{Version: "bench", Roster: s.roster.Digest(), Reveal: "sums", Release: secagg.ReleaseAll, Attempt: 1,
		Limits: secagg.Limits{Members: members, Cells: cells}}
	if s.hub, err = secagg.NewHub(secagg.HubConfig{Charter: charter, Roster: s.roster}); err != nil {
		b.Fatal(err)
	}
	machines := make([]round.Machine[*secagg.Session], members)
	for i := range machines {
		id := s.roster.At(i).ID
		machines[i], err = secagg.NewMember(secagg.Config{Charter: charter, Roster: s.roster, ID: id, Identity: keys[id], Rand: rand.Reader, Journal: new(secagg.MemoryJournal)})
		if err != nil {
			b.Fatal(err)
		}
	}
	for i, r := range play(b, s, machines) {
		s.sessions[i] = r
	}
	return s
}

// play drives one machine per member, and the hub, until all have a result.
func play[R any](b *testing.B, s *star, machines []round.Machine[R]) []R {
	b.Helper()
	var toHub []round.Message
	for i, m := range machines {
		out, err := timed(&s.busy[i], m.Start)
		if err != nil {
			b.Fatal(err)
		}
		toHub = append(toHub, out...)
	}
	for len(toHub) > 0 {
		m := toHub[0]
		toHub = toHub[1:]
		s.up[s.roster.Index(m.From)] += int64(len(m.Body))
		down, err := timed(&s.hubBusy, func() ([]round.Message, error) { return s.hub.Receive(m) })
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range down {
			i := s.roster.Index(d.To)
			s.down[i] += int64(len(d.Body))
			out, err := timed(&s.busy[i], func() ([]round.Message, error) { return machines[i].Receive(d) })
			if err != nil {
				b.Fatal(err)
			}
			toHub = append(toHub, out...)
		}
	}
	results := make([]R, len(machines))
	for i, m := range machines {
		r, ok := m.Result()
		if !ok {
			b.Fatalf("member %d has no result", i)
		}
		results[i] = r
	}
	return results
}

func timed(t *time.Duration, f func() ([]round.Message, error)) ([]round.Message, error) {
	start := time.Now()
	out, err := f()
	*t += time.Since(start)
	return out, err
}

// BenchmarkSum is a masked sum of 10,000 cells: what a member sends, receives
// and computes, beside the plain addition of the same vectors.
func BenchmarkSum(b *testing.B) {
	const cells = 10_000
	for _, members := range []int{4, 20, 100} {
		b.Run(fmt.Sprintf("members=%d/cells=%d", members, cells), func(b *testing.B) {
			s := newStar(b, members, cells)
			setupUp, setupBusy := s.up[0], s.busy[0]
			setupDown := s.down[0]
			x := make(secagg.Vector, cells)
			for i := range x {
				x[i] = [2]uint64{uint64(i), 0}
			}
			s.reset()
			b.ResetTimer()
			for n := range b.N {
				machines := make([]round.Machine[secagg.Total], members)
				for i, session := range s.sessions {
					var err error
					if machines[i], err = session.Sum(secagg.Ask{Digest: [32]byte{byte(n)}, Cells: cells}, x); err != nil {
						b.Fatal(err)
					}
				}
				for _, total := range play(b, s, machines) {
					if total.Sum[7][0] != 7*uint64(members) {
						b.Fatalf("cell 7 is %d, want %d", total.Sum[7][0], 7*members)
					}
				}
			}
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric(float64(s.up[0])/n, "bytes-up/member")
			b.ReportMetric(float64(s.down[0])/n, "bytes-down/member")
			b.ReportMetric(float64(s.busy[0].Microseconds())/1000/n, "ms-CPU/member")
			b.ReportMetric(float64(s.hubBusy.Microseconds())/1000/n, "ms-CPU/hub")
			b.ReportMetric(float64(setupUp), "setup-bytes-up/member")
			b.ReportMetric(float64(setupDown), "setup-bytes-down/member")
			b.ReportMetric(float64(setupBusy.Microseconds())/1000, "setup-ms-CPU/member")
			// The bounds that a member's line must carry at most.
			if up := 1.1*16*cells + 8<<10; float64(s.up[0])/n > up {
				b.Errorf("a member sends %d bytes a sum, want at most %.0f", s.up[0]/int64(b.N), up)
			}
			if down := 17*cells + 4<<10*members; s.down[0]/int64(b.N) > int64(down) {
				b.Errorf("a member receives %d bytes a sum, want at most %d", s.down[0]/int64(b.N), down)
			}
		})
	}
}

func (s *star) reset() {
	clear(s.up)
	clear(s.down)
	clear(s.busy)
	s.hubBusy = 0
}
