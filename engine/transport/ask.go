package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// A wanted is a request to read a stream, in JetStream's words.
type wanted struct {
	Seq      uint64 `json:"seq,omitempty"`
	Next     string `json:"next_by_subj,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

// entries returns the next entries from a place in the stream, none if there are none.
func (c *Conn) entries(ctx context.Context, read, subject string, from uint64) ([]copied, error) {
	var all []copied
	err := c.ask(ctx, read, 1, func(int) wanted {
		return wanted{Seq: from, Next: subject, Batch: batchEntries, MaxBytes: batchBytes}
	}, batchEntries+1, func(_ int, m *nats.Msg) (bool, error) {
		switch m.Header.Get("Status") {
		case "":
		case "204", "404":
			return true, nil
		default:
			return true, refusal(m)
		}
		seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
		if err != nil {
			return true, fmt.Errorf("transport: an entry without its place: %w", err)
		}
		all = append(all, copied{seq: seq, data: m.Data})
		return len(all) > batchEntries, nil
	})
	return all, err
}

func refusal(m *nats.Msg) error {
	if m.Header.Get("Status") == "503" {
		return nats.ErrNoResponders
	}
	return fmt.Errorf("transport: the log: %s %s", m.Header.Get("Status"), m.Header.Get("Description"))
}

// ask sends n requests, at most window of them under way, and gives every answer to take
// until it says that a request is answered. room bounds the answers that may be waiting.
func (c *Conn) ask(ctx context.Context, read string, n int, request func(int) wanted, room int, take func(int, *nats.Msg) (bool, error)) error {
	inbox := c.nc.NewInbox()
	answers := make(chan *nats.Msg, room)
	sub, err := c.nc.ChanSubscribe(inbox+".*", answers)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	wait := time.NewTimer(answerWait)
	defer wait.Stop()
	for sent, under := 0, 0; sent < n || under > 0; {
		if sent < n && under < window {
			b, err := json.Marshal(request(sent))
			if err != nil {
				return err
			}
			if err := c.nc.PublishRequest(read, inbox+"."+strconv.Itoa(sent), b); err != nil {
				return err
			}
			sent, under = sent+1, under+1
			continue
		}
		wait.Reset(answerWait)
		select {
		case m := <-answers:
			k, err := strconv.Atoi(m.Subject[len(inbox)+1:])
			if err != nil || k < 0 || k >= sent {
				return errors.New("transport: an answer to no question")
			}
			done, err := take(k, m)
			if err != nil {
				return err
			}
			if done {
				under--
			}
		case <-wait.C:
			return errors.New("transport: the log does not answer")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
