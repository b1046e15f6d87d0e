package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	wireformat "github.com/consilium-health/consilium/protocols/wire"
)

// doubt is the link and the journal of a hospital in one attempt. In an attempt
// that was begun in an earlier life of the process, the journal takes nothing that
// is new to say before all others have said how far they have seen this hospital
// come: the store may be an older copy. What was said in the earlier life is sent again meanwhile.
type doubt struct {
	link     transport.Link
	journal  secagg.Journal
	recall   *secagg.Recall
	self     party.ID
	deadline time.Duration
	ctx      context.Context // of the attempt: a journal has none
	later    []heard         // while the others were waited for
	held     int             // bytes of it
}

// mostLater is how many bytes are kept while the others are waited for: the vectors of a hundred sums of a hundred
// thousand cells. Studies with encrypted steps, which are longer, begin a new attempt after a restart.
const mostLater = 200 << 20

type heard struct {
	from party.ID
	body []byte
}

// size is what it takes to keep a message, however short.
func (m heard) size() int { return len(m.body) + 100 }

func newDoubt(ctx context.Context, g *Gateway) (*doubt, error) {
	recall, err := secagg.NewRecall(g.config([32]byte{}))
	if err != nil {
		return nil, err
	}
	return &doubt{link: g.Link, journal: g.Journal, recall: recall, self: g.ID, deadline: g.Deadline, ctx: ctx}, nil
}

// Append implements secagg.Journal and mhe.Journal.
func (d *doubt) Append(kind string, record []byte) error {
	if d.recall.Doubtful() && (secagg.Says(kind) || mhe.Says(kind)) {
		if err := d.settle(); err != nil {
			return err
		}
	}
	return d.journal.Append(kind, record)
}

// Replay implements secagg.Journal and mhe.Journal.
func (d *doubt) Replay(f func(kind string, record []byte) error) error { return d.journal.Replay(f) }

// Send implements transport.Link.
func (d *doubt) Send(ctx context.Context, to party.ID, body []byte) error {
	return d.link.Send(ctx, to, body)
}

// Receive implements transport.Link. What others ask about their outboxes is answered on the way.
func (d *doubt) Receive(ctx context.Context) (party.ID, []byte, error) {
	if len(d.later) > 0 {
		m := d.later[0]
		d.later, d.held = d.later[1:], d.held-m.size()
		return m.from, m.body, nil
	}
	for {
		m, own, err := d.next(ctx)
		if err != nil || !own {
			return m.from, m.body, err
		}
	}
}

// next takes one message; own: it was a question or an answer about outboxes.
func (d *doubt) next(ctx context.Context) (m heard, own bool, err error) {
	if m.from, m.body, err = d.link.Receive(ctx); err != nil {
		return heard{}, false, err
	}
	out, own, err := d.recall.Receive(round.Message{From: m.from, To: d.self, Body: m.body})
	if err != nil {
		return heard{}, true, err
	}
	return m, own, d.say(ctx, out)
}

func (d *doubt) say(ctx context.Context, out []round.Message) error {
	for _, m := range out {
		if err := d.link.Send(ctx, m.To, m.Body); err != nil {
			return fmt.Errorf("runner: %s cannot reach %s: %w", d.self, m.To, err)
		}
	}
	return nil
}

// settle asks the others and waits for their answers. It is called from a machine,
// while nobody else waits in Receive: what comes meanwhile is for later.
func (d *doubt) settle() error {
	ctx := d.ctx
	if d.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.deadline)
		defer cancel()
	}
	out, err := d.recall.Start()
	if err == nil {
		err = d.say(ctx, out)
	}
	for err == nil && d.recall.Doubtful() {
		var m heard
		var own bool
		if m, own, err = d.next(ctx); err != nil || own {
			continue
		}
		if d.held += m.size(); d.held > mostLater {
			return fmt.Errorf("runner: the hub has sent %d MB and the answers of others are not among it: %w", d.held>>20, d.recall.Expire())
		}
		d.later = append(d.later, m)
		if t, e := wireformat.Peek(m.body); e == nil && t == wireformat.Type_STOP {
			return d.recall.Expire()
		}
	}
	if errors.Is(err, context.DeadlineExceeded) && d.ctx.Err() == nil {
		return d.recall.Expire()
	}
	return err
}
