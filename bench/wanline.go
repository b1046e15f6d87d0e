package bench

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Lines is an emulated wide-area network: a star of hosts around one in the
// middle. What is between them is a relay on loopback for each outer host, so
// that the programs at both ends are as they are in a deployment.
//
// A piece of data leaves when the sender's line has carried all before it, is
// under way for half a round trip, and arrives when the receiver's line has
// carried it. Both lines of a host, out and in, are shared by all its
// connections. Only bytes that TCP carries count, neither its headers nor the slow
// beginning of its connections, and nothing is lost.
type Lines struct {
	RoundTrip time.Duration
	Bytes     float64 // a second, each way, of every host

	middle ends
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup
}

// Sizes of the emulation.
const (
	pieceBytes = 16 << 10              // that a line carries at once
	underWay   = 256                   // pieces of a connection, as many as a TCP window of 4 MiB holds
	late       = 10 * time.Millisecond // how much too late this process may wake up
)

// NewLines returns a network without outer hosts.
func NewLines(roundTrip time.Duration, bytes float64) *Lines {
	l := &Lines{RoundTrip: roundTrip, Bytes: bytes}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// Close cuts all connections and returns when nothing of the network is left.
func (l *Lines) Close() {
	l.stop()
	l.work.Wait()
}

// A wire carries one host's bytes in one direction.
type wire struct {
	mu    sync.Mutex
	free  time.Time // when it has carried what it was given
	bytes atomic.Int64
}

// carry says when n bytes, ready at a time, have been carried. A wire that was
// busy until shortly before counts as busy until then: what was ready in between
// waited for this process and not for the wire.
func (w *wire) carry(ready time.Time, n int, perSecond float64) time.Time {
	w.bytes.Add(int64(n))
	w.mu.Lock()
	defer w.mu.Unlock()
	if ready.Sub(w.free) > late {
		w.free = ready
	}
	w.free = w.free.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
	if w.free.Before(ready) {
		return ready
	}
	return w.free
}

// ends are a host's two wires.
type ends struct{ out, in wire }

// Host is an outer host.
type Host struct {
	Address string // reaches the middle over the network
	ends
}

// Traffic returns the bytes that a host has sent and received so far.
func (e *ends) Traffic() (out, in int64) { return e.out.bytes.Load(), e.in.bytes.Load() }

// Host adds an outer host, from which address, in the middle, is reached at Host.Address.
func (l *Lines) Host(address string) (*Host, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &Host{Address: listener.Addr().String()}
	context.AfterFunc(l.ctx, func() { listener.Close() })
	l.work.Go(func() {
		for {
			outer, err := listener.Accept()
			if err != nil {
				return
			}
			inner, err := new(net.Dialer).DialContext(l.ctx, "tcp", address)
			if err != nil {
				outer.Close()
				continue
			}
			stop := context.AfterFunc(l.ctx, func() { outer.Close(); inner.Close() })
			l.work.Go(func() {
				defer stop()
				var both sync.WaitGroup
				both.Go(func() { l.pass(inner, outer, &h.out, &l.middle.in) })
				both.Go(func() { l.pass(outer, inner, &l.middle.out, &h.in) })
				both.Wait()
			})
		}
	})
	return h, nil
}

type piece struct {
	left time.Time // the sender's line
	data []byte
}

// pass moves what comes from one connection to the other until one of them ends.
func (l *Lines) pass(to, from net.Conn, out, in *wire) {
	pieces := make(chan piece, underWay)
	var arriving sync.WaitGroup
	arriving.Go(func() {
		defer from.Close() // ends the reading
		for p := range pieces {
			arrived := p.left.Add(l.RoundTrip / 2)
			l.until(arrived)
			l.until(in.carry(arrived, len(p.data), l.Bytes))
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		for range pieces { // what cannot be delivered any more
		}
	})
	buffer := make([]byte, pieceBytes)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			left := out.carry(time.Now(), n, l.Bytes)
			l.until(left)
			pieces <- piece{left, append([]byte(nil), buffer[:n]...)}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	arriving.Wait()
	if c, ok := to.(interface{ CloseWrite() error }); ok {
		_ = errors.Join(c.CloseWrite(), to.Close()) // the other direction has ended or ends by it
	}
}

// until waits for a time of day, or for the network's end.
func (l *Lines) until(t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-l.ctx.Done():
	}
}
