package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
)

// served is a gateway alone with a test that plays the hub.
type served struct {
	*town
	gateway *engine.Gateway
	hub     engine.Channel
	others  map[party.ID][]byte // decisions of all hospitals about run
	sub     *control.Submission
}

// serve submits a study to basel and gathers what all hospitals' approvals would be.
func serve(t *testing.T, policy engine.Policy) *served {
	t.Helper()
	w := newTown(t)
	w.policy["basel"] = policy
	s := &served{town: w, gateway: w.newGateway("basel"), others: map[party.ID][]byte{}}
	var err error
	if s.hub, err = w.network(party.Hub)(engine.ControlChannel, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.hub.Close)
	w.live(s.gateway.Run)
	s.sub = s.submission(smallStudy, func(*[32]byte) {})
	for _, id := range hospitals {
		s.others[id] = s.approval(id, func(*store.Decision) {})
	}
	return s
}

func (s *served) submission(text string, change func(plan *[32]byte)) *control.Submission {
	s.t.Helper()
	spec, err := study.Parse("study.yaml", []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	digest := engine.PlanDigest(s.t, spec)
	change(&digest)
	sub, err := control.Submit(control.Author{ID: "ana", Identity: s.analyst}, digest, spec.Name, engine.Version, []byte(text), time.Now(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return sub
}

func (s *served) approval(id party.ID, change func(*store.Decision)) []byte {
	s.t.Helper()
	d := store.Decision{Study: s.sub.Study, Plan: s.sub.Plan, Roster: s.roster.Digest(), Member: id, Approve: true, Made: time.Now(),
		Analyst: s.analyst.Public().Digest(), Runs: 1, Expires: time.Now().Add(time.Hour)}
	change(&d)
	if err := d.Sign(s.identities[id]); err != nil {
		s.t.Fatal(err)
	}
	b, err := control.Decide(control.Author{ID: id, Identity: s.identities[id]}, s.sub.Run, d)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *served) say(b []byte) {
	s.t.Helper()
	if err := s.hub.Send(context.Background(), "basel", b); err != nil {
		s.t.Fatal(err)
	}
}

// hear waits for the gateway's notice of a kind.
func (s *served) hear(act control.Act) *control.Notice {
	s.t.Helper()
	ctx, cancel := patience()
	defer cancel()
	for {
		_, b, err := s.hub.Receive(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		n, err := control.Read(b)
		if err != nil {
			s.t.Fatal(err)
		}
		if n.Act == act {
			return n
		}
	}
}

// settle makes the gateway answer, so that it has taken everything said before.
func (s *served) settle() {
	s.t.Helper()
	text := strings.Replace(smallStudy, "study: five", "study: settle", 1)
	sub := s.submission(text, func(*[32]byte) {})
	s.say(sub.Bytes)
	s.until(func() bool {
		_, err := s.gateway.Study(sub.Run)
		return err == nil
	})
}

func TestForgedSubmissionIsNoStudy(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		s := serve(t, engine.Policy{})
		for name, b := range map[string][]byte{
			"another plan digest":   s.submission(smallStudy, func(plan *[32]byte) { plan[0] ^= 1 }).Bytes,
			"not for this hospital": s.submission(strings.Replace(smallStudy, "basel: {csv: x}, ", "", 1), func(*[32]byte) {}).Bytes,
			"a bit of the study changed": func() []byte {
				b := bytes.Clone(s.sub.Bytes)
				b[bytes.Index(b, []byte("110"))] ^= 1
				return b
			}(),
			"a signature changed": func() []byte {
				b := bytes.Clone(s.sub.Bytes)
				b[len(b)-1] ^= 1
				return b
			}(),
			"trailing byte": append(bytes.Clone(s.sub.Bytes), 0),
			"another analyst": func() []byte {
				other, err := control.Submit(control.Author{ID: "ana", Identity: someone(t)}, s.sub.Plan, s.sub.Study, engine.Version, s.sub.Text, time.Now(), rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				return other.Bytes
			}(),
		} {
			s.say(b)
			s.settleOnce(name)
		}
	})
}

// settleOnce checks that the gateway knows of no study but those it was settled with.
func (s *served) settleOnce(name string) {
	s.t.Helper()
	s.settle()
	for _, q := range s.gateway.Studies() {
		if q.Study != "settle" {
			s.t.Fatalf("%s: the gateway took the study", name)
		}
	}
}

// Whatever the hub makes of decisions, an attempt begins only under one true,
// present approval of every member.
func TestForgedProposalIsNoAttempt(t *testing.T) {
	t.Parallel()
	all := func(s *served) map[party.ID][]byte { return s.others }
	with := func(id party.ID, make func(s *served) []byte) func(*served) map[party.ID][]byte {
		return func(s *served) map[party.ID][]byte {
			m := map[party.ID][]byte{}
			for k, v := range s.others {
				m[k] = v
			}
			m[id] = make(s)
			return m
		}
	}
	changed := func(change func(*store.Decision)) func(*served) map[party.ID][]byte {
		return with("egg", func(s *served) []byte { return s.approval("egg", change) })
	}
	for _, tc := range []struct {
		name      string
		members   []party.ID
		decisions func(*served) map[party.ID][]byte
		closings  [][]byte
		begins    bool
	}{
		{"as it must be", hospitals, all, nil, true},
		{"without this hospital", []party.ID{"aarau", "chur", "davos", "egg"}, all, nil, false},
		{"fewer than min_sites", []party.ID{"aarau", "basel"}, all, nil, false},
		{"out of order", []party.ID{"basel", "aarau", "chur", "davos", "egg"}, all, nil, false},
		{"one twice", []party.ID{"aarau", "aarau", "basel", "chur", "davos"}, all, nil, false},
		{"a stranger", []party.ID{"aarau", "basel", "chur", "zug"}, with("zug", func(s *served) []byte { return s.others["egg"] }), nil, false},
		{"one decision in another's place", hospitals, with("egg", func(s *served) []byte { return s.others["davos"] }), nil, false},
		{"a decision with a changed bit", hospitals, with("egg", func(s *served) []byte {
			b := bytes.Clone(s.others["egg"])
			b[len(b)/2] ^= 1
			return b
		}), nil, false},
		{"no decision", hospitals, with("egg", func(*served) []byte { return nil }), nil, false},
		{"a refusal", hospitals, changed(func(d *store.Decision) {
			*d = store.Decision{Study: d.Study, Plan: d.Plan, Roster: d.Roster, Member: d.Member, Made: d.Made, Why: "no"}
		}), nil, false},
		{"expired", hospitals, changed(func(d *store.Decision) { d.Made, d.Expires = d.Made.Add(-2*time.Hour), d.Made.Add(-time.Hour) }), nil, false},
		{"of another plan", hospitals, changed(func(d *store.Decision) { d.Plan[0] ^= 1 }), nil, false},
		{"of another roster", hospitals, changed(func(d *store.Decision) { d.Roster[0] ^= 1 }), nil, false},
		{"of another analyst", hospitals, changed(func(d *store.Decision) { d.Analyst[0] ^= 1 }), nil, false},
		{"of no analysis of the plan", hospitals, changed(func(d *store.Decision) { d.Analyses = []string{"other"} }), nil, false},
		{"of one column", hospitals, changed(func(d *store.Decision) { d.Columns = []string{"age"} }), nil, false},
		{"a first attempt with closings", hospitals, all, [][]byte{[]byte("x")}, false},
	} {
		story(t, tc.name, func(t *testing.T) {
			s := serve(t, engine.Policy{ApproveKinds: []string{"describe"}})
			s.say(s.sub.Bytes)
			s.others["basel"] = s.hear(control.Decides).Bytes
			p, err := control.Propose(control.Author{ID: party.Hub}, s.sub.Plan, s.sub.Run, 1, tc.members, tc.decisions(s), tc.closings)
			if err != nil && (p != nil || tc.begins) {
				t.Fatal(err)
			}
			if p == nil { // what cannot be made cannot be read either
				return
			}
			s.say(p.Bytes)
			s.settle()
			if q, _ := s.gateway.Study(s.sub.Run); (q.Attempt == 1) != tc.begins {
				t.Errorf("attempt %d, stage %v", q.Attempt, q.Stage)
			}
		})
	}
}

// What was approved and then refused is not approved by showing the approval again.
func TestReplayedApprovalDoesNotUndoARefusal(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		s := serve(t, engine.Policy{ApproveKinds: []string{"describe"}})
		s.say(s.sub.Bytes)
		before := s.hear(control.Decides)
		if err := s.gateway.Refuse(s.sub.Run, "second thoughts"); err != nil {
			t.Fatal(err)
		}
		s.others["basel"] = before.Bytes
		p, err := control.Propose(control.Author{ID: party.Hub}, s.sub.Plan, s.sub.Run, 1, hospitals, s.others, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.say(p.Bytes)
		s.settle()
		if q, _ := s.gateway.Study(s.sub.Run); q.Attempt != 0 || q.Decision.Approve {
			t.Errorf("an attempt began under an approval that was taken back")
		}
	})
}

// A hub that changes, drops and repeats control messages can delay a study, and nothing else.
func TestHubThatTampersChangesNoResult(t *testing.T) {
	t.Parallel()
	want := tidy(t, simulated(t, smallStudy, hospitals...))
	for name, change := range map[string]func(n int64, b []byte) [][]byte{
		"a bit of every third": func(n int64, b []byte) [][]byte {
			if n%3 == 0 {
				b = bytes.Clone(b)
				b[int(n*7919)%len(b)] ^= 1 << (n % 8)
			}
			return [][]byte{b}
		},
		"every second twice":   func(n int64, b []byte) [][]byte { return slices.Repeat([][]byte{b}, 1+int(n%2)) },
		"a changed copy first": func(n int64, b []byte) [][]byte { c := bytes.Clone(b); c[len(c)/3] ^= 4; return [][]byte{c, b} },
	} {
		story(t, name, func(t *testing.T) {
			w := newTown(t)
			w.hub.Deadline, w.hub.Attempts = time.Second, 50
			var n atomic.Int64
			var limit atomic.Int64
			limit.Store(60) // it tires, or nothing would ever end
			inner := w.network
			w.network = func(self party.ID) engine.Network {
				if self != party.Hub {
					return inner(self)
				}
				return between{send: func(channel string, _ uint32, _ party.ID, b []byte) [][]byte {
					if channel != engine.ControlChannel || n.Load() > limit.Load() {
						return [][]byte{b}
					}
					return change(n.Add(1), b)
				}}.network(inner(self))
			}
			for _, id := range hospitals {
				w.live(w.newGateway(id).Run)
			}
			w.live(w.newHub().Run)
			a := w.newAnalyst()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			run, err := a.Submit(ctx, []byte(smallStudy))
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if err == nil {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				if r, err := a.Fetch(ctx, run); err == nil {
					equal(t, tidy(t, r), want)
				} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, engine.ErrOver) && !errors.Is(err, engine.ErrUnknownRun) {
					t.Error(err)
				}
			}
		})
	}
}

// The analyst takes no report that a hospital did not sign, or that another one contradicts.
func TestForgedReportIsNoResult(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		inner := w.network
		var mu sync.Mutex
		kept := map[party.ID][]byte{}
		w.all()
		a := w.newAnalyst()
		run := w.submit(a, smallStudy)
		w.network = func(self party.ID) engine.Network {
			return between{receive: only(control.Delivers, func(n *control.Notice) [][]byte {
				mu.Lock()
				defer mu.Unlock()
				kept[n.Sender] = n.Bytes
				forged := bytes.Clone(n.Bytes)
				forged[len(forged)/2] ^= 1
				return [][]byte{forged, n.Bytes}
			})}.network(inner(self))
		}
		equal(t, tidy(t, w.fetch(w.newAnalyst(), run)), tidy(t, simulated(t, smallStudy, hospitals...)))
		o, err := readOutcome(w, kept["egg"])
		if err != nil {
			t.Fatal(err)
		}
		o.Report = bytes.Replace(o.Report, []byte(`"Float":`), []byte(`"Float":1`), 1)
		n, _ := control.Read(kept["egg"])
		lie, err := control.Deliver(control.Author{ID: "egg", Identity: w.identities["egg"]}, n.Plan, n.Run, *o, w.analyst.Public(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		w.network = func(self party.ID) engine.Network {
			return between{receive: only(control.Delivers, func(n *control.Notice) [][]byte {
				if n.Sender == "egg" {
					return [][]byte{lie}
				}
				return [][]byte{n.Bytes}
			})}.network(inner(self))
		}
		ctx, cancel := patience()
		defer cancel()
		if _, err := w.newAnalyst().Fetch(ctx, run); !errors.Is(err, engine.ErrDisagree) {
			t.Errorf("got %v, want hospitals that disagree", err)
		}
	})
}

func readOutcome(w *town, b []byte) (*control.Outcome, error) {
	n, err := control.Read(b)
	if err != nil {
		return nil, err
	}
	return control.ReadOutcome(n, w.identities[n.Sender].Public(), w.analyst)
}

// A steward who decides again while an attempt is being proposed does not stop the study: the attempt is closed, so that another can follow.
func TestAttemptUnderAnOlderDecisionIsClosed(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		s := serve(t, engine.Policy{ApproveKinds: []string{"describe"}})
		s.say(s.sub.Bytes)
		before := s.hear(control.Decides)
		if err := s.gateway.Approve(s.sub.Run, engine.Scope{}); err != nil {
			t.Fatal(err)
		}
		after := s.hear(control.Decides)
		s.others["basel"] = before.Bytes
		p, err := control.Propose(control.Author{ID: party.Hub}, s.sub.Plan, s.sub.Run, 1, hospitals, s.others, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.say(p.Bytes)
		n := s.hear(control.Leaves)
		l, err := control.ReadLeaving(n, s.roster.At(s.roster.Index("basel")).Key)
		if err != nil || l.Attempt != 1 || len(l.Closing) == 0 {
			t.Fatalf("left attempt %d with a closing record of %d bytes: %v", l.Attempt, len(l.Closing), err)
		}
		s.others["basel"] = after.Bytes
		next, err := control.Propose(control.Author{ID: party.Hub}, s.sub.Plan, s.sub.Run, 2, hospitals, s.others, [][]byte{l.Closing})
		if err != nil {
			t.Fatal(err)
		}
		s.say(next.Bytes)
		s.until(func() bool {
			q, _ := s.gateway.Study(s.sub.Run)
			return q.Attempt == 2
		})
	})
}
