package main

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// steps is more than the messages that a gateway and the hub exchange in a run of the plain study.
const steps = 70

// scripts, each with what may become of it beside the right result.
var scripts = []script{
	{name: "a gateway dies", before: func(w *town) {
		id := w.any()
		w.when(id, w.rand.IntN(steps), func() { w.dies(id) })
	}},
	{name: "the hub dies", before: func(w *town) {
		w.when(w.any(), w.rand.IntN(steps), func() { w.dies(party.Hub) })
	}},
	{name: "a gateway and the hub die", before: func(w *town) {
		id := w.any()
		w.when(id, w.rand.IntN(steps), func() { w.dies(id, party.Hub) })
	}},
	{name: "everybody dies", before: func(w *town) {
		w.when(w.any(), w.rand.IntN(steps), func() { w.dies(append([]party.ID{party.Hub}, w.ids...)...) })
	}},
	{name: "gateways die again and again", before: func(w *town) {
		for _, id := range w.ids {
			every := 8 + w.rand.IntN(16)
			after := w.rand.IntN(2) == 0
			left := 4
			w.taps[id].step = func(n int, _ *frame) (d deed) {
				if n%every == 0 && left > 0 {
					left--
					if die := func() { w.dies(id) }; after {
						d.after = die
					} else {
						d.before = die
					}
				}
				return d
			}
		}
	}},
	{name: "cuts", options: hospitals(3, 5), before: func(w *town) { w.weather(weather{cut: 0.06}) }},
	{name: "delays", before: func(w *town) { w.weather(weather{slow: 0.7, delay: 60 * time.Millisecond}) }},
	{name: "repeated and reordered", before: func(w *town) { w.weather(weather{twice: 0.3, swap: 0.3}) }},
	{name: "bad weather and a death", before: func(w *town) {
		w.weather(weather{cut: 0.02, twice: 0.1, swap: 0.1, slow: 0.3, delay: 30 * time.Millisecond})
		who := append([]party.ID{party.Hub}, w.ids...)[w.rand.IntN(len(w.ids)+1)]
		w.when(w.any(), w.rand.IntN(steps), func() { w.dies(who) })
	}},
	{name: "the hub's disk is lost", before: wipe, gives: []string{"ended: the hub does not know it any more"}},
	{name: "a copy of yesterday", before: yesterday, during: confirm, restored: true,
		gives: []string{"ended:  (REFUSED)", "ended:  (ROLLBACK)", "ended:  (INTERNAL)"}},
	{name: "gone before anything was opened", options: func(r *rand.Rand) options {
		return options{hospitals: 4, minSites: 3, hub: map[string]any{"wait": "1s", "deadline": "2s"}}
	}, before: func(w *town) {
		id := w.any()
		w.on(id, wire.Type(w.rand.IntN(int(wire.Type_SEAL)+1)), func() { w.kill(id) })
	}, absent: true},
	{name: "gone after something was opened", options: func(r *rand.Rand) options {
		return options{hospitals: 4, minSites: 3, hub: map[string]any{"wait": "1s", "deadline": "2s"}}
	}, before: func(w *town) {
		id := w.ids[0]
		w.on(id, wire.Type_UNLOCK, func() { w.kill(id) })
	}, await: returns, absent: true}, // of a slow machine others may be gone before that; check holds that nobody is after
	{name: "gone for good", options: func(r *rand.Rand) options {
		return options{hospitals: 4, minSites: 3, hub: map[string]any{"wait": "500ms", "deadline": "2s"}}
	}, before: func(w *town) {
		id := w.ids[0]
		w.on(id, wire.Type_UNLOCK, func() { w.kill(id) })
	}, await: waits, absent: true, gives: []string{"waits for the one that is gone"}},
	{name: "a certificate of another decade", before: decade, await: renewed},
}

func hospitals(least, most int) func(*rand.Rand) options {
	return func(r *rand.Rand) options { return options{hospitals: least + r.IntN(most-least+1)} }
}

func (w *town) any() party.ID { return w.ids[w.rand.IntN(len(w.ids))] }

// when does something at the n-th message between a gateway and the hub, just
// before or after it is passed on, and leaves what else happens to it as it is.
func (w *town) when(id party.ID, n int, do func()) {
	inner, after := w.taps[id].step, w.rand.IntN(2) == 0
	w.taps[id].step = func(k int, f *frame) deed {
		d := inner(k, f)
		if k == n+1 {
			if after {
				d.after = do
			} else {
				d.before = do
			}
		}
		return d
	}
}

// on does something when a gateway has sent its first message of a type; 0: anything.
func (w *town) on(id party.ID, kind wire.Type, do func()) {
	var once sync.Once
	w.taps[id].step = func(_ int, f *frame) (d deed) {
		e := new(wire.Envelope)
		if b := f.message(); len(b) > 33 && b[0] == 'w' && kind != 0 && (wire.Decode(b[33:], e) != nil || e.Type != kind || e.Sender != string(id)) {
			return d
		}
		d.after = func() { once.Do(func() { w.happens(); do() }) }
		return d
	}
}

// dies kills parties and starts them again after a while.
func (w *town) dies(who ...party.ID) {
	w.happens()
	for _, id := range who {
		w.kill(id)
	}
	pause := time.Duration(50+50*len(who)) * time.Millisecond
	for _, id := range who {
		w.later(pause, func() { w.live(id) })
	}
}

