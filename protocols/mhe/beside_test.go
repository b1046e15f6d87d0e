package mhe

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// A study in which both protocols take part, each member at its own pace as a
// gateway drives it: a sum, keys, an encrypted square, its opening through a
// second sum, closing. Steps are numbered 1 the coin, 2 and 3 the relinearisation
// key, 4 the input, 5 the refresh, 6 the opening.

// act is one machine of a member, begun when the one before is done.
type act func() (round.Machine[any], error)

// untyped is a machine whose result is taken by a function.
type untyped[R any] struct {
	round.Machine[R]
	take func(R)
	got  any
}

func (u *untyped[R]) Result() (any, bool) {
	r, ok := u.Machine.Result()
	if ok && u.got == nil {
		u.got = true
		u.take(r)
	}
	return u.got, ok
}

func acting[R any](begin func() (round.Machine[R], error), take func(R)) act {
	return func() (round.Machine[any], error) {
		m, err := begin()
		if err != nil {
			return nil, err
		}
		return &untyped[R]{Machine: m, take: take}, nil
	}
}

// fate is how a member's study ended.
type fate struct {
	err     error
	count   secagg.Vector
	opened  []float64
	opening *Opening
	record  secagg.Record
}

// count is the ask of the first sum, shown to members where there is a reader.
func (w *world) count() secagg.Ask {
	return secagg.Ask{Digest: party.Hash("count"), Cells: 64, Shown: w.charter.Release == secagg.ReleaseAnalyst}
}

var square = secagg.Ask{Digest: party.Hash("square"), Cells: 1}

// acts is the study of member i; its input is 1.
func (w *world) acts(i int, f *fate) []act {
	s, setup := w.sessions[i], w.setups[i]
	var in []*Ciphertext
	var value *Retained
	var open *Opening
	sum := func(ask secagg.Ask, x func() secagg.Vector) func() (round.Machine[secagg.Total], error) {
		return func() (round.Machine[secagg.Total], error) { return setup.Sum(ask, x()) }
	}
	return []act{
		acting(sum(w.count(), func() secagg.Vector {
			x := make(secagg.Vector, 64)
			x[0] = [2]uint64{5, 0}
			return x
		}), func(total secagg.Total) { f.count = total.Sum }),
		acting(s.Keys, func(struct{}) {}),
		acting(func() (round.Machine[[]*Ciphertext], error) {
			return s.Input([]Plain{w.params.plain("x", 8, 8, 1)})
		}, func(c []*Ciphertext) { in = c }),
		acting(func() (round.Machine[Refreshed], error) {
			c, err := s.Product([2]*Ciphertext{in[0], in[0]})
			if err != nil {
				return nil, err
			}
			return s.Refresh(c, true)
		}, func(r Refreshed) { value = r.Value }),
		acting(func() (round.Machine[*Opening], error) { return s.Open("square", value, []int{0}) }, func(o *Opening) { open = o }),
		acting(sum(square, func() secagg.Vector { return open.Terms }), func(total secagg.Total) {
			if f.opening = open; total.Sum != nil {
				f.opened, f.err = open.Read(total.Sum)
			}
		}),
	}
}

// live plays everybody's study. When nothing moves any more, the time of the hub
// runs out, then that of whoever still waits. Then all close.
func (w *world) live(acts func(i int, f *fate) []act) []*fate {
	w.t.Helper()
	fates, all := make([]*fate, len(w.sessions)), map[party.ID]round.Machine[any]{}
	for i := range w.sessions {
		fates[i] = &fate{}
		var list []func() (round.Machine[any], error)
		for _, a := range acts(i, fates[i]) {
			list = append(list, a)
		}
		m, err := sequence(list...)
		if err != nil {
			w.t.Fatal(err)
		}
		all[w.roster.At(i).ID] = m
	}
	spend(w, all)
	closers := map[party.ID]round.Machine[secagg.Record]{}
	for i, f := range fates {
		f.err = errors.Join(f.err, w.err[i])
		if w.err[i] = nil; f.err == nil {
			if _, done := all[w.roster.At(i).ID].Result(); !done {
				w.t.Errorf("member %d waits for ever", i)
			}
		}
		closers[w.roster.At(i).ID] = w.setups[i].Close(round.CodeOf(f.err))
	}
	spend(w, closers)
	for i, f := range fates {
		r, ok := closers[w.roster.At(i).ID].Result()
		if !ok || w.err[i] != nil {
			w.t.Errorf("member %d cannot close: %v", i, w.err[i])
		}
		f.record = r
		w.mustBeBurnt(i)
	}
	if _, done := w.hub.Result(); !done {
		w.t.Error("the hub waits for ever")
	}
	return fates
}

