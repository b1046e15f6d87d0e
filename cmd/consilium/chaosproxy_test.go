package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A tap stands between a gateway and the hub: it holds the keys of both, so it
// sees every message that they exchange, and can lose connections, delay, repeat
// and reorder what goes through them.
type tap struct {
	front, back *space // where it listens, and where the hub is
	listener    net.Listener
	up          *tls.Config // as the gateway, towards the hub
	hub         string      // address
	fail        func(...any)

	mu    sync.Mutex
	lines map[net.Conn]bool
	shut  time.Time // refuses connections until then
	seen  []*note   // what the gateway published to the log, in order, over all its lives
	kept  *os.File  // what it said in them: encrypted shares are too much for the memory
	count int       // frames that carried a message, both ways
	step  func(n int, f *frame) deed
	work  sync.WaitGroup
}

// frame is one operation of the NATS protocol.
type frame struct {
	line    []byte // with its end
	verb    string
	subject string
	reply   string
	header  int
	payload []byte // header and body
}

// note is a frame that was seen, and where what it carried is kept.
type note struct {
	subject, reply string
	at             int64
	size           int
	acked          bool
}

// deed is what happens to a frame.
type deed struct {
	before, after func()
	delay         time.Duration
	twice, swap   bool // said twice; said after the one that follows
	cut           bool // the connection ends after it, and before its answer
	shut          time.Duration
}

// message is what a frame carries for the log: header and its end cut off.
func (f *frame) message() []byte { return bytes.TrimSuffix(f.payload[f.header:], []byte("\r\n")) }

// carries reports whether a frame is a message to or from the log itself, not a question or an answer.
func (f *frame) carries() bool {
	return strings.HasPrefix(f.subject, "consilium.up.") || strings.HasPrefix(f.subject, "consilium.push.down.")
}

// readFrame reads an operation.
func readFrame(r *bufio.Reader) (*frame, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	f := &frame{line: line}
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return f, nil
	}
	f.verb = strings.ToUpper(words[0])
	args := words[1:]
	switch f.verb {
	case "MSG", "HMSG":
		if len(args) > 1 {
			args = slices.Delete(slices.Clone(args), 1, 2) // the subscription
		}
	case "PUB", "HPUB":
	default:
		return f, nil
	}
	sizes := 1
	if f.verb[0] == 'H' {
		sizes = 2
	}
	if len(args) < 1+sizes {
		return nil, fmt.Errorf("frame %q", line)
	}
	f.subject = args[0]
	if len(args) > 1+sizes {
		f.reply = args[1]
	}
	size, err := strconv.Atoi(args[len(args)-1])
	if err == nil && sizes == 2 {
		f.header, err = strconv.Atoi(args[len(args)-2])
	}
	if err != nil || size < f.header || size > 1<<21 {
		return nil, fmt.Errorf("frame %q", line)
	}
	f.payload = make([]byte, size+2)
	_, err = io.ReadFull(r, f.payload)
	return f, err
}

func (f *frame) write(w io.Writer) error {
	_, err := w.Write(append(slices.Clone(f.line), f.payload...))
	return err
}

// open listens as the hub would.
func (t *tap) open(host string, as, gateway tls.Certificate, trusted *tls.Config) error {
	down := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{as}, ClientCAs: trusted.RootCAs, ClientAuth: tls.RequireAnyClientCert}
	t.up = trusted.Clone()
	t.up.Certificates = []tls.Certificate{gateway}
	t.lines, t.step = map[net.Conn]bool{}, func(int, *frame) deed { return deed{} }
	var err error
	if t.kept, err = os.CreateTemp("", "tap"); err != nil { // not where the stores are, in memory
		return err
	}
	if err := os.Remove(t.kept.Name()); err != nil {
		return err
	}
	t.front.do(func() { t.listener, err = tls.Listen("tcp", host+":0", down) })
	if err != nil {
		return err
	}
	t.work.Go(func() {
		for {
			c, err := t.listener.Accept()
			if err != nil {
				return
			}
			t.work.Go(func() { t.serve(c.(*tls.Conn)) })
		}
	})
	return nil
}

func (t *tap) close() {
	_ = t.listener.Close()
	t.cut(time.Hour)
	t.work.Wait()
}

