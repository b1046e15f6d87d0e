package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Sizes of what Notices carry.
const (
	NonceSize  = 16
	MaxStudy   = 1 << 20 // bytes of a study file
	maxReport  = 48 << 20
	maxPackage = 60 << 20
	maxScope   = 64 << 10 // bytes of the names in a decision, and of why
	mostTried  = 1000     // attempts at a run that a leaving can list
	lastAct    = Act_END
	lastStage  = Stage_OVER
)

// Max returns the largest number of bytes a Notice of the kind can have, and 0 for kinds there are not.
func (a Act) Max() int {
	const (
		head     = signed + 2*(DigestSize+field)
		decision = head + maxScope + SignatureSize + 4*(DigestSize+field)
		closing  = signed + 4*DigestSize + 8*field
		usual    = 16 << 10 // bytes of a decision that names few columns
	)
	switch a {
	case Act_HERE, Act_TELL, Act_END:
		return head + 256
	case Act_SUBMIT:
		return head + MaxStudy + 512
	case Act_DECIDE:
		return decision
	case Act_PROPOSE:
		return head + MaxMembers*(64+usual+closing+4*field)
	case Act_LEAVE:
		return head + closing + 64 + mostTried*10
	case Act_DELIVER:
		return head + maxReport
	case Act_HAND:
		return head + maxPackage
	case Act_STAND, Act_CONCLUDE:
		return head + 256 + MaxMembers*(64+field)
	}
	return 0
}

// bySender reports whether a Notice of the kind is signed; the hub's are not.
func (a Act) bySender() bool {
	switch a {
	case Act_PROPOSE, Act_HAND, Act_STAND, Act_CONCLUDE:
		return false
	}
	return true
}

// LargestNotice is the most bytes any Notice can have.
func LargestNotice() int {
	most := 0
	for a := Act_HERE; a <= lastAct; a++ {
		most = max(most, a.Max())
	}
	return most
}

// OpenNotice decodes a Notice of at most the size its kind may have, and checks
// the lengths of its own fields.
func OpenNotice(b []byte) (*Notice, error) {
	if len(b) > LargestNotice() {
		return nil, fmt.Errorf("wire: a notice has %d bytes, want at most %d", len(b), LargestNotice())
	}
	a, err := peekAct(b)
	if err != nil {
		return nil, err
	}
	if len(b) > a.Max() {
		return nil, fmt.Errorf("wire: a notice of kind %v has %d bytes, want at most %d", a, len(b), a.Max())
	}
	n := new(Notice)
	if err := Decode(b, n); err != nil {
		return nil, err
	}
	return n, n.check()
}

// peekAct reads the kind, which is the second field, after the version.
func peekAct(b []byte) (Act, error) {
	for num := protowire.Number(1); num <= 2; num++ {
		got, typ, n := protowire.ConsumeTag(b)
		if n < 0 || got != num || typ != protowire.VarintType {
			return 0, errCanonical
		}
		v, m := protowire.ConsumeVarint(b[n:])
		if m < 0 || v > uint64(lastAct) {
			return 0, errCanonical
		}
		if num == 2 {
			return Act(v), nil
		}
		b = b[n+m:]
	}
	return 0, errCanonical
}

func (n *Notice) check() error {
	plan, run, signatures := DigestSize, DigestSize, SignatureSize
	if n.Act == Act_HERE {
		plan = 0
		if len(n.Run) == 0 {
			run = 0
		}
	}
	if n.Act == Act_SUBMIT {
		run = 0 // it is the digest of this notice
	}
	if !n.Act.bySender() {
		signatures = 0
	}
	switch {
	case n.Version != Version:
		return fmt.Errorf("wire: a notice has version %d, want %d", n.Version, Version)
	case n.Act == Act_NOTHING || n.Act > lastAct:
		return fmt.Errorf("wire: a notice is of kind %d", n.Act)
	case len(n.Sender) == 0 || len(n.Sender) > 64:
		return fmt.Errorf("wire: a notice has a sender's name of %d bytes, want 1 to 64", len(n.Sender))
	}
	return first(size("plan", n.Plan, plan), size("run", n.Run, run), size("signatures", n.Signatures, signatures))
}

