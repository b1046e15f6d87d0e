package runner

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/policy"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// report gathers the outcome of every analysis and what was opened on the way.
func (l *lockstep) report(c secagg.Charter) *report.Report {
	r := &report.Report{Spec: l.spec, PlanDigest: fmt.Sprintf("sha256:%x", c.Plan), Consilium: c.Version,
		Cohort: report.Cohort{Rows: l.rows, Filtered: l.filtered}}
	whole := Openings(l.spec)
	r.Disclosed = append(r.Disclosed, disclosed(whole[0], 2, 1, l.spec.Privacy))
	if l.vetoed {
		r.Disclosed = append(r.Disclosed, disclosed(whole[1], l.vetoCells, 1, l.spec.Privacy))
	}
	l.cuts()
	for _, a := range l.all {
		one := report.Analysis{ID: a.args.ID, Kind: a.args.Kind, Refused: a.refused, N: a.n}
		if a.refused == nil && a.done {
			f := a.program.Result()
			f.Warnings = append(f.Warnings, a.warnings...)
			one.Frame = &f
		}
		for o, p := range a.plan {
			if a.times[o] > 0 {
				one.Disclosed = append(one.Disclosed, disclosed(seenBy(released(p, a.refused), l.spec.Privacy), a.cells[o], a.times[o], l.spec.Privacy))
			}
		}
		r.Analyses = append(r.Analyses, one)
	}
	return r
}

// cuts applies the rule on outcomes that cut the same people nearly alike, which
// is the study's own at every hospital and at the reader.
func (l *lockstep) cuts() {
	var told []policy.Told
	for i, a := range l.all {
		if a.refused == nil && a.done {
			f := a.program.Result()
			told = append(told, policy.Told{Index: i, ID: a.args.ID, Where: fmt.Sprint(a.args.Where), N: f.N, Cuts: f.Cuts})
		}
	}
	refused, warnings := policy.New(l.spec.Privacy).Cuts(told)
	for i, a := range l.all {
		if r := refused[i]; r != nil {
			a.refused = r
		}
		a.warnings = append(a.warnings, warnings[i]...)
	}
}

// released: what a refused analysis opened on the way is not written to the result.
func released(o stat.Opening, refused *stat.Refusal) stat.Opening {
	o.Released = o.Released && refused == nil
	return o
}

func disclosed(o stat.Opening, cells, times int, p study.Privacy) report.Disclosed {
	return report.Disclosed{What: o.What, Cells: cells, Times: times, MaxTimes: o.MaxTimes,
		CountsPeople: o.CountsPeople, PerHospital: o.PerHospital, Released: o.Released, To: report.ToWhom(o, p)}
}
