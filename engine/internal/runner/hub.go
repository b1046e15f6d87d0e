package runner

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine/blind"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// Summary is what a study came to, as the hub saw it.
type Summary = secagg.Summary

// Hub adds noise to noise for one study; it never sees a total.
type Hub struct{ Party }

// Run serves the study until every member has closed.
func (h *Hub) Run(ctx context.Context) (secagg.Summary, error) {
	cfg := secagg.HubConfig{Charter: h.Charter, Roster: h.Roster}
	if v := h.Veil; v != nil {
		under, err := v.Hub(h.Roster)
		if err != nil {
			return secagg.Summary{}, err
		}
		cfg.Guests = append(cfg.Guests, under)
	}
	m, err := secagg.NewHub(cfg)
	if err != nil {
		return secagg.Summary{}, err
	}
	s, err := drive[secagg.Summary](ctx, wire{self: party.Hub, link: h.Link, deadline: h.Deadline}, m)
	if err != nil {
		return m.Summary(), fmt.Errorf("hub: %w", err)
	}
	return s, s.Failure
}

// Charter is what all members of a first attempt sign.
func Charter(s *study.Spec, version string, plan [32]byte, roster party.Roster, reader *party.PublicKey, cells int, veil *blind.Plan) secagg.Charter {
	c := secagg.Charter{Version: version, Study: s.Digest(), Plan: plan, Roster: roster.Digest(),
		Reveal: s.Privacy.Reveal, Release: s.Privacy.Release, Attempt: 1,
		Limits: secagg.Limits{Members: roster.Len(), Cells: cells}}
	if reader != nil {
		c.Reader = reader.Digest()
	}
	h := newDigest("parameters", [32]byte{})
	h.number(s.Privacy.MaxRows)
	if veil != nil {
		l := veil.Limits()
		c.Limits.Share, c.Limits.Full = l.Share, l.Full
		under := veil.Digest()
		h.h.Write(under[:])
	}
	c.Parameters = h.sum()
	return c
}

// Fits refuses a study whose analyses may ask for more numbers at once than a sum can have.
func Fits(s *study.Spec, analyses []report.PlannedAnalysis) error {
	total, most, who := 0, 0, ""
	for _, a := range analyses {
		n := 0
		for _, o := range a.Openings {
			n += o.Cells
		}
		if total += n; n > most {
			most, who = n, a.ID
		}
	}
	if limit := wireformat.MaxCells - len(s.Analyses) - 2; total > limit {
		return fmt.Errorf("study: the analyses may ask for %d numbers at once, at most %d; most of them (%d) belong to analysis %s: use variables with fewer levels, a coarser step, or several studies", total, limit, most, who)
	}
	return nil
}

// LargestSum returns the most cells one sum of a plan can have: every opening at once.
func LargestSum(p *report.Plan) int {
	n := 0
	for _, o := range p.Openings {
		n += o.Cells
	}
	for _, a := range p.Analyses {
		for _, o := range a.Openings {
			n += o.Cells
		}
	}
	return n
}

// Planned begins every analysis and returns its openings, or the rule that already refuses it.
func Planned(s *study.Spec) ([]report.PlannedAnalysis, error) {
	var all []report.PlannedAnalysis
	for _, args := range s.Analyses {
		p, refused, err := begin(args, s)
		if err != nil {
			return nil, err
		}
		a := report.PlannedAnalysis{ID: args.ID, Kind: args.Kind, Refused: refused}
		if refused == nil {
			_, a.InTurn = p.(stat.Veiled)
			for _, o := range p.Plan() {
				a.Openings = append(a.Openings, seenBy(o, s.Privacy))
			}
		}
		all = append(all, a)
	}
	return all, nil
}

// seenBy words an opening for those who see it: statistics speak of hospitals' processes.
func seenBy(o stat.Opening, p study.Privacy) stat.Opening {
	if p.Release == "analyst" {
		o.What = strings.ReplaceAll(o.What, "the hospitals' processes", "the analyst's process")
	}
	return o
}

// Estimate returns the number of masked sums and the bytes one hospital sends and receives, at most.
func Estimate(s *study.Spec, p *report.Plan) (rounds report.Range, up, down int64) {
	rounds = report.Range{Min: 2, Max: 2}
	var cells int64
	count := func(o stat.Opening) { cells += int64(o.Cells) * int64(o.MaxTimes) }
	for _, o := range p.Openings {
		count(o)
	}
	for _, a := range p.Analyses {
		longest, all := 0, 0
		for _, o := range a.Openings {
			count(o)
			longest, all = max(longest, o.MaxTimes), all+o.MaxTimes
		}
		if a.InTurn { // and the sum that stops analyses
			rounds.Max = max(rounds.Max, 1+all)
			continue
		}
		rounds.Min = max(rounds.Min, 1+min(len(a.Openings), 3))
		rounds.Max = max(rounds.Max, 4+longest)
	}
	// The sizes that messages may have bound what is sent; vectors are counted apart, since most sums are short.
	l := wireformat.Limits{Members: max(2, len(s.Sites)), Cells: 1}
	most := func(types ...wireformat.Type) (n int64) {
		for _, t := range types {
			n += int64(l.Max(t))
		}
		return n
	}
	sums := int64(rounds.Max)
	up = most(wireformat.Type_HELLO, wireformat.Type_SEAL, wireformat.Type_CLOSE) + sums*most(wireformat.Type_MASKED, wireformat.Type_UNLOCK) + cells*wireformat.CellSize
	down = most(wireformat.Type_HELLOS, wireformat.Type_SEALS, wireformat.Type_CLOSED) + sums*most(wireformat.Type_SUMMED, wireformat.Type_UNLOCKS) + cells*(wireformat.CellSize+1)
	if p.Veil != nil {
		up, down = up+p.Veil.BytesUp, down+p.Veil.BytesDown
	}
	return rounds, up, down
}

// Described is a plan of what is computed under encryption, in figures.
func Described(v *blind.Plan) *report.Veil {
	if v == nil {
		return nil
	}
	p, cost := v.Params(), v.Cost()
	d := v.Digest()
	out := &report.Veil{Parameters: p.Name(), Digest: fmt.Sprintf("sha256:%x", d), LogQP: p.LogQP(), Degree: p.Degree(), Hiding: p.Hiding(),
		Security: blind.Security, Full: v.Limits().Full, Steps: cost.Steps, BytesUp: cost.Up, BytesDown: cost.Down}
	for j, job := range v.Jobs() {
		for o, outcome := range job.Circuit.Outcomes {
			for _, c := range v.Outcome(j, o) {
				out.Circuits = append(out.Circuits, report.VeilCircuit{Name: job.Analysis + ": " + outcome.Name, Cells: c.Cells, Error: c.Eps, Spread: c.Spread(v.Members())})
			}
		}
	}
	return out
}

// Clock reads the time: the only room above transport that may.
func Clock() time.Time { return time.Now() }

// MemoryJournal returns a journal for parties that live and die with this process.
func MemoryJournal() secagg.Journal { return new(secagg.MemoryJournal) }