// keep notes a frame. It is called with the lock.
func (t *tap) keep(f *frame) error {
	n := &note{subject: f.subject, reply: f.reply, size: len(f.message())}
	if len(t.seen) > 0 {
		last := t.seen[len(t.seen)-1]
		n.at = last.at + int64(last.size)
	}
	t.seen = append(t.seen, n)
	_, err := t.kept.WriteAt(f.message(), n.at)
	return err
}

// cut ends all connections, and refuses new ones for a while.
func (t *tap) cut(shut time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut = time.Now().Add(shut)
	for c := range t.lines {
		_ = c.Close()
	}
}

func (t *tap) hold(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.shut) {
		_ = c.Close()
		return false
	}
	t.lines[c] = true
	return true
}

func (t *tap) release(c net.Conn) {
	_ = c.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.lines, c)
}

func (t *tap) serve(gateway *tls.Conn) {
	if !t.hold(gateway) {
		return
	}
	defer t.release(gateway)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if gateway.HandshakeContext(ctx) != nil {
		return
	}
	var plain net.Conn
	var err error
	t.back.do(func() { plain, err = new(net.Dialer).DialContext(ctx, "tcp", t.hub) })
	if err != nil {
		return
	}
	c := tls.Client(plain, t.up)
	if c.HandshakeContext(ctx) != nil {
		_ = plain.Close()
		return
	}
	if !t.hold(c) {
		return
	}
	defer t.release(c)
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		t.pass(c, gateway, false)
		_, _ = gateway.Close(), c.Close()
	})
	t.pass(gateway, c, true)
	_, _ = gateway.Close(), c.Close()
}

// pass hands on what comes from one end until either fails.
func (t *tap) pass(from, to net.Conn, up bool) {
	r := bufio.NewReaderSize(from, 1<<16)
	var late *frame // what was overtaken
	for {
		if late != nil { // but not for long, if nothing follows
			_ = from.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
			_, err := r.Peek(1)
			_ = from.SetReadDeadline(time.Time{})
			if err != nil {
				if late.write(to) != nil {
					return
				}
				late = nil
				if e, ok := err.(net.Error); !ok || !e.Timeout() {
					return
				}
				continue
			}
		}
		f, err := readFrame(r)
		if err != nil {
			return
		}
		if !f.carries() {
			t.answer(f)
			if f.write(to) != nil {
				return
			}
			continue
		}
		t.mu.Lock()
		t.count++
		d := t.step(t.count, f)
		if up {
			err = t.keep(f)
		}
		t.mu.Unlock()
		if err != nil {
			t.fail("keeping what was said: ", err)
			return
		}
		if d.before != nil {
			d.before()
		}
		if d.delay > 0 {
			time.Sleep(d.delay)
		}
		if d.swap && late == nil {
			late = f
			continue
		}
		for range 1 + btoi(d.twice) {
			if f.write(to) != nil {
				return
			}
		}
		if late != nil {
			if late.write(to) != nil {
				return
			}
			late = nil
		}
		if d.after != nil {
			d.after()
		}
		if d.cut {
			t.cut(d.shut)
			return
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// answer notes which messages the log has acknowledged.
func (t *tap) answer(f *frame) {
	if f.verb != "MSG" && f.verb != "HMSG" || !strings.Contains(string(f.payload), `"stream"`) {
		return
	}
	var said struct {
		Stream string          `json:"stream"`
		Error  json.RawMessage `json:"error"`
	}
	if json.Unmarshal(f.message(), &said) != nil || said.Stream == "" || said.Error != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range slices.Backward(t.seen) {
		if s.reply == f.subject {
			s.acked = true
			return
		}
	}
}

// weather is what a bad network does to every message.
type weather struct {
	cut, twice, swap, slow float64 // how often
	delay                  time.Duration
}

func (w weather) deed(r *rand.Rand) (d deed) {
	d.twice, d.swap = r.Float64() < w.twice, r.Float64() < w.swap
	if r.Float64() < w.slow {
		d.delay = time.Duration(r.Int64N(int64(w.delay) + 1))
	}
	if r.Float64() < w.cut {
		d.cut, d.shut = true, time.Duration(r.IntN(400))*time.Millisecond
	}
	return d
}
