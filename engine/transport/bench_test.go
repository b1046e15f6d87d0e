package transport_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// pair is a server on loopback, a hub and a party, over a line with a delay each way.
func pair(b *testing.B, delay time.Duration) (hub, a *transport.Channel) {
	b.Helper()
	authority, err := transport.NewAuthority("bench", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	own, err := authority.Issue(party.Hub, time.Now(), "127.0.0.1")
	if err != nil {
		b.Fatal(err)
	}
	of, err := authority.Issue("a", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	s, err := transport.Listen(transport.ServerConfig{TLS: "127.0.0.1:0", Certificate: own, CAs: authority.Pool(), Dir: b.TempDir(), Parties: []transport.Party{{ID: "a"}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	at := s.TLS()
	if delay > 0 {
		at = slow(b, at, delay)
	}
	ch, err := s.Hub(b.Context(), transport.Keep{Bytes: 1 << 40}, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ch.Close(context.Background()) })
	ca, err := transport.Dialer{Self: "a", URLs: []string{"tls://" + at}, Certificate: of, CAs: authority.Pool()}.Dial(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ca.Close(context.Background()) })
	if hub, err = ch.Open("bench", 1, "a"); err != nil {
		b.Fatal(err)
	}
	if a, err = ca.Open("bench", 1); err != nil {
		b.Fatal(err)
	}
	return hub, a
}

// slow is a line on which every byte takes its time.
func slow(b *testing.B, to string, delay time.Duration) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	type piece struct {
		due  time.Time
		data []byte
	}
	pipe := func(to, from net.Conn) {
		pieces := make(chan piece, 1<<16)
		go func() {
			defer to.Close()
			for p := range pieces {
				time.Sleep(time.Until(p.due))
				to.Write(p.data)
			}
		}()
		defer close(pieces)
		for {
			data := make([]byte, 64<<10)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			pieces <- piece{time.Now().Add(delay), data[:n]}
		}
	}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				b.Error(err)
				return
			}
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
	return listener.Addr().String()
}

// BenchmarkRoundTrip is a message up and one down, each written through to the disk.
func BenchmarkRoundTrip(b *testing.B) {
	for _, delay := range []time.Duration{0, 25 * time.Millisecond} {
		for _, size := range []int{1_000, 500_000, 1_000_000, 5_000_000} {
			b.Run(fmt.Sprintf("rtt=%v/bytes=%d", 2*delay, size), func(b *testing.B) {
				hub, a := pair(b, delay)
				ctx, body := b.Context(), large("bench", size)
				b.SetBytes(2 * int64(size))
				for i := 0; b.Loop(); i++ {
					body[0], body[1], body[2] = byte(i), byte(i>>8), byte(i>>16)
					done := make(chan error, 2)
					go func() { done <- a.Send(ctx, party.Hub, body) }()
					if _, _, err := hub.Receive(ctx); err != nil {
						b.Fatal(err)
					}
					go func() { done <- hub.Send(ctx, "a", body) }()
					if _, _, err := a.Receive(ctx); err != nil {
						b.Fatal(err)
					}
					for range 2 {
						if err := <-done; err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkConnection is a party's connection with a channel, idle: both ends in this process.
func BenchmarkConnection(b *testing.B) {
	var before, after runtime.MemStats
	const n = 50
	for b.Loop() {
		b.StopTimer()
		authority, err := transport.NewAuthority("bench", time.Now())
		if err != nil {
			b.Fatal(err)
		}
		own, err := authority.Issue(party.Hub, time.Now(), "127.0.0.1")
		if err != nil {
			b.Fatal(err)
		}
		config := transport.ServerConfig{TLS: "127.0.0.1:0", Certificate: own, CAs: authority.Pool(), Dir: b.TempDir()}
		for i := range n {
			config.Parties = append(config.Parties, transport.Party{ID: party.ID(fmt.Sprint("site", i))})
		}
		s, err := transport.Listen(config)
		if err != nil {
			b.Fatal(err)
		}
		hub, err := s.Hub(b.Context(), transport.Keep{}, 0)
		if err != nil {
			b.Fatal(err)
		}
		heap()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		var conns []*transport.Conn
		for _, p := range config.Parties {
			cert, err := authority.Issue(p.ID, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			c, err := transport.Dialer{Self: p.ID, URLs: []string{"tls://" + s.TLS()}, Certificate: cert, CAs: authority.Pool()}.Dial(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := c.Open("bench", 1); err != nil {
				b.Fatal(err)
			}
			conns = append(conns, c)
		}
		b.StopTimer()
		heap()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/n, "B/connection")
		for _, c := range conns {
			c.Close(b.Context())
		}
		hub.Close(b.Context())
		s.Close()
		b.StartTimer()
	}
}
