package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// TestMain lets the test's binary be a hub too, so that it can be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TRANSPORT_TEST_HUB"); dir != "" {
		serve(dir)
		return
	}
	os.Exit(m.Run())
}

// serve is a process with a server and a hub, which sends back what it gets.
func serve(dir string) {
	ctx := context.Background()
	cert, err := transport.LoadCertificate(filepath.Join(dir, "hub.crt"), filepath.Join(dir, "hub.key"))
	pool, err2 := transport.LoadPool(filepath.Join(dir, "ca.crt"))
	if err = errors.Join(err, err2); err != nil {
		panic(err)
	}
	s, err := transport.Listen(transport.ServerConfig{TLS: os.Getenv("TRANSPORT_TEST_ADDRESS"), Certificate: cert, CAs: pool,
		Dir: filepath.Join(dir, "log"), Parties: []transport.Party{{ID: "a"}, {ID: "b"}}})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.TLS())
	c, err := s.Hub(ctx, transport.Keep{}, 0)
	if err != nil {
		panic(err)
	}
	hub, err := c.Open("study", 1, "a", "b")
	if err != nil {
		panic(err)
	}
	for {
		from, b, err := hub.Receive(ctx)
		if err == nil {
			err = hub.Send(ctx, from, append([]byte("echo of "), b...))
		}
		if err != nil {
			panic(err)
		}
	}
}

// child is a hub in a process of its own.
type child struct {
	*world
	dir     string
	address string
	process *exec.Cmd
}

func newChild(w *world) *child {
	w.t.Helper()
	c := &child{world: w, dir: w.t.TempDir(), address: "127.0.0.1:0"}
	if err := errors.Join(w.authority.Write(c.dir, "ca"), transport.WriteCertificate(c.dir, "hub", w.config.Certificate)); err != nil {
		w.t.Fatal(err)
	}
	c.run()
	w.t.Cleanup(c.kill)
	return c
}

func (c *child) run() {
	c.t.Helper()
	c.process = exec.Command(os.Args[0])
	c.process.Env = append(os.Environ(), "TRANSPORT_TEST_HUB="+c.dir, "TRANSPORT_TEST_ADDRESS="+c.address)
	c.process.Stderr = os.Stderr
	out, err := c.process.StdoutPipe()
	if err == nil {
		err = c.process.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	c.address = strings.TrimSpace(line)
	c.config.TLS = c.address
}

// kill is kill -9.
func (c *child) kill() {
	c.process.Process.Kill()
	c.process.Wait()
}

func TestNothingAcknowledgedIsLostWhenTheHubIsKilled(t *testing.T) {
	w := newWorld(t)
	c := newChild(w)
	conn := w.dial(w.dialer("a"))
	a := w.open(conn, 1)
	const n = 100
	acknowledged := make(chan int, n)
	go func() {
		defer close(acknowledged)
		for i := range n {
			b := fmt.Append(nil, i)
			if i%20 == 10 {
				b = large(fmt.Sprint(i), 1_500_000)
			}
			send(t, a, party.Hub, b)
			acknowledged <- i
		}
	}()
	for i := range acknowledged {
		if i%25 == 12 {
			c.kill()
			c.run()
		}
	}
	// The hub that was started last answers everything, from the beginning.
	seen := map[string]int{}
	for len(seen) < n {
		_, b := receive(t, a)
		seen[string(b)]++
	}
	for i := range n {
		want := fmt.Append([]byte("echo of "), i)
		if i%20 == 10 {
			want = append([]byte("echo of "), large(fmt.Sprint(i), 1_500_000)...)
		}
		if seen[string(want)] != 1 {
			t.Errorf("message %d was answered %d times", i, seen[string(want)])
		}
	}
}

func TestAnEmptiedDiskIsNoticed(t *testing.T) {
	w := newWorld(t)
	c := newChild(w)
	conn := w.dial(w.dialer("a"))
	a := w.open(conn, 1)
	send(t, a, party.Hub, []byte("before"))
	if _, b := receive(t, a); string(b) != "echo of before" {
		t.Fatalf("got %q", b)
	}
	c.kill()
	if err := os.RemoveAll(filepath.Join(c.dir, "log")); err != nil {
		t.Fatal(err)
	}
	c.run()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := a.Send(ctx, party.Hub, []byte("after")); !errors.Is(err, transport.ErrNewLog) {
		t.Errorf("Send: got %v, want %v", err, transport.ErrNewLog)
	}
	if _, _, err := a.Receive(ctx); !errors.Is(err, transport.ErrNewLog) {
		t.Errorf("Receive: got %v, want %v", err, transport.ErrNewLog)
	}
	a.Close()
	a = w.open(conn, 1) // a clean new start: nothing of what was before, and nothing in the way
	send(t, a, party.Hub, []byte("again"))
	if _, b := receive(t, a); string(b) != "echo of again" {
		t.Errorf("got %q, want the answer to what was sent to the new log", b)
	}
}

func TestCertificatesAreKeptFromOthers(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	a := w.certificate("a")
	if err := transport.WriteCertificate(dir, "a", a); err != nil {
		t.Fatal(err)
	}
	if err := transport.WriteCertificate(dir, "a", a); !errors.Is(err, os.ErrExist) {
		t.Errorf("written twice: got %v", err)
	}
	crt, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v, %v, want 0600", info.Mode(), err)
	}
	if c, err := transport.LoadCertificate(crt, key); err != nil || !bytes.Equal(c.Certificate[0], a.Certificate[0]) {
		t.Errorf("read back: %v", err)
	}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := transport.LoadCertificate(crt, key); err == nil || !contains(err, "may be read by others (mode 0640)") {
		t.Errorf("a key that others may read: got %v", err)
	}
	if err := w.authority.Write(dir, "ca"); err != nil {
		t.Fatal(err)
	}
	again, err := transport.LoadAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Issue("b", time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := transport.LoadPool(key); err == nil || !contains(err, "no certificate") {
		t.Errorf("a pool of keys: got %v", err)
	}
}
