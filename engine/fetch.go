package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/protocols/party"
)

// ErrDisagree is returned when two hospitals sent different reports.
var ErrDisagree = errors.New("engine: hospitals disagree")

// ErrOver is returned for a run that ended without a result.
var ErrOver = errors.New("engine: the run is over without a result")

// Fetch waits for the reports of all hospitals that took part in a run, checks
// their signatures and that they agree, and returns what WriteDir writes: the
// same as when the study is run in one process, but for the cost. With release:
// analyst the sealed sums are opened with the analyst's key.
//
// The hub can withhold reports; it cannot change them.
func (a *Analyst) Fetch(ctx context.Context, run RunID) (*report.Report, error) {
	f := &fetching{analyst: a, run: run, outcomes: map[party.ID]*control.Outcome{}, handed: map[uint32][][]byte{}}
	err := a.ask(ctx, run, func(n *control.Notice, end bool) (bool, error) {
		if end && f.study == nil {
			return true, fmt.Errorf("%w: %s", ErrUnknownRun, run)
		}
		if n.Run != run {
			return false, nil
		}
		return f.take(n)
	})
	return f.report, err
}

// fetching collects the reports of one run.
type fetching struct {
	analyst  *Analyst
	run      RunID
	study    *submitted
	outcomes map[party.ID]*control.Outcome
	handed   map[uint32][][]byte // sealed sums, by attempt
	over     *Status
	report   *report.Report
}

// take takes a notice and reports whether all is there.
func (f *fetching) take(n *control.Notice) (done bool, err error) {
	a := f.analyst
	switch n.Act {
	case control.Submits:
		sub, err := control.ReadSubmission(n, a.cfg.Identity.Public())
		if err != nil || f.study != nil {
			return false, nil // not what this analyst signed
		}
		if f.study, err = readSubmission(sub, a.cfg.Roster, a.cfg.insecureTest); err != nil {
			return true, err
		}
	case control.Delivers:
		if f.outcomes[n.Sender] != nil {
			return false, nil
		}
		o, err := control.ReadOutcome(n, a.keys[n.Sender].Gateway, a.cfg.Identity)
		if err != nil {
			a.cfg.Log.Warn("a report was dropped", "from", n.Sender, "why", err)
			return false, nil
		}
		f.outcomes[n.Sender] = o
	case control.Hands:
		h, err := control.ReadHanding(n)
		if err != nil {
			return false, nil
		}
		if f.handed[h.Attempt] == nil {
			f.handed[h.Attempt] = make([][]byte, h.Of)
		}
		if all := f.handed[h.Attempt]; h.Number < len(all) {
			all[h.Number] = h.Package
		}
	case control.Stands:
		if s, err := control.ReadStanding(n); err == nil && s.Stage == StageOver {
			f.over = &s
		}
	}
	return f.complete()
}

// complete makes the report when all there is of it has come.
func (f *fetching) complete() (bool, error) {
	if f.study == nil {
		return false, nil
	}
	members := f.members()
	if members == nil {
		switch over := f.over; {
		case over == nil:
			return false, nil
		case over.Code != control.CodeDone:
			return true, fmt.Errorf("%w (%v)", ErrOver, over.Code)
		}
		f.over = nil // a hub that died in between has not passed all of it on
		return false, errAgain
	}
	all, err := f.agreed(members)
	if err != nil {
		return true, err
	}
	s := f.study
	roster, err := control.Roster(s.roster, members)
	if err != nil {
		return true, err
	}
	spec := reduced(s.spec, roster)
	if f.report, err = report.Decode(all[0].Report, spec); err != nil {
		return true, err
	}
	r := f.report
	if r.PlanDigest != s.plan.Digest || r.Consilium != Version || !slices.Equal(r.Absent, absent(s.spec, roster)) || len(members) < s.spec.Privacy.MinSites {
		return true, errors.New("engine: the hospitals' report is of another plan, version or set of hospitals than they signed")
	}
	if r.Cost, err = together(all, spec.Sites[0].ID); err != nil {
		return true, err
	}
	if s.reader == nil {
		return true, nil
	}
	done, err := f.open(all, roster)
	if !done {
		f.report = nil
	}
	return done, err
}

// members are those of the attempt whose reports are all there; nil: none yet.
func (f *fetching) members() []party.ID {
	for _, o := range f.outcomes {
		missing := slices.ContainsFunc(o.Members, func(id party.ID) bool { return f.outcomes[id] == nil })
		if !missing && slices.IsSorted(o.Members) && slices.Contains(o.Members, o.From) {
			return o.Members
		}
	}
	return nil
}

// agreed checks that all members signed one and the same report.
func (f *fetching) agreed(members []party.ID) (all []*control.Outcome, err error) {
	first := f.outcomes[members[0]]
	for _, id := range members {
		o := f.outcomes[id]
		if !bytes.Equal(o.Report, first.Report) || !slices.Equal(o.Members, members) || o.Roster != first.Roster {
			return nil, fmt.Errorf("%w: the reports of %s and %s differ", ErrDisagree, members[0], id)
		}
		all = append(all, o)
	}
	return all, nil
}

// open opens the sealed sums of release: analyst, when all of them are there.
func (f *fetching) open(all []*control.Outcome, roster party.Roster) (bool, error) {
	s, r := f.study, f.report
	for _, o := range all {
		packages := f.handed[o.Attempt]
		if packages == nil || slices.ContainsFunc(packages, func(p []byte) bool { return p == nil }) || o.Roster != roster.Digest() {
			continue
		}
		sealed := &report.Sealed{Study: s.spec.Name, PlanDigest: s.plan.Digest, Consilium: Version, Packages: packages, StudyFile: string(s.sub.Text),
			Cost: r.Cost, Attempt: o.Attempt, Approvals: o.Approvals[:], Previous: o.Previous[:]}
		for _, m := range roster.Members() {
			key, err := m.Key.MarshalBinary()
			if err != nil {
				return true, err
			}
			sealed.Members = append(sealed.Members, report.SealedMember{ID: m.ID, Site: m.Site, Key: key})
		}
		opened, err := open(s.spec, sealed, f.analyst.cfg.Identity, f.analyst.cfg.insecureTest)
		if err != nil {
			return true, err
		}
		opened.Sealed, opened.Opened, opened.Cost = sealed, true, r.Cost
		f.report = opened
		return true, nil
	}
	return false, nil
}

// together is the cost of a run from each hospital's own: the longest time, the
// traffic of each, and what the first did.
func together(all []*control.Outcome, first party.ID) (c report.Cost, err error) {
	c.BytesUp, c.BytesDown = map[string]int64{}, map[string]int64{}
	for _, o := range all {
		var own report.Cost
		if err := json.Unmarshal(o.Cost, &own); err != nil {
			return c, fmt.Errorf("engine: the cost of %s: %w", o.From, err)
		}
		c.Seconds = max(c.Seconds, own.Seconds)
		c.BytesUp[string(o.From)], c.BytesDown[string(o.From)] = own.BytesUp[string(o.From)], own.BytesDown[string(o.From)]
		if o.From == first {
			c.Rounds, c.Phases = own.Rounds, own.Phases
		}
	}
	return c, nil
}
