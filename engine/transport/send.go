package transport

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// window is how many chunks are on their way to the log before the first is acknowledged.
const window = 8

// A frame is what the log stores at once.
type frame struct {
	subject string
	id      string // the log drops a second frame of the same id, for an hour
	body    []byte
}

// frames cuts a message. The entry that announces it comes last.
func frames(attempt string, id messageID, b []byte) []frame {
	name := hex.EncodeToString(id[:])
	if len(b) <= inlineMax {
		return []frame{{subject: attempt + ".m", id: name, body: wholeEntry(id, b)}}
	}
	var all []frame
	for k := range chunks(len(b)) {
		part := b[k*chunkSize : min((k+1)*chunkSize, len(b))]
		all = append(all, frame{subject: chunkSubject(attempt, id, k), id: name + "." + strconv.Itoa(k), body: part})
	}
	return append(all, frame{subject: attempt + ".m", id: name, body: chunkedEntry(id, len(b))})
}

// publish hands frames to the log until it has acknowledged each.
func (c *Conn) publish(ctx context.Context, all []frame) error {
	for n := 0; ; n++ {
		live, cancel, err := c.connected(ctx)
		if err != nil {
			return err
		}
		before := len(all)
		all, err = c.offer(live, all)
		cut := live.Err() != nil
		cancel()
		switch {
		case len(all) == 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case cut:
			continue // the next connection has waited long enough
		case errors.Is(err, ErrFull):
			return err
		case errors.Is(err, nats.ErrNoResponders):
			c.again() // nobody keeps this stream: perhaps the log is another one
		}
		if len(all) < before {
			n = 0
		}
		c.log.Debug("sending again", "party", c.self, "frames", len(all), "why", err)
		if err := pause(ctx, pauseOf(n)); err != nil {
			return err
		}
	}
}

// offer sends frames over the present connection, in order, window at a time, and returns those
// that were not acknowledged.
func (c *Conn) offer(ctx context.Context, all []frame) ([]frame, error) {
	inbox := c.nc.NewInbox()
	answers := make(chan *nats.Msg, window)
	sub, err := c.nc.ChanSubscribe(inbox+".*", answers)
	if err != nil {
		return all, err
	}
	defer sub.Unsubscribe()
	kept := make([]bool, len(all))
	left := func(err error) ([]frame, error) {
		var rest []frame
		for i, f := range all {
			if !kept[i] {
				rest = append(rest, f)
			}
		}
		return rest, err
	}
	wait := time.NewTimer(answerWait)
	defer wait.Stop()
	for sent, under := 0, 0; sent < len(all) || under > 0; {
		if sent < len(all) && under < window {
			f := all[sent]
			err := c.nc.PublishMsg(&nats.Msg{Subject: f.subject, Reply: inbox + "." + strconv.Itoa(sent), Data: f.body,
				Header: nats.Header{nats.MsgIdHdr: {f.id}}})
			if err != nil {
				return left(err)
			}
			sent, under = sent+1, under+1
			continue
		}
		wait.Reset(answerWait)
		select {
		case m := <-answers:
			k, err := strconv.Atoi(m.Subject[len(inbox)+1:])
			if err == nil && k >= 0 && k < sent && !kept[k] {
				if err = acknowledged(m); err == nil {
					kept[k] = true
					under--
				}
			}
			if err != nil {
				return left(err)
			}
		case <-wait.C:
			return left(errors.New("transport: the log does not acknowledge"))
		case <-ctx.Done():
			return left(ctx.Err())
		}
	}
	return nil, nil
}

// acknowledged reads the log's answer to a frame.
func acknowledged(m *nats.Msg) error {
	if m.Header.Get("Status") == "503" {
		return nats.ErrNoResponders
	}
	var answer struct {
		Stream string `json:"stream"`
		Error  *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return fmt.Errorf("transport: the log's answer: %w", err)
	}
	switch {
	case answer.Error == nil && answer.Stream != "":
		return nil
	case answer.Error == nil:
		return errors.New("transport: the log's answer says nothing")
	case strings.Contains(answer.Error.Description, "maximum bytes exceeded"):
		return ErrFull
	}
	return fmt.Errorf("transport: the log: %s", answer.Error.Description)
}
