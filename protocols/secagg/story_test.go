package secagg_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

var update = flag.Bool("update", false, "rewrite the transcripts of testdata/*.txt; read the diff")

// TestStories plays testdata/*.txt: every way in which a run can end, one file each.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := prototest.NewStory(t)
			maps.Copy(s.Verbs, s.Lies())
			s.Verbs["forge"] = forger{s}.forge
			got, err := prototest.Play(string(want), s.Verbs)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case got == string(want):
			case *update:
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("the story goes otherwise (-update rewrites it):\n%s", prototest.Difference(string(want), got))
			}
		})
	}
}

// forger plays members who deviate: they change what their own journal says
// they sent, sign it with their own keys, and are restarted.
type forger struct{ *prototest.Story }

// forge member kind change [key=value]...
func (f forger) forge(c prototest.Command) (string, error) {
	m := f.Member(party.ID(c.Words[0]))
	kind, change := c.Words[1], c.Words[2]
	j, found := &secagg.MemoryJournal{}, false
	err := m.Journal.Replay(func(k string, record []byte) error {
		if k == kind {
			found = true
			var err error
			if record, err = f.record(m, kind, change, record, c); err != nil {
				return err
			}
		}
		return j.Append(k, record)
	})
	if err == nil && !found {
		err = fmt.Errorf("no record of kind %q", kind)
	}
	m.Journal, m.Config.Journal = j, j
	return "", err
}

func (f forger) record(m *prototest.Member, kind, change string, record []byte, c prototest.Command) ([]byte, error) {
	switch kind {
	case secagg.KindBegan:
		return edit(record, new(wire.Began), func(r *wire.Began) (err error) {
			r.Hello, err = f.message(m, r.Hello, nil, change, c, nil)
			return err
		})
	case secagg.KindSealing:
		return edit(record, new(wire.Sealing), func(r *wire.Sealing) (err error) {
			r.Seal, err = f.message(m, r.Seal, r.Session, change, c, r)
			return err
		})
	case secagg.KindMasked:
		return edit(record, new(wire.Sent), func(r *wire.Sent) (err error) {
			r.Message, err = f.message(m, r.Message, f.transcript(m), change, c, nil)
			return err
		})
	case secagg.KindUnlocked:
		return edit(record, new(wire.Unlocked), func(r *wire.Unlocked) (err error) {
			r.Message, err = f.message(m, r.Message, f.transcript(m), change, c, nil)
			return err
		})
	}
	return nil, fmt.Errorf("cannot forge %q", kind)
}

func edit[M proto.Message](b []byte, m M, change func(M) error) ([]byte, error) {
	if err := wire.Decode(b, m); err != nil {
		return nil, err
	}
	if err := change(m); err != nil {
		return nil, err
	}
	return wire.Encode(m)
}

func (f forger) transcript(m *prototest.Member) []byte {
	s, err := secagg.SessionOf(m.Config)
	if err != nil {
		panic(err)
	}
	return s.Transcript()
}

// message changes one thing about an envelope and signs it again.
func (f forger) message(m *prototest.Member, b, session []byte, change string, c prototest.Command, sealing *wire.Sealing) ([]byte, error) {
	return edit(b, new(wire.Envelope), func(e *wire.Envelope) error {
		switch change { // what needs no new signature
		case "ed25519":
			e.Signatures[10] ^= 1
			return nil
		case "mldsa65":
			e.Signatures[64+10] ^= 1
			return nil
		case "bulk":
			e.Bulk[len(e.Bulk)-1] ^= 1
			return nil
		}
		var err error
		switch e.Type {
		case wire.Type_HELLO:
			e.Body, err = edit(e.Body, new(wire.Hello), func(h *wire.Hello) error { return f.hello(m, h, change) })
		case wire.Type_SEAL:
			err = f.seal(m, e, change, c, sealing)
		case wire.Type_MASKED:
			err = f.masked(m, e, change, c)
		case wire.Type_UNLOCK:
			err = f.unlock(m, e, change, c)
		}
		if err != nil {
			return err
		}
		ctx := round.Context{Charter: f.Charter.Digest(), Roster: f.Charter.Roster}
		copy(ctx.Session[:], session)
		if e.Type == wire.Type_HELLO {
			h := new(wire.Hello)
			if err := wire.Decode(e.Body, h); err != nil {
				return err
			}
			ctx.Charter, ctx.Roster = [32]byte(h.Charter), [32]byte(h.Roster)
		}
		switch change {
		case "as-unlock":
			e.Type = wire.Type_UNLOCK
		case "other-session":
			ctx.Session[0] ^= 1
		}
		return round.Sign(m.Identity, ctx, e)
	})
}

