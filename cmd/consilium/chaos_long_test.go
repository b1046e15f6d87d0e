//go:build long

package main

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

const chaosDefault = 240

// veiledSteps is about how many messages a gateway and the hub exchange in a run of the veiled study.
const veiledSteps = 500

// longScripts take longer than the others, or want more of the machine.
var longScripts = []script{
	{name: "twenty gateways", limit: 3 * time.Minute, options: hospitals(20, 20), before: func(w *town) {
		w.weather(weather{cut: 0.002, slow: 0.1, delay: 20 * time.Millisecond})
		for range 3 {
			id := w.any()
			w.when(id, w.rand.IntN(steps), func() { w.dies(id) })
		}
		w.when(w.any(), w.rand.IntN(steps), func() { w.dies(party.Hub) })
	}},
	{name: "encrypted: a gateway dies", limit: 3 * time.Minute, options: veiled, before: func(w *town) {
		id := w.any()
		w.when(id, w.rand.IntN(veiledSteps), func() { w.dies(id) })
	}},
	{name: "encrypted: the hub dies", limit: 3 * time.Minute, options: veiled, before: func(w *town) {
		w.when(w.any(), w.rand.IntN(veiledSteps), func() { w.dies(party.Hub) })
	}},
	{name: "encrypted: cuts", limit: 3 * time.Minute, options: veiled, before: func(w *town) { w.weather(weather{cut: 0.004}) }},
	{name: "every step: a gateway dies before", limit: 3 * time.Minute, before: everySixth(false, itself)},
	{name: "every step: a gateway dies after", limit: 3 * time.Minute, before: everySixth(true, itself)},
	{name: "every step: the hub dies before", limit: 3 * time.Minute, before: everySixth(false, theHub)},
	{name: "every step: the hub dies after", limit: 3 * time.Minute, before: everySixth(true, theHub)},
	{name: "every step: both die before", limit: 3 * time.Minute, before: everySixth(false, both)},
	{name: "every step: both die after", limit: 3 * time.Minute, before: everySixth(true, both)},
	{name: "a gateway's disk is full", before: func(w *town) { w.full(w.any()) }, gives: []string{"ended:  (INTERNAL)"}},
	{name: "the hub's disk is full", before: func(w *town) { w.full(party.Hub) }, gives: []string{"ended:  (INTERNAL)"}},
	{name: "a gateway's clock is off by ten years", options: clocks, before: func(w *town) {
		w.happens()
		w.clocks[w.ids[0]] = w.decadeOff()
	}, await: func(w *town, ctx context.Context, run engine.RunID) string {
		id := w.ids[0]
		w.blames(ctx, id, id)
		w.clock(id, 0)
		w.live(id)
		return fetched(w, ctx, run)
	}},
	{name: "the hub's clock is off by ten years", options: clocks, before: func(w *town) {
		w.happens()
		w.past()
		w.clock(party.Hub, w.decadeOff())
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err := w.analyst(ctx, func(*engine.Analyst) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "clock") {
			w.t.Errorf("the analyst does not hear of the hub's clock: %v", err)
		}
		w.gateways()
		for _, id := range w.ids {
			w.blames(ctx, id, party.Hub)
		}
		w.doctored(ctx, party.Hub, party.Hub)
		w.clock(party.Hub, 0)
	}},
	{name: "the analyst's clock is off by ten years", options: clocks, before: func(w *town) {
		w.happens()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		id := w.made.analyst
		w.clocks[id] = w.decadeOff()
		out, err := w.command(ctx, id, "submit", filepath.Join(w.dir, "study.yaml"))
		if err == nil || !strings.Contains(out, "clock") {
			w.t.Errorf("submit under a clock that is %s off: %v: %s", w.clocks[id], err, out)
		}
		w.doctored(ctx, id, id)
	}},
	{name: "a clock jumps", options: clocks, before: func(w *town) {
		who, off := append([]party.ID{party.Hub}, w.ids...)[w.rand.IntN(len(w.ids)+1)], w.decadeOff()
		pause, cut := time.Duration(w.rand.IntN(1500))*time.Millisecond, w.rand.IntN(2) == 0
		w.when(w.any(), w.rand.IntN(steps), func() {
			w.happens()
			w.cleared = who == party.Hub && off > 0
			w.clock(who, off)
			if t := w.taps[who]; cut && t != nil {
				t.cut(0)
			}
			w.later(pause, func() {
				w.clock(who, 0)
				w.live(who) // if it had ended
			})
		})
	}, during: approveAgain, gives: []string{"ended:  (REFUSED)"}},
	{name: "lines go down and up", options: spaces(3, 5), before: func(w *town) {
		for _, id := range w.ids {
			for range 3 {
				own, pause := w.rand.IntN(2) == 0, time.Duration(200+w.rand.IntN(2500))*time.Millisecond
				w.when(id, w.rand.IntN(steps), func() { w.cutLine(id, own, pause) })
			}
		}
	}},
	{name: "a gateway is cut off in the middle of a step", options: spaces(3, 3), before: func(w *town) {
		id, own := w.any(), w.rand.IntN(2) == 0
		w.when(id, w.rand.IntN(steps), func() { w.cutLine(id, own, 4*time.Second) }) // longer than the hub waits in a round
	}},
	{name: "all lines down, and the hub dies", options: spaces(3, 3), before: func(w *town) {
		w.when(w.any(), w.rand.IntN(steps), func() {
			for _, id := range w.ids {
				w.cutLine(id, false, time.Second)
			}
			w.dies(party.Hub)
		})
	}},
	{name: "bad lines", options: spaces(3, 4), limit: 2 * time.Minute, before: func(w *town) { w.t.Log("lines are ", w.badLines()) }},
	{name: "the hub's disk is lost, patient parties", limit: 4 * time.Minute, options: patient, before: wipe, gives: []string{"ended: the hub does not know it any more"}},
	{name: "a copy of yesterday, patient parties", limit: 4 * time.Minute, options: patient, before: yesterday, during: confirm, restored: true,
		gives: []string{"ended:  (REFUSED)", "ended:  (ROLLBACK)", "ended:  (INTERNAL)"}},
}

func veiled(*rand.Rand) options {
	return options{hospitals: 3, veiled: true, hub: map[string]any{"deadline": "15s"}}
}

func clocks(*rand.Rand) options { return options{hospitals: 3, clocks: true} }

func patient(*rand.Rand) options { return options{hospitals: 3, patient: true} }

func spaces(least, most int) func(*rand.Rand) options {
	return func(r *rand.Rand) options {
		return options{hospitals: least + r.IntN(most-least+1), spaces: true}
	}
}
