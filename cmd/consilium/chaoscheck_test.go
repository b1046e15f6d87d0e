package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
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
	if !w.wiped {
		w.accounted(all)
	}
}

// proposed are the hospitals of every attempt, as the gateways were told.
func (w *town) proposed() map[uint32]string {
	all := map[uint32]string{}
	for _, id := range w.ids {
		t := w.taps[id]
		t.mu.Lock()
		for _, f := range t.down {
			b := f.message()
			if !strings.Contains(f.subject, ".control.") || len(b) < 33 || b[0] != 'w' {
				continue
			}
			n, err := wire.OpenNotice(b[33:])
			if err != nil || n.Act != wire.Act_PROPOSE {
				continue
			}
			p := new(wire.Proposal)
			if err := wire.Decode(n.Body, p); err != nil {
				w.t.Errorf("a proposal does not parse: %v", err)
				continue
			}
			all[p.Attempt] = strings.Join(p.Members, " ")
		}
		t.mu.Unlock()
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
				w.t.Errorf("messages that were acknowledged are not in the log: %s: %v", missing(from), err)
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

func missing(from map[party.ID]map[[32]byte]bool) string {
	var all []string
	for id, set := range from {
		all = append(all, fmt.Sprintf("%d of %s", len(set), id))
	}
	return strings.Join(all, ", ")
}
