package engine

import (
	"context"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// Retention clears the log behind a hub's Network of what nobody needs any more.
// A *transport.Conn of the hub is one.
type Retention interface {
	// Prune drops from the log of each channel what was put there before the time
	// that before says; the zero time keeps everything.
	Prune(ctx context.Context, before func(name string, attempt uint32) time.Time) error
}

var _ Retention = (*transport.Conn)(nil)

const (
	clearEvery  = time.Hour           // beside every end of an attempt
	noticesLast = 30 * 24 * time.Hour // the default of HubConfig.Notices
)

// clears clears the log until ctx ends: whenever an attempt is followed by another or
// a run is over, and now and then, since latecomers still speak in what is over.
func (h *Hub) clears(ctx context.Context) error {
	for {
		if err := h.cfg.Retention.Prune(ctx, h.useless); err != nil && ctx.Err() == nil {
			h.cfg.Log.Warn("the log was not cleared; it will be tried again", "why", err)
		}
		wait, stop := context.WithTimeout(ctx, clearEvery)
		select {
		case <-h.clear:
		case <-wait.Done():
		}
		stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// useless says up to when nobody can need what the log holds of a channel.
//
// Of an attempt that is all of it as soon as its run is over, so that every report is in
// the hub's journal or there will be none, or another attempt has followed it,
// which is proposed only when it is closed for ever. A hospital that still waits in
// it is told of the one or the other, and closes it from its own journal.
func (h *Hub) useless(name string, attempt uint32) time.Time {
	now := h.began.Add(runner.Clock().Sub(h.began)) // time as it passes: a clock that is put forward makes nothing old
	if name == ControlChannel {
		return now.Add(-h.cfg.Notices)
	}
	run, err := control.ParseRunID(name)
	if err != nil {
		return time.Time{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch r := h.runs[run]; {
	case r == nil || !r.over && attempt >= r.last:
		return time.Time{}
	case h.cfg.Closed > 0:
		return now.Add(-h.cfg.Closed)
	}
	return now.Add(noticesLast) // whatever the log's clock says
}

// clearSoon says that something in the log may have become useless.
func (h *Hub) clearSoon() {
	select {
	case h.clear <- struct{}{}:
	default:
	}
}

// closed answers a hospital that shows the study of a run that is over and has no
// report of it: it was away when that was said, perhaps for longer than the log keeps notices.
func (h *Hub) closed(r *hubRun, to party.ID) {
	if !r.over || r.roster.Index(to) < 0 || r.delivered[to] != nil || r.concluded[to].notice != nil {
		return
	}
	s := r.standing
	s.Number = max(s.Number+1, uint64(runner.Clock().UnixNano())) // the log takes no notice twice
	if b, err := control.Stand(hubAuthor, r.sub.Plan, s); err == nil {
		h.post(to, b)
	}
}