// The Check methods below look at lengths and closed lists; n is not used, as a notice knows no roster.

func (m *Submission) Check(int) error {
	if len(m.Study) == 0 || len(m.Study) > 64 || len(m.Program) > 64 || len(m.Text) == 0 || len(m.Text) > MaxStudy {
		return fmt.Errorf("wire: a submission has a name of %d bytes, a study of %d and a version of %d", len(m.Study), len(m.Text), len(m.Program))
	}
	return size("nonce", m.Nonce, NonceSize)
}

func (m *Decision) Check(int) error {
	analyst := 0
	if m.Approve {
		analyst = DigestSize
	}
	if len(m.Study) == 0 || len(m.Study) > 64 {
		return fmt.Errorf("wire: a decision has a name of %d bytes", len(m.Study))
	}
	return first(size("roster", m.Roster, DigestSize), size("analyst", m.Analyst, analyst), size("signature", m.Signature, SignatureSize))
}

func (m *Proposal) Check(int) error {
	if m.Attempt == 0 || len(m.Members) == 0 || len(m.Members) > MaxMembers {
		return fmt.Errorf("wire: a proposal of attempt %d has %d members", m.Attempt, len(m.Members))
	}
	if len(m.Closings) > MaxMembers {
		return fmt.Errorf("wire: a proposal has %d closing records", len(m.Closings))
	}
	return count("decisions", len(m.Decisions), len(m.Members))
}

func (m *Leaving) Check(int) error {
	if m.Attempt == 0 && m.Conclusion == 0 || !m.Code.Known() {
		return fmt.Errorf("wire: a leaving of attempt %d has code %d", m.Attempt, m.Code)
	}
	if len(m.Attempts) > mostTried {
		return fmt.Errorf("wire: a leaving lists %d attempts, want at most %d", len(m.Attempts), mostTried)
	}
	return count("sums", len(m.Sums), len(m.Attempts))
}

func (m *Conclusion) Check(int) error {
	if m.Number == 0 || !m.Code.Known() || len(m.Gone) > MaxMembers || (m.Attempt == 0) != (m.Sums == 0) {
		return fmt.Errorf("wire: conclusion %d of attempt %d has %d sums, %d names and code %d", m.Number, m.Attempt, m.Sums, len(m.Gone), m.Code)
	}
	return nil
}

func (m *Outcome) Check(int) error {
	if m.Attempt == 0 || len(m.Members) == 0 || len(m.Members) > MaxMembers {
		return fmt.Errorf("wire: an outcome of attempt %d has %d members", m.Attempt, len(m.Members))
	}
	if len(m.Gone) > len(m.Members) || (m.Conclusion == 0) != (m.Sums == 0) || m.Conclusion == 0 && len(m.Gone) > 0 {
		return fmt.Errorf("wire: an outcome of attempt %d has conclusion %d, %d sums and %d members that are gone", m.Attempt, m.Conclusion, m.Sums, len(m.Gone))
	}
	return first(size("roster", m.Roster, DigestSize), size("approvals", m.Approvals, DigestSize), size("previous", m.Previous, DigestSize))
}

func (m *Telling) Check(int) error {
	if m.Stage == Stage_UNKNOWN || m.Stage > lastStage || m.Stage < 0 {
		return fmt.Errorf("wire: a telling has stage %d", m.Stage)
	}
	return nil
}

func (m *Delivery) Check(int) error {
	if len(m.Sealed) == 0 {
		return fmt.Errorf("wire: a delivery is empty")
	}
	return nil
}

func (m *Handing) Check(int) error {
	if m.Attempt == 0 || m.Number >= m.Of || m.Of > 1<<16 || len(m.Package) == 0 {
		return fmt.Errorf("wire: a handing of number %d of %d, attempt %d, has %d bytes", m.Number, m.Of, m.Attempt, len(m.Package))
	}
	return nil
}

func (m *Standing) Check(int) error {
	if m.Stage == Stage_UNKNOWN || m.Stage > lastStage || m.Stage < 0 || m.Code < 0 || len(m.Waiting) > MaxMembers {
		return fmt.Errorf("wire: a standing has stage %d, code %d and %d names", m.Stage, m.Code, len(m.Waiting))
	}
	return nil
}
