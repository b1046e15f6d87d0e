package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// A party whom nobody lets in says so, and leaves no goroutine behind: see newTown.
func TestServicesEndWhereTheyAreNotLetIn(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		w := newTown(t)
		w.network = func(party.ID) engine.Network {
			return func(string, uint32, ...party.ID) (engine.Channel, error) { return nil, transport.ErrRefused }
		}
		ctx, cancel := patience()
		defer cancel()
		for name, run := range map[string]func(context.Context) error{
			"gateway": w.newGateway("basel").Run, "hub": w.newHub().Run,
			"analyst": func(ctx context.Context) error { _, err := w.newAnalyst().Studies(ctx); return err },
		} {
			if err := run(ctx); !errors.Is(err, transport.ErrRefused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.stores["basel"].Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.newGateway("basel").Run(ctx); err == nil {
			t.Error("a gateway ran without its store")
		}
		w.openStore("basel")
	})
}

// An approval of which nobody says how long it holds holds as long as the house says.
func TestApprovalsLastAsLongAsTheHouseSays(t *testing.T) {
	unhurried(t, func(t *testing.T) {
		for lasts, want := range map[time.Duration]time.Duration{0: 30 * 24 * time.Hour, 48 * time.Hour: 48 * time.Hour} {
			w := newTown(t)
			now := time.Now().UTC().Truncate(time.Second)
			w.now = func() time.Time { return now }
			for _, id := range hospitals {
				p := w.policy[id]
				p.ApprovalsLast = lasts
				w.policy[id] = p
			}
			gateways := w.all()
			w.fetch(w.newAnalyst(), w.submit(w.newAnalyst(), smallStudy))
			if d := gateways["basel"].Studies()[0].Decision; d == nil || !d.Expires.Equal(now.Add(want)) {
				t.Errorf("%v: the approval is %+v, now is %v", lasts, d, now)
			}
		}
	})
}
