package transport

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/consilium-health/consilium/protocols/party"
)

// Prune drops from the log of each attempt what was put there before the time that before says,
// by the log's clock; the zero time keeps everything. It asks about each attempt of which the log
// holds anything, once. Only the hub can. What it could not drop now (a cluster may have no leader) is
// there to be asked about the next time.
func (c *Conn) Prune(ctx context.Context, before func(study string, attempt uint32) time.Time) error {
	said := map[place]time.Time{}
	return c.tidy(ctx, func(ctx context.Context, m mailbox, s jetstream.Stream) error {
		info, err := s.Info(ctx, jetstream.WithSubjectFilter(m.all()))
		if err != nil {
			return err
		}
		for at := range attempts(info.State.Subjects) {
			t, asked := said[at]
			if !asked {
				t = before(at.study, at.attempt)
				said[at] = t
			}
			all := m.attempt(at.study, at.attempt) + ".>"
			switch {
			case !info.State.FirstTime.Before(t):
				continue
			case info.State.LastTime.Before(t):
				err = s.Purge(ctx, jetstream.WithPurgeSubject(all))
			default:
				var first uint64
				if first, err = firstSince(ctx, s, info.State, all, t); err == nil {
					err = s.Purge(ctx, jetstream.WithPurgeSubject(all), jetstream.WithPurgeSequence(first))
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// firstSince is the place in a stream of the first entry that stays: later ones have later times.
func firstSince(ctx context.Context, s jetstream.Stream, state jetstream.StreamState, subject string, t time.Time) (uint64, error) {
	low, high := state.FirstSeq, state.LastSeq+1 // the one sought is in between
	for low < high {
		middle := low + (high-low)/2
		e, err := s.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(subject)) // it, or the next of the subject
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound), err == nil && !e.Time.Before(t):
			high = middle
		case err != nil:
			return 0, err
		default:
			low = e.Sequence + 1
		}
	}
	return low, nil
}

// tidy goes through all streams, as far as it can.
func (c *Conn) tidy(ctx context.Context, f func(context.Context, mailbox, jetstream.Stream) error) error {
	if c.self != party.Hub {
		return fmt.Errorf("transport: %s cannot clear the log: only the hub can", c.self)
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		return err
	}
	c.mu.Lock()
	var boxes []mailbox
	for _, r := range c.routes {
		boxes = append(boxes, r.in, r.out)
	}
	c.mu.Unlock()
	var failed []error
	for _, m := range boxes {
		limited, cancel := context.WithTimeout(ctx, answerWait)
		s, err := js.Stream(limited, m.stream())
		if err == nil {
			err = f(limited, m, s)
		}
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("transport: clearing %s: %w", m.stream(), err))
		}
	}
	return errors.Join(failed...)
}

// attempts are those that subjects belong to.
func attempts(subjects map[string]uint64) map[place]bool {
	held := map[place]bool{}
	for subject := range subjects {
		f := strings.Split(subject, ".") // consilium up P E S A and more
		if len(f) < 7 || checkStudy(f[4]) != nil {
			continue
		}
		if a, err := strconv.ParseUint(f[5], 10, 32); err == nil && f[5] == strconv.FormatUint(a, 10) {
			held[place{f[4], uint32(a)}] = true
		}
	}
	return held
}
