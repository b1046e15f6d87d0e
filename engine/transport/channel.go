package transport

import (
	"context"
	"fmt"
	"sync"

	"github.com/consilium-health/consilium/protocols/party"
)

// Channel is a party's Link for one attempt of one study. It yields what the log holds of that
// attempt from the first message on, in order per pair, and each message once. Beside the message
// that waits for Receive it holds at most 1 MiB (a hospital's 8 MiB) or one entry of each peer.
type Channel struct {
	conn    *Conn
	at      place
	routes  map[party.ID]route
	readers map[party.ID]*reader
	out     chan parcel
	turn    chan struct{} // held while a message is put together from chunks, so that there is one at a time
	life    context.Context
	stop    context.CancelCauseFunc
	work    sync.WaitGroup
}

var _ Link = (*Channel)(nil)

// Open returns the link to the peers for one attempt of a study, whose name is the caller's to
// choose (a digest in hexadecimal). Hospitals have one peer, the hub, and need not name it; the
// hub names the members. Messages of others are not read.
func (c *Conn) Open(study string, attempt uint32, peers ...party.ID) (*Channel, error) {
	if err := checkStudy(study); err != nil {
		return nil, err
	}
	if c.self != party.Hub && len(peers) == 0 {
		peers = []party.ID{party.Hub}
	}
	ch := &Channel{conn: c, at: place{study, attempt}, routes: map[party.ID]route{}, readers: map[party.ID]*reader{},
		out: make(chan parcel), turn: make(chan struct{}, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.failed != nil:
		return nil, c.failed
	case c.closing:
		return nil, ErrClosed
	case c.channels[ch.at] != nil:
		return nil, fmt.Errorf("transport: attempt %d of study %s is open already", attempt, study)
	}
	for _, id := range peers {
		r, ok := c.routes[id]
		if !ok {
			return nil, fmt.Errorf("transport: %s has no way to %q: the log was not told of it", c.self, id)
		}
		ch.routes[id] = r
		ch.readers[id] = newReader(ch, id, r)
	}
	ch.life, ch.stop = context.WithCancelCause(c.life)
	c.channels[ch.at] = ch
	for _, r := range ch.readers {
		ch.work.Add(1)
		go r.run()
	}
	return ch, nil
}

// Send returns when the log has b on its disk: nothing is lost by anybody's crash after that.
// It waits while there is no connection. The same bytes to the same party in the same attempt are
// the same message: sent again, after a crash or a doubt, they arrive no second time.
func (ch *Channel) Send(ctx context.Context, to party.ID, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, ok := ch.routes[to]
	if !ok {
		return fmt.Errorf("transport: %s does not talk to %q in this study", ch.conn.self, to)
	}
	if len(b) > ch.conn.max {
		return fmt.Errorf("transport: a message of %d bytes, at most %d", len(b), ch.conn.max)
	}
	if err := ch.conn.begin(); err != nil {
		return err
	}
	defer ch.conn.done()
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ch.life, cancel)()
	id := idOf(ch.at.study, ch.at.attempt, ch.conn.self, to, b)
	err := ch.conn.publish(both, frames(r.out.attempt(ch.at.study, ch.at.attempt), id, b))
	if cause := context.Cause(ch.life); err != nil && ctx.Err() == nil && cause != nil {
		return ch.why()
	}
	return err
}

// Receive waits for the next message of any peer.
func (ch *Channel) Receive(ctx context.Context) (party.ID, []byte, error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	select {
	case p := <-ch.out:
		return p.from, p.body, nil
	case <-ctx.Done():
		return "", nil, ctx.Err()
	case <-ch.life.Done():
		return "", nil, ch.why()
	}
}

// Close ends the channel at this end; the log keeps what it has. What waits in Send or Receive
// returns ErrClosed.
func (ch *Channel) Close() { ch.end(ErrClosed) }

func (ch *Channel) end(why error) {
	ch.stop(why)
	ch.work.Wait()
	ch.conn.mu.Lock()
	defer ch.conn.mu.Unlock()
	if ch.conn.channels[ch.at] == ch {
		delete(ch.conn.channels, ch.at)
	}
}

// why is what ended the channel.
func (ch *Channel) why() error {
	if err := context.Cause(ch.life); err != context.Canceled {
		return err
	}
	return ch.conn.ended()
}

// look lets readers look for messages that were not announced: all of them, or those whose
// peers were not heard since the last look.
func (ch *Channel) look(all bool) {
	for _, r := range ch.readers {
		r.look(all)
	}
}
