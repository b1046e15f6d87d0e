package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// hubRun is a run at the hub.
type hubRun struct {
	*submitted
	decisions map[party.ID]decided
	heard     map[party.ID]int // decisions kept of a hospital
	delivered map[party.ID][]byte
	told      map[party.ID]told
	handed    [][]byte // sealed sums, for the analyst

	proposal *control.Proposal // of the latest attempt
	last     uint32            // number of the latest attempt that anybody speaks of
	closings map[party.ID]control.Closed
	ended    bool // the attempt proposed last
	done     bool // and well: reports are on their way
	task     *task

	silent   map[party.ID]bool // not heard of since the latest attempt failed
	refusing map[party.ID]bool // left an attempt because their house refuses
	rolled   map[party.ID]bool // left it because others have seen more of them than they remember: an operator has to confirm that
	failures int               // in a row, with everybody there
	since    time.Time         // what waits, waits since
	due      time.Time         // look again

	ending    *control.Conclusion // the latest: the run ends with what is finished
	answers   map[party.ID]answer
	concluded map[party.ID]concluded

	over     bool
	standing Status
	stood    string // what was said last
}

type decided struct {
	store.Decision
	notice []byte
}

type told struct {
	number uint64
	notice []byte
}

// present notes that a hospital is there. After an attempt that went well, it is
// the report that is waited for, or word that there is none.
func (r *hubRun) present(id party.ID) {
	if !r.done {
		delete(r.silent, id)
	}
}

// pace is how much a party may say.
type pace struct {
	free float64
	last time.Time
}

// What a party may say at once, and in a second; a quarter of a megabyte counts as one notice.
const (
	paceBurst  = 512
	paceSecond = 64
	paceBytes  = 256 << 10
	mostHeard  = 64 // decisions of one hospital about one run
)

func (p *pace) allows(n int) bool {
	now := runner.Clock()
	p.free = min(paceBurst, p.free+now.Sub(p.last).Seconds()*paceSecond)
	p.last = now
	if cost := 1 + float64(n)/paceBytes; p.free >= cost {
		p.free -= cost
		return true
	}
	return false
}

// take implements clerk.
func (h *Hub) take(from party.ID, b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pace[from] == nil {
		h.pace[from] = &pace{free: paceBurst, last: runner.Clock()}
	}
	if !h.pace[from].allows(len(b)) {
		h.cfg.Metrics.Add("notices_dropped", 1)
		return
	}
	if err := h.read(from, b); err != nil {
		h.cfg.Metrics.Add("notices_dropped", 1)
		h.cfg.Log.Warn("a notice was dropped", "from", from, "why", err)
	}
}

func (h *Hub) read(from party.ID, b []byte) error {
	n, err := control.Read(b)
	if err != nil {
		return err
	}
	if n.Act == control.Submits { // a hospital shows the hub what it may have forgotten
		return h.onSubmission(from, n)
	}
	if n.Sender != from {
		return fmt.Errorf("engine: a notice in the name of %s", n.Sender)
	}
	switch n.Act {
	case control.Here:
		return h.onHere(n)
	case control.Ends:
		return h.onWish(n)
	}
	r := h.runs[n.Run]
	if r == nil || n.Plan != r.sub.Plan {
		return ErrUnknownRun
	}
	if r.over && n.Act != control.Tells || r.roster.Index(from) < 0 {
		return nil // nothing follows
	}
	switch n.Act {
	case control.Decides:
		return h.onDecision(r, n)
	case control.Leaves:
		return h.onLeaving(r, n)
	case control.Delivers:
		return h.onDelivery(r, n)
	case control.Tells:
		return h.onTelling(r, n)
	}
	return fmt.Errorf("engine: a notice of kind %v is not for a hub", n.Act)
}

// onHere answers a party that has just come.
func (h *Hub) onHere(n *control.Notice) error {
	if i := h.cfg.Roster.Index(n.Sender); i >= 0 {
		if err := n.Verify(h.keys[n.Sender].Gateway); err != nil {
			return err
		}
		for _, r := range h.runs {
			r.present(n.Sender)
		}
		h.brief(n.Sender)
		return nil
	}
	key, known := h.cfg.Analysts[n.Sender]
	if !known {
		return fmt.Errorf("engine: %q is no party", n.Sender)
	}
	if err := n.Verify(key); err != nil {
		return err
	}
	for _, id := range h.order {
		if r := h.runs[id]; r.sub.Analyst == n.Sender && (n.Run.IsZero() || n.Run == id) {
			h.report(r, !n.Run.IsZero())
		}
	}
	b, err := control.Stand(hubAuthor, [32]byte{}, Status{Run: endOf(n.Bytes), Number: 1, Stage: StageWaiting})
	h.post(n.Sender, b)
	return err
}