// spend plays machines to their end: what comes in time, then what the hub says
// when its time is over, then what the members do when theirs is.
func spend[R any](w *world, all map[party.ID]round.Machine[R]) {
	w.t.Helper()
	waiting := func() map[party.ID]round.Machine[R] {
		out := map[party.ID]round.Machine[R]{}
		for id, m := range all {
			if _, done := m.Result(); !done && w.err[w.roster.Index(id)] == nil {
				out[id] = m
			}
		}
		return out
	}
	play(w, all, round.Machine[R].Start)
	if len(waiting()) == 0 {
		return
	}
	out, err := w.hub.Expire()
	if err != nil {
		w.t.Errorf("the hub failed: %v", err)
	}
	for _, m := range out {
		i := w.roster.Index(m.To)
		w.held[i] = append(w.held[i], m)
	}
	play(w, waiting(), func(round.Machine[R]) ([]round.Message, error) { return nil, nil })
	play(w, waiting(), round.Machine[R].Expire)
}

func TestBothProtocolsInOneAttempt(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 3, withRegistry(t, p, 3))
	for i, f := range w.live(w.acts) {
		if f.err != nil || len(f.opened) != 1 || math.Abs(f.opened[0]-9) > 1e-9 {
			t.Errorf("member %d opened %v, want 9: %v", i, f.opened, f.err)
		}
		if len(f.record.Closings) != 3 {
			t.Errorf("member %d has %d closings", i, len(f.record.Closings))
		}
	}
	s, _ := w.hub.Result()
	if s.Failure != nil || s.Sums != 2 || s.Steps != 6 || s.Dropped > 0 {
		t.Errorf("hub: %d sums, %d steps, %d dropped, %v", s.Sums, s.Steps, s.Dropped, s.Failure)
	}
}

// With a reader: the members know the count, which is shown, and not what was
// opened; the reader knows both.
func TestOpeningForTheReaderAlone(t *testing.T) {
	p := InsecureTest(4)
	reader, err := party.NewIdentity(seeded(99))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldFor(t, reader, p, 3, withRegistry(t, p, 3))
	fates := w.live(w.acts)
	for i, f := range fates {
		if f.err != nil || f.opened != nil || f.opening == nil || len(f.count) != 64 || f.count[0] != [2]uint64{15, 0} {
			t.Errorf("member %d opened %v, counts %v: %v", i, f.opened, f.count, f.err)
		}
	}
	s, _ := w.hub.Result()
	if s.Failure != nil || len(s.Packages) != 2 {
		t.Fatalf("the hub has %d packages: %v", len(s.Packages), s.Failure)
	}
	count, err := secagg.OpenAtReader(reader, w.charter, w.roster, w.count(), s.Packages[0])
	if err != nil || count.Sum[0] != [2]uint64{15, 0} {
		t.Errorf("the reader counts %v: %v", count, err)
	}
	total, err := secagg.OpenAtReader(reader, w.charter, w.roster, square, s.Packages[1])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fates[0].opening.Read(total.Sum); err != nil || math.Abs(got[0]-9) > 1e-9 {
		t.Errorf("the reader opens %v, want 9: %v", got, err)
	}
}

// Repetitions and late copies of either protocol's messages, at any time, change nothing.
func TestLateCopiesOfEitherProtocolAreDropped(t *testing.T) {
	p := InsecureTest(4)
	for seed := range uint64(8) {
		d := prototest.Rand(seed, "late")
		w := newWorld(t, p, 3, withRegistry(t, p, 3))
		var past []round.Message
		w.network = func(m round.Message) []round.Message {
			past = append(past, m)
			out := []round.Message{m}
			for range 3 {
				out = append(out, past[d.IntN(len(past))])
			}
			return out
		}
		for i, f := range w.live(w.acts) {
			if f.err != nil || len(f.opened) != 1 || math.Abs(f.opened[0]-9) > 1e-9 {
				t.Errorf("seed %d: member %d opened %v, want 9: %v", seed, i, f.opened, f.err)
			}
		}
		if s, _ := w.hub.Result(); s.Failure != nil || s.Dropped == 0 {
			t.Errorf("seed %d: the hub dropped %d, %v", seed, s.Dropped, s.Failure)
		}
	}
}

