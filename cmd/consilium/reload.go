package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/consilium-health/consilium/engine"
)

// renewable is a hub that takes another roster while it serves. Its engine begins
// anew, over the same store and line: what is under way goes on from the log, and
// nobody is cut off but who is no longer in the roster.
type renewable struct {
	make func(*pins) (*engine.Hub, error)

	mu      sync.Mutex
	hub     *engine.Hub
	end     context.CancelFunc // of its Run
	drained bool
}

// Run implements serving.
func (r *renewable) Run(ctx context.Context) error {
	for {
		life, end := context.WithCancel(ctx)
		r.mu.Lock()
		hub := r.hub
		r.end = end
		r.mu.Unlock()
		err := hub.Run(life)
		end()
		r.mu.Lock()
		same := r.hub == hub
		r.mu.Unlock()
		if err != nil || same || ctx.Err() != nil {
			return err
		}
	}
}

// Drain implements serving.
func (r *renewable) Drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drained = true
	r.hub.Drain()
}

// renew goes on with other pins.
func (r *renewable) renew(p *pins) error {
	hub, err := r.make(p)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drained {
		return errors.New("the hub is stopping")
	}
	r.hub = hub
	if r.end != nil {
		r.end()
	}
	return nil
}

// reloads reads the roster again at every SIGHUP, until the returned function is
// called. One that is not right leaves everything as it is.
func (s *service) reloads(l *hubLine, r *renewable) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-hangups:
			}
			if err := s.reload(l, r); err != nil {
				s.log.Error("the roster was read again and not taken; the former one holds", "why", err)
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		close(done)
		group.Wait()
	}
}

func (s *service) reload(l *hubLine, r *renewable) error {
	_, p, err := readRoster(s.config.at(s.config.Roster))
	if err != nil {
		return err
	}
	if l.server != nil {
		if err := l.server.SetParties(p.callers()); err != nil {
			return err
		}
	}
	if err := l.conn.Admit(s.ctx, l.keep, p.parties()...); err != nil {
		return fmt.Errorf("the log: %w", err)
	}
	if err := r.renew(p); err != nil {
		return err
	}
	s.log.Info("the hub serves with the roster read again", "hospitals", p.roster.Len(), "analysts", len(p.analysts))
	return nil
}
