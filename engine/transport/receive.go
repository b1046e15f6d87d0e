package transport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/consilium-health/consilium/protocols/party"
)

// What a reader asks for and keeps at once.
const (
	batchEntries = 16
	batchBytes   = 1 << 20
	waitingBytes = 1 << 20 // of one hospital, at the hub: what does not fit is in the log beside it
	waitingAlone = 8 << 20 // of the hub, at a hospital, which would have it over its line a second time
)

// A copy is an entry as it is announced: seq is its place in the stream, before that of the entry
// before it in the same attempt.
type copied struct {
	seq, before uint64
	data        []byte
}

// A reader follows what one peer sends in one attempt. The log announces small messages by a copy,
// which spares a round trip; what was not announced, or did not fit, is asked for.
type reader struct {
	ch   *Channel
	from party.ID
	route
	subject string // of the attempt

	mu      sync.Mutex
	waiting []copied
	bytes   int
	behind  bool
	heard   bool          // something was announced since the last look
	wake    chan struct{} // a token: waiting or behind has changed

	next uint64 // no entry before this one is wanted any more
	seen map[messageID]struct{}
}

func newReader(ch *Channel, from party.ID, r route) *reader {
	return &reader{ch: ch, from: from, route: r, subject: r.in.attempt(ch.at.study, ch.at.attempt), behind: true,
		wake: make(chan struct{}, 1), next: 1, seen: map[messageID]struct{}{}}
}

// announce takes a copy of an entry. It never waits.
func (r *reader) announce(e copied) {
	room := waitingBytes
	if r.from == party.Hub {
		room = waitingAlone
	}
	r.mu.Lock()
	r.heard = true
	if len(r.waiting) > 0 && r.bytes+len(e.data) > room {
		r.behind = true
	} else {
		r.waiting = append(r.waiting, e)
		r.bytes += len(e.data)
	}
	r.mu.Unlock()
	r.nudge()
}

func (r *reader) miss() {
	r.mu.Lock()
	r.behind = true
	r.mu.Unlock()
	r.nudge()
}

// look has the reader ask the log for what it may have missed, unless its peer was heard since
// the last look: a gap shows by what follows it, and to ask while a slow line is full of copies
// has everything sent a second time.
func (r *reader) look(always bool) {
	r.mu.Lock()
	quiet := !r.heard
	r.heard = false
	r.mu.Unlock()
	if always || quiet {
		r.miss()
	}
}

func (r *reader) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reader) run() {
	defer r.ch.work.Done()
	ctx := r.ch.life
	for n := 0; ; {
		r.mu.Lock()
		news, behind := r.waiting, r.behind
		r.waiting, r.bytes, r.behind = nil, 0, false
		r.mu.Unlock()
		for _, e := range news {
			if e.before >= r.next {
				behind = true // there is something in between, and then this one
				break
			}
			if e.seq < r.next {
				continue
			}
			if r.take(ctx, e.data) != nil {
				behind = true // its chunks cannot be had now
				break
			}
			r.next = e.seq + 1
		}
		if behind {
			if err := r.catchUp(ctx); err != nil && ctx.Err() == nil {
				r.ch.conn.log.Debug("asking again", "party", r.ch.conn.self, "of", r.from, "why", err)
				r.miss()
				pause(ctx, pauseOf(n))
				n++
				continue
			}
		}
		n = 0
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
	}
}

// catchUp asks for entries until there are no more.
func (r *reader) catchUp(ctx context.Context) error {
	for {
		live, cancel, err := r.ch.conn.connected(ctx)
		if err != nil {
			return err
		}
		batch, err := r.ch.conn.entries(live, r.read, r.subject+".m", r.next)
		cut := live.Err() != nil
		cancel()
		switch {
		case cut && ctx.Err() == nil:
			continue
		case err != nil:
			return err
		case len(batch) == 0:
			return nil
		}
		for _, e := range batch {
			if e.seq < r.next {
				continue
			}
			if err := r.take(ctx, e.data); err != nil {
				return err
			}
			r.next = e.seq + 1
		}
	}
}

