package bench

import (
	"context"
	"fmt"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// simulate runs a study with all parties in this process and keeps what each of them sent
// and, metered, spent: a run in which every party is held to a thread takes longer.
func simulate(ctx context.Context, s *study.Spec, tables map[party.ID]*table.Table, metered bool) (*report.Report, *Sample, error) {
	m := newMeter()
	around := m.around
	if !metered {
		around = m.beside
	}
	r, err := engine.Simulate(ctx, s, tables, engine.Options{Around: around})
	if err != nil {
		return nil, nil, err
	}
	for _, a := range r.Analyses {
		if a.Refused != nil {
			return nil, nil, fmt.Errorf("bench: analysis %s: %w", a.ID, a.Refused)
		}
	}
	x := sampleOf(r)
	x.Parties = m.parties(func(id party.ID) (up, down int64) {
		if id != party.Hub {
			return r.Cost.BytesUp[string(id)], r.Cost.BytesDown[string(id)]
		}
		for _, n := range r.Cost.BytesDown { // what hospitals received is what the hub sent
			up += n
		}
		for _, n := range r.Cost.BytesUp {
			down += n
		}
		return up, down
	})
	return r, x, nil
}

// sampleOf is what a report says of its run.
func sampleOf(r *report.Report) *Sample {
	x := &Sample{Rounds: r.Cost.Trips(), Phases: r.Cost.Phases, Metrics: map[string]float64{"masked-sums": float64(r.Cost.Rounds)}}
	add := func(d report.Disclosed) {
		if d.Times > 0 {
			x.Opened = append(x.Opened, Opened{What: d.What, Cells: d.Cells, Times: d.Times, To: d.To})
		}
	}
	for _, d := range r.Disclosed {
		add(d)
	}
	for _, a := range r.Analyses {
		for _, d := range a.Disclosed {
			add(d)
		}
	}
	return x
}

// Parameters of every session, whatever it computes.
var sessionSecurity = []string{
	"keys: X-Wing (ML-KEM-768 with X25519); signatures: Ed25519 and ML-DSA-65 together",
	"masks: uniform in Z/2^128, a malicious hub and up to N-1 hospitals that follow the protocol",
}

// securityOf lists the parameters of a study.
func securityOf(s *study.Spec) ([]string, error) {
	plan, err := engine.Plan(s)
	if err != nil {
		return nil, err
	}
	all := sessionSecurity
	if v := plan.Veil; v != nil {
		all = append(all[:len(all):len(all)], fmt.Sprintf(
			"encryption %s: ring of degree %d, modulus of %d bits, 128 bits against quantum computers; masks of a refresh hide %d bits, noise on what is opened %d bits",
			v.Parameters, v.Degree, v.LogQP, v.Hiding, v.Security))
	}
	return all, nil
}

// drawn is a study of a drawn cohort: Work but for its runs, and what these should come to.
type drawn struct {
	*Work
	cohort *Cohort
	spec   *study.Spec
	tables map[party.ID]*table.Table
	want   answer
}

func (kind recipe) drawn(s Scenario) (d drawn, err error) {
	d = drawn{Work: &Work{ErrorUnit: kind.unit}, cohort: kind.cohort(s)}
	if d.spec, d.tables, err = d.cohort.Study(s.Hospitals, kind.analyses, s.Reveal); err != nil {
		return d, err
	}
	if d.Security, err = securityOf(d.spec); err != nil {
		return d, err
	}
	d.want, err = kind.plain(d.cohort, nil)
	d.Plain = func(context.Context) error {
		_, err := kind.plain(d.cohort, d.want)
		return err
	}
	return d, err
}

// inMemory prepares a study of a drawn cohort. Its answers are compared with those of plain, which also is the work in clear.
func inMemory(kind recipe) func(context.Context, Scenario) (*Work, error) {
	return func(_ context.Context, s Scenario) (*Work, error) {
		d, err := kind.drawn(s)
		if err != nil {
			return nil, err
		}
		run := func(ctx context.Context, metered bool) (*Sample, error) {
			r, x, err := simulate(ctx, d.spec, d.tables, metered)
			if err != nil {
				return nil, err
			}
			off := d.want.away(r)
			x.Error = &off
			return x, nil
		}
		d.Run = func(ctx context.Context) (*Sample, error) { return run(ctx, false) }
		d.Metered = func(ctx context.Context) (*Sample, error) { return run(ctx, true) }
		return d.Work, nil
	}
}
