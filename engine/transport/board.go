package transport

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/consilium-health/consilium/protocols/party"
)

// Board connects parties of one process as a log does over a network: it keeps
// what parties post as long as it lives, and a party that opens a channel again,
// as after a crash, reads it from its beginning. The same message twice is one.
type Board struct {
	mu      sync.Mutex
	posts   map[place][]post
	changed chan struct{} // closed and renewed with every post
}

type post struct {
	from, to party.ID
	body     []byte
}

// NewBoard returns an empty board.
func NewBoard() *Board {
	return &Board{posts: map[place][]post{}, changed: make(chan struct{})}
}

// Open returns a party's link for one attempt of a study; peers are not looked at.
func (b *Board) Open(self party.ID, study string, attempt uint32) *Reading {
	r := &Reading{board: b, at: place{study, attempt}, self: self}
	r.life, r.stop = context.WithCancelCause(context.Background())
	return r
}

// Reading is a Link over a Board. It is used by one receiver.
type Reading struct {
	board *Board
	at    place
	self  party.ID
	next  int
	life  context.Context
	stop  context.CancelCauseFunc
}

var _ Link = (*Reading)(nil)

// Send posts a message.
func (r *Reading) Send(ctx context.Context, to party.ID, body []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.life.Err() != nil {
		return context.Cause(r.life)
	}
	if (r.self == party.Hub) == (to == party.Hub) {
		return fmt.Errorf("transport: %s does not talk to %q", r.self, to)
	}
	b := r.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(b.posts[r.at], func(p post) bool {
		return p.from == r.self && p.to == to && bytes.Equal(p.body, body)
	}) {
		return nil
	}
	b.posts[r.at] = append(b.posts[r.at], post{r.self, to, bytes.Clone(body)})
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

// Receive waits for the next message to this party.
func (r *Reading) Receive(ctx context.Context) (party.ID, []byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return "", nil, err
		}
		r.board.mu.Lock()
		posts, changed := r.board.posts[r.at], r.board.changed
		r.board.mu.Unlock()
		for ; r.next < len(posts); r.next++ {
			if p := posts[r.next]; p.to == r.self {
				r.next++
				return p.from, bytes.Clone(p.body), nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-r.life.Done():
			return "", nil, context.Cause(r.life)
		}
	}
}

// Close ends what waits in r.
func (r *Reading) Close() { r.stop(ErrClosed) }
