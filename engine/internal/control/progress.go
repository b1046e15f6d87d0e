package control

import (
	"maps"
	"slices"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// The names of package wire that services need.
type (
	Act   = wire.Act
	Code  = wire.Code
	Stage = wire.Stage
)

// Kinds of notices.
const (
	Here     = wire.Act_HERE
	Submits  = wire.Act_SUBMIT
	Decides  = wire.Act_DECIDE
	Proposes = wire.Act_PROPOSE
	Leaves   = wire.Act_LEAVE
	Delivers = wire.Act_DELIVER
	Tells    = wire.Act_TELL
	Hands    = wire.Act_HAND
	Stands   = wire.Act_STAND
	Ends     = wire.Act_END

	Concludes = wire.Act_CONCLUDE
)

// Leaving says that an attempt is over for a hospital.
type Leaving struct {
	From    party.ID
	Attempt uint32
	Code    Code
	Closing []byte // signed; empty if none could be made

	Conclusion uint32         // the one it answers; 0: none
	Opened     map[uint32]int // by attempt of the run: sums that the sender has opened
}

// Leave makes a notice of it.
func Leave(a Author, plan [32]byte, run RunID, l Leaving) ([]byte, error) {
	m := &wire.Leaving{Attempt: l.Attempt, Code: l.Code, Closing: l.Closing, Conclusion: l.Conclusion}
	for _, n := range slices.Sorted(maps.Keys(l.Opened)) {
		m.Attempts, m.Sums = append(m.Attempts, n), append(m.Sums, uint32(l.Opened[n]))
	}
	return a.Write(wire.Act_LEAVE, plan, run, m)
}

// ReadLeaving verifies and decodes one.
func ReadLeaving(n *Notice, key party.PublicKey) (*Leaving, error) {
	m := new(wire.Leaving)
	if err := n.Verify(key); err != nil {
		return nil, err
	}
	if err := n.Into(m); err != nil {
		return nil, err
	}
	l := &Leaving{From: n.Sender, Attempt: m.Attempt, Code: m.Code, Closing: m.Closing, Conclusion: m.Conclusion, Opened: map[uint32]int{}}
	for i, a := range m.Attempts {
		l.Opened[a] = int(m.Sums[i])
	}
	return l, nil
}

// Progress is how far a party is with a run. It never says anything of the data.
type Progress struct {
	From    party.ID // party.Hub: the hub's own word, which nobody signed
	Run     RunID
	Number  uint64 // rises; the latest counts
	Attempt uint32
	Stage   Stage
	Round   int // masked sums done
	Step    int // of an encrypted session
	Of      int
	At      time.Time  // by the sender's clock; zero from the hub
	Code    Code       // from the hub: why it failed or is over
	Waiting []party.ID // from the hub: for these
}

// Tell makes a notice of a gateway's progress.
func Tell(a Author, plan [32]byte, p Progress) ([]byte, error) {
	return a.Write(wire.Act_TELL, plan, p.Run, &wire.Telling{Number: p.Number, Attempt: p.Attempt, Stage: p.Stage,
		Round: uint32(p.Round), Step: uint32(p.Step), Of: uint32(p.Of), At: p.At.Unix()})
}

// ReadTelling verifies and decodes one.
func ReadTelling(n *Notice, key party.PublicKey) (Progress, error) {
	m := new(wire.Telling)
	if err := n.Verify(key); err != nil {
		return Progress{}, err
	}
	if err := n.Into(m); err != nil {
		return Progress{}, err
	}
	return Progress{From: n.Sender, Run: n.Run, Number: m.Number, Attempt: m.Attempt, Stage: m.Stage, Round: int(m.Round),
		Step: int(m.Step), Of: int(m.Of), At: time.Unix(m.At, 0).UTC()}, nil
}

// Stand makes a notice of how the hub sees a run.
func Stand(hub Author, plan [32]byte, p Progress) ([]byte, error) {
	m := &wire.Standing{Number: p.Number, Attempt: p.Attempt, Stage: p.Stage, Code: p.Code}
	for _, id := range p.Waiting {
		m.Waiting = append(m.Waiting, string(id))
	}
	return hub.Write(wire.Act_STAND, plan, p.Run, m)
}

// ReadStanding decodes one.
func ReadStanding(n *Notice) (Progress, error) {
	m := new(wire.Standing)
	if err := n.Into(m); err != nil {
		return Progress{}, err
	}
	p := Progress{From: party.Hub, Run: n.Run, Number: m.Number, Attempt: m.Attempt, Stage: m.Stage, Code: m.Code}
	for _, id := range m.Waiting {
		if err := party.ID(id).Check(); err != nil {
			return Progress{}, err
		}
		p.Waiting = append(p.Waiting, party.ID(id))
	}
	return p, nil
}

// Handing is one sealed sum of a run released to the analyst.
type Handing struct {
	Attempt    uint32
	Number, Of int
	Package    []byte
}

// Hand makes the notices of all sealed sums.
func Hand(hub Author, plan [32]byte, run RunID, attempt uint32, packages [][]byte) (all [][]byte, err error) {
	for i, p := range packages {
		b, err := hub.Write(wire.Act_HAND, plan, run, &wire.Handing{Attempt: attempt, Number: uint32(i), Of: uint32(len(packages)), Package: p})
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// ReadHanding decodes one. What is in it proves itself when it is opened.
func ReadHanding(n *Notice) (*Handing, error) {
	m := new(wire.Handing)
	if err := n.Into(m); err != nil {
		return nil, err
	}
	return &Handing{Attempt: m.Attempt, Number: int(m.Number), Of: int(m.Of), Package: m.Package}, nil
}

// Stages, in the order in which they are usually passed.
const (
	Waiting    = wire.Stage_WAITING
	Approved   = wire.Stage_APPROVED
	Declined   = wire.Stage_DECLINED
	Reading    = wire.Stage_READING
	SettingUp  = wire.Stage_SETTING_UP
	Summing    = wire.Stage_SUMMING
	KeysMade   = wire.Stage_KEYS_MADE
	Encrypting = wire.Stage_ENCRYPTING
	Solving    = wire.Stage_SOLVING
	OpeningUp  = wire.Stage_OPENING_UP
	Finishing  = wire.Stage_FINISHING
	Delivered  = wire.Stage_DELIVERED
	Failed     = wire.Stage_FAILED
	Over       = wire.Stage_OVER
)

// Reasons that services give.
const (
	CodeDone      = wire.Code_DONE
	CodeRefused   = wire.Code_REFUSED
	CodeCancelled = wire.Code_CANCELLED
	CodeSilence   = wire.Code_SILENCE
	CodeMalformed = wire.Code_MALFORMED
	CodeSignature = wire.Code_SIGNATURE
	CodeDuplicate = wire.Code_DUPLICATE
	CodeFrozen    = wire.Code_FROZEN
	CodeRollback  = wire.Code_ROLLBACK
	CodePeer      = wire.Code_PEER
	CodeInternal  = wire.Code_INTERNAL
)

// Closed is what the hub knows of how an attempt ended for a hospital.
type Closed struct {
	Code    Code
	Closing []byte // nil: it made none
}