// Who has begun a step is not answered about a sum any more; who has not still may lack the answer.
func TestNoSumIsAnsweredInAStep(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 2)
	unlocks := map[party.ID]round.Message{}
	w.network = func(m round.Message) []round.Message {
		e := prototest.Peek(m)
		if e.Type == wire.Type_UNLOCK {
			unlocks[m.From] = m
		}
		if e.Type == wire.Type_VOW && m.From == "m01" {
			return nil
		}
		return []round.Message{m}
	}
	w.sum(1, func(int) secagg.Vector { return make(secagg.Vector, 3) }, party.Hash("ask"))
	run(w, keys)
	for id, want := range map[party.ID]int{"m00": 0, "m01": 1} {
		out, err := w.hub.Receive(unlocks[id])
		if err != nil || len(out) != want {
			t.Errorf("%s repeats its unlock and gets %d answers, want %d: %v", id, len(out), want, err)
		}
	}
}

// One bit of one message, wherever: nobody opens anything wrong, everybody ends,
// no key is left, and who sent what the hub cannot read is named.
func TestAnyChangedBitEndsTheAttempt(t *testing.T) {
	p := InsecureTest(4)
	d := prototest.Rand(1, "bits")
	for range changedBits {
		w := newWorld(t, p, 2, withRegistry(t, p, 2))
		n, percent, seen := d.IntN(40), d.IntN(100), 0 // of 2 x 2 x (2 sums x 2 + 5 steps x 2 + 1)
		var changed round.Message
		w.network = func(m round.Message) []round.Message {
			if seen++; seen == n+1 {
				changed = m
				m = prototest.Flip(m, percent)
			}
			return []round.Message{m}
		}
		fates := w.live(w.acts)
		what := fmt.Sprintf("%s, at %d%%", prototest.Line(changed, false), percent)
		s, _ := w.hub.Result()
		if s.Failure == nil {
			t.Errorf("%s: the change was not noticed", what)
			continue
		}
		for i, f := range fates {
			if f.err == nil && prototest.Peek(changed).Type != wire.Type_CLOSE {
				t.Errorf("%s: member %d went on to the end", what, i)
			}
			if f.opened != nil && math.Abs(f.opened[0]-4) > 1e-9 {
				t.Errorf("%s: member %d opened %v", what, i, f.opened)
			}
		}
		// A tag for a peer is that peer's to judge; a message for another attempt, as it then says, was never sent.
		var b *round.Blame
		var few *round.TooFew
		named := errors.As(s.Failure, &b) && b.Who == changed.From || errors.As(s.Failure, &few) && slices.Equal(few.Missing, []party.ID{changed.From})
		if changed.To == party.Hub && !named && !strings.Contains(s.Failure.Error(), "closed with code TAG") {
			t.Errorf("%s: the hub says %v, want %s to be blamed", what, s.Failure, changed.From)
		}
	}
}

// A member that falls silent in the middle of a step is named, and what it says later is nobody's business.
func TestLateMemberIsNamed(t *testing.T) {
	p := InsecureTest(4)
	for _, at := range []round.Place{{Kind: wire.Type_VOW, Sequence: 2}, {Kind: wire.Type_SHARE, Sequence: 4}, {Kind: wire.Type_VOW, Sequence: 6}, {Kind: wire.Type_UNLOCK, Sequence: 2}} {
		w := newWorld(t, p, 3, withRegistry(t, p, 3))
		var late []round.Message
		w.network = func(m round.Message) []round.Message {
			e := prototest.Peek(m)
			if m.From == "m02" && e.Type == at.Kind && e.Sequence == at.Sequence {
				late = append(late, m)
				return nil
			}
			if e.Type == wire.Type_STOP && late != nil {
				out := append(late, m)
				late = nil
				return out
			}
			return []round.Message{m}
		}
		fates := w.live(w.acts)
		s, _ := w.hub.Result()
		var few *round.TooFew
		if !errors.As(s.Failure, &few) || !slices.Equal(few.Missing, []party.ID{"m02"}) {
			t.Errorf("%v: the hub says %v, want to miss m02", at, s.Failure)
		}
		for i, f := range fates {
			if round.CodeOf(f.err) != wire.Code_PEER || f.opened != nil || len(f.record.Closings) != 3 {
				t.Errorf("%v: member %d: %v, opened %v, closings %d", at, i, f.err, f.opened, len(f.record.Closings))
			}
		}
	}
}

