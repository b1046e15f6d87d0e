package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// runs is how often a scenario is run when nobody says otherwise.
func (s Scenario) runs() int {
	if s.Runs == 0 {
		return 3
	}
	return s.Runs
}

// Measure prepares a scenario and runs it so often; 0: as the scenario says. The
// row is whole also when it failed or was skipped, and says why. Only an ended
// context is an error: a row that it cut off is none.
func Measure(ctx context.Context, s Scenario, runs int) (Row, error) {
	if runs == 0 {
		runs = s.runs()
	}
	r, err := measure(ctx, s, runs)
	if ctx.Err() != nil {
		return Row{}, context.Cause(ctx)
	}
	var skipped *Skipped
	if errors.As(err, &skipped) {
		r = Row{Scenario: s.Name, Reveal: s.Reveal, Parameters: s, Skipped: skipped.Why}
	} else if err != nil {
		r = Row{Scenario: s.Name, Reveal: s.Reveal, Parameters: s, Failed: err.Error()}
	}
	r.Measured = time.Now().UTC().Truncate(time.Second)
	return r, nil
}

func measure(ctx context.Context, s Scenario, runs int) (r Row, err error) {
	defer debug.FreeOSMemory() // the next scenario's peak is its own
	w, err := s.Prepare(ctx, s)
	if err != nil {
		return r, err
	}
	if w.Close != nil {
		defer func() { err = errors.Join(err, w.Close()) }()
	}
	var samples []Sample
	for range runs {
		x, err := once(ctx, w)
		if err != nil {
			return r, err
		}
		samples = append(samples, *x)
	}
	if w.Metered != nil {
		x, err := w.Metered(ctx)
		if err != nil {
			return r, err
		}
		for i := range samples {
			samples[i].Parties = x.Parties
		}
	}
	return rowOf(s, w, samples), nil
}

// once is one run, and the same work in clear right after it.
func once(ctx context.Context, w *Work) (*Sample, error) {
	debug.FreeOSMemory()
	resetPeak()
	before := load()
	used, start := processTime(), time.Now()
	x, err := w.Run(ctx)
	took, spent := time.Since(start), processTime()-used
	if err != nil {
		return nil, err
	}
	if x.Seconds == 0 {
		x.Seconds, x.CPU = took.Seconds(), spent.Seconds()
	}
	x.PeakBytes, x.Load = peak(), before
	if w.Plain == nil {
		return x, nil
	}
	runtime.GC()
	used, start = processTime(), time.Now()
	if err := w.Plain(ctx); err != nil {
		return nil, fmt.Errorf("bench: the work in clear: %w", err)
	}
	plain := time.Since(start).Seconds()
	x.PlainSeconds, x.PlainCPU = &plain, (processTime() - used).Seconds()
	return x, nil
}

// stopwatch is how long f takes.
func stopwatch(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}
