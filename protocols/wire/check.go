package wire

import "fmt"

// size says that a field has got bytes where want are due.
func size(what string, got []byte, want int) error {
	if len(got) != want {
		return fmt.Errorf("wire: %s has %d bytes, want %d", what, len(got), want)
	}
	return nil
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Check looks at the lengths of the envelope's own fields, and that only
// members' messages are signed.
func (e *Envelope) Check() error {
	if e.Version != Version {
		return fmt.Errorf("wire: a message has version %d, want %d", e.Version, Version)
	}
	if e.Attempt == 0 || e.Type == Type_NONE || e.Type > lastType {
		return fmt.Errorf("wire: a message has attempt %d and type %d", e.Attempt, e.Type)
	}
	if len(e.Sender) > 64 || len(e.Recipient) > 64 {
		return fmt.Errorf("wire: a message has names of %d and %d bytes, want at most 64", len(e.Sender), len(e.Recipient))
	}
	want := 0
	switch e.Type {
	case Type_HELLO, Type_SEAL, Type_MASKED, Type_UNLOCK, Type_CLOSE, Type_VOW, Type_SHARE, Type_RECALL, Type_SEEN:
		want = SignatureSize
	}
	inSum := e.Type >= Type_MASKED && e.Type <= Type_COLLECTED || e.Type >= Type_VOW && e.Type <= Type_FOLDED
	if inSum != (e.Sequence > 0) {
		return fmt.Errorf("wire: a message of type %v has sequence %d", e.Type, e.Sequence)
	}
	if e.Part > 0 && (e.Type != Type_SHARE && e.Type != Type_FOLDED || e.Part >= MaxShareParts) {
		return fmt.Errorf("wire: a message of type %v is part %d", e.Type, e.Part)
	}
	switch e.Type {
	case Type_SEAL, Type_MASKED, Type_UNLOCK, Type_VOW, Type_SHARE:
	default:
		if len(e.Bulk) == 0 {
			break
		}
		return fmt.Errorf("wire: a message of type %v has bulk", e.Type)
	}
	return first(size("plan", e.Plan, DigestSize), size("signatures", e.Signatures, want))
}

// The Check methods below compare every length with what n members dictate.

func (m *Hello) Check(n int) error {
	return first(size("charter", m.Charter, DigestSize), size("key", m.Key, KeySize), size("nonce", m.Nonce, DigestSize),
		size("data", m.Data, DigestSize), size("roster", m.Roster, DigestSize), size("heads", m.Heads, n*HeadSize))
}

func (m *Hellos) Check(n int) error { return count("hellos", len(m.Hellos), n) }

func (m *Seal) Check(n int) error {
	return first(size("session", m.Session, DigestSize), size("parts", m.Parts, (n-1)*DigestSize))
}

func (m *Seals) Check(n int) error { return count("seals", len(m.Seals), n) }

func (m *Head) Check(int) error {
	if m.Cells == 0 || m.Cells > MaxCells {
		return fmt.Errorf("wire: a head has %d cells, want 1 to %d", m.Cells, MaxCells)
	}
	return first(size("transcript", m.Transcript, DigestSize), size("label", m.Label, DigestSize), size("ask", m.Ask, DigestSize),
		size("state", m.State, DigestSize), size("vector hash", m.Vector, DigestSize), size("own", m.Own, DigestSize),
		size("veil", m.Veil, DigestSize), size("chain", m.Chain, DigestSize))
}

// Check cannot know the number of cells, which the head says.
func (m *Masked) Check(n int) error { return size("tags", m.Tags, (n-1)*TagSize) }

func (m *Summed) Check(n int) error {
	if len(m.Vector)%CellSize != 0 {
		return fmt.Errorf("wire: a sum has %d bytes, want a multiple of %d", len(m.Vector), CellSize)
	}
	return first(count("heads", len(m.Heads), n), size("carry", m.Carry, len(m.Vector)/CellSize))
}

func (m *Unlock) Check(int) error {
	switch len(m.Own) {
	case VeiledSize, ForReaderSize, VeiledSize + ForReaderSize:
	default:
		return fmt.Errorf("wire: own has %d bytes, want %d, %d or both", len(m.Own), VeiledSize, ForReaderSize)
	}
	return first(size("label", m.Label, DigestSize), size("heads", m.Heads, DigestSize), size("sum", m.Sum, DigestSize),
		size("claim", m.Claim, DigestSize))
}

func (m *Unlocks) Check(n int) error { return count("unlocks", len(m.Unlocks), n) }

func (m *Collected) Check(int) error {
	return first(size("label", m.Label, DigestSize), size("heads", m.Heads, DigestSize), size("sum", m.Sum, DigestSize))
}

func (m *Close) Check(int) error {
	if !m.Code.Known() {
		return fmt.Errorf("wire: a close has code %d", m.Code)
	}
	return first(size("session", m.Session, DigestSize), size("label", m.Label, DigestSize), size("frozen", m.Frozen, DigestSize),
		size("roster", m.Roster, DigestSize), size("charter", m.Charter, DigestSize))
}

func (m *Closed) Check(n int) error {
	if len(m.Closes) > n {
		return count("closes", len(m.Closes), n)
	}
	return nil
}

func (m *Stop) Check(int) error {
	if !m.Code.Known() || len(m.Who) > 64 {
		return fmt.Errorf("wire: a stop has code %d and a name of %d bytes", m.Code, len(m.Who))
	}
	return nil
}

func (m *Vow) Check(int) error {
	if len(m.Claims) > MaxPrimes*ClaimSize || len(m.Shape) > MaxBlocks*BlockSize || len(m.Shape)%BlockSize != 0 {
		return fmt.Errorf("wire: a vow has %d bytes of claims and %d of shape", len(m.Claims), len(m.Shape))
	}
	if (len(m.Share) == 0) != (len(m.Shape) == 0) {
		return fmt.Errorf("wire: a vow has a commitment of %d bytes to a share of shape %x", len(m.Share), m.Shape)
	}
	if len(m.Share) > 0 {
		if err := size("commitment", m.Share, DigestSize); err != nil {
			return err
		}
	}
	return first(size("transcript", m.Transcript, DigestSize), size("work", m.Work, DigestSize), size("before", m.Before, DigestSize))
}

func (m *Vows) Check(n int) error { return count("vows", len(m.Vows), n) }

func (m *Share) Check(int) error {
	if n := len(m.Parts) / DigestSize; n < 1 || n > MaxShareParts || len(m.Parts)%DigestSize != 0 {
		return fmt.Errorf("wire: a share has %d bytes of hashes, want %d for each of 1 to %d parts", len(m.Parts), DigestSize, MaxShareParts)
	}
	return size("salt", m.Salt, DigestSize)
}

func (m *Folded) Check(n int) error {
	if len(m.Shares) == 0 {
		return nil
	}
	if len(m.Sum) > 0 {
		return fmt.Errorf("wire: a folded step has both shares and their sum")
	}
	for _, s := range m.Shares {
		if err := size("salt", s.GetSalt(), DigestSize); err != nil {
			return err
		}
	}
	return count("shares", len(m.Shares), n)
}

func (m *Recall) Check(int) error { return size("nonce", m.Nonce, DigestSize) }

func (m *Seen) Check(int) error {
	if len(m.Who) > 64 {
		return fmt.Errorf("wire: an answer is for a name of %d bytes", len(m.Who))
	}
	return first(size("nonce", m.Nonce, DigestSize), size("head", m.Head, HeadSize))
}

func (m *Relayed) Check(int) error {
	if len(m.Message) == 0 {
		return fmt.Errorf("wire: nothing is relayed")
	}
	return nil
}

// Known reports whether c is a code that may be sent.
func (c Code) Known() bool { return c > Code_UNSTATED && c <= Code_RANGE }

func count(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("wire: %d %s, want %d", got, what, want)
	}
	return nil
}

// The records of a journal are a member's own; a damaged one must be refused all
// the same, and not bring the process down.

func (m *Sealing) Check() error {
	n := len(m.Ids)
	return first(size("session", m.Session, DigestSize), size("hellos", m.Hellos, n*DigestSize), size("data", m.Data, n*DigestSize),
		size("heads", m.Heads, n*HeadSize), size("shared", m.Shared, n*DigestSize))
}

func (m *Agreed) Check() error {
	n := len(m.Ids)
	return first(size("transcript", m.Transcript, DigestSize), size("veil", m.Veil, DigestSize), size("pairs", m.Pairs, n*DigestSize),
		size("seen", m.Seen, n*HeadSize))
}

func (m *Unlocked) Check() error { return size("seen", m.Seen, len(m.Ids)*HeadSize) }

func (m *Totalled) Check() error {
	return first(size("seen", m.Seen, len(m.Ids)*HeadSize), size("cells", m.Cells, len(m.Cells)/CellSize*CellSize))
}
