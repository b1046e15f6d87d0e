package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consilium-health/consilium/protocols/party"
)

// Keep says how much the log holds of each party.
type Keep struct {
	Bytes    int64 // of each of its two streams; 0: 8 GiB. A message beyond that is refused, and nothing dropped
	Replicas int   // on servers of a cluster; 0: 1
}

// Admit makes the streams of parties, where there are none, and serves them from then on. Only
// the hub can, once per party and connection. While a cluster has no leader it tries until ctx ends.
func (c *Conn) Admit(ctx context.Context, keep Keep, parties ...party.ID) error {
	if c.self != party.Hub {
		return fmt.Errorf("transport: %s cannot admit parties: only the hub can", c.self)
	}
	if keep.Bytes == 0 {
		keep.Bytes = 8 << 30
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		return err
	}
	for _, id := range parties {
		if err := id.Check(); err != nil {
			return err
		}
		if id == party.Hub {
			return errors.New("transport: the hub does not write to itself")
		}
		c.mu.Lock()
		_, again := c.routes[id]
		c.mu.Unlock()
		if again {
			continue
		}
		up, err := c.stream(ctx, js, mailbox{way: "up", of: id}, keep)
		if err != nil {
			return err
		}
		down, err := c.stream(ctx, js, mailbox{way: "down", of: id}, keep)
		if err != nil {
			return err
		}
		r := route{out: down, in: up, read: "$JS.API.DIRECT.GET." + up.stream()}
		if err := c.serve(id, r); err != nil {
			return err
		}
		c.mu.Lock()
		c.routes[id] = r
		c.mu.Unlock()
	}
	return nil
}

// stream finds or makes a mailbox and returns it with its epoch.
func (c *Conn) stream(ctx context.Context, js jetstream.JetStream, m mailbox, keep Keep) (mailbox, error) {
	for n := 0; ; n++ {
		made, err := stream(ctx, js, m, keep)
		var said *jetstream.APIError
		later := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) ||
			errors.As(err, &said) && (said.Code == 503 || said.ErrorCode == noPeers)
		if err == nil || !later || pause(ctx, pauseOf(n)) != nil {
			return made, err
		}
		c.log.Info("the cluster is not ready", "why", err)
	}
}

// noPeers is JetStream's code for fewer servers than there are to be replicas.
const noPeers = 10005

func stream(ctx context.Context, js jetstream.JetStream, m mailbox, keep Keep) (mailbox, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	s, err := js.Stream(ctx, m.stream())
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		m.epoch = newEpoch()
	case err != nil:
		return m, fmt.Errorf("transport: stream %s: %w", m.stream(), err)
	default:
		for _, subject := range s.CachedInfo().Config.Subjects {
			if f := strings.Split(subject, "."); len(f) == 5 {
				m.epoch = f[3]
			}
		}
		if m.epoch == "" {
			return m, fmt.Errorf("transport: stream %s was not made by this program", m.stream())
		}
	}
	_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: m.stream(), Description: "messages of one party, sealed and signed by the parties themselves",
		Subjects: []string{m.all()}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxBytes: keep.Bytes, MaxMsgSize: chunkSize + 4096, Replicas: max(1, keep.Replicas), Duplicates: time.Hour,
		AllowDirect: true,
		RePublish: &jetstream.RePublish{
			Source:      fmt.Sprintf("%s%s.%s.%s.*.*.m", root, m.way, m.of, m.epoch),
			Destination: fmt.Sprintf("%spush.%s.%s.%s.{{wildcard(1)}}.{{wildcard(2)}}", root, m.way, m.of, m.epoch),
		},
	})
	if err != nil {
		return m, fmt.Errorf("transport: stream %s: %w", m.stream(), err)
	}
	return m, nil
}

// A greeting tells a party the names of its streams.
type greeting struct {
	Up, Down string
	Now      time.Time
}

// serve answers a party: which streams are its own, and what its down stream holds. Every party
// has its own queue of requests, short and no faster than its pace, so that none can make the
// others wait or the log's memory grow. A party has no other access to the log's interfaces.
func (c *Conn) serve(id party.ID, r route) error {
	if err := c.listen("up", id); err != nil {
		return err
	}
	inbox := root + "inbox." + string(id) + "."
	handle := func(subject string, answer func(m *nats.Msg)) error {
		pace := &pace{ctx: c.life} // of this subscription's one goroutine
		sub, err := c.nc.Subscribe(root+subject+"."+string(id), func(m *nats.Msg) {
			if strings.HasPrefix(m.Reply, inbox) && pace.wait() == nil {
				answer(m)
			}
		})
		if err == nil {
			err = sub.SetPendingLimits(4*window, 64<<10)
		}
		return err
	}
	get := "$JS.API.DIRECT.GET." + r.out.stream()
	own := fmt.Sprintf("%sdown.%s.%s.", root, id, r.out.epoch)
	return errors.Join(
		handle("log", func(m *nats.Msg) {
			if b, err := json.Marshal(greeting{Up: r.in.epoch, Down: r.out.epoch, Now: time.Now()}); err == nil {
				c.nc.Publish(m.Reply, b)
			}
		}),
		handle("read", func(m *nats.Msg) {
			var w wanted
			if json.Unmarshal(m.Data, &w) != nil || !strings.HasPrefix(w.Next+w.Last, own) {
				return
			}
			if w.Batch, w.MaxBytes = min(w.Batch, batchEntries), batchBytes; w.Last != "" {
				w = wanted{Last: w.Last}
			}
			if b, err := json.Marshal(w); err == nil {
				c.nc.PublishRequest(get, m.Reply, b) // the log answers the party itself
			}
		}),
	)
}

// pace lets requests of one party through: a burst, then so many a second.
type pace struct {
	ctx  context.Context
	free float64
	last time.Time
}

const (
	paceBurst  = 64
	paceSecond = 256
)

func (p *pace) wait() error {
	now := time.Now()
	p.free = min(paceBurst, p.free+now.Sub(p.last).Seconds()*paceSecond)
	p.last = now
	if p.free--; p.free >= 0 {
		return nil
	}
	return pause(p.ctx, time.Duration(-p.free/paceSecond*float64(time.Second)))
}

// greet learns this party's streams. If they have other names than before, every channel that
// was opened on the old ones ends.
func (c *Conn) greet(ctx context.Context) error {
	live, cancel, err := c.connected(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	live, cancel = context.WithTimeout(live, answerWait)
	defer cancel()
	asked := time.Now()
	m, err := c.nc.RequestWithContext(live, root+"log."+string(c.self), nil)
	if err != nil {
		return err
	}
	var g greeting
	if err := json.Unmarshal(m.Data, &g); err != nil || g.Up == "" || g.Down == "" {
		return fmt.Errorf("transport: the hub's greeting cannot be read: %v", err)
	}
	answered := time.Now()
	r := route{out: mailbox{"up", c.self, g.Up}, in: mailbox{"down", c.self, g.Down}, read: root + "read." + string(c.self)}
	c.mu.Lock()
	before, known := c.routes[party.Hub]
	c.routes[party.Hub] = r
	c.skew = g.Now.Sub(asked.Add(answered.Sub(asked) / 2)).Round(time.Millisecond)
	c.mu.Unlock()
	if known && before != r {
		c.log.Warn("the log is another one than before", "party", c.self)
		for _, ch := range c.open() {
			if ch.routes[party.Hub] != r {
				ch.end(ErrNewLog)
			}
		}
	}
	return nil
}
