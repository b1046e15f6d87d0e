package transport

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/consilium-health/consilium/protocols/party"
)

// Memory connects parties of one process. Queues are unbounded: the protocols
// are in lockstep, so at most one message a pair is under way.
type Memory struct {
	boxes map[party.ID]*box
	tap   func(from, to party.ID, b []byte)
}

// NewMemory returns a network of the parties. tap, when not nil, sees every
// message as it is sent; it is called from the senders' goroutines.
func NewMemory(parties []party.ID, tap func(from, to party.ID, b []byte)) *Memory {
	m := &Memory{boxes: make(map[party.ID]*box, len(parties)), tap: tap}
	for _, id := range parties {
		m.boxes[id] = &box{ready: make(chan struct{}, 1)}
	}
	return m
}

// Link returns the end of one party.
func (m *Memory) Link(id party.ID) Link { return &memoryLink{net: m, self: id} }

// Traffic returns the bytes a party has sent and received.
func (m *Memory) Traffic(id party.ID) (up, down int64) {
	b := m.boxes[id]
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sent, b.received
}

type box struct {
	mu             sync.Mutex
	queue          []parcel
	ready          chan struct{} // holds a token while the queue may have something
	sent, received int64
}

type parcel struct {
	from party.ID
	body []byte
}

type memoryLink struct {
	net  *Memory
	self party.ID
}

var _ Link = (*memoryLink)(nil)

func (l *memoryLink) Send(ctx context.Context, to party.ID, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dst, ok := l.net.boxes[to]
	if !ok {
		return fmt.Errorf("transport: no party %q in this network", to)
	}
	if l.net.tap != nil {
		l.net.tap(l.self, to, b)
	}
	src := l.net.boxes[l.self]
	src.mu.Lock()
	src.sent += int64(len(b))
	src.mu.Unlock()
	dst.mu.Lock()
	dst.queue = append(dst.queue, parcel{l.self, bytes.Clone(b)})
	dst.received += int64(len(b))
	dst.mu.Unlock()
	select {
	case dst.ready <- struct{}{}:
	default:
	}
	return nil
}

func (l *memoryLink) Receive(ctx context.Context) (party.ID, []byte, error) {
	b := l.net.boxes[l.self]
	for {
		b.mu.Lock()
		if len(b.queue) > 0 {
			p := b.queue[0]
			b.queue[0] = parcel{}
			b.queue = b.queue[1:]
			b.mu.Unlock()
			return p.from, p.body, nil
		}
		b.mu.Unlock()
		select {
		case <-b.ready:
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
	}
}
