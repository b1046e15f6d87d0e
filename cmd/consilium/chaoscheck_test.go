package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// sent is a whole message that a gateway published, at least once.
type sent struct {
	from    party.ID
	channel string
	attempt uint32
	body    []byte
	acked   bool
}

// said puts the messages of a gateway together from what its tap saw.
func (w *town) said(id party.ID) (all []sent) {
	t := w.taps[id]
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := map[string]map[int][]byte{}
	acked := map[string]bool{} // of chunks
	for _, f := range t.seen {
		words := strings.Split(f.subject, ".") // consilium up P E S A m|c [ID K]
		b := f.message()
		if len(words) == 9 && words[6] == "c" {
			k, _ := strconv.Atoi(words[8])
			if parts[words[7]] == nil {
				parts[words[7]] = map[int][]byte{}
			}
			parts[words[7]][k] = b
			acked[words[7]+"."+words[8]] = acked[words[7]+"."+words[8]] || f.acked
			continue
		}
		if len(words) != 7 || len(b) < 33 {
			w.t.Errorf("%s published %q with %d bytes", id, f.subject, len(b))
			continue
		}
		attempt, _ := strconv.ParseUint(words[5], 10, 32)
		m := sent{from: id, channel: words[4], attempt: uint32(attempt), body: b[33:], acked: f.acked}
		if b[0] == 'c' {
			name := hex.EncodeToString(b[1:33])
			m.body = nil
			for k := range len(parts[name]) {
				m.body = append(m.body, parts[name][k]...)
				m.acked = m.acked && acked[name+"."+strconv.Itoa(k)]
			}
		}
		all = append(all, m)
	}
	return all
}

// object is what a party says once, whatever happens.
type object struct {
	plan      string
	attempt   uint32
	kind      wire.Type
	sequence  uint64
	recipient string
}

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
			e := new(wire.Envelope)
			if err := wire.Decode(m.body, e); err != nil {
				w.t.Errorf("%s: a message that does not parse: %v", id, err)
				continue
			}
			plan = store.Digest(e.Plan)
			if e.Sender != string(id) || e.Attempt != m.attempt {
				w.t.Errorf("%s: %v of attempt %d in the name of %s, in the channel of attempt %d", id, e.Type, e.Attempt, e.Sender, m.attempt)
			}
			if restored {
				e.Signatures = nil // which a key makes anew each time: it has forgotten that it had signed this
			}
			b, err := wire.Encode(e)
			if err != nil {
				w.t.Error(err)
			}
			o, d := object{string(e.Plan), e.Attempt, e.Type, e.Sequence, e.Recipient}, sha256.Sum256(b)
			if before, ok := first[o]; ok && before != d && !(restored && (e.Type == wire.Type_HELLO || e.Type == wire.Type_SEAL)) {
				w.t.Errorf("%s said two different things: %v %d of attempt %d", id, e.Type, e.Sequence, e.Attempt)
			}
			first[o] = d
			if e.Type == wire.Type_UNLOCK {
				unlocked[e.Attempt] = string(id)
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
	w.followed(plan, restored)
	if !w.wiped {
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
		wanted[at][m.from][sha256.Sum256(m.body)] = true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
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

// outbox is what a gateway's journal says of masked sums: what it sent, in order,
// as a chain of digests, and where it saw the chains of the others.
type outbox struct {
	sent  map[[32]byte]bool   // whole messages
	chain map[uint64][32]byte // by position
	seen  map[party.ID]map[uint64][32]byte
}

// followed compares what the journals of gateways say of each other: what one has
// seen of another, the other knows to have sent, just so. And nobody sent what is not in its own.
func (w *town) followed(plan store.Digest, restored bool) {
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
		for _, m := range w.said(id) {
			e := new(wire.Envelope)
			if m.channel == "control" || wire.Decode(m.body, e) != nil {
				continue
			}
			switch e.Type {
			case wire.Type_HELLO, wire.Type_SEAL, wire.Type_MASKED, wire.Type_UNLOCK, wire.Type_CLOSE:
				if !o.sent[sha256.Sum256(m.body)] {
					w.t.Errorf("%s sent %v %d of attempt %d, which is not in its journal", id, e.Type, e.Sequence, e.Attempt)
				}
			}
		}
	}
}

// outbox reads a gateway's journal of a plan.
func (w *town) outbox(id party.ID, plan store.Digest) (*outbox, error) {
	o := &outbox{sent: map[[32]byte]bool{}, chain: map[uint64][32]byte{}, seen: map[party.ID]map[uint64][32]byte{}}
	var position uint64
	var link [32]byte
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	sends := func(message []byte) error {
		e := new(wire.Envelope)
		if err := wire.Decode(message, e); err != nil {
			return err
		}
		position, link = position+1, party.Hash("outbox", link[:], number(uint64(e.Type)), number(e.Sequence), e.Body)
		o.sent[sha256.Sum256(message)], o.chain[position] = true, link
		return nil
	}
	sees := func(ids []string, heads []byte) {
		for i, peer := range ids {
			h := heads[i*wire.HeadSize : (i+1)*wire.HeadSize]
			if n := binary.BigEndian.Uint64(h); n > 0 && peer != string(id) {
				if o.seen[party.ID(peer)] == nil {
					o.seen[party.ID(peer)] = map[uint64][32]byte{}
				}
				o.seen[party.ID(peer)][n] = [32]byte(h[8:])
			}
		}
	}
	err := w.journal(id, store.Plan{Study: w.study.Name, Digest: plan}, func(kind string, record []byte) error {
		var err error
		read := func(m wire.Message) bool {
			err = wire.Decode(record, m)
			return err == nil
		}
		began, sealing, agreed, sent := new(wire.Began), new(wire.Sealing), new(wire.Agreed), new(wire.Sent)
		unlocked, totalled, ended := new(wire.Unlocked), new(wire.Totalled), new(wire.Ended)
		switch {
		case kind == secagg.KindBegan && read(began):
			return sends(began.Hello)
		case kind == secagg.KindSealing && read(sealing):
			sees(sealing.Ids, sealing.Heads)
			return sends(sealing.Seal)
		case kind == secagg.KindAgreed && read(agreed):
			sees(agreed.Ids, agreed.Seen)
		case kind == secagg.KindMasked && read(sent):
			return sends(sent.Message)
		case kind == secagg.KindUnlocked && read(unlocked):
			sees(unlocked.Ids, unlocked.Seen)
			return sends(unlocked.Message)
		case kind == secagg.KindTotalled && read(totalled):
			sees(totalled.Ids, totalled.Seen)
		case kind == secagg.KindClosed && read(ended):
			return sends(ended.Message)
		}
		return err
	})
	return o, err
}

func missing(from map[party.ID]map[[32]byte]bool) string {
	var all []string
	for id, set := range from {
		all = append(all, fmt.Sprintf("%d of %s", len(set), id))
	}
	return strings.Join(all, ", ")
}
