package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// sent is a whole message that a gateway published, at least once. What it
// carried is no more than its digest here.
type sent struct {
	from    party.ID
	channel string
	attempt uint32
	acked   bool
	digest  [32]byte

	// of those of a session:
	parsed   error
	sender   string
	object   object
	unsigned [32]byte // digest without the signatures, which a key makes anew each time
}

// object is what a party says once, whatever happens.
type object struct {
	plan      string
	attempt   uint32
	kind      wire.Type
	sequence  uint64
	part      uint32
	recipient string
}

// said puts the messages of a gateway together from what its tap saw.
func (w *town) said(id party.ID) (all []sent) {
	t := w.taps[id]
	t.mu.Lock()
	defer t.mu.Unlock()
	chunks := map[string]map[int]*note{} // of messages, by name
	read := func(n *note) []byte {
		b := make([]byte, n.size)
		if _, err := t.kept.ReadAt(b, n.at); err != nil {
			w.t.Errorf("what %s said: %v", id, err)
		}
		return b
	}
	for _, n := range t.seen {
		words := strings.Split(n.subject, ".") // consilium up P E S A m|c [ID K]
		if len(words) == 9 && words[6] == "c" {
			k, _ := strconv.Atoi(words[8])
			if chunks[words[7]] == nil {
				chunks[words[7]] = map[int]*note{}
			}
			chunk := *n
			if before := chunks[words[7]][k]; before != nil {
				chunk.acked = chunk.acked || before.acked
			}
			chunks[words[7]][k] = &chunk
			continue
		}
		b := read(n)
		if len(words) != 7 || len(b) < 33 {
			w.t.Errorf("%s published %q with %d bytes", id, n.subject, len(b))
			continue
		}
		attempt, _ := strconv.ParseUint(words[5], 10, 32)
		m := sent{from: id, channel: words[4], attempt: uint32(attempt), acked: n.acked}
		body := b[33:]
		if b[0] == 'c' {
			parts := chunks[hex.EncodeToString(b[1:33])]
			body = nil
			for k := range len(parts) {
				if parts[k] == nil {
					w.t.Errorf("%s published a message without its chunk %d", id, k)
					break
				}
				body = append(body, read(parts[k])...)
				m.acked = m.acked && parts[k].acked
			}
		}
		m.digest = sha256.Sum256(body)
		if m.channel != "control" {
			m.open(body)
		}
		all = append(all, m)
	}
	return all
}

// open reads what a message of a session says of itself.
func (m *sent) open(body []byte) {
	e := new(wire.Envelope)
	if m.parsed = wire.Decode(body, e); m.parsed != nil {
		return
	}
	m.sender = e.Sender
	m.object = object{string(e.Plan), e.Attempt, e.Type, e.Sequence, e.Part, e.Recipient}
	e.Signatures = nil
	var b []byte
	b, m.parsed = wire.Encode(e)
	m.unsigned = sha256.Sum256(b)
}

// outbox is what a gateway's journal says of masked sums: what it sent, in order,
// as a chain of digests, and where it saw the chains of the others.
type outbox struct {
	sent  map[[32]byte]bool   // whole messages
	chain map[uint64][32]byte // by position
	seen  map[party.ID]map[uint64][32]byte
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
