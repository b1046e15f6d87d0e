package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// check holds everything that was said and is remembered against the rules.
// restored: a gateway had an older copy of its store put back. It may sign again
// what it had said, and set itself up again with new keys, which the others notice before anything of the data is sent.
func (w *town) check(restored bool) {
	w.t.Helper()
	members := w.proposed()
	var plan store.Digest
	unlocked := map[uint32]string{} // by attempt: who said so first
	var all []sent
	for _, id := range w.ids {
		mine := w.said(id)
		all = append(all, mine...)
		first := map[object][32]byte{}
		for _, m := range mine {
			if m.channel == "control" {
				continue
			}
			if m.parsed != nil {
				w.t.Errorf("%s: a message that does not parse: %v", id, m.parsed)
				continue
			}
			o, d := m.object, m.digest
			plan = store.Digest([]byte(o.plan))
			if m.sender != string(id) || o.attempt != m.attempt {
				w.t.Errorf("%s: %v of attempt %d in the name of %s, in the channel of attempt %d", id, o.kind, o.attempt, m.sender, m.attempt)
			}
			if restored {
				d = m.unsigned // it has forgotten that it had signed this
			}
			if o.kind == wire.Type_RECALL || o.kind == wire.Type_SEEN { // asked in every life, and answered as it is then
				continue
			}
			if before, ok := first[o]; ok && before != d && !(restored && (o.kind == wire.Type_HELLO || o.kind == wire.Type_SEAL)) {
				w.t.Errorf("%s said two different things: %v %d of attempt %d, part %d", id, o.kind, o.sequence, o.attempt, o.part)
			}
			first[o] = d
			if o.kind == wire.Type_UNLOCK {
				unlocked[o.attempt] = string(id)
			}
		}
	}
	rosters := map[string][]uint32{}
	for attempt := range unlocked {
		who, ok := members[attempt]
		if !ok {
			w.t.Errorf("attempt %d, of which %s unlocked something, was proposed to nobody", attempt, unlocked[attempt])
		}
		rosters[who] = append(rosters[who], attempt)
	}
	if len(rosters) > 1 {
		w.t.Errorf("totals were unlocked for several sets of hospitals: %v", rosters)
	}
	w.remembered()
	w.followed(plan, restored, all)
	if !w.wiped && !w.cleared {
		w.accounted(all)
	}
}

// proposed are the hospitals of every attempt, as the gateways' journals and the
// hub's have it: all the same.
func (w *town) proposed() map[uint32]string {
	all := map[uint32]string{}
	control := store.Plan{Study: "control", Digest: party.Hash("control journal")}
	for _, id := range append([]party.ID{party.Hub}, w.ids...) {
		err := w.journal(id, control, func(kind string, record []byte) error {
			if kind == store.RecordEvidence {
				return nil
			}
			n, err := wire.OpenNotice(record)
			if err != nil || n.Act != wire.Act_PROPOSE {
				return err
			}
			p := new(wire.Proposal)
			if err := wire.Decode(n.Body, p); err != nil {
				return err
			}
			who := strings.Join(p.Members, " ")
			if before, ok := all[p.Attempt]; ok && before != who && !w.wiped {
				w.t.Errorf("attempt %d is of %s, and by the journal of %s of %s", p.Attempt, before, id, who)
			}
			all[p.Attempt] = who
			return nil
		})
		if err != nil {
			w.t.Errorf("what was said to %s: %v", id, err)
		}
	}
	return all
}

// remembered verifies all stores, and that every cohort is frozen for one roster only.
func (w *town) remembered() {
	rosters := map[store.Digest]party.ID{}
	for _, id := range append([]party.ID{party.Hub}, w.ids...) {
		r, err := store.Read(w.at(id, "state", "store"))
		if err != nil {
			w.t.Errorf("%s: %v", id, err)
			continue
		}
		if _, _, err := r.Verify(); err != nil {
			w.t.Errorf("%s: %v", id, err)
		}
		err = r.Events(0, func(e store.Entry) error {
			if e.Event.Kind == store.KindFrozen {
				rosters[e.Event.Freeze.Roster] = id
			}
			return nil
		})
		if err != nil {
			w.t.Errorf("%s: %v", id, err)
		}
		if err := r.Close(); err != nil {
			w.t.Errorf("%s: %v", id, err)
		}
	}
	if len(rosters) > 1 {
		w.t.Errorf("cohorts are frozen for %d rosters: %v", len(rosters), rosters)
	}
}

