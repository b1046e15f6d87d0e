package control

import (
	"fmt"
	"io"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Submission is what an analyst asks for.
type Submission struct {
	Run     RunID
	Plan    [32]byte
	Analyst party.ID
	Key     party.PublicKey // of the analyst
	Study   string          // its name
	Text    []byte          // the study file
	Program string          // version that made the plan
	Made    time.Time
	Bytes   []byte // the notice
}

// Submit signs a submission; nonce is where its 16 random bytes come from.
func Submit(a Author, plan [32]byte, name, program string, text []byte, made time.Time, nonce io.Reader) (*Submission, error) {
	body := &wire.Submission{Study: name, Text: text, Program: program, Made: made.Unix(), Nonce: make([]byte, wire.NonceSize)}
	if _, err := io.ReadFull(nonce, body.Nonce); err != nil {
		return nil, fmt.Errorf("control: drawing a nonce: %w", err)
	}
	b, err := a.Write(wire.Act_SUBMIT, plan, RunID{}, body)
	if err != nil {
		return nil, err
	}
	n, err := Read(b)
	if err != nil {
		return nil, err
	}
	return ReadSubmission(n, a.Identity.Public())
}

// ReadSubmission verifies a submission under the key pinned for its sender. Text is not parsed.
func ReadSubmission(n *Notice, key party.PublicKey) (*Submission, error) {
	m := new(wire.Submission)
	if err := n.Verify(key); err != nil {
		return nil, err
	}
	if err := n.Into(m); err != nil {
		return nil, err
	}
	return &Submission{Run: n.Run, Plan: n.Plan, Analyst: n.Sender, Key: key, Study: m.Study, Text: m.Text, Program: m.Program,
		Made: time.Unix(m.Made, 0).UTC(), Bytes: n.Bytes}, nil
}