func (f forger) hello(m *prototest.Member, h *wire.Hello, change string) error {
	switch change {
	case "data":
		h.Data[0] ^= 1
	case "charter":
		h.Charter[0] ^= 1
	case "roster":
		h.Roster[0] ^= 1
	case "nonce":
		h.Nonce[0] ^= 1
	case "short":
		h.Heads = h.Heads[:len(h.Heads)-1]
	case "heads": // it claims to have sent less than it has
		i := f.Roster.Index(m.ID)
		clear(h.Heads[i*40 : i*40+40])
	default:
		return errors.New("no such change of a hello")
	}
	return nil
}

func (f forger) seal(m *prototest.Member, e *wire.Envelope, change string, c prototest.Command, r *wire.Sealing) error {
	body := new(wire.Seal)
	if err := wire.Decode(e.Body, body); err != nil {
		return err
	}
	to := party.ID(c.Keys["to"])
	j := f.Roster.Index(to)
	at := j
	if i := f.Roster.Index(m.ID); j > i {
		at--
	}
	var part []byte
	if at >= 0 {
		part = e.Bulk[at*wire.PartSize : (at+1)*wire.PartSize]
	}
	switch change {
	case "session":
		body.Session[0] ^= 1
	case "garbage":
		part[1130] ^= 1
	case "veil": // another veil part for one of them
		copy(part[1120:], secagg.SealPart(r.Shared[j*32:(j+1)*32], r.Session, m.ID, to, make([]byte, 32)))
	default:
		return errors.New("no such change of a seal")
	}
	if part != nil {
		d := party.Hash("part", part)
		copy(body.Parts[at*32:], d[:])
	}
	var err error
	e.Body, err = wire.Encode(body)
	return err
}

func (f forger) masked(m *prototest.Member, e *wire.Envelope, change string, c prototest.Command) error {
	head, bulk := new(wire.Head), new(wire.Masked)
	if err := errors.Join(wire.Decode(e.Body, head), wire.Decode(e.Bulk, bulk)); err != nil {
		return err
	}
	switch change {
	case "cell":
		k, _ := strconv.Atoi(c.Keys["cell"])
		if err := prototest.AddCell(bulk.Vector, k, c.Keys["add"]); err != nil {
			return err
		}
		d := party.Hash("vector", bulk.Vector)
		head.Vector = d[:]
	case "own":
		head.Own[0] ^= 1
	case "veil":
		head.Veil[0] ^= 1
	case "vector":
		head.Vector[0] ^= 1
	case "label":
		head.Label[0] ^= 1
	case "transcript":
		head.Transcript[0] ^= 1
	case "cells":
		head.Cells++
	case "shown":
		head.Shown = !head.Shown
	case "tag", "as-unlock", "other-session":
	default:
		return errors.New("no such change of a masked vector")
	}
	s, err := secagg.SessionOf(m.Config)
	if err != nil {
		return err
	}
	if e.Body, err = wire.Encode(head); err != nil {
		return err
	}
	bulk.Tags = s.Tags("head", e.Body)
	if change == "tag" {
		bulk.Tags[0] ^= 1
	}
	e.Bulk, err = wire.Encode(bulk)
	return err
}

func (f forger) unlock(m *prototest.Member, e *wire.Envelope, change string, c prototest.Command) error {
	u := new(wire.Unlock)
	if err := wire.Decode(e.Body, u); err != nil {
		return err
	}
	switch change {
	case "own":
		u.Own[0] ^= 1
	case "reader-half":
		u.Own[len(u.Own)-1] ^= 1
	case "no-veiled-half":
		u.Own = u.Own[wire.VeiledSize:]
	case "claim":
		u.Claim[0] ^= 1
	case "big-claim":
		for i := range u.Claim {
			u.Claim[i] = 0xff
		}
	case "label":
		u.Label[0] ^= 1
	case "tag":
	default:
		return errors.New("no such change of an unlock")
	}
	s, err := secagg.SessionOf(m.Config)
	if err != nil {
		return err
	}
	if e.Body, err = wire.Encode(u); err != nil {
		return err
	}
	e.Bulk = s.Tags("unlock", e.Body)
	if change == "tag" {
		e.Bulk[0] ^= 1
	}
	return nil
}