func (w *town) weather(x weather) {
	for _, id := range w.ids {
		var mu sync.Mutex
		r := rand.New(rand.NewPCG(w.rand.Uint64(), 3))
		w.taps[id].step = func(int, *frame) deed {
			mu.Lock()
			defer mu.Unlock()
			d := x.deed(r)
			if d.twice || d.swap || d.cut || d.delay > 0 {
				w.happens()
			}
			return d
		}
	}
}

// wipe empties the hub's disk at one message.
func wipe(w *town) {
	w.when(w.any(), w.rand.IntN(steps), func() {
		w.happens()
		w.kill(party.Hub)
		w.wiped = true
		_ = os.RemoveAll(w.at(party.Hub, "state"))
		w.later(200*time.Millisecond, func() { w.live(party.Hub) })
	})
}

// yesterday copies a gateway's state at one message, and puts the copy back at a later one.
func yesterday(w *town) {
	id := w.ids[0]
	first := w.rand.IntN(steps / 2)
	second := first + 1 + w.rand.IntN(steps/2)
	state, copied := w.at(id, "state"), w.at(id, "yesterday")
	w.taps[id].step = func(n int, _ *frame) (d deed) {
		switch n {
		case first + 1:
			d.after = func() {
				w.kill(id)
				_ = os.Remove(w.at(id, "state", "steward.sock"))
				if err := copyState(copied, state); err != nil {
					w.t.Error(err)
				}
				w.later(50*time.Millisecond, func() { w.live(id) })
			}
		case second + 1:
			d.after = func() {
				w.kill(id)
				if _, err := os.Stat(copied); err == nil {
					if err := errors.Join(os.RemoveAll(state), os.Rename(copied, state)); err != nil {
						w.t.Error(err)
					}
					w.happens()
				}
				w.later(50*time.Millisecond, func() { w.live(id) })
			}
		}
		return d
	}
}

// copyState copies a state directory as backup programs do: with its modes.
func copyState(to, from string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o600)
	})
}

// confirm does what an operator does after putting a copy back: says so, when the gateway stops because of it.
func confirm(w *town, run engine.RunID) {
	c, err := readConfig(w.at(w.ids[0], "consilium.yaml"), roleGateway)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.later(0, func() {
		for { // refused until others have noticed
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			err := newSteward(c).ask(ctx, "POST", studyPath(run.String(), "restored"), nil, nil)
			cancel()
			w.mu.Lock()
			ended := w.ended
			w.mu.Unlock()
			if ended || err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// waits waits until the hub waits for the one that is gone, and for nobody else.
func waits(w *town, ctx context.Context, run engine.RunID) string {
	seen := errors.New("seen")
	failed := false
	err := w.analyst(ctx, func(a *engine.Analyst) error {
		return a.Watch(ctx, run, func(s engine.Status) error {
			failed = failed || s.From == party.Hub && s.Stage == engine.StageFailed
			if failed && s.From == party.Hub && s.Stage == engine.StageWaiting && slices.Equal(s.Waiting, []party.ID{w.ids[0]}) {
				return seen
			}
			return nil
		})
	})
	if errors.Is(err, seen) {
		return "waits for the one that is gone"
	}
	return fetched(w, ctx, run) // it may have said all that was needed
}

// returns has the one that is gone come back when it is waited for.
func returns(w *town, ctx context.Context, run engine.RunID) string {
	if outcome := waits(w, ctx, run); outcome != "waits for the one that is gone" {
		return outcome
	}
	w.live(w.ids[0])
	return fetched(w, ctx, run)
}

// decade gives a gateway a certificate that is not valid by anybody's clock but one ten years off.
func decade(w *town) {
	id := w.ids[0]
	own, err := w.made.authority.Issue(id, time.Now().AddDate(-10, 0, 0))
	if err == nil {
		err = errors.Join(os.Rename(w.at(id, "tls.crt"), w.at(id, "right.crt")), os.Rename(w.at(id, "tls.key"), w.at(id, "right.key")))
	}
	if err == nil {
		err = writeCertificate(w.at(id), own)
	}
	if err != nil {
		w.t.Error(err)
	}
	w.happens()
	_ = w.taps[id].listener.Close()
	w.made.files[id]["hub"].(map[string]any)["urls"] = []string{"tls://" + w.hub} // which sees the certificate itself
	if err := w.made.write(id, w.made.files[id]); err != nil {
		w.t.Error(err)
	}
}

// renewed waits for the gateway to say what is wrong, and puts it right.
func renewed(w *town, ctx context.Context, run engine.RunID) string {
	id := w.ids[0]
	for ctx.Err() == nil {
		b, _ := os.ReadFile(w.at(id, "log"))
		w.mu.Lock()
		alive := w.lives[id] != nil
		w.mu.Unlock()
		if !alive {
			if !containsAll(string(b), "expired", "clock") && !containsAll(string(b), "expired", "renew") {
				w.t.Errorf("%s does not say that its certificate has expired: %s", id, b)
			}
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := errors.Join(os.Rename(w.at(id, "right.crt"), w.at(id, "tls.crt")), os.Rename(w.at(id, "right.key"), w.at(id, "tls.key"))); err != nil {
		w.t.Error(err)
	}
	w.live(id)
	return fetched(w, ctx, run)
}

func containsAll(s string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}

// writeCertificate puts a certificate where the gateway looks for it.
func writeCertificate(dir string, c tls.Certificate) error {
	return transport.WriteCertificate(dir, "tls", c)
}
