package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
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
	f := &fetching{analyst: a, run: run, outcomes: map[party.ID]map[uint32]*control.Outcome{}, handed: map[uint32][][]byte{}}
	err := a.ask(ctx, run, func(n *control.Notice, end bool) (bool, error) {
		if end && f.study == nil {
			return true, fmt.Errorf("%w: %s", ErrUnknownRun, run)
		}
		if !end && n.Run != run {
			return false, nil
		}
		if f.told = f.told || end; !end {
			if err := f.take(n); err != nil {
				return true, err
			}
		}
		done, err := f.complete()
		if done || err != nil || !f.told || f.over == nil {
			return done, err
		}
		// All is done, and a hub that died in between has not passed all of it on. What it says when
		// it is asked again stands in the log behind that word.
		f.told, f.over = false, nil
		return false, errAgain
	})
	return f.report, err
}

// fetching collects the reports of one run.
type fetching struct {
	analyst  *Analyst
	run      RunID
	study    *submitted
	outcomes map[party.ID]map[uint32]*control.Outcome // by the conclusion they answer; 0: the study was finished
	handed   map[uint32][][]byte                      // sealed sums, by attempt
	over     *Status
	told     bool // the hub has answered: what it had of the run is there
	report   *report.Report
}

// take takes a notice.
func (f *fetching) take(n *control.Notice) (err error) {
	a := f.analyst
	switch n.Act {
	case control.Submits:
		sub, err := control.ReadSubmission(n, a.cfg.Identity.Public())
		if err != nil || f.study != nil {
			return nil // not what this analyst signed
		}
		if f.study, err = readSubmission(sub, a.cfg.Roster, a.cfg.insecureTest); err != nil {
			return err
		}
	case control.Delivers:
		number, err := control.Concluded(n)
		if err != nil || f.outcomes[n.Sender][number] != nil || len(f.outcomes[n.Sender]) > 64 {
			return nil
		}
		o, err := control.ReadOutcome(n, a.keys[n.Sender].Gateway, a.cfg.Identity)
		if err != nil {
			a.cfg.Log.Warn("a report was dropped", "from", n.Sender, "why", err)
			return nil
		}
		if f.outcomes[n.Sender] == nil {
			f.outcomes[n.Sender] = map[uint32]*control.Outcome{}
		}
		f.outcomes[n.Sender][o.Conclusion] = o
	case control.Hands:
		h, err := control.ReadHanding(n)
		if err != nil {
			return nil
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
	return nil
}

// complete makes the report when all there is of it has come.
func (f *fetching) complete() (bool, error) {
	if f.study == nil {
		return false, nil
	}
	all := f.signed()
	if all == nil {
		if over := f.over; over != nil && over.Code != control.CodeDone {
			return true, fmt.Errorf("%w (%v)", ErrOver, over.Code)
		}
		return false, nil
	}
	if err := sameReport(all); err != nil {
		return true, err
	}
	s, members := f.study, all[0].Members
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
	first := spec.Sites[0].ID
	if slices.Contains(all[0].Gone, first) {
		first = all[0].From
	}
	if r.Cost, err = together(all, first); err != nil {
		return true, err
	}
	if s.reader == nil {
		return true, nil
	}
	done, err := f.open(all, roster)
	if !done {
		f.report = nil
		if f.told && f.over != nil && f.over.Code == control.CodeDone && all[0].Conclusion > 0 {
			return true, fmt.Errorf("%w: the hub has lost the sealed sums of what was finished", ErrOver)
		}
	}
	return done, err
}

// signed are the outcomes of one and the same end of the run, when those of all
// hospitals that are to sign it are there: of the study when it was finished, else of its latest conclusion.
func (f *fetching) signed() (all []*control.Outcome) {
	for _, id := range slices.Sorted(maps.Keys(f.outcomes)) {
		for number, o := range f.outcomes[id] {
			if all != nil && (all[0].Conclusion == 0 || number > 0 && number <= all[0].Conclusion) {
				continue
			}
			if complete := f.beside(o); complete != nil {
				all = complete
			}
		}
	}
	return all
}

// beside are the outcomes of all that are to sign what o is of; nil: some are missing.
func (f *fetching) beside(o *control.Outcome) (all []*control.Outcome) {
	signers := o.Signers()
	if !slices.IsSorted(o.Members) || !slices.Contains(signers, o.From) || 2*len(signers) < len(o.Members) {
		return nil
	}
	for _, id := range signers {
		other := f.outcomes[id][o.Conclusion]
		if other == nil {
			return nil
		}
		all = append(all, other)
	}
	return all
}

// sameReport checks that all signed one and the same report.
func sameReport(all []*control.Outcome) error {
	first := all[0]
	for _, o := range all {
		if !bytes.Equal(o.Report, first.Report) || !slices.Equal(o.Members, first.Members) || o.Roster != first.Roster ||
			o.Sums != first.Sums || !slices.Equal(o.Gone, first.Gone) || o.Conclusion > 0 && o.Attempt != first.Attempt {
			return fmt.Errorf("%w: the reports of %s and %s differ", ErrDisagree, first.From, o.From)
		}
	}
	return nil
}

// open opens the sealed sums of release: analyst, when all of them are there.
func (f *fetching) open(all []*control.Outcome, roster party.Roster) (bool, error) {
	s, r := f.study, f.report
	for _, o := range all {
		packages, why := f.handed[o.Attempt], (*stat.Refusal)(nil)
		if o.Conclusion > 0 && len(packages) >= o.Sums {
			packages, why = packages[:o.Sums], unfinishedIn(r)
		}
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
		opened, err := open(s.spec, sealed, f.analyst.cfg.Identity, why, f.analyst.cfg.insecureTest)
		if err != nil {
			return true, err
		}
		opened.Sealed, opened.Opened, opened.Cost = sealed, true, r.Cost
		f.report = opened
		return true, nil
	}
	return false, nil
}

// unfinishedIn is what hospitals refuse the analyses for that a run was ended before; nil: there is none.
func unfinishedIn(r *report.Report) *stat.Refusal {
	for _, a := range r.Analyses {
		if a.Refused != nil && a.Refused.Rule == ruleUnfinished {
			return a.Refused
		}
	}
	return nil
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