// A member that closes in the middle, even as if it were done, ends the attempt for all, with its reason.
func TestMemberThatClosesInTheMiddleEndsItForAll(t *testing.T) {
	p := InsecureTest(4)
	for after := range 5 {
		for _, code := range []wire.Code{wire.Code_CANCELLED, wire.Code_DONE} {
			who := after % 3 // the first one closes before the others begin what comes next
			w := newWorld(t, p, 3, withRegistry(t, p, 3))
			fates := w.live(func(i int, f *fate) []act {
				list := w.acts(i, f)
				if i == who {
					list = append(list[:after+1:after+1], acting(func() (round.Machine[secagg.Record], error) {
						return w.setups[who].Close(code), nil
					}, func(secagg.Record) {}))
				}
				return list
			})
			s, _ := w.hub.Result()
			if want := fmt.Sprintf("secagg: m%02d closed with code %v", who, code); s.Failure == nil || s.Failure.Error() != want {
				t.Errorf("after %d: the hub says %v, want %s", after, s.Failure, want)
			}
			for i, f := range fates {
				if (i == who) != (f.err == nil) || i != who && (round.CodeOf(f.err) != wire.Code_PEER || len(f.record.Closings) != 3) || f.opened != nil {
					t.Errorf("after %d, %v: member %d: %v, opened %v", after, code, i, f.err, f.opened)
				}
			}
		}
	}
}

// Another aggregate than the hub's reaches the members: of a step, of the sum that
// opens. They cannot tell it from a false claim, so they name nobody; the hub, where it is honest, sees
// an unlock for what it never said. Nothing is opened.
func TestSwappedAggregateEndsTheAttempt(t *testing.T) {
	p := InsecureTest(4)
	folded := inBody(&wire.Folded{}, func(f *wire.Folded) { f.Sum[50] ^= 1 })
	summed := inBody(&wire.Summed{}, func(s *wire.Summed) { s.Vector[17] ^= 1 })
	for _, tc := range []struct {
		name    string
		network func(round.Message) []round.Message
		code    wire.Code
	}{
		{"an input, for all", at(wire.Type_FOLDED, 4, "", folded), wire.Code_FOLD},
		{"an input, for one", at(wire.Type_FOLDED, 4, "m01", folded), wire.Code_STATE},
		{"the opening's sum, for all", at(wire.Type_SUMMED, 2, "", summed), wire.Code_TRANSCRIPT},
		{"the opening's sum, for one", at(wire.Type_SUMMED, 2, "m01", summed), wire.Code_TRANSCRIPT},
		{"the count before, for all", at(wire.Type_SUMMED, 1, "", summed), wire.Code_TRANSCRIPT},
	} {
		w := newWorld(t, p, 3, withRegistry(t, p, 3))
		w.network = func(m round.Message) []round.Message {
			if m.From == party.Hub {
				return tc.network(m)
			}
			return []round.Message{m}
		}
		found := false
		for i, f := range w.live(w.acts) {
			var named *round.Blame
			if f.err == nil || f.opened != nil || errors.As(f.err, &named) && named.Who != party.Hub {
				t.Errorf("%s: member %d: %v, opened %v", tc.name, i, f.err, f.opened)
			}
			found = found || round.CodeOf(f.err) == tc.code
		}
		if s, _ := w.hub.Result(); s.Failure == nil || !found && round.CodeOf(s.Failure) != tc.code {
			t.Errorf("%s: nobody stopped with %v; the hub says %v", tc.name, tc.code, s.Failure)
		}
	}
}

// Members who do not mean the same next thing are stopped at once, not when their time is over.
func TestMembersAtDifferentPointsAreStopped(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 3, withRegistry(t, p, 3))
	fates := w.live(func(i int, f *fate) []act {
		list := w.acts(i, f)
		if i == 2 {
			list = slices.Delete(list, 0, 1) // no count before the keys
		}
		return list
	})
	s, _ := w.hub.Result()
	var abort *round.Abort
	if !errors.As(s.Failure, &abort) || abort.Code != wire.Code_ASK {
		t.Errorf("the hub says %v", s.Failure)
	}
	for i, f := range fates {
		if round.CodeOf(f.err) != wire.Code_PEER {
			t.Errorf("member %d: %v", i, f.err)
		}
	}
}
