package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/consilium-health/consilium/protocols/party"
)

// raw connects with a party's certificate and a program of its own making.
func (w *world) raw(id party.ID) (*nats.Conn, chan error) {
	w.t.Helper()
	complaints := make(chan error, 100)
	nc, err := nats.Connect("tls://"+w.config.TLS, nats.UserInfo(string(id), ""), nats.CustomInboxPrefix("consilium.inbox."+string(id)), nats.TLSHandshakeFirst(),
		nats.Secure(&tls.Config{RootCAs: w.authority.Pool(), Certificates: []tls.Certificate{w.certificate(id)}}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { complaints <- err }), nats.NoReconnect(), nats.NoCallbacksAfterClientClose())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	return nc, complaints
}

func TestAPartySendsAsItselfAndReadsItsOwn(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.start()
	w.hub()
	nc, complaints := w.raw("a")
	denied := func(what, subject string) {
		t.Helper()
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-complaints:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s %s: got %v, want a violation of permissions", what, subject, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s %s: nobody complained", what, subject)
		}
	}
	for _, subject := range []string{
		"consilium.up.b.E.study.1.m", "consilium.down.a.E.study.1.m", "consilium.down.b.E.study.1.m",
		"consilium.push.up.b.E.study.1", "consilium.push.up.a.E.study.1", "consilium.push.down.b.E.study.1",
		"consilium.read.b", "consilium.log.b", "consilium.inbox.b.1", "consilium.inbox.hub.1",
		"$JS.API.INFO", "$JS.API.STREAM.INFO.consilium-up-b", "$JS.API.STREAM.CREATE.x", "$JS.API.STREAM.PURGE.consilium-up-b", "$JS.API.STREAM.DELETE.consilium-up-a",
		"$JS.API.CONSUMER.CREATE.consilium-down-a", "$JS.API.CONSUMER.MSG.NEXT.consilium-down-b.x", "$JS.API.DIRECT.GET.consilium-down-a", "$JS.API.DIRECT.GET.consilium-up-b",
		"$JS.ACK.x", "$SYS.REQ.SERVER.PING", "anything",
	} {
		if err := nc.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		denied("publishing to", subject)
	}
	for _, subject := range []string{">", "consilium.>", "consilium.up.>", "consilium.up.a.>", "consilium.push.up.a.>", "consilium.push.down.b.>", "consilium.inbox.b.>",
		"consilium.inbox.hub.>", "consilium.inbox.>", "consilium.read.a", "consilium.*.a", "$JS.>", "$SYS.>", "_INBOX.>"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		denied("subscribing to", subject)
	}
}

