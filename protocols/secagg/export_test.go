package secagg

import "github.com/consilium-health/consilium/protocols/party"

// What tests need to play a member that deviates: its own keys, from its own journal.

// SessionOf returns the session that a member's journal holds.
func SessionOf(cfg Config) (*Session, error) {
	l, err := openLedger(cfg.Journal, cfg.Charter.Plan)
	if err != nil {
		return nil, err
	}
	return newSession(newMember(cfg, l)), nil
}

// Tags authenticates a body to all peers.
func (s *Session) Tags(kind string, body []byte) []byte { return s.tags(kind, body) }

// Transcript returns T.
func (s *Session) Transcript() []byte { return s.transcript[:] }

// SealPart encrypts a veil part as a member does.
func SealPart(shared, session []byte, from, to party.ID, veil []byte) []byte {
	a := party.Hash("part aad", session, []byte(from), []byte(to))
	return sealOnce(derive(shared, "part", session, []byte(from), []byte(to)), veil, a[:])
}

// Fold and Stream expose the arithmetic to its oracles.
func Fold(r [32]byte, v, carry []byte) [32]byte {
	e := element(r)
	return fold(&e, v, carry)
}

func Stream(key [32]byte, cells int) []byte { return newStreamer(cells).stream(key) }

func Challenge(d [32]byte) [32]byte { return challenge(d) }

func ParseElement(b []byte) ([32]byte, error) { return parseElement(b) }

func Encode(v Vector) []byte { return encode(v) }

func Decode(b []byte) Vector { return decode(b) }

func AddCarry(v Vector, carry, b []byte) { addCarry(v, carry, b) }

// OwnMask returns the stream that a member adds to its vector of a sum, cell 0 included.
func (s *Session) OwnMask(label [32]byte, cells int) []byte {
	u := derive(s.log.began.OwnKey, "own", label[:])
	return newStreamer(cells + 1).stream(u)
}

func LabelDigest(t [32]byte, ask Ask, sequence uint64) [32]byte { return labelDigest(t, ask, sequence) }

func Derive(secret []byte, label string, context ...[]byte) [32]byte {
	return derive(secret, label, context...)
}

func FoldDigest(label, heads, sum [32]byte) [32]byte { return foldDigest(label, heads, sum) }

func OwnCommitment(label [32]byte, id party.ID, u [32]byte) [32]byte {
	return ownCommitment(label, id, u)
}

// OpenVeiled tries the key under which member j's own mask is veiled.
func (s *Session) OpenVeiled(label [32]byte, j int, sealed []byte) bool {
	_, ok := openOnce(derive(s.veil[:], "unlock", label[:], []byte(s.id(j))), sealed, label[:])
	return ok
}
