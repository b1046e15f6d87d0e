package engine

import (
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
