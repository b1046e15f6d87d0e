package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// remember rebuilds what an earlier life was told. The lock is held.
func (g *Gateway) remember() error {
	under := map[RunID]bool{} // with an attempt under way, also of a run whose report was delivered before
	foreign := 0
	err := g.journal.Replay(func(kind string, record []byte) error {
		if kind == store.RecordEvidence {
			return nil
		}
		n, err := control.Read(clone(record))
		if err != nil {
			return fmt.Errorf("engine: gateway: a record of kind %q is damaged: %w", kind, err)
		}
		if kind == recordSubmitted {
			if _, err := g.enter(n); err != nil { // it was good when it was written
				foreign++
			}
			return nil
		}
		r := g.runs[n.Run]
		if r == nil {
			return nil
		}
		under[n.Run] = kind == recordProposed
		switch kind {
		case recordProposed:
			r.proposal, err = control.ReadProposal(n)
			if err == nil {
				r.tried[r.proposal.Attempt] = r.proposal
			}
			r.left = nil
		case recordLeft:
			var l *control.Leaving
			if l, err = control.ReadLeaving(n, g.cfg.Identity.Public()); err == nil {
				r.left, r.answered = n.Bytes, max(r.answered, l.Conclusion)
			}
		case recordDelivered:
			var number uint32
			r.stage = StageDelivered
			if number, err = control.Concluded(n); number > 0 {
				r.concluded, r.answered = n.Bytes, max(r.answered, number)
			} else {
				r.delivered = n.Bytes
			}
		case recordConcluding:
			r.conclusion, err = control.ReadConclusion(n)
		case recordOver:
			r.over = true
		}
		return err
	})
	if err != nil {
		return err
	}
	if foreign > 0 {
		g.cfg.Log.Warn("studies of an earlier roster or version of the program are left alone", "studies", foreign)
	}
	for _, id := range g.order {
		r := g.runs[id]
		if r.over {
			continue
		}
		if r.delivered == nil && r.concluded == nil {
			g.consider(r, false)
		} else {
			g.recall(r, false) // others may need this hospital once more
		}
		switch {
		case r.conclusion != nil && r.conclusion.Number > r.answered:
			g.conclude(r)
		case r.conclusion == nil && under[id]:
			g.start(r)
		}
	}
	return nil
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// keep makes a notice durable.
func (g *Gateway) keep(kind string, notice []byte) error {
	if err := g.journal.Append(kind, notice); err != nil {
		g.cfg.Log.Error("the journal of what was said cannot be written", "kind", kind, "why", err)
		g.unkept = true
		return err
	}
	return nil
}

// errUnkept ends the control channel: in the next one, all that was not kept is said again.
var errUnkept = errors.New("engine: something that was said could not be kept")

// tell notes how far this gateway is with a run; the desk sends the latest. The lock is held.
func (g *Gateway) tell(r *gatewayRun, s Status) {
	r.told = max(r.told+1, uint64(runner.Clock().UnixNano())) // rises from one life to the next
	s.From, s.Run, s.Number, s.At = g.cfg.ID, r.sub.Run, r.told, g.cfg.Now()
	if s.Attempt == 0 && r.proposal != nil {
		s.Attempt = r.proposal.Attempt
	}
	r.stage, r.status, r.untold = s.Stage, s, true
	if g.cfg.Progress != nil {
		g.cfg.Progress(s)
	}
	g.desk.nudge()
}

// post puts a notice for the hub into the box. The lock is held.
func (g *Gateway) post(b []byte, err error) {
	if err != nil {
		g.cfg.Log.Error("a notice could not be made", "why", err)
		return
	}
	g.box = append(g.box, letter{party.Hub, b})
	g.desk.nudge()
}

// opened implements clerk: the hub may have forgotten everything, and learns what is under way.
func (g *Gateway) opened() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.box = nil
	for _, id := range g.order {
		r := g.runs[id]
		if r.over {
			continue
		}
		g.box = append(g.box, letter{party.Hub, r.sub.Bytes})
		if r.status.Number > 0 { // before the decision: it says which attempt is under way
			g.post(control.Tell(g.author, r.sub.Plan, r.status))
			r.untold = false
		}
		if r.decision != nil {
			g.post(control.Decide(g.author, id, *r.decision))
		}
		for _, b := range [][]byte{r.left, r.delivered, r.concluded} {
			if b != nil {
				g.box = append(g.box, letter{party.Hub, b})
			}
		}
	}
	g.post(g.author.Write(control.Here, [32]byte{}, RunID{}, nil))
}

// due implements clerk.
func (g *Gateway) due(send func(party.ID, []byte) error) error {
	for {
		g.mu.Lock()
		if g.unkept {
			g.unkept = false
			g.mu.Unlock()
			return errUnkept
		}
		box := g.box
		g.box = nil
		for _, id := range g.order {
			if r := g.runs[id]; r.untold {
				r.untold = false
				if b, err := control.Tell(g.author, r.sub.Plan, r.status); err == nil {
					box = append(box, letter{party.Hub, b})
				}
			}
		}
		g.mu.Unlock()
		if len(box) == 0 {
			return nil
		}
		for _, l := range box {
			if err := send(l.to, l.b); err != nil {
				return err // opened will say it all again
			}
		}
	}
}

// next implements clerk: nothing here goes by time.
func (g *Gateway) next() time.Duration { return 0 }

// tick implements clerk: drained, when nothing is under way.
func (g *Gateway) tick() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.draining || len(g.box) > 0 {
		return false
	}
	for _, r := range g.runs {
		if r.task != nil || r.untold {
			return false
		}
	}
	return true
}
