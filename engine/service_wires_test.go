package engine_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// between sees what passes one party's channels and may change it: each function
// returns what goes on in the place of b. They are called by several goroutines.
type between struct {
	send    func(name string, attempt uint32, to party.ID, b []byte) [][]byte
	receive func(name string, attempt uint32, from party.ID, b []byte) [][]byte
}

func (x between) network(inner engine.Network) engine.Network {
	return func(name string, attempt uint32, peers ...party.ID) (engine.Channel, error) {
		ch, err := inner(name, attempt, peers...)
		return &betweenChannel{Channel: ch, by: x, name: name, attempt: attempt}, err
	}
}

type betweenChannel struct {
	engine.Channel
	by      between
	name    string
	attempt uint32
	from    party.ID
	waiting [][]byte
}

func (c *betweenChannel) Send(ctx context.Context, to party.ID, b []byte) error {
	all := [][]byte{b}
	if c.by.send != nil {
		all = c.by.send(c.name, c.attempt, to, b)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, b := range all {
		if err := c.Channel.Send(ctx, to, b); err != nil {
			return err
		}
	}
	return nil
}

func (c *betweenChannel) Receive(ctx context.Context) (party.ID, []byte, error) {
	for {
		if len(c.waiting) > 0 {
			b := c.waiting[0]
			c.waiting = c.waiting[1:]
			return c.from, b, nil
		}
		from, b, err := c.Channel.Receive(ctx)
		if err != nil {
			return from, b, err
		}
		c.from, c.waiting = from, [][]byte{b}
		if c.by.receive != nil {
			c.waiting = c.by.receive(c.name, c.attempt, from, b)
		}
		if ctx.Err() != nil {
			return "", nil, ctx.Err()
		}
	}
}

// exchange is a network of transport.Memory: what a party has received in an
// earlier life is lost to the next.
type exchange struct {
	mu     sync.Mutex
	places map[string]*transport.Memory
}

func (x *exchange) network(self party.ID) engine.Network {
	return func(name string, attempt uint32, _ ...party.ID) (engine.Channel, error) {
		x.mu.Lock()
		defer x.mu.Unlock()
		at := fmt.Sprint(name, attempt)
		if x.places[at] == nil {
			x.places[at] = transport.NewMemory(append([]party.ID{party.Hub, "ana"}, hospitals...), nil)
		}
		life, end := context.WithCancel(context.Background())
		return &closing{Link: x.places[at].Link(self), life: life, end: end}, nil
	}
}

// closing is a link that can be closed.
type closing struct {
	transport.Link
	life context.Context
	end  context.CancelFunc
}

func (c *closing) Close() { c.end() }

func (c *closing) Receive(ctx context.Context) (party.ID, []byte, error) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	from, b, err := c.Link.Receive(both)
	if err != nil && ctx.Err() == nil {
		err = transport.ErrClosed
	}
	return from, b, err
}

// only changes notices of one kind.
func only(act control.Act, change func(n *control.Notice) [][]byte) func(string, uint32, party.ID, []byte) [][]byte {
	return func(name string, _ uint32, _ party.ID, b []byte) [][]byte {
		if name == engine.ControlChannel {
			if n, err := control.Read(b); err == nil && n.Act == act {
				return change(n)
			}
		}
		return [][]byte{b}
	}
}
