package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// meddler is what a test may do to messages: it returns what arrives instead.
type meddler struct {
	mu     sync.Mutex
	meddle func(m *letter) [][]byte
	count  map[string]int // of messages by sender, recipient and type
	done   bool           // meddled
}

// letter is a message on its way.
type letter struct {
	from, to party.ID
	kind     wire.Type
	nth      int // of its kind from this sender to this recipient, from 1
	body     []byte
}

// envelope is the letter decoded.
func (l *letter) envelope() *wire.Envelope {
	e := new(wire.Envelope)
	if err := wire.Decode(l.body, e); err != nil {
		panic(err)
	}
	return e
}

func encoded(m wire.Message) []byte {
	b, err := wire.Encode(m)
	if err != nil {
		panic(err)
	}
	return b
}

type meddled struct {
	transport.Link
	self party.ID
	net  *meddler
}

func (l meddled) Send(ctx context.Context, to party.ID, b []byte) error {
	kind, err := wire.Peek(b)
	if err != nil {
		return err
	}
	l.net.mu.Lock()
	key := fmt.Sprint(l.self, to, kind)
	l.net.count[key]++
	out := l.net.meddle(&letter{l.self, to, kind, l.net.count[key], bytes.Clone(b)})
	l.net.mu.Unlock()
	for _, x := range out {
		if err := l.Link.Send(ctx, to, x); err != nil {
			return err
		}
	}
	return nil
}

// threeHospitals is a small study of a logistic model under encryption.
func threeHospitals() *madeUp {
	m := &madeUp{variables: []string{"y: {type: binary}", "a: {type: number, step: 0.01, min: -5, max: 5}", "b: {type: number, step: 0.01, min: -5, max: 5}"}, header: "y,a,b"}
	r := rand.New(rand.NewPCG(3, 14))
	for range 3 {
		var rows []string
		for range 80 {
			a, b, y := r.NormFloat64(), r.NormFloat64(), 0
			if r.Float64() < 1/(1+1/(1+a*a)) && a+b > -1 || r.Float64() < 0.2 {
				y = 1
			}
			rows = append(rows, fmt.Sprintf("%d,%.2f,%.2f", y, max(-5, min(5, a)), max(-5, min(5, b))))
		}
		m.rows = append(m.rows, rows)
	}
	return m
}

const veiledModel = `kind: logistic, formula: "y ~ a + b", degree: 2, evaluate: {cells: 0}`

// run runs the study over a network; opened counts the sums that were opened and what they opened.
func (n *meddler) run(t *testing.T, m *madeUp, privacy string, analyses ...string) (opened []engine.Opened, err error) {
	t.Helper()
	s := m.spec(t, privacy, analyses)
	n.count = map[string]int{}
	o := engine.InsecureTest(engine.Options{Progress: func(p engine.Progress) { opened = append(opened, p.Opened...) }}, veiledRingOfAttacks)
	o = engine.Through(o, func(id party.ID, l transport.Link) transport.Link { return meddled{l, id, n} })
	o = engine.Patience(o, 3*time.Second)
	_, err = engine.Simulate(t.Context(), s, m.tables(t, s), o)
	return opened, err
}

const veiledRingOfAttacks = 10

// flip changes one bit in the middle of the bulk, or of the body where there is none.
func flip(l *letter) []byte {
	e := l.envelope()
	b := e.Bulk
	if len(b) == 0 {
		b = e.Body
	}
	b[len(b)/2] ^= 4
	return encoded(e)
}