// What a party puts into its own stream past our program, and where it lets answers go, hurts nobody else.
func TestJunkOfOnePartyDoesNotReachAnother(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.start()
	hub, b := w.open(w.hub(), 1, "a", "b"), w.open(w.dial(w.dialer("b")), 1)
	nc, _ := w.raw("a")
	m, err := nc.Request("consilium.log.a", nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var names struct{ Up, Down string }
	if err := json.Unmarshal(m.Data, &names); err != nil {
		t.Fatal(err)
	}
	own := "consilium.up.a." + names.Up + ".study.1.m"
	chunked := func(size uint64) []byte {
		return binary.BigEndian.AppendUint64(append([]byte{'c'}, make([]byte, 32)...), size)
	}
	for _, junk := range [][]byte{nil, []byte("{}"), []byte("w too short"), append([]byte{'w'}, make([]byte, 500)...), append([]byte{'x'}, make([]byte, 40)...),
		chunked(0), chunked(1), chunked(1 << 40), chunked(1<<63 + 5), chunked(64 << 20)} {
		if _, err := nc.Request(own, junk, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	// The answer to what a sends goes where a says: here, where b's messages are announced.
	for _, reply := range []string{"consilium.push.up.b." + names.Up + ".study.1", "consilium.up.b." + names.Up + ".study.1.m", "consilium.inbox.b.x", "consilium.read.b"} {
		if err := errors.Join(nc.PublishRequest(own, reply, []byte("{}")), nc.PublishRequest("consilium.log.a", reply, nil), nc.PublishRequest("consilium.read.a", reply, []byte("{}"))); err != nil {
			t.Fatal(err)
		}
	}
	// What a asks to read must be its own, and not more than the hub likes to hand out.
	for _, ask := range []string{`{"last_by_subj":"consilium.down.b.x.study.1.m"}`, `{"next_by_subj":">","seq":1}`, `{"multi_last":[">"]}`, `{"seq":1,"batch":1000000}`, "junk", ""} {
		if m, err := nc.Request("consilium.read.a", []byte(ask), 20*time.Millisecond); err == nil {
			t.Errorf("%s was answered: %v %q", ask, m.Header, m.Data)
		}
	}
	for _, body := range [][]byte{[]byte("of b"), large("b", 2_000_000)} {
		send(t, b, party.Hub, body)
		if from, got := receive(t, hub); from != "b" || !bytes.Equal(got, body) {
			t.Fatalf("the hub got %d bytes of %s, want %d of b", len(got), from, len(body))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if from, got, err := hub.Receive(ctx); err == nil {
		t.Errorf("the hub got %d bytes of %s that nobody sent: %.40q", len(got), from, got)
	}
}

// Few messages are a flood, too, if they are large enough; another party does not notice it.
func TestAFloodOfBytesIsCutOff(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.start()
	hub, b := w.open(w.hub(), 1, "a", "b"), w.open(w.dial(w.dialer("b")), 1)
	nc, _ := w.raw("a")
	nc.SetErrorHandler(nil)
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	body := make([]byte, 500_000)
	for range 8000 { // on a fast machine they are on their way before the hub looks
		if nc.Publish("consilium.nowhere", body) != nil { // which nobody may, so that nothing is stored
			break
		}
	}
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Errorf("8000 messages of %d bytes were taken", len(body))
	}
	if again, err := nats.Connect("tls://"+w.config.TLS, nats.UserInfo("a", ""), nats.TLSHandshakeFirst(), nats.NoReconnect(),
		nats.Secure(&tls.Config{RootCAs: w.authority.Pool(), Certificates: []tls.Certificate{w.certificate("a")}})); err == nil {
		again.Close()
		t.Error("a is let in at once")
	}
	send(t, b, party.Hub, []byte("of b"))
	if from, got := receive(t, hub); from != "b" || string(got) != "of b" {
		t.Errorf("the hub got %q of %s", got, from)
	}
}

// A size is refused before anything is kept for it.
func TestAnAnnouncedSizeTakesNoMemory(t *testing.T) {
	w := newWorld(t, "a")
	w.start()
	w.hub()
	before := heap()
	c, err := tls.Dial("tcp", w.config.TLS, &tls.Config{RootCAs: w.authority.Pool(), Certificates: []tls.Certificate{w.certificate("a")}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "CONNECT {\"user\":\"a\",\"verbose\":false}\r\nPUB consilium.up.a.E.study.1.m %d\r\n", 1<<40)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if said, err := io.ReadAll(c); err != nil {
		t.Errorf("the server did not hang up: %v, after %q", err, said)
	}
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
}

// Whoever does not receive makes the others wait, not memory grow.
func TestMemoryIsBoundedWhileAReceiverSleeps(t *testing.T) {
	w := newWorld(t)
	newChild(w)
	a := w.open(w.dial(w.dialer("a")), 1)
	const n, size = 10, 5_000_000
	before := heap()
	for i := range n { // the other process sends everything back
		send(t, a, party.Hub, large(fmt.Sprint(i), size))
		send(t, a, party.Hub, large(fmt.Sprint("small", i), 400_000))
	}
	held := int64(heap()) - int64(before)
	t.Logf("%d MB sent, %d MB held", n*(size+400_000)/1_000_000, held/1_000_000)
	if held > size+5_000_000 { // a message, 1 MiB of small ones, buffers
		t.Errorf("%d bytes are held of %d", held, n*(size+400_000))
	}
	for range 2 * n {
		receive(t, a)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
