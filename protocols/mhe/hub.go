package mhe

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// HubConfig is what the hub knows of an encrypted session.
type HubConfig struct {
	Plan    [32]byte
	Attempt uint32
	Charter [32]byte // digest
	Roster  party.Roster
	Params  Params
	Verify  string
}

// Hub adds shares. It serves any number of steps, whatever they are: it knows
// the shape of a share and checks each against its vow, nothing more. It sees
// every share, and without the members' keys they are noise.
type Hub struct {
	cfg     HubConfig
	n       int
	limits  wire.Limits
	stage   place
	inbox   []*wire.Envelope // of this stage, by member
	past    map[place]*stage
	vows    []*wire.Vow
	bodies  [][]byte
	shape   shape
	sum     share   // of the shares of this stage so far
	claims  []claim // what each member must say of the step before
	before  [32]byte
	trans   [32]byte
	summary Summary
	over    bool
}

// Summary is what a session came to, as the hub saw it.
type Summary struct {
	Steps    int        // completed
	Failure  error      // why it was stopped
	Evidence []Evidence // originals that cannot both be honest
	Dropped  int        // messages that were repeated, or not for this session
}

// Evidence is two messages that a member signed for one place, without their bulk.
type Evidence struct {
	Member        party.ID
	First, Second []byte
}

// original is a signed message without its bulk, which the body binds by hashes.
func original(e *wire.Envelope) ([]byte, error) {
	return wire.Encode(&wire.Envelope{
		Version: e.Version, Plan: e.Plan, Attempt: e.Attempt, Type: e.Type, Sequence: e.Sequence,
		Sender: e.Sender, Recipient: e.Recipient, Body: e.Body, Signatures: e.Signatures,
	})
}

// stage is a completed collection: what came, without the shares, and the answers.
type stage struct {
	inbox []*wire.Envelope
	down  []round.Message
}

// NewHub returns the hub's machine.
func NewHub(cfg HubConfig) (*Hub, error) {
	n := cfg.Roster.Len()
	switch {
	case cfg.Params.lit.LogN == 0 || cfg.Attempt == 0:
		return nil, errors.New("mhe: hub: params and attempt are needed")
	case n < 2 || n > cfg.Params.MaxMembers():
		return nil, fmt.Errorf("mhe: hub: %d members, want 2 to %d", n, cfg.Params.MaxMembers())
	case cfg.Verify != VerifyFold && cfg.Verify != VerifyFull:
		return nil, fmt.Errorf("mhe: hub: verify is %q, want %q or %q", cfg.Verify, VerifyFold, VerifyFull)
	}
	h := &Hub{cfg: cfg, n: n, limits: cfg.Params.Limits(n, cfg.Verify), past: map[place]*stage{}}
	h.collect(place{wire.Type_VOW, 1})
	return h, nil
}

var _ round.Machine[Summary] = (*Hub)(nil)

// Start returns nothing: the members begin.
func (h *Hub) Start() ([]round.Message, error) { return nil, nil }

// Result returns the summary once the session was stopped. A session that did
// its work ends without a word: see Summary.
func (h *Hub) Result() (Summary, bool) { return h.summary, h.over }

// Summary returns what has come of the session so far.
func (h *Hub) Summary() Summary { return h.summary }

func (h *Hub) collect(at place) { h.stage, h.inbox = at, make([]*wire.Envelope, h.n) }

// Receive takes one member's message. It does not fail because of a member: it
// stops the session and tells everyone by a code.
func (h *Hub) Receive(m round.Message) ([]round.Message, error) {
	i := h.cfg.Roster.Index(m.From)
	if i < 0 || m.To != party.Hub || h.over {
		h.summary.Dropped++
		return nil, nil
	}
	e, err := wire.Open(m.Body, h.limits)
	if err != nil {
		return h.stop(h.blame(i, wire.Code_MALFORMED, err))
	}
	if !bytes.Equal(e.Plan, h.cfg.Plan[:]) || e.Attempt != h.cfg.Attempt {
		h.summary.Dropped++
		return nil, nil
	}
	if e.Sender != string(m.From) || e.Recipient != string(party.Hub) {
		return h.stop(h.blame(i, wire.Code_MALFORMED, errors.New("mhe: sender or recipient is not who sent it to whom")))
	}
	at := place{e.Type, e.Sequence}
	switch {
	case at == h.stage && h.inbox[i] != nil:
		return h.repeated(i, h.inbox[i], e, nil)
	case at == h.stage:
		return h.accept(i, e)
	case h.past[at] != nil:
		s := h.past[at]
		return h.repeated(i, s.inbox[i], e, s.down[i:i+1])
	}
	h.summary.Dropped++ // of the past or of the future
	return nil, nil
}

// context in which a message is signed: T is what the first vow says, and
// members see to it that it is theirs.
func (h *Hub) context() round.Context {
	return round.Context{Charter: h.cfg.Charter, Roster: h.cfg.Roster.Digest(), Session: h.trans}
}