// report tells an analyst everything of a run.
func (h *Hub) report(r *hubRun, results bool) {
	to := r.sub.Analyst
	h.post(to, r.sub.Bytes)
	for _, m := range r.roster.Members() {
		if d, ok := r.decisions[m.ID]; ok {
			h.post(to, d.notice)
		}
		if t, ok := r.told[m.ID]; ok {
			h.post(to, t.notice)
		}
		for _, d := range [][]byte{r.delivered[m.ID], r.concluded[m.ID].notice} {
			if results && d != nil {
				h.post(to, d)
			}
		}
	}
	if results {
		for _, b := range r.handed {
			h.post(to, b)
		}
	}
	h.standAgain(r)
}

// standAgain tells an analyst what was said last of how the hub sees a run.
func (h *Hub) standAgain(r *hubRun) {
	if r.standing.Stage == 0 {
		return
	}
	if b, err := control.Stand(hubAuthor, r.sub.Plan, r.standing); err == nil {
		h.post(r.sub.Analyst, b)
	}
}

// onSubmission takes a study and shows it to its hospitals.
func (h *Hub) onSubmission(from party.ID, n *control.Notice) error {
	key, known := h.cfg.Analysts[n.Sender]
	if !known {
		return fmt.Errorf("engine: a study in the name of %q, who is no analyst", n.Sender)
	}
	if r := h.runs[n.Names(key)]; r != nil {
		h.closed(r, from)
		return nil
	}
	if h.drained {
		return nil
	}
	under := 0
	for _, r := range h.runs {
		if r.sub.Analyst == n.Sender && !r.over {
			under++
		}
	}
	r, err := (*hubRun)(nil), fmt.Errorf("engine: %d studies of %s are not over", under, n.Sender)
	if under < h.cfg.Studies {
		r, err = h.enter(n)
	}
	if err != nil {
		if verified := n.Verify(key); verified != nil {
			return verified
		}
		s := Status{From: party.Hub, Run: n.Run, Number: 1, Stage: StageOver, Code: control.CodeMalformed}
		if under >= h.cfg.Studies {
			s.Code = control.CodeRefused
		}
		if b, e := control.Stand(hubAuthor, n.Plan, s); e == nil {
			h.post(n.Sender, b)
		}
		return err
	}
	if err := h.keep(recordSubmitted, n.Bytes); err != nil {
		delete(h.runs, r.sub.Run)
		h.order = h.order[:len(h.order)-1]
		return err
	}
	h.cfg.Metrics.Add("studies_received", 1)
	h.cfg.Log.Info("a study was received", "study", r.spec.Name, "run", r.sub.Run, "analyst", n.Sender)
	for _, m := range r.roster.Members() {
		h.post(m.ID, n.Bytes)
	}
	return nil
}

// enter reads a submission. The lock is held.
func (h *Hub) enter(n *control.Notice) (*hubRun, error) {
	sub, err := control.ReadSubmission(n, h.cfg.Analysts[n.Sender])
	if err != nil {
		return nil, err
	}
	s, err := readSubmission(sub, h.cfg.Roster, h.cfg.insecureTest)
	if err != nil {
		return nil, err
	}
	r := &hubRun{submitted: s, decisions: map[party.ID]decided{}, heard: map[party.ID]int{}, delivered: map[party.ID][]byte{}, told: map[party.ID]told{},
		closings: map[party.ID]control.Closed{}, silent: map[party.ID]bool{}, refusing: map[party.ID]bool{},
		rolled: map[party.ID]bool{}, answers: map[party.ID]answer{}, concluded: map[party.ID]concluded{}, since: runner.Clock()}
	h.runs[sub.Run] = r
	h.order = append(h.order, sub.Run)
	return r, nil
}

// hear takes a decision; it reports whether it is news.
func (h *Hub) hear(r *hubRun, n *control.Notice) (bool, error) {
	k := h.keys[n.Sender]
	d, err := control.ReadDecision(n, k.Gateway, k.Steward)
	if err != nil {
		return false, err
	}
	if last, ok := r.decisions[n.Sender]; ok && (last.Digest() == d.Digest() || !d.Made.After(last.Made)) {
		return false, nil
	}
	if r.heard[n.Sender]++; r.heard[n.Sender] > mostHeard {
		return false, fmt.Errorf("engine: %s has decided about study %q %d times", n.Sender, r.spec.Name, mostHeard)
	}
	r.decisions[n.Sender] = decided{d, n.Bytes}
	delete(r.refusing, n.Sender)
	return true, nil
}

func (h *Hub) onDecision(r *hubRun, n *control.Notice) error {
	news, err := h.hear(r, n)
	if err != nil {
		return err
	}
	r.present(n.Sender)
	if !news {
		return nil
	}
	h.cfg.Log.Info("a steward has decided", "study", r.spec.Name, "run", r.sub.Run, "hospital", n.Sender, "approved", r.decisions[n.Sender].Approve)
	h.post(r.sub.Analyst, n.Bytes)
	return h.keep(recordDecided, n.Bytes)
}