// take hands an entry's message to Receive, once. An entry that cannot be read is passed over:
// it is for the protocols to miss it.
func (r *reader) take(ctx context.Context, data []byte) error {
	c := r.ch.conn
	e, err := parseEntry(data, c.max)
	if err != nil {
		c.log.Warn("a message cannot be read", "party", c.self, "of", r.from, "why", err)
		return nil
	}
	if _, again := r.seen[e.id]; again {
		return nil
	}
	if e.size > 0 {
		select {
		case r.ch.turn <- struct{}{}:
			defer func() { <-r.ch.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
		if e.body, err = r.gather(ctx, e); err != nil {
			return err
		}
	}
	if idOf(r.ch.at.study, r.ch.at.attempt, r.from, c.self, e.body) != e.id {
		c.log.Warn("a message is not what its name says", "party", c.self, "of", r.from, "bytes", len(e.body))
		return nil
	}
	select {
	case r.ch.out <- parcel{r.from, e.body}:
		r.seen[e.id] = struct{}{}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errMissing: the log has not, or not yet, what an entry speaks of.
var errMissing = errors.New("transport: a chunk is missing")

// gather puts a message together from its chunks, over as many connections as it takes. It keeps
// what it has while the line is cut, and gives it up when a chunk is not there.
func (r *reader) gather(ctx context.Context, e entry) ([]byte, error) {
	c := r.ch.conn
	var body []byte
	left := make([]int, chunks(e.size))
	for k := range left {
		left[k] = k
	}
	for n := 0; ; n++ {
		live, cancel, err := c.connected(ctx)
		if err != nil {
			return nil, err
		}
		got := map[int]bool{}
		err = c.ask(live, r.read, len(left), func(i int) wanted {
			return wanted{Last: chunkSubject(r.subject, e.id, left[i])}
		}, window, func(i int, m *nats.Msg) (bool, error) {
			k := left[i]
			if s := m.Header.Get("Status"); s == "404" {
				return true, errMissing
			} else if s != "" {
				return true, refusal(m)
			}
			if len(m.Data) != min(chunkSize, e.size-k*chunkSize) {
				return true, errMissing
			}
			if body == nil { // not before something of it is there
				body = make([]byte, e.size)
			}
			copy(body[k*chunkSize:], m.Data)
			got[k] = true
			return true, nil
		})
		cut := live.Err() != nil
		cancel()
		if err == nil || errors.Is(err, errMissing) || ctx.Err() != nil {
			return body, err
		}
		if left = slices.DeleteFunc(left, func(k int) bool { return got[k] }); cut {
			continue
		}
		if len(got) > 0 {
			n = 0
		}
		c.log.Debug("asking again", "party", c.self, "of", r.from, "chunks", len(left), "why", err)
		if err := pause(ctx, pauseOf(n)); err != nil {
			return nil, err
		}
	}
}

// pushed takes a copy that the log announces to the reader it is for.
func (c *Conn) pushed(m *nats.Msg) {
	of, study, attempt, ok := pushed(m.Subject)
	if !ok {
		return
	}
	from := of
	if c.self != party.Hub {
		from = party.Hub
	}
	c.mu.Lock()
	ch := c.channels[place{study, attempt}]
	c.mu.Unlock()
	if ch == nil {
		return
	}
	r := ch.readers[from]
	if r == nil || m.Header.Get("Nats-Subject") != r.subject+".m" {
		return
	}
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	before, err2 := strconv.ParseUint(m.Header.Get("Nats-Last-Sequence"), 10, 64)
	if err != nil || err2 != nil {
		r.miss()
		return
	}
	r.announce(copied{seq: seq, before: before, data: m.Data})
}

// listen subscribes to the copies of what a party's stream gets.
func (c *Conn) listen(way string, of party.ID) error {
	_, err := c.nc.Subscribe(fmt.Sprintf("%spush.%s.%s.>", root, way, of), c.pushed)
	return err
}
