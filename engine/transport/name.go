package transport

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/consilium-health/consilium/protocols/party"
)

// Everything in the log has a subject under "consilium.". P is a party other than
// the hub, E the name of one of its two streams, S a study, A an attempt:
//
//	up.P.E.S.A.m          a message from P to the hub, or where its chunks are
//	up.P.E.S.A.c.ID.K     chunk K of message ID
//	down.P.E.S.A...       the same from the hub to P
//	push.up.P.E.S.A       copies of up.P.E.S.A.m as they are stored, to the hub
//	push.down.P.E.S.A     copies of down.P.E.S.A.m, to P
//	log.P                 P asks the hub for the names of its streams
//	read.P                P asks the hub for what its down stream holds
//	inbox.P.*             answers to P
//
// E is drawn when a stream is made and told to P alone. A log that lost its disk has other
// names, so nothing is added to it by mistake; and nobody who may name an address for an
// answer (which servers do not check) can make the server answer into another party's stream.
const root = "consilium."

// Sizes of what is stored.
const (
	chunkSize  = 512 << 10 // a chunk's bytes; with names and header below the 1 MiB a NATS server takes by default
	inlineMax  = chunkSize // the largest message that is not cut
	defaultMax = 64 << 20  // the largest message, if Dialer.MaxMessage does not say
)

// A mailbox is one of a party's two streams.
type mailbox struct {
	way   string // "up" or "down"
	of    party.ID
	epoch string // E
}

func (m mailbox) stream() string { return "consilium-" + m.way + "-" + string(m.of) }

// all matches everything in the mailbox.
func (m mailbox) all() string { return root + m.way + "." + string(m.of) + "." + m.epoch + ".>" }

// attempt is the part of the mailbox that belongs to one attempt of a study.
func (m mailbox) attempt(study string, attempt uint32) string {
	return fmt.Sprintf("%s%s.%s.%s.%s.%d", root, m.way, m.of, m.epoch, study, attempt)
}

func newEpoch() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// checkStudy says whether a name can stand in a subject.
func checkStudy(study string) error {
	if party.ID(study).Check() != nil {
		return fmt.Errorf("transport: study %q: want 1 to 64 characters of a-z, A-Z, 0-9, _ and -", study)
	}
	return nil
}

// pushed takes the subject of a copy apart: the attempt it belongs to.
func pushed(subject string) (of party.ID, study string, attempt uint32, ok bool) {
	f := strings.Split(subject, ".") // consilium push up P E S A
	if len(f) != 7 {
		return "", "", 0, false
	}
	a, err := strconv.ParseUint(f[6], 10, 32)
	return party.ID(f[3]), f[5], uint32(a), err == nil
}

// messageID names a message by what it says, to whom, from whom and where: the same message
// has the same name when it is sent again, and what arrives under a name is what was sent.
type messageID [sha256.Size]byte

func idOf(study string, attempt uint32, from, to party.ID, body []byte) (id messageID) {
	h := sha256.New()
	for _, s := range []string{"consilium/1 message", study, strconv.FormatUint(uint64(attempt), 10), string(from), string(to)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	h.Write(body)
	h.Sum(id[:0])
	return id
}

// An entry is what stands under a subject "…m".
//
//	byte 0      'w' the message is whole, 'c' it is in chunks
//	bytes 1-32  its name
//	then        the message, or its size (8 bytes, big endian)
type entry struct {
	id   messageID
	body []byte // of a whole message
	size int    // of one in chunks, else 0
}

func wholeEntry(id messageID, body []byte) []byte {
	return append(append(append(make([]byte, 0, 33+len(body)), 'w'), id[:]...), body...)
}

func chunkedEntry(id messageID, size int) []byte {
	return binary.BigEndian.AppendUint64(append([]byte{'c'}, id[:]...), uint64(size))
}

func parseEntry(b []byte, largest int) (e entry, err error) {
	if len(b) < 33 {
		return e, fmt.Errorf("transport: an entry of %d bytes, want at least 33", len(b))
	}
	copy(e.id[:], b[1:])
	rest := b[33:]
	switch {
	case b[0] == 'w' && len(rest) <= min(inlineMax, largest):
		e.body = rest
		return e, nil
	case b[0] == 'c' && len(rest) == 8:
		size := binary.BigEndian.Uint64(rest)
		if size <= inlineMax || size > uint64(largest) {
			return e, fmt.Errorf("transport: a message of %d bytes in chunks, want %d to %d", size, inlineMax+1, largest)
		}
		e.size = int(size)
		return e, nil
	}
	return e, fmt.Errorf("transport: an entry of kind %d with %d bytes", b[0], len(rest))
}

func chunks(size int) int { return (size + chunkSize - 1) / chunkSize }

func chunkSubject(attempt string, id messageID, k int) string {
	return attempt + ".c." + hex.EncodeToString(id[:]) + "." + strconv.Itoa(k)
}
