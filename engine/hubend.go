package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/protocols/party"
)

// answer is what a hospital has said to a conclusion.
type answer struct {
	number uint32
	opened map[uint32]int // sums, by attempt
}

// concluded is a hospital's report of what was finished.
type concluded struct {
	number uint32
	notice []byte
}

// onWish ends a run because its analyst wants it, and answers.
func (h *Hub) onWish(n *control.Notice) error {
	key, known := h.cfg.Analysts[n.Sender]
	if !known {
		return fmt.Errorf("engine: %q is no analyst", n.Sender)
	}
	if err := n.Verify(key); err != nil {
		return err
	}
	s, r := Status{Run: endOf(n.Bytes), Number: 1, Stage: StageWaiting}, h.runs[n.Run]
	switch {
	case r == nil || r.sub.Analyst != n.Sender || r.sub.Plan != n.Plan:
		s.Stage, s.Code = StageOver, control.CodeMalformed
	case r.over:
		s.Stage, s.Code = StageOver, control.CodeDone
	default:
		if err := h.end(r, control.CodeCancelled); err != nil {
			return err
		}
	}
	b, err := control.Stand(hubAuthor, n.Plan, s)
	h.post(n.Sender, b)
	return err
}

// end ends a run with what is finished of it: nobody takes part in another
// attempt, and the hospitals are asked what there is. The lock is held.
func (h *Hub) end(r *hubRun, code control.Code) error {
	switch {
	case r.over || r.ending != nil:
		return nil
	case r.last == 0: // nothing was ever tried
		h.stand(r, StageOver, code, nil)
		return nil
	}
	return h.conclude(r, control.Conclusion{Number: 1, Code: code})
}

// conclude makes a conclusion durable and says it.
func (h *Hub) conclude(r *hubRun, c control.Conclusion) error {
	c.Run = r.sub.Run
	said, err := control.Conclude(hubAuthor, r.sub.Plan, c)
	if err != nil {
		return err
	}
	if err := h.keep(recordConcluding, said.Bytes); err != nil {
		return err
	}
	h.cfg.Log.Info("a run is being concluded", "study", r.spec.Name, "run", r.sub.Run, "number", c.Number, "code", c.Code, "attempt", c.Attempt, "sums", c.Sums, "gone", c.Gone)
	r.ending, r.since = said, runner.Clock()
	for _, m := range r.roster.Members() {
		h.post(m.ID, said.Bytes)
	}
	if r.task != nil {
		r.task.stop(errEnded)
	}
	return nil
}

// concluding brings a run that is being ended further. The lock is held.
//
// Whoever does not answer within a deadline is gone. The report is that of at
// least half of the hospitals: fewer would have to be believed more than the others together.
func (h *Hub) concluding(r *hubRun) {
	base, c := h.base(r), r.ending
	if no := declining(r, base); no != nil {
		h.stand(r, StageOver, control.CodeRefused, no)
		return
	}
	var there, missing []party.ID
	for _, id := range base {
		switch {
		case slices.Contains(c.Gone, id):
		case c.Attempt == 0 && r.answers[id].number > 0, c.Attempt > 0 && r.concluded[id].number == c.Number:
			there = append(there, id)
		default:
			missing = append(missing, id)
		}
	}
	until := r.since.Add(h.cfg.Deadline)
	if late := !runner.Clock().Before(until); missing != nil && (!late || 2*len(there) < len(base)) {
		if !late {
			r.due = until
		}
		h.stand(r, StageWaiting, c.Code, missing)
		return
	}
	if c.Attempt > 0 && missing == nil {
		h.stand(r, StageOver, control.CodeDone, nil)
		return
	}
	next := control.Conclusion{Number: c.Number + 1, Attempt: c.Attempt, Sums: c.Sums, Gone: append(slices.Clone(c.Gone), missing...), Code: c.Code}
	if c.Attempt == 0 {
		next.Attempt, next.Sums = common(r.answers, there)
	}
	slices.Sort(next.Gone)
	if next.Sums == 0 { // nothing was opened that all of them have
		h.stand(r, StageOver, c.Code, h.troubled(r))
		return
	}
	if err := h.conclude(r, next); err != nil {
		h.cfg.Log.Error("a run could not be concluded", "study", r.spec.Name, "run", r.sub.Run, "why", err)
		r.due = runner.Clock().Add(longPause)
		return
	}
	r.due = r.since.Add(h.cfg.Deadline)
	h.stand(r, StageWaiting, c.Code, there)
}

// base are the hospitals of the latest attempt.
func (h *Hub) base(r *hubRun) (ids []party.ID) {
	if r.proposal != nil {
		return r.proposal.Members
	}
	for _, m := range r.roster.Members() {
		ids = append(ids, m.ID)
	}
	return ids
}

// common is the attempt of which all the hospitals have opened most sums, and how many; of equal ones, the latest.
func common(answers map[party.ID]answer, ids []party.ID) (attempt uint32, sums int) {
	if len(ids) == 0 {
		return 0, 0
	}
	for _, n := range slices.Sorted(maps.Keys(answers[ids[0]].opened)) {
		least := answers[ids[0]].opened[n]
		for _, id := range ids {
			least = min(least, answers[id].opened[n])
		}
		if least > 0 && least >= sums {
			attempt, sums = n, least
		}
	}
	return attempt, sums
}

// onAnswer takes what a hospital has to conclude from. A hospital that concludes
// what the hub has forgotten takes part in nothing more of the run: so it is ended again.
func (h *Hub) onAnswer(r *hubRun, a answer) error {
	if r.ending == nil || a.number > r.ending.Number {
		return h.conclude(r, control.Conclusion{Number: a.number + 1, Code: control.CodeCancelled})
	}
	return nil
}
