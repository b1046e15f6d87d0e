package transport

import (
	"net"
	"sync"
	"time"
)

// What a pump holds and how long one write may take.
const (
	pumpBytes = 32 << 20 // more than the windows of several messages
	pumpWait  = time.Minute
)

// A pump takes what is written at once and passes it on by itself. The NATS client holds a lock
// while it writes; on a line that takes nothing any more, everything else of the client would wait
// for that lock, even what is to give up.
type pump struct {
	net.Conn
	done chan struct{}

	mu      sync.Mutex
	changed sync.Cond
	waiting [][]byte
	bytes   int
	failed  error
}

func newPump(c net.Conn) *pump {
	p := &pump{Conn: c, done: make(chan struct{})}
	p.changed.L = &p.mu
	go p.run()
	return p
}

// Write returns when b has its place in the queue. It fails with what an earlier write failed with.
func (p *pump) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.failed == nil && p.bytes > pumpBytes {
		p.changed.Wait()
	}
	if p.failed != nil {
		return 0, p.failed
	}
	p.waiting = append(p.waiting, append([]byte(nil), b...))
	p.bytes += len(b)
	p.changed.Broadcast()
	return len(b), nil
}

// SetWriteDeadline does nothing: writes have their own.
func (p *pump) SetWriteDeadline(time.Time) error { return nil }

// Close gives up what is waiting: whoever sent it has no receipt for it yet.
func (p *pump) Close() error {
	p.fail(net.ErrClosed)
	err := p.Conn.Close()
	<-p.done
	return err
}

func (p *pump) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = err
	}
	p.waiting = nil
	p.changed.Broadcast()
}

func (p *pump) run() {
	defer close(p.done)
	for {
		p.mu.Lock()
		for p.failed == nil && len(p.waiting) == 0 {
			p.changed.Wait()
		}
		if p.failed != nil {
			p.mu.Unlock()
			return
		}
		next := p.waiting[0]
		p.waiting[0] = nil
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		err := p.Conn.SetWriteDeadline(time.Now().Add(pumpWait))
		if err == nil {
			_, err = p.Conn.Write(next)
		}
		if err != nil {
			p.fail(err)
			p.Conn.Close()
			return
		}
		p.mu.Lock()
		p.bytes -= len(next)
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}
