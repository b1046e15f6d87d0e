package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// Channel is a party's Link for one purpose. Close ends what waits in it.
type Channel interface {
	transport.Link
	Close()
}

// Network opens a party's channels: one named ControlChannel, attempt 0, for
// what is said of studies, and one for every attempt of a run, named after the
// run. A hospital or an analyst has one peer, the hub; the hub names its peers.
//
// A channel may lose what is sent while nobody has it open, and may give again
// what was received before: every party can be told twice and asks for what it missed.
type Network func(name string, attempt uint32, peers ...party.ID) (Channel, error)

// ControlChannel is the name of the channel on which studies are submitted,
// approved, proposed and delivered.
const ControlChannel = "control"

// Metrics counts what a service does; package cmd hands in a registry. Names:
//
//	studies_received, decisions_approved, decisions_refused, attempts_begun, attempts_done,
//	attempts_failed, results_delivered, notices_received, notices_dropped, notices_sent,
//	bytes_sent, bytes_received, sums_opened
type Metrics interface {
	Add(name string, n float64)
}

type noMetrics struct{}

func (noMetrics) Add(string, float64) {}

// Over makes a Network of a party's connection to the log.
func Over(c *transport.Conn) Network {
	return func(name string, attempt uint32, peers ...party.ID) (Channel, error) {
		ch, err := c.Open(name, attempt, peers...)
		if err != nil {
			return nil, err
		}
		return ch, nil
	}
}

// OnBoard makes a Network of one party's place at a board, for parties of one process.
func OnBoard(b *transport.Board, self party.ID) Network {
	return func(name string, attempt uint32, _ ...party.ID) (Channel, error) {
		return b.Open(self, name, attempt), nil
	}
}

// Pauses between two tries at what should work.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 15 * time.Second
)

func pauseOf(n int) time.Duration { return min(firstPause<<min(n, 8), longPause) }

// errInterrupted is why an attempt's context ended although nobody ended it: its channel failed.
var errInterrupted = errors.New("engine: the channel of the attempt was interrupted")

// counted is a channel of an attempt. Its first failure ends the attempt's
// context, so that the attempt stops where it is and can go on from its journal.
type counted struct {
	Channel
	metrics Metrics
	broken  context.CancelCauseFunc
}

func (c *counted) Send(ctx context.Context, to party.ID, b []byte) error {
	err := c.Channel.Send(ctx, to, b)
	if err == nil {
		c.metrics.Add("bytes_sent", float64(len(b)))
	}
	return c.failed(ctx, err)
}

func (c *counted) Receive(ctx context.Context) (party.ID, []byte, error) {
	from, b, err := c.Channel.Receive(ctx)
	if err == nil {
		c.metrics.Add("bytes_received", float64(len(b)))
	}
	return from, b, c.failed(ctx, err)
}

func (c *counted) failed(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		c.broken(errors.Join(errInterrupted, err))
	}
	return err
}

// desk is one party's end of the control channel: what all services have in common.
type desk struct {
	open    Network
	peers   []party.ID
	log     *slog.Logger
	metrics Metrics
	wake    chan struct{} // a token: there is something to do
}

func newDesk(open Network, log *slog.Logger, metrics Metrics, peers ...party.ID) desk {
	return desk{open: open, peers: peers, log: log, metrics: metrics, wake: make(chan struct{}, 1)}
}

// nudge says that there is something to do.
func (d *desk) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// clerk is what a service does with its end of the control channel. Its methods
// are called by one goroutine each.
type clerk interface {
	opened()                                     // a channel was opened: say who is here, and what others may have missed
	take(from party.ID, b []byte)                // a message came
	due(send func(party.ID, []byte) error) error // send what is due
	next() time.Duration                         // when tick is due; 0: never
	tick() bool                                  // look after what waits; true: the service is done
}

// serve runs a service until ctx ends or it is done. All its goroutines have
// ended when it returns.
func (d *desk) serve(ctx context.Context, c clerk) error {
	for n := 0; ; n++ {
		err := d.session(ctx, c)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, transport.ErrRefused) {
			return err
		}
		d.log.Warn("the control channel ended; opening it again", "why", err)
		if runner.Pause(ctx, pauseOf(n)) != nil {
			return nil
		}
	}
}

// session serves one channel until it fails.
func (d *desk) session(ctx context.Context, c clerk) error {
	ch, err := d.open(ControlChannel, 0, d.peers...)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	var group runner.Group
	defer group.Wait()
	defer ch.Close()
	defer stop(nil)
	ended := func(err error) {
		if err != nil {
			stop(err)
		}
	}
	c.opened()
	group.Go(func() error { // receiving
		for {
			from, b, err := ch.Receive(ctx)
			if err != nil {
				return err
			}
			d.metrics.Add("notices_received", 1)
			if err := runner.Guard(func() error { c.take(from, b); return nil }); err != nil {
				d.log.Error("a notice could not be taken", "from", from, "why", err)
			}
			d.nudge()
		}
	}, ended)
	for {
		if c.tick() {
			return nil
		}
		err := c.due(func(to party.ID, b []byte) error {
			d.metrics.Add("notices_sent", 1)
			return ch.Send(ctx, to, b)
		})
		if err != nil {
			return err
		}
		wait, cancel := ctx, context.CancelFunc(func() {})
		if next := c.next(); next > 0 {
			wait, cancel = context.WithTimeout(ctx, next)
		}
		select {
		case <-d.wake:
		case <-wait.Done():
		}
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// letter is a notice on its way.
type letter struct {
	to party.ID
	b  []byte
}