// accounted looks for every message that the log has acknowledged, in the log.
func (w *town) accounted(all []sent) {
	type place struct {
		channel string
		attempt uint32
	}
	wanted := map[place]map[party.ID]map[[32]byte]bool{}
	for _, m := range all {
		if !m.acked {
			continue
		}
		at := place{m.channel, m.attempt}
		if wanted[at] == nil {
			wanted[at] = map[party.ID]map[[32]byte]bool{}
		}
		if wanted[at][m.from] == nil {
			wanted[at][m.from] = map[[32]byte]bool{}
		}
		wanted[at][m.from][m.digest] = true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	certificate, err := w.certificate(party.Hub)
	if err != nil {
		w.t.Error(err)
		return
	}
	var parties []transport.Party
	for _, id := range append(w.ids, w.made.analyst) {
		parties = append(parties, transport.Party{ID: id})
	}
	server, err := transport.Listen(transport.ServerConfig{Certificate: certificate, CAs: w.made.authority.Pool(), Dir: filepath.Join(w.at(party.Hub), "state", "log"), Parties: parties})
	if err != nil {
		w.t.Error(err)
		return
	}
	defer server.Close()
	conn, err := server.Hub(ctx, transport.Keep{}, 0)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer conn.Close(ctx)
	for at, from := range wanted {
		channel, err := conn.Open(at.channel, at.attempt, w.ids...)
		if err != nil {
			w.t.Error(err)
			return
		}
		for len(from) > 0 {
			id, b, err := channel.Receive(ctx)
			if err != nil {
				w.t.Errorf("messages that were acknowledged are not in the log: of attempt %d in %s: %s: %v", at.attempt, at.channel, missing(from), err)
				break
			}
			delete(from[id], sha256.Sum256(b))
			if len(from[id]) == 0 {
				delete(from, id)
			}
		}
		channel.Close()
	}
}

// journal reads a journal of a party that has ended.
func (w *town) journal(id party.ID, p store.Plan, f func(kind string, record []byte) error) error {
	s, err := store.Open(store.Config{Dir: w.at(id, "state", "store"), Now: time.Now})
	if err != nil {
		return err
	}
	j, err := s.Journal(p)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	err = j.Replay(f)
	j.Close()
	return errors.Join(err, s.Close())
}

// followed compares what the journals of gateways say of each other: what one has
// seen of another, the other knows to have sent, just so. And nobody sent what is not in its own.
func (w *town) followed(plan store.Digest, restored bool, said []sent) {
	if plan.IsZero() || restored {
		return // nobody has said anything; or there is somebody whose journal has forgotten what it said
	}
	all := map[party.ID]*outbox{}
	for _, id := range w.ids {
		o, err := w.outbox(id, plan)
		if err != nil {
			w.t.Errorf("the journal of %s: %v", id, err)
			return
		}
		all[id] = o
	}
	for id, o := range all {
		for peer, heads := range o.seen {
			for n, head := range heads {
				if at, ok := all[peer].chain[n]; at != head {
					w.t.Errorf("%s has seen message %d of %s, of which the journal of %s has another one, or none (it has one: %v)", id, n, peer, peer, ok)
				}
			}
		}
		for _, m := range said {
			if m.from != id || m.channel == "control" || m.parsed != nil {
				continue
			}
			switch m.object.kind {
			case wire.Type_HELLO, wire.Type_SEAL, wire.Type_MASKED, wire.Type_UNLOCK, wire.Type_CLOSE:
				if !o.sent[m.digest] {
					w.t.Errorf("%s sent %v %d of attempt %d, which is not in its journal", id, m.object.kind, m.object.sequence, m.object.attempt)
				}
			}
		}
	}
}

func missing(from map[party.ID]map[[32]byte]bool) string {
	var all []string
	for id, set := range from {
		all = append(all, fmt.Sprintf("%d of %s", len(set), id))
	}
	return strings.Join(all, ", ")
}
