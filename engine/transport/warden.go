package transport

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/consilium-health/consilium/protocols/party"
)

// What a party may say, in messages and requests; a large one and a new connection count for several.
// An honest party says a few hundred a second where its line is very fast, and in an encrypted study,
// which computes most of the time, some tens of megabytes.
const (
	quotaSecond  = 1024
	quotaBurst   = 8 * quotaSecond
	quotaConnect = 256
	quotaBytes   = 64 << 10 // that count for one message: 64 MB a second, 512 MB at once
	quotaLook    = 50 * time.Millisecond
	barFirst     = 2 * time.Minute // and twice as long each time, as long as there is no longest without
	barLongest   = time.Hour
)

// A quota is what one party may say yet.
type quota struct {
	free  float64
	until time.Time     // it is barred
	bar   time.Duration // how long it was the last time
}

// A warden cuts off parties that say more than their quota, and keeps them out for a while, so
// long that what they cost the others is below a hundredth of the time even if they come back at once.
// The server has no such limit, and reads what it is sent as fast as it can.
type warden struct {
	door *door
	log  *slog.Logger
	last time.Time
	said map[uint64]float64 // messages, by connection
}

func (w *warden) run(ctx context.Context) {
	w.last, w.said = time.Now(), map[uint64]float64{}
	tick := time.NewTicker(quotaLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look()
		}
	}
}

func (w *warden) look() {
	all, err := w.door.ns.Connz(&server.ConnzOptions{Limit: maxConns})
	if err != nil {
		return // the server is ending
	}
	said := make(map[uint64]float64, len(all.Conns))
	for _, c := range all.Conns {
		said[c.Cid] = float64(c.InMsgs) + float64(c.InBytes)/quotaBytes
	}
	now := time.Now()
	earned := now.Sub(w.last).Seconds() * quotaSecond
	d := w.door
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, q := range d.quotas {
		q.free = min(quotaBurst, q.free+earned)
		for _, c := range d.conns[id] {
			if n, there := said[c.conn]; there {
				q.free -= n - w.said[c.conn]
			}
		}
		if q.free < 0 && now.After(q.until) {
			if q.bar = min(2*q.bar, barLongest); q.bar == 0 || now.Sub(q.until) > barLongest {
				q.bar = barFirst
			}
			q.free, q.until = quotaBurst, now.Add(q.bar)
			w.log.Warn("a party says more than it may, and is cut off for a while", "party", id, "seconds", q.bar.Seconds())
			d.cut(id)
		}
	}
	w.last, w.said = now, said
}

// may reports whether a party may connect now. The door's lock is held.
func (d *door) may(id party.ID) bool {
	q := d.quotas[id]
	if q == nil {
		q = &quota{free: quotaBurst}
		d.quotas[id] = q
	}
	if time.Now().Before(q.until) {
		return false
	}
	q.free -= quotaConnect
	return true
}

// cut ends a party's connections. The door's lock is held.
func (d *door) cut(id party.ID) {
	for _, c := range d.conns[id] {
		_ = d.ns.DisconnectClientByID(c.conn) // which may be gone; who is still a party comes again
	}
	delete(d.conns, id)
}