// TestHostileNetworkUnderEncryption: whatever is done to an encrypted study on
// its way, it ends in an error at every party, the culprit is named where it
// can be, and the model is not opened.
func TestHostileNetworkUnderEncryption(t *testing.T) {
	t.Parallel()
	m := threeHospitals()
	var honest []engine.Opened
	t.Run("honest", func(t *testing.T) {
		n := &meddler{meddle: func(l *letter) [][]byte { return [][]byte{l.body} }}
		var err error
		if honest, err = n.run(t, m, "reveal: model", veiledModel); err != nil {
			t.Fatal(err)
		}
	})
	if len(honest) == 0 {
		t.Fatal("nothing to attack")
	}
	h2, hub := party.ID("h2"), party.Hub
	at := func(from, to party.ID, kind wire.Type, nth int, change func(l *letter) [][]byte) func(*meddler) func(*letter) [][]byte {
		return func(n *meddler) func(*letter) [][]byte {
			return func(l *letter) [][]byte {
				if l.from == from && l.to == to && l.kind == kind && l.nth == nth {
					n.done = true
					return change(l)
				}
				return [][]byte{l.body}
			}
		}
	}
	one := func(f func(*letter) []byte) func(*letter) [][]byte {
		return func(l *letter) [][]byte { return [][]byte{f(l)} }
	}
	none := func(*letter) [][]byte { return nil }
	type story struct {
		name   string
		meddle func(*meddler) func(*letter) [][]byte
		want   string // in the error
	}
	var stories []story
	for _, nth := range []int{1, 2, 4, 9} {
		stories = append(stories,
			story{fmt.Sprintf("a vow of h2 is changed (%d)", nth), at(h2, hub, wire.Type_VOW, nth, one(flip)), ""},
			story{fmt.Sprintf("a share of h2 is changed (%d)", nth), at(h2, hub, wire.Type_SHARE, nth, one(flip)), "h2"},
			story{fmt.Sprintf("the vows for h2 are changed (%d)", nth), at(hub, h2, wire.Type_VOWS, nth, one(flip)), ""},
			story{fmt.Sprintf("a sum for h2 is changed (%d)", nth), at(hub, h2, wire.Type_FOLDED, nth, one(flip)), ""},
			story{fmt.Sprintf("h2's vow is lost (%d)", nth), at(h2, hub, wire.Type_VOW, nth, none), "h2"},
			story{fmt.Sprintf("h2's share is lost (%d)", nth), at(h2, hub, wire.Type_SHARE, nth, none), "h2"},
			story{fmt.Sprintf("a sum for h2 is lost (%d)", nth), at(hub, h2, wire.Type_FOLDED, nth, none), ""},
		)
	}
	stories = append(stories,
		story{"a share of h2 is too short", at(h2, hub, wire.Type_SHARE, 3, one(func(l *letter) []byte {
			e := l.envelope()
			e.Bulk = e.Bulk[:len(e.Bulk)-8]
			return encoded(e)
		})), "h2"},
		story{"a share of h2 is for another step", at(h2, hub, wire.Type_SHARE, 5, one(func(l *letter) []byte {
			e := l.envelope()
			e.Sequence++
			return encoded(e)
		})), ""},
		story{"h2's share is that of the step before", func(n *meddler) func(*letter) [][]byte {
			var before []byte
			return func(l *letter) [][]byte {
				if l.from == h2 && l.kind == wire.Type_SHARE {
					if l.nth == 6 {
						n.done = true
						return [][]byte{before}
					}
					before = l.body
				}
				return [][]byte{l.body}
			}
		}, ""},
		story{"the hub hands everyone the sum of the step before", func(n *meddler) func(*letter) [][]byte {
			before := map[party.ID]*wire.Envelope{}
			return func(l *letter) [][]byte {
				if l.kind != wire.Type_FOLDED {
					return [][]byte{l.body}
				}
				e := l.envelope()
				old := before[l.to]
				before[l.to] = e
				if l.nth == 8 { // of the same shape as the one before
					n.done = true
					swapped := l.envelope()
					swapped.Body, swapped.Bulk = old.Body, old.Bulk
					return [][]byte{encoded(swapped)}
				}
				return [][]byte{l.body}
			}
		}, ""},
		story{"the hub hands h1 and h2 sums of different steps", at(hub, h2, wire.Type_FOLDED, 7, one(func(l *letter) []byte {
			e := l.envelope()
			e.Sequence--
			return encoded(e)
		})), ""},
		story{"a message of h2 is said by h3", func(n *meddler) func(*letter) [][]byte {
			return func(l *letter) [][]byte {
				if l.from == "h3" && l.kind == wire.Type_VOW && l.nth == 4 {
					n.done = true
					e := l.envelope()
					e.Sender = "h2"
					return [][]byte{encoded(e)}
				}
				return [][]byte{l.body}
			}
		}, "h3"},
	)
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			unhurried(t, func(t *testing.T) {
				n := &meddler{}
				n.meddle = s.meddle(n)
				opened, err := n.run(t, m, "reveal: model", veiledModel)
				if !n.done {
					t.Fatal("the message was never sent")
				}
				if err == nil {
					t.Fatal("the study came to a result")
				}
				if !strings.Contains(err.Error(), s.want) {
					t.Errorf("got %v, want %q named", err, s.want)
				}
				for _, o := range opened {
					if o.Analysis == "a0" && o.Opening >= modelOpening(honest) {
						t.Errorf("opening %d was opened although the run was attacked", o.Opening)
					}
				}
			})
		})
	}
}

// modelOpening is the number of the last opening before the final step: the model's.
func modelOpening(honest []engine.Opened) (last int) {
	var order []int
	for _, o := range honest {
		if o.Analysis == "a0" {
			order = append(order, o.Opening)
		}
	}
	return order[len(order)-2]
}

// TestRepeatedMessagesChangeNothing sends everything under encryption twice.
func TestRepeatedMessagesChangeNothing(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		n := &meddler{meddle: func(l *letter) [][]byte { return [][]byte{l.body, l.body} }}
		if _, err := n.run(t, threeHospitals(), "reveal: model", veiledModel); err != nil {
			t.Error(err)
		}
	})
}

// TestRunawaySolveIsARefusal: where the solve of one model runs away, its corrections exceed every bound. That
// blames nobody: the model is refused by name, and others of the study have their results.
func TestRunawaySolveIsARefusal(t *testing.T) {
	t.Parallel()
	m := threeHospitals()
	runsAway := `kind: logistic, formula: "y ~ a + offset(50 * b)", degree: 2, evaluate: {cells: 0}` // decides every outcome, mostly wrongly
	s := m.spec(t, "reveal: model", []string{runsAway, veiledModel})
	r, err := engine.Simulate(t.Context(), s, m.tables(t, s), engine.InsecureTest(engine.Options{}, veiledRingOfAttacks))
	if err != nil {
		t.Fatal(err)
	}
	if x := r.Analyses[0].Refused; x == nil || x.Rule != "unconverged" {
		t.Errorf("the model that runs away: refused is %v, want unconverged", x)
	}
	if x := r.Analyses[1]; x.Refused != nil || x.Frame == nil {
		t.Errorf("the model beside it: refused is %v", x.Refused)
	}
}

// One that leaves the range of the ring before anything is opened ends the study, and says what to do.
func TestSolveBeyondTheRingSaysWhatToDo(t *testing.T) {
	t.Parallel()
	m := threeHospitals()
	s := m.spec(t, "reveal: model", []string{`kind: logistic, formula: "y ~ a + offset(1000 * b)", degree: 3, evaluate: {cells: 0}`})
	_, err := engine.Simulate(t.Context(), s, m.tables(t, s), engine.InsecureTest(engine.Options{}, veiledRingOfAttacks))
	if err == nil || !strings.Contains(err.Error(), "ran away") || !strings.Contains(err.Error(), "reveal: sums") {
		t.Errorf("got %v", err)
	}
}
