package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

const modelStudy = `
study: five
sites: {aarau: {csv: x}, basel: {csv: x}, chur: {csv: x}, davos: {csv: x}, egg: {csv: x}}
variables:
  treated: {type: category, levels: [no, yes]}
  age:     {type: number, integer: true, min: 18, max: 110}
  event:   {type: binary}
analyses:
  - {id: risk, kind: logistic, formula: "event ~ age + treated", evaluate: {cells: 0}}
privacy: {reveal: model}
`

// An encrypted session cannot go on after a crash: its key is burnt, and another attempt begins.
func TestEncryptedStudyOutlivesAGatewayThatDies(t *testing.T) {
	t.Parallel()
	s, err := study.Parse("study.yaml", []byte(modelStudy))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[party.ID]*table.Table{}
	for _, id := range hospitals {
		if tables[id], _, err = tableOf(s, id); err != nil {
			t.Fatal(err)
		}
	}
	want, err := engine.Simulate(t.Context(), s, tables, engine.InsecureTest(engine.Options{}, 8))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1 << 30, 40} {
		story(t, fmt.Sprint("at message ", n), func(t *testing.T) {
			w := newTown(t)
			w.insecure = 8
			w.hub.Deadline = 3 * time.Second
			ctx, die := context.WithCancel(context.Background())
			m := &mortal{left: n, die: die, died: make(chan struct{})}
			inner := w.network
			w.network = func(self party.ID) engine.Network {
				if self == "chur" {
					return m.wires().network(inner(self))
				}
				return inner(self)
			}
			first := w.newGateway("chur")
			done := make(chan struct{})
			go func() { defer close(done); _ = first.Run(ctx) }()
			for _, id := range hospitals {
				if id != "chur" {
					w.live(w.newGateway(id).Run)
				}
			}
			w.live(w.newHub().Run)
			w.network = inner
			a := w.newAnalyst()
			run := w.submit(a, modelStudy)
			if n < 1<<30 {
				<-m.died
				<-done
				w.live(w.newGateway("chur").Run)
			}
			r := w.fetch(a, run)
			got, expected := r.Analyses[0], want.Analyses[0]
			if got.Refused != nil || expected.Refused != nil || got.N == nil || *got.N != *expected.N {
				t.Errorf("got %+v, want %+v", got, expected)
			} else {
				x, y := got.Frame.Tidy[1].Get("estimate").(float64), expected.Frame.Tidy[1].Get("estimate").(float64)
				if d := x - y; d > 1e-4 || d < -1e-4 { // the noise of two sessions differs
					t.Errorf("estimate %v, want %v", x, y)
				}
			}
			die()
			<-done
		})
	}
}
