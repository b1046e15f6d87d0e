package round

import (
	"fmt"
	"io"
	"log/slog"
)

// Guard returns m with a wall around it: a panic inside becomes an error, and
// any error ends the machine, which from then on returns that error and nothing
// else. What panicked is named by its type only, since its text might quote a
// record. A run dies of a defect; the process, and its other runs, do not.
func Guard[R any](m Machine[R]) Machine[R] { return &guarded[R]{inner: m} }

type guarded[R any] struct {
	inner Machine[R]
	dead  error
}

func (g *guarded[R]) Start() ([]Message, error)  { return g.run(g.inner.Start) }
func (g *guarded[R]) Expire() ([]Message, error) { return g.run(g.inner.Expire) }
func (g *guarded[R]) Receive(m Message) ([]Message, error) {
	return g.run(func() ([]Message, error) { return g.inner.Receive(m) })
}

// Format keeps what is inside out of every print: fmt follows pointers to the
// cells of a sum when it is given a verb that does not suit them.
func (g *guarded[R]) Format(f fmt.State, _ rune) { io.WriteString(f, "round.Machine(…)") }

// LogValue keeps it out of structured logs.
func (g *guarded[R]) LogValue() slog.Value { return slog.StringValue("round.Machine(…)") }

// Result has nothing after an error, whatever state it was left in.
func (g *guarded[R]) Result() (r R, ok bool) {
	if g.dead != nil {
		return r, false
	}
	return g.inner.Result()
}

func (g *guarded[R]) run(f func() ([]Message, error)) (out []Message, err error) {
	if g.dead != nil {
		return nil, g.dead
	}
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("round: internal fault (%T): the run is over", p)
		}
		g.dead = err
	}()
	return f()
}