// repeated answers a repetition with the same answer, if it was given already,
// and keeps two different signed messages as evidence.
func (h *Hub) repeated(i int, before, now *wire.Envelope, answer []round.Message) ([]round.Message, error) {
	if bytes.Equal(before.Body, now.Body) {
		h.summary.Dropped++
		return answer, nil
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(), now); err != nil {
		return h.stop(h.blame(i, wire.Code_SIGNATURE, err))
	}
	first, err1 := original(before)
	second, err2 := original(now)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	h.summary.Evidence = append(h.summary.Evidence, Evidence{h.cfg.Roster.At(i).ID, first, second})
	return h.stop(h.blame(i, wire.Code_DUPLICATE, fmt.Errorf("mhe: two different messages of type %v for step %d", now.Type, now.Sequence)))
}

// accept checks a message that is due, and answers all when it was the last.
func (h *Hub) accept(i int, in *wire.Envelope) ([]round.Message, error) {
	check := h.checkVow
	if h.stage.kind == wire.Type_SHARE {
		check = h.checkShare
	}
	if err := check(i, in); err != nil {
		return h.stop(err)
	}
	h.inbox[i] = in
	for _, in := range h.inbox {
		if in == nil {
			return nil, nil
		}
	}
	return h.complete()
}

func (h *Hub) checkVow(i int, in *wire.Envelope) error {
	v := new(wire.Vow)
	if err := decodeBody(in.Body, v, h.n); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	if h.trans == ([32]byte{}) {
		h.trans = [32]byte(v.Transcript)
	}
	ctx := h.context()
	ctx.Session = [32]byte(v.Transcript)
	if err := round.Verify(h.cfg.Roster.At(i).Key, ctx, in); err != nil {
		return h.blame(i, wire.Code_SIGNATURE, err)
	}
	if len(in.Bulk) != (h.n-1)*wire.TagSize {
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("mhe: a vow with %d bytes of tags", len(in.Bulk)))
	}
	// Who has seen another outcome than the hub's claims something else, and cannot be
	// blamed for it: the members will see that they differ.
	if h.claims != nil && bytes.Equal(v.Before, h.before[:]) && !bytes.Equal(v.Claims, h.cfg.Params.encodeClaim(h.claims[i])) {
		return h.blame(i, wire.Code_FOLD, errors.New("mhe: a claim that does not belong to the member's share"))
	}
	if len(v.Shape) > 0 {
		s, err := h.cfg.Params.parseShape(v.Shape)
		if err != nil {
			return h.blame(i, wire.Code_MALFORMED, err)
		}
		if h.cfg.Params.size(s) > h.limits.Share || v.Full != (h.cfg.Verify == VerifyFull || s.raw()) {
			return h.blame(i, wire.Code_MALFORMED, errors.New("mhe: a share that is too large, or for other eyes than the study says"))
		}
	}
	if h.vows == nil {
		h.vows, h.bodies = make([]*wire.Vow, h.n), make([][]byte, h.n)
	}
	h.vows[i], h.bodies[i] = v, in.Body
	return nil
}

// checkShare holds a share against its vow. Only what a member vowed is added.
func (h *Hub) checkShare(i int, in *wire.Envelope) error {
	m := new(wire.Share)
	if err := decodeBody(in.Body, m, h.n); err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	if err := round.Verify(h.cfg.Roster.At(i).Key, h.context(), in); err != nil {
		return h.blame(i, wire.Code_SIGNATURE, err)
	}
	hash := shareHash(in.Bulk)
	c := commitment(h.trans[:], in.Sequence, h.cfg.Roster.At(i).ID, m.Salt, hash[:])
	switch {
	case !bytes.Equal(hash[:], m.Hash):
		return h.blame(i, wire.Code_MALFORMED, errors.New("mhe: the share is not the one signed"))
	case !bytes.Equal(c[:], h.vows[i].Share):
		return h.blame(i, wire.Code_OPENING, errors.New("mhe: the share is not the one vowed"))
	case len(in.Bulk) != h.cfg.Params.size(h.shape):
		return h.blame(i, wire.Code_MALFORMED, fmt.Errorf("mhe: a share of %d bytes, want %d", len(in.Bulk), h.cfg.Params.size(h.shape)))
	}
	var err error
	switch {
	case h.shape.raw():
	case h.vows[0].Full: // every member adds itself
		err = h.cfg.Params.each(h.shape, in.Bulk, func(int, int, []uint64) {})
	default:
		h.sum, err = h.cfg.Params.addPacked(h.shape, h.sum, in.Bulk)
	}
	if err != nil {
		return h.blame(i, wire.Code_MALFORMED, err)
	}
	return nil
}

// complete answers a stage and begins the next.
func (h *Hub) complete() ([]round.Message, error) {
	var down []round.Message
	var err error
	was, next := h.stage, place{wire.Type_VOW, h.stage.sequence + 1}
	if h.stage.kind == wire.Type_VOW {
		for at := range h.past { // all members have spoken after it: nobody asks again
			if at.sequence < h.stage.sequence {
				delete(h.past, at)
			}
		}
		down, err = h.handVows()
		if h.shape != nil {
			next = place{wire.Type_SHARE, h.stage.sequence}
		} else { // nothing but vows in this step
			h.claims, h.vows = nil, nil
			h.summary.Steps++
		}
	} else {
		down, err = h.handSum()
		h.vows = nil
		h.summary.Steps++
	}
	if err != nil {
		return nil, err
	}
	h.past[was] = &stage{h.inbox, down}
	h.collect(next)
	return down, nil
}

