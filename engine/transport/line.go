package transport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

func (c *Conn) open() []*Channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*Channel
	for _, ch := range c.channels {
		all = append(all, ch)
	}
	return all
}

// lost and found follow the connection.
func (c *Conn) lost(_ *nats.Conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.up:
		c.up = make(chan struct{})
	default:
	}
	c.cut()
	if !c.closing {
		c.log.Warn("connection lost", "party", c.self, "why", err)
	}
}

func (c *Conn) found(_ *nats.Conn) {
	c.mu.Lock()
	c.live, c.cut = context.WithCancel(c.life)
	select {
	case <-c.up:
	default:
		close(c.up)
	}
	c.mu.Unlock()
	c.log.Info("connected", "party", c.self)
	c.again()
}

func (c *Conn) again() {
	select {
	case c.look <- struct{}{}:
	default:
	}
}

// complaint takes what the server says outside of any answer.
func (c *Conn) complaint(_ *nats.Conn, sub *nats.Subscription, err error) {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		// Nothing else would tell: a refused message is never answered.
		c.fail(fmt.Errorf("%w: the log lets the holder of this certificate not act as %q: %v", ErrRefused, c.self, err))
	case errors.Is(err, nats.ErrSlowConsumer):
		c.again() // copies were dropped; the log has them
	default:
		c.log.Warn("transport", "party", c.self, "why", err)
	}
}

func (c *Conn) refusedAgain(err error) {
	err, _ = c.reason(err)
	c.log.Warn("the hub cannot be reached", "party", c.self, "why", err)
}

// fail ends everything on this Conn with an error.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.failed == nil {
		c.failed = err
	}
	c.mu.Unlock()
	c.log.Error("transport", "party", c.self, "why", err)
	c.stop()
	for _, ch := range c.open() {
		ch.end(err)
	}
}

func (c *Conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// connected waits for a connection and returns a context that ends with it, or with ctx.
func (c *Conn) connected(ctx context.Context) (context.Context, context.CancelFunc, error) {
	c.mu.Lock()
	up, failed := c.up, c.failed
	c.mu.Unlock()
	if failed != nil {
		return nil, nil, failed
	}
	select {
	case <-up:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-c.life.Done():
		return nil, nil, c.ended()
	}
	c.mu.Lock()
	live := c.live
	c.mu.Unlock()
	both, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(live, cancel)
	return both, func() { stop(); cancel() }, nil
}

func (c *Conn) ended() error {
	if err := c.failure(); err != nil {
		return err
	}
	return ErrClosed
}

// Reached reports whether the log is within reach: connected, and heard of in the last seconds.
func (c *Conn) Reached() bool {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	select {
	case <-up:
		return c.tcp == nil || c.tcp.silent() < deafAfter
	default:
		return false
	}
}

// Skew is how far the log's clock is ahead of this machine's, to within a round trip.
func (c *Conn) Skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew
}

// Close takes no more messages, waits until those under way are in the log or ctx ends, and
// disconnects. Channels end with ErrClosed.
func (c *Conn) Close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closing {
		c.closing = true
		if c.sending == 0 {
			close(c.idle)
		}
	}
	c.mu.Unlock()
	var err error
	select {
	case <-c.idle:
	case <-c.life.Done():
	case <-ctx.Done():
		err = fmt.Errorf("transport: closed before everything was sent: %w", ctx.Err())
	}
	c.stop()
	for _, ch := range c.open() {
		ch.Close()
	}
	c.work.Wait()
	c.nc.Close()
	return err
}

// begin and done count messages under way, for Close.
func (c *Conn) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	if c.closing {
		return ErrClosed
	}
	c.sending++
	return nil
}

func (c *Conn) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sending--; c.sending == 0 && c.closing {
		close(c.idle)
	}
}
