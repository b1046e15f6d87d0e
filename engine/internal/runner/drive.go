// Package runner drives the pure machines of the protocols over a link, and
// runs a study's programs in lockstep: ask, map, sum, reduce. With package
// transport and the command it is the only place with goroutines and clocks.
package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
)

// wire is one party's end of the network and the time it waits for a message.
type wire struct {
	self     party.ID
	link     transport.Link
	deadline time.Duration // of a round; 0 waits for ever
	meter    *meter        // nil: nobody counts
}

// drive runs a machine to its result, behind a guard: one bad message may burn
// a session, never the process. It listens while what the machine said is being
// sent: the answer to the beginning of it may come before its end has left.
func drive[R any](parent context.Context, w wire, m round.Machine[R]) (R, error) {
	var none R
	m = round.Guard(m)
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	var sending *posting
	out, err := m.Start()
	for {
		sending = w.send(ctx, stop, out, sending)
		if r, done := m.Result(); done || err != nil {
			if sendErr := sending.wait(); sendErr != nil {
				return none, sendErr
			}
			return r, err
		}
		from, body, late, recvErr := w.receive(ctx)
		switch {
		case recvErr != nil:
			stop(recvErr)
			_ = sending.wait() // which ends by that, or has ended it
			if parent.Err() == nil {
				recvErr = context.Cause(ctx)
			}
			return none, recvErr
		case late && sending.underWay():
			out, err = nil, nil // while this side speaks, the other is not late
		case late:
			out, err = m.Expire()
		default:
			out, err = m.Receive(round.Message{From: from, To: w.self, Body: body})
		}
	}
}

// posting is messages that are being sent.
type posting struct {
	done chan struct{}
	err  error // when it is done
}

// send sends messages after those before: to each party in their order, to
// several at once, since each has to wait for its own line. A failure ends ctx.
func (w wire) send(ctx context.Context, stop context.CancelCauseFunc, out []round.Message, before *posting) *posting {
	if len(out) == 0 {
		return before
	}
	w.meter.sent(out)
	to := map[party.ID][]round.Message{}
	for _, m := range out {
		to[m.To] = append(to[m.To], m)
	}
	p := &posting{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		if p.err = before.wait(); p.err != nil {
			return
		}
		var all []func(context.Context) error
		for _, some := range to {
			all = append(all, func(ctx context.Context) error {
				for _, m := range some {
					if err := w.link.Send(ctx, m.To, m.Body); err != nil {
						return fmt.Errorf("runner: %s cannot reach %s: %w", w.self, m.To, err)
					}
				}
				return nil
			})
		}
		if p.err = Together(ctx, all...); p.err != nil {
			stop(p.err)
		}
	}()
	return p
}

// wait waits until all of it was sent, or could not be.
func (p *posting) wait() error {
	if p == nil {
		return nil
	}
	<-p.done
	return p.err
}

func (p *posting) underWay() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (w wire) receive(ctx context.Context) (from party.ID, body []byte, late bool, err error) {
	wait := ctx
	if w.deadline > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, w.deadline)
		defer cancel()
	}
	from, body, err = w.link.Receive(wait)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return "", nil, true, nil
	}
	w.meter.received(len(body))
	return from, body, false, err
}

// Together runs the parties of one process, each in a goroutine of its own. The first failure
// stops the others; it is the one returned, not the cancellations it causes.
func Together(ctx context.Context, parties ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, run := range parties {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := run(ctx); err != nil {
				cancel(err) // only the first cause counts
			}
		}()
	}
	all.Wait()
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// Turns lets no more parties of one process pass over their records at once
// than there are processors: more only take them from each other.
type Turns chan struct{}

// NewTurns returns the turns of a process.
func NewTurns() Turns { return make(Turns, runtime.GOMAXPROCS(0)) }

func (t Turns) take() {
	if t != nil {
		t <- struct{}{}
	}
}

func (t Turns) give() {
	if t != nil {
		<-t
	}
}