// left takes what a hospital says of the end of an attempt; it reports whether it is news.
func (h *Hub) left(r *hubRun, n *control.Notice) (news bool, err error) {
	l, err := control.ReadLeaving(n, h.keys[n.Sender].Gateway)
	if err != nil {
		return false, err
	}
	if len(l.Closing) > 0 {
		c, err := runner.ParseClosing(l.Closing, r.roster)
		if err != nil {
			return false, err
		}
		if c.Member != l.From || c.Plan != r.sub.Plan || c.Attempt != l.Attempt {
			return false, errors.New("engine: a closing record of another attempt")
		}
	}
	if l.Conclusion > r.answers[l.From].number {
		r.answers[l.From] = answer{l.Conclusion, l.Opened}
		news = true
	}
	switch {
	case l.Attempt < r.last:
		return news, nil
	case l.Attempt > r.last && len(l.Closing) == 0:
		return false, fmt.Errorf("engine: %s has left attempt %d, which nobody has proposed", l.From, l.Attempt)
	case l.Attempt > r.last: // this hub has forgotten it
		r.last, r.proposal, r.ended, r.closings = l.Attempt, nil, true, map[party.ID]control.Closed{}
		if r.task != nil {
			r.task.stop(errSuperseded)
		}
	}
	switch l.Code {
	case control.CodeRefused:
		r.refusing[l.From] = true
	case control.CodeRollback:
		r.rolled[l.From], r.failures = true, 0 // a person is needed, not another try
	}
	if c, ok := r.closings[l.From]; ok && c.Closing != nil {
		return news, nil
	}
	r.closings[l.From] = control.Closed{Code: l.Code, Closing: l.Closing}
	return true, nil
}

func (h *Hub) onLeaving(r *hubRun, n *control.Notice) error {
	news, err := h.left(r, n)
	if err != nil {
		return err
	}
	delete(r.silent, n.Sender)
	if !news {
		return nil
	}
	if err := h.keep(recordLeft, n.Bytes); err != nil || r.answers[n.Sender].number == 0 {
		return err
	}
	return h.onAnswer(r, r.answers[n.Sender])
}

// onDelivery passes a sealed report on; a hospital has one for a run, and one for its conclusion.
func (h *Hub) onDelivery(r *hubRun, n *control.Notice) error {
	if err := n.Verify(h.keys[n.Sender].Gateway); err != nil {
		return err
	}
	delete(r.silent, n.Sender)
	if news, err := h.delivered(r, n); !news || err != nil {
		return err
	}
	if err := h.keep(recordDelivered, n.Bytes); err != nil {
		return err
	}
	h.post(r.sub.Analyst, n.Bytes)
	return nil
}

// delivered notes a report that was verified; it reports whether it is news.
func (h *Hub) delivered(r *hubRun, n *control.Notice) (bool, error) {
	number, err := control.Concluded(n)
	switch {
	case err != nil:
		return false, err
	case number == 0 && r.delivered[n.Sender] == nil:
		r.delivered[n.Sender] = n.Bytes
		return true, nil
	case number > r.concluded[n.Sender].number:
		r.concluded[n.Sender] = concluded{number, n.Bytes}
		return true, nil
	}
	return false, nil
}

func (h *Hub) onTelling(r *hubRun, n *control.Notice) error {
	s, err := control.ReadTelling(n, h.keys[n.Sender].Gateway)
	if err != nil {
		return err
	}
	r.present(n.Sender)
	if s.Number <= r.told[n.Sender].number && r.told[n.Sender].notice != nil {
		return nil
	}
	r.told[n.Sender] = told{s.Number, n.Bytes}
	if s.Stage == StageApproved && s.Attempt >= r.last { // ready for another attempt
		delete(r.rolled, n.Sender)
	}
	h.post(r.sub.Analyst, n.Bytes)
	return nil
}

func (h *Hub) keep(kind string, notice []byte) error {
	if err := h.journal.Append(kind, notice); err != nil {
		h.cfg.Log.Error("the hub's journal cannot be written", "kind", kind, "why", err)
		return err
	}
	return nil
}

// stand says how the hub sees a run, when that has changed: to its analyst, and to whom it waits for.
func (h *Hub) stand(r *hubRun, stage Stage, code control.Code, waiting []party.ID) {
	said := fmt.Sprint(stage, code, waiting, r.last)
	if said == r.stood {
		return
	}
	r.stood = said
	r.standing = Status{From: party.Hub, Run: r.sub.Run, Number: max(r.standing.Number+1, uint64(runner.Clock().UnixNano())), Attempt: r.last, Stage: stage, Code: code, Waiting: waiting}
	b, err := control.Stand(hubAuthor, r.sub.Plan, r.standing)
	if err != nil {
		h.cfg.Log.Error("a notice could not be made", "why", err)
		return
	}
	if h.cfg.Progress != nil {
		h.cfg.Progress(r.standing)
	}
	h.post(r.sub.Analyst, b)
	if stage == StageOver {
		waiting = nil
		for _, m := range r.roster.Members() {
			waiting = append(waiting, m.ID)
		}
		if err := h.keep(recordOver, b); err == nil {
			r.over = true
			h.clearSoon()
		}
	}
	for _, id := range slices.Compact(waiting) {
		h.post(id, b)
	}
}
