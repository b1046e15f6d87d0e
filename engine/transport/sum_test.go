package transport_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// drive runs a machine over a link.
func drive[R any](ctx context.Context, self party.ID, link transport.Link, m round.Machine[R]) (R, error) {
	out, err := m.Start()
	for {
		for _, o := range out {
			if err := link.Send(ctx, o.To, o.Body); err != nil {
				var none R
				return none, err
			}
		}
		if r, done := m.Result(); done || err != nil {
			return r, err
		}
		from, body, recv := link.Receive(ctx)
		if recv != nil {
			var none R
			return none, recv
		}
		out, err = m.Receive(round.Message{From: from, To: self, Body: body})
	}
}

// Five hospitals on lines that are cut now and then add vectors, the fourth after a restart in
// the middle: what they open is what a calculator says.
func TestFiveHospitalsAddOverTheNetwork(t *testing.T) {
	const n, cells, sums = 5, 20_000, 3 // 320 kB a vector
	var ids []party.ID
	var members []party.Member
	identities := map[party.ID]*party.Identity{}
	for i := range n {
		id := party.ID(fmt.Sprint("site", i))
		identity, err := party.NewIdentity(prototest.Rand(7, string(id)))
		if err != nil {
			t.Fatal(err)
		}
		ids, identities[id] = append(ids, id), identity
		members = append(members, party.Member{ID: id, Site: string(id), Key: identity.Public()})
	}
	roster, err := party.NewRoster(members)
	if err != nil {
		t.Fatal(err)
	}
	charter := secagg.Charter{Version: "test", Roster: roster.Digest(), Reveal: "sums", Release: secagg.ReleaseAll, Attempt: 1,
		Limits: secagg.Limits{Members: n, Cells: cells}}
	w := newWorld(t, ids...)
	w.start()
	l := newLine(t, w.config.WSS)
	l.cutEvery(2_000_000)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	failed := make(chan error, n+1)
	hub := w.open(w.hub(), 1, ids...)
	go func() {
		m, err := secagg.NewHub(secagg.HubConfig{Charter: charter, Roster: roster})
		if err == nil {
			var s secagg.Summary
			if s, err = drive[secagg.Summary](ctx, party.Hub, hub, m); err == nil {
				err = s.Failure
			}
		}
		failed <- err
	}()
	for i, id := range ids {
		d := w.dialer(id)
		d.URLs = []string{"wss://" + l.listener.Addr().String()}
		conn := w.dial(d)
		journal := new(secagg.MemoryJournal)
		rand := prototest.Rand(8, string(id))
		go func() {
			ch := w.open(conn, 1)
			err := takePart(ctx, ch, charter, roster, id, identities[id], journal, rand, i, sums-i%2, cells)
			if err == nil && i%2 == 1 { // it crashed before the last sum; its journal and the log have the rest
				ch.Close()
				err = takePart(ctx, w.open(conn, 1), charter, roster, id, identities[id], journal, rand, i, sums, cells)
			}
			failed <- err
		}()
	}
	for range n + 1 {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	if l.count() < 3 {
		t.Errorf("the lines were cut %d times, want at least 3", l.count())
	}
}

// takePart is one member's side, up to a number of sums; after the last it closes.
func takePart(ctx context.Context, link transport.Link, charter secagg.Charter, roster party.Roster, id party.ID, identity *party.Identity,
	journal secagg.Journal, rand io.Reader, i, upTo, cells int) error {
	m, err := secagg.NewMember(secagg.Config{Charter: charter, Roster: roster, ID: id, Identity: identity, Rand: rand, Journal: journal})
	if err != nil {
		return err
	}
	session, err := drive(ctx, id, link, m)
	if err != nil {
		return fmt.Errorf("%s: set-up: %w", id, err)
	}
	for s := range upTo {
		x := make(secagg.Vector, cells)
		for k := range x {
			x[k] = [2]uint64{value(i, s, k), 0}
		}
		m, err := session.Sum(secagg.Ask{Digest: party.Hash("ask", []byte{byte(s)}), Cells: cells}, x)
		if err != nil {
			return err
		}
		total, err := drive(ctx, id, link, m)
		if err != nil {
			return fmt.Errorf("%s: sum %d: %w", id, s, err)
		}
		for k, got := range total.Sum {
			var want uint64
			for j := range roster.Len() {
				want += value(j, s, k)
			}
			if got != [2]uint64{want, 0} {
				return fmt.Errorf("%s: sum %d, cell %d: got %v, want %d", id, s, k, got, want)
			}
		}
	}
	if upTo < 3 {
		return nil
	}
	_, err = drive(ctx, id, link, session.Close(wire.Code_DONE))
	return err
}

func value(site, sum, cell int) uint64 { return uint64(site*1_000_003+cell) * uint64(sum+1) }
