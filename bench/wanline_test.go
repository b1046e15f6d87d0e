package bench

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestLines: the network of the benchmarks is as slow as it says, and no slower.
func TestLines(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() { // an echo
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	lines := NewLines(wideAreaRoundTrip, wideAreaBytes)
	defer lines.Close()
	var hosts [4]*Host
	for i := range hosts {
		if hosts[i], err = lines.Host(listener.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	echo := func(h *Host, n int) time.Duration {
		start := time.Now()
		c, err := net.Dial("tcp", h.Address)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer c.Close()
		go func() { _, _ = c.Write(make([]byte, n)) }() // what is missing, the reading tells
		if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
			t.Error(err)
		}
		return time.Since(start)
	}
	within := func(what string, got time.Duration, want float64) {
		t.Helper()
		if s := got.Seconds(); s < want-0.001 || s > 1.5*want+0.1 { // the machine may be busy
			t.Errorf("%s took %.3f s, want %.3f", what, s, want)
		}
	}
	within("a byte there and back", echo(hosts[0], 1), 0.05)
	const n = 5_000_000
	within("5 MB there and back", echo(hosts[1], n), 0.05+n/wideAreaBytes)
	if out, in := hosts[1].Traffic(); out != n || in != n {
		t.Errorf("carried %d and %d bytes, want %d", out, in, n)
	}
	// All at once share the line of the host in the middle.
	start, done := time.Now(), make(chan time.Duration)
	for _, h := range hosts {
		go func() { done <- echo(h, n/len(hosts)) }()
	}
	for range hosts {
		<-done
	}
	within("four times 1.25 MB there and back", time.Since(start), 0.05+n/wideAreaBytes)
}
