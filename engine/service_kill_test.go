package engine_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

const smallStudy = `
study: five
sites: {aarau: {csv: x}, basel: {csv: x}, chur: {csv: x}, davos: {csv: x}, egg: {csv: x}}
variables:
  treated: {type: category, levels: [no, yes]}
  age:     {type: number, integer: true, min: 18, max: 110}
analyses:
  - {id: ages, kind: describe, variables: [age], by: treated}
`

// mortal is a party that dies at the n-th message that it sends or receives,
// just before or after it, and then lives on as another one.
type mortal struct {
	mu    sync.Mutex
	left  int
	die   context.CancelFunc
	died  chan struct{}
	total int
}

func (m *mortal) count() (dead bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total++
	if m.left--; m.left == 0 {
		m.die()
		close(m.died)
	}
	return m.left <= 0
}

// wires makes it die with what it was about to send, or has just received.
func (m *mortal) wires() between {
	return between{
		send: func(_ string, _ uint32, _ party.ID, b []byte) [][]byte {
			if m.count() {
				return nil
			}
			return [][]byte{b}
		},
		receive: func(_ string, _ uint32, _ party.ID, b []byte) [][]byte {
			if m.count() {
				return nil
			}
			return [][]byte{b}
		},
	}
}

// killed runs a study in which one party dies at its n-th message; it reports
// how many there were of the first life.
func killed(t *testing.T, who party.ID, n int, lossy bool, want string) int {
	t.Helper()
	w := newTown(t)
	w.hub.Deadline, w.hub.Attempts = 2*time.Second, 20
	if lossy {
		w.network = (&exchange{places: map[string]*transport.Memory{}}).network
	}
	inner := w.network
	ctx, die := context.WithCancel(context.Background())
	defer die()
	m := &mortal{left: n, die: die, died: make(chan struct{})}
	w.network = func(self party.ID) engine.Network {
		if self == who {
			return m.wires().network(inner(self))
		}
		return inner(self)
	}
	service := func(id party.ID) func(context.Context) error {
		if id == party.Hub {
			return w.newHub().Run
		}
		return w.newGateway(id).Run
	}
	var first func(context.Context) error
	for _, id := range append([]party.ID{party.Hub}, hospitals...) {
		if id == who {
			first = service(id)
		} else {
			w.live(service(id))
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := first(ctx); err != nil {
			t.Error(err)
		}
	}()
	w.network = inner
	a := w.newAnalyst()
	run := make(chan engine.RunID, 1)
	go func() {
		ctx, cancel := patience()
		defer cancel()
		id, err := a.Submit(ctx, []byte(smallStudy))
		if err != nil {
			t.Error(err)
		}
		run <- id
	}()
	var submitted engine.RunID
	select {
	case submitted = <-run:
	case <-m.died:
	}
	if submitted.IsZero() { // died before it was heard: another life
		<-done
		w.live(service(who))
		submitted = <-run
		equal(t, tidy(t, w.fetch(a, submitted)), want)
		return n
	}
	got := make(chan string, 1)
	go func() {
		ctx, cancel := patience()
		defer cancel()
		r, err := a.Fetch(ctx, submitted)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- tidy(t, r)
	}()
	select {
	case <-m.died:
		<-done
		w.live(service(who))
		equal(t, <-got, want)
	case result := <-got:
		equal(t, result, want)
		die()
		<-done
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// dies tells the story of a party that dies, for every stride-th message of a life in which it does not.
func dies(t *testing.T, who party.ID, stride int) {
	t.Parallel()
	want := tidy(t, simulated(t, smallStudy, hospitals...))
	for _, lossy := range []bool{false, true} {
		t.Run(fmt.Sprintf("lossy=%v", lossy), func(t *testing.T) {
			messages := 0
			synctest.Test(t, func(t *testing.T) { messages = killed(t, who, math.MaxInt, lossy, want) })
			for n := 1; n <= messages; n += stride {
				story(t, fmt.Sprint(n), func(t *testing.T) { killed(t, who, n, lossy, want) })
			}
		})
	}
}

// A gateway that dies at any message, and comes back with its store, changes nothing of the result.
func TestGatewayDiesAtEveryMessage(t *testing.T) { dies(t, "chur", killStride) }

func TestHubDiesAtEveryMessage(t *testing.T) { dies(t, party.Hub, 5*killStride) }

// A report that was lost with a hub that died lies in the log behind the word that all is done:
// the analyst asks until it is there, and reads on.
func TestReportBehindTheEndIsFetched(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		inner := w.network
		var once sync.Once
		lost := make(chan struct{})
		w.network = func(self party.ID) engine.Network {
			if self != party.Hub {
				return inner(self)
			}
			return between{send: func(_ string, _ uint32, to party.ID, b []byte) (out [][]byte) {
				out = [][]byte{b}
				if n, err := control.Read(b); err == nil && to == "ana" && n.Act == control.Delivers {
					once.Do(func() {
						out = nil
						close(lost)
					})
				}
				return out
			}}.network(inner(self))
		}
		w.all()
		a := w.newAnalyst()
		run := w.submit(a, smallStudy)
		equal(t, tidy(t, w.fetch(a, run)), tidy(t, simulated(t, smallStudy, hospitals...)))
		select {
		case <-lost:
		default:
			t.Error("no report was lost")
		}
	})
}
