package bench

import (
	"context"
	"time"
)

// Options of Run.
type Options struct {
	Dir      string      // of the results; "": they are not written
	Runs     int         // of each scenario; 0: as it says
	Again    bool        // measure also what the directory has of this build
	Progress func(State) // called before each scenario and after the last; may be nil
}

// State is how far a suite is.
type State struct {
	Done, Of int
	Next     string        // key of the scenario that begins; "" after the last
	Last     *Row          // that was measured, or found in the directory; nil before the first
	Left     time.Duration // estimated
}

// Run measures the scenarios of a suite one after the other. Every row is
// written as soon as it is there, so an interrupted run keeps what it has, and
// the next one with the same directory goes on: rows of the same build and
// parameters are not measured again. The rows of the suite are returned, also
// with an error.
func Run(ctx context.Context, suite Suite, o Options) ([]Row, error) {
	results := &Results{}
	if o.Dir != "" {
		var err error
		if results, err = open(o.Dir); err != nil {
			return nil, err
		}
	}
	machine := ThisMachine()
	clock := pace{scenarios: suite.Scenarios, runs: o.Runs}
	for i, s := range suite.Scenarios {
		var last *Row
		if i > 0 {
			last = results.Row(suite.Scenarios[i-1].Key())
		}
		tell(o, State{Done: i, Of: len(suite.Scenarios), Next: s.Key(), Last: last, Left: clock.left(i)})
		if row := results.Row(s.Key()); row != nil && !o.Again && row.same(s, machine.Build, o.Runs) {
			continue
		}
		row, err := Measure(ctx, s, o.Runs)
		if err != nil {
			return results.of(suite.Scenarios), err
		}
		clock.took(i)
		row.Build = machine.Build
		results.Machine = machine
		results.put(row)
		if o.Dir != "" {
			if err := results.write(o.Dir); err != nil {
				return results.of(suite.Scenarios), err
			}
		}
	}
	rows := results.of(suite.Scenarios)
	if len(rows) == 0 {
		return rows, nil
	}
	tell(o, State{Done: len(rows), Of: len(rows), Last: &rows[len(rows)-1]})
	return rows, nil
}

func tell(o Options, s State) {
	if o.Progress != nil {
		o.Progress(s)
	}
}

// pace estimates how long the rest of a suite takes: as scenarios say, times
// how much longer than they said those before took on this machine.
type pace struct {
	scenarios   []Scenario
	runs        int
	said, spent float64
	since       time.Time
}

func (p *pace) about(i int) float64 {
	s := p.scenarios[i]
	runs := p.runs
	if runs == 0 {
		runs = s.runs()
	}
	return max(s.About, 0.1) * float64(runs)
}

func (p *pace) left(i int) time.Duration {
	p.since = time.Now()
	rest := 0.0
	for j := i; j < len(p.scenarios); j++ {
		rest += p.about(j)
	}
	if p.said > 0 {
		rest *= p.spent / p.said
	}
	return time.Duration(rest * float64(time.Second))
}

func (p *pace) took(i int) {
	p.said += p.about(i)
	p.spent += time.Since(p.since).Seconds()
}