// handVows hands out the vows with each recipient's tags. When they do not agree there
// will be no shares, and the members see why.
func (h *Hub) handVows() ([]round.Message, error) {
	agree := true
	for _, v := range h.vows {
		agree = agree && bytes.Equal(v.Shape, h.vows[0].Shape)
	}
	h.shape = nil
	if agree && len(h.vows[0].Shape) > 0 {
		var err error
		if h.shape, err = h.cfg.Params.parseShape(h.vows[0].Shape); err != nil {
			return nil, err
		}
	}
	var out []round.Message
	for j := range h.n {
		m := new(wire.Vows)
		for i, in := range h.inbox {
			t := &wire.Tagged{Body: in.Body}
			if i != j {
				at := slot(i, j) * wire.TagSize
				t.Tag = in.Bulk[at : at+wire.TagSize]
			}
			m.Vows = append(m.Vows, t)
		}
		b, err := h.envelope(wire.Type_VOWS, h.stage.sequence, h.cfg.Roster.At(j).ID, m)
		if err != nil {
			return nil, err
		}
		out = append(out, h.to(j, b))
	}
	return out, nil
}

// slot is the position of peer j in a list that leaves out member i.
func slot(i, j int) int {
	if j > i {
		return j - 1
	}
	return j
}

// handSum hands out the sum of the shares, or hands all of them to all.
func (h *Hub) handSum() ([]round.Message, error) {
	m, p := new(wire.Folded), h.cfg.Params
	h.claims = nil
	if h.vows[0].Full {
		for _, in := range h.inbox {
			s := new(wire.Share)
			if err := wire.Decode(in.Body, s); err != nil {
				return nil, err
			}
			m.Shares = append(m.Shares, &wire.Revealed{Salt: s.Salt, Share: in.Bulk})
			in.Bulk = nil
		}
	} else {
		var err error
		if m.Sum, err = p.pack(h.shape, h.sum); err != nil {
			return nil, err
		}
		h.sum = nil
		// What each member will have to claim is known now: a false claim can be named.
		body, err := wire.Encode(m)
		if err != nil {
			return nil, err
		}
		o := outcome(h.stage.sequence, h.bodies, messageHash(body))
		h.before = o
		at := p.challenge(h.shape, o)
		for _, in := range h.inbox {
			c, err := p.foldPacked(h.shape, in.Bulk, at)
			if err != nil {
				return nil, err
			}
			h.claims = append(h.claims, c)
			in.Bulk = nil // the largest thing the hub holds
		}
	}
	b, err := h.envelope(wire.Type_FOLDED, h.stage.sequence, "", m)
	if err != nil {
		return nil, err
	}
	out := make([]round.Message, h.n)
	for i := range out {
		out[i] = h.to(i, b)
	}
	return out, nil
}

// Expire gives up waiting.
func (h *Hub) Expire() ([]round.Message, error) {
	if h.over {
		return nil, nil
	}
	var few round.TooFew
	for i, in := range h.inbox {
		if in == nil {
			few.Missing = append(few.Missing, h.cfg.Roster.At(i).ID)
		}
	}
	return h.stop(&few)
}

// stop ends the session and tells every member.
func (h *Hub) stop(err error) ([]round.Message, error) {
	h.over, h.summary.Failure = true, err
	s := &wire.Stop{Code: round.CodeOf(err)}
	var blame *round.Blame
	var few *round.TooFew
	switch {
	case errors.As(err, &blame):
		s.Who = string(blame.Who)
	case errors.As(err, &few) && len(few.Missing) > 0:
		s.Who = string(few.Missing[0])
	}
	b, err := h.envelope(wire.Type_STOP, 0, "", s)
	if err != nil {
		return nil, err
	}
	var out []round.Message
	for i := range h.n {
		out = append(out, h.to(i, b))
	}
	return out, nil
}

func (h *Hub) blame(i int, code wire.Code, err error) error {
	return &round.Blame{Who: h.cfg.Roster.At(i).ID, Code: code, Err: err}
}

func (h *Hub) to(i int, body []byte) round.Message {
	return round.Message{From: party.Hub, To: h.cfg.Roster.At(i).ID, Body: body}
}

// envelope encodes a message of the hub; without a recipient it is for all.
func (h *Hub) envelope(t wire.Type, sequence uint64, recipient party.ID, m body) ([]byte, error) {
	b, err := wire.Encode(m)
	if err != nil {
		return nil, err
	}
	return wire.Encode(&wire.Envelope{
		Version: wire.Version, Plan: h.cfg.Plan[:], Attempt: h.cfg.Attempt, Type: t, Sequence: sequence,
		Sender: string(party.Hub), Recipient: string(recipient), Body: b,
	})
}
