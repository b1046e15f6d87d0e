package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// hubAlone is a hub's process, and a test that knows its address and the parties' files.
func hubAlone(t *testing.T) *town {
	return newTown(t, 1, options{hospitals: 3})
}

// resident is the memory of the hub's process in bytes.
func (w *town) resident() int64 {
	w.t.Helper()
	w.mu.Lock()
	pid := w.lives[party.Hub].cmd.Process.Pid
	w.mu.Unlock()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		w.t.Skip("memory of other processes is not shown here")
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if kb, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			if err != nil {
				w.t.Fatal(err)
			}
			return n << 10
		}
	}
	w.t.Fatal("no VmRSS")
	return 0
}

// secure is a TLS configuration with a party's certificate, or another.
func (w *town) secure(own ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: w.made.authority.Pool(), Certificates: own}
}

func (w *town) owned(id party.ID) tls.Certificate {
	w.t.Helper()
	c, err := w.certificate(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// raw connects with a hospital's certificate and a program of its own making.
func (w *town) raw(id party.ID, complaints chan error) *nats.Conn {
	w.t.Helper()
	nc, err := nats.Connect("tls://"+w.hub, nats.UserInfo(string(id), ""), nats.CustomInboxPrefix("consilium.inbox."+string(id)), nats.TLSHandshakeFirst(),
		nats.Secure(w.secure(w.owned(id))), nats.NoReconnect(), nats.NoCallbacksAfterClientClose(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			select {
			case complaints <- err:
			default:
			}
		}))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	return nc
}

// streams are the names of a party's own.
func streams(t *testing.T, nc *nats.Conn, id party.ID) (up, down string) {
	t.Helper()
	m, err := nc.Request("consilium.log."+string(id), nil, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var names struct{ Up, Down string }
	if err := json.Unmarshal(m.Data, &names); err != nil {
		t.Fatal(err)
	}
	return "consilium.up." + string(id) + "." + names.Up, "consilium.down." + string(id) + "." + names.Down
}

// linked is a hospital's connection, as its gateway has it.
func (w *town) linked(id party.ID) *transport.Conn {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := transport.Dialer{Self: id, URLs: []string{"tls://" + w.hub}, Certificate: w.owned(id), CAs: w.made.authority.Pool()}.Dial(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// Who has the hub's address and no certificate of the consortium's is told nothing and costs nothing.
func TestStrangersCannotSpeakToTheHub(t *testing.T) {
	t.Parallel()
	w := hubAlone(t)
	w.linked("h00")
	other, err := transport.NewAuthority("another authority", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := other.Issue("h00", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	before := w.resident()
	for range 100 {
		for name, own := range map[string][]tls.Certificate{"no certificate": nil, "another authority's": {forged}} {
			c, err := tls.Dial("tcp", w.hub, w.secure(own...))
			if err != nil {
				t.Fatal(err)
			}
			// In TLS 1.3 a client is refused when it has finished, so this may be written.
			_, _ = fmt.Fprintf(c, "CONNECT {\"user\":\"h00\",\"verbose\":false}\r\nSUB > 1\r\nPUB consilium.up.h00.E.x.1.m 1\r\n1\r\nPING\r\n")
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			if said, err := io.ReadAll(c); err == nil || len(said) > 0 || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("%s: was told %q, %v", name, said, err)
			}
			_ = c.Close()
		}
	}
	// Others connect and say a byte now and then. They are shown out, and keep nobody out meanwhile.
	var slow []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", w.hub)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		slow = append(slow, c)
	}
	began := time.Now()
	w.linked("h01")
	gone := 0
	for n := 0; gone < len(slow); n++ {
		if time.Since(began) > 15*time.Second {
			t.Fatalf("after 15 s %d of %d are still there", len(slow)-gone, len(slow))
		}
		for i, c := range slow {
			if c == nil {
				continue
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := c.Write([]byte{22, 3, 1, 0}[n%4 : n%4+1])
			if err == nil {
				_, err = c.Read(make([]byte, 64))
			}
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				slow[i] = nil
				gone++
			}
		}
	}
	grown := w.resident() - before
	t.Logf("300 strangers; the last of 100 slow ones was out after %.1f s; the hub's memory grew by %.1f MB", time.Since(began).Seconds(), float64(grown)/1e6)
	if grown > 24<<20 {
		t.Errorf("the hub's memory grew by %d bytes", grown)
	}
}

// A hospital with a certificate of its own cannot act as another, nor announce what it does not send.
func TestAHospitalIsNoOther(t *testing.T) {
	t.Parallel()
	w := hubAlone(t)
	complaints := make(chan error, 100)
	nc := w.raw("h00", make(chan error, 1))
	up, down := streams(t, nc, "h00")
	thief := w.raw("h01", complaints)
	denied := func(what string, err error) {
		t.Helper()
		if err = errors.Join(err, thief.Flush()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-complaints:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: got %v, want a violation of permissions", what, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: nobody complained", what)
		}
	}
	// h01 knows the names of h00's streams, which it cannot.
	denied("posting as h00", thief.Publish(up+".study.1.m", []byte("w")))
	denied("posting as the hub", thief.Publish(down+".study.1.m", []byte("w")))
	for _, subject := range []string{strings.Replace(down, ".down.", ".push.down.", 1) + ".>", up + ".>", down + ".>", "consilium.inbox.h00.>", ">"} {
		_, err := thief.SubscribeSync(subject)
		denied("reading "+subject, err)
	}
	denied("asking for h00's", thief.Publish("consilium.read.h00", []byte(`{"last_by_subj":"`+down+`.study.1.m"}`)))
	denied("asking the log", thief.Publish("$JS.API.DIRECT.GET.consilium-up-h00", []byte(`{"seq":1}`)))
	if m, err := thief.Request("consilium.read.h01", []byte(`{"last_by_subj":"`+down+`.study.1.m"}`), 200*time.Millisecond); err == nil {
		t.Errorf("h01 was given %q of h00's", m.Data)
	}
	as, err := nats.Connect("tls://"+w.hub, nats.UserInfo("h00", ""), nats.TLSHandshakeFirst(), nats.Secure(w.secure(w.owned("h01"))), nats.NoReconnect())
	if err == nil {
		as.Close()
	}
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("h01's certificate as h00: got %v", err)
	}
	before := w.resident()
	for range 20 {
		c, err := tls.Dial("tcp", w.hub, w.secure(w.owned("h01")))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "CONNECT {\"user\":\"h01\",\"verbose\":false}\r\nPUB consilium.up.h01.E.study.1.m %d\r\n", 1<<40)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if said, err := io.ReadAll(c); err != nil {
			t.Errorf("the hub did not hang up: %v, after %q", err, said)
		}
		_ = c.Close()
	}
	if grown := w.resident() - before; grown > 8<<20 {
		t.Errorf("20 announcements of 2^40 bytes: the hub's memory grew by %d bytes", grown)
	}
	if err := nc.FlushTimeout(5 * time.Second); err != nil {
		t.Errorf("h00 was disturbed: %v", err)
	}
}

// A flood is a hospital's program of its own making that says so many messages and
// requests a second, or as many as it can (0), and comes back whenever it is cut off.
func (w *town) flood(ctx context.Context, id party.ID, rate int) (said, cut int) {
	body := make([]byte, 1000)
	for ; ctx.Err() == nil; cut++ {
		nc, err := nats.Connect("tls://"+w.hub, nats.UserInfo(string(id), ""), nats.CustomInboxPrefix("consilium.inbox."+string(id)), nats.TLSHandshakeFirst(),
			nats.Secure(w.secure(w.owned(id))), nats.NoReconnect(), nats.NoCallbacksAfterClientClose())
		if err != nil {
			cut--
			<-time.After(20 * time.Millisecond) // as soon as it is let in again
			continue
		}
		up, _ := streams(w.t, nc, id)
		began, n := time.Now(), 0
		for ctx.Err() == nil && !nc.IsClosed() {
			if ahead := time.Duration(n)*time.Second/time.Duration(max(rate, 1)) - time.Since(began); rate > 0 && ahead > 0 {
				<-time.After(ahead) // its pace
			}
			_ = nc.Publish(up+".flood.1.m", body)
			_ = nc.PublishRequest("consilium.read."+string(id), "consilium.inbox."+string(id)+".x", []byte(`{"seq":1}`))
			n += 2
		}
		nc.Close()
		said += n
	}
	return said, cut
}

// latencies are how long small messages of a hospital take to be in the log, one
// every few milliseconds, sorted.
func latencies(t *testing.T, ch *transport.Channel, name string, during time.Duration) []time.Duration {
	t.Helper()
	var all []time.Duration
	for i, end := 0, time.Now().Add(during); time.Now().Before(end); i++ {
		began := time.Now()
		if err := ch.Send(t.Context(), party.Hub, fmt.Append(nil, name, i)); err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Since(began))
		<-time.After(4*time.Millisecond - time.Since(began)) // the pace of what is measured
	}
	slices.Sort(all)
	return all
}

// TestAFloodOfOneHospitalIsBounded floods the hub at ten times the quota, and as
// fast as can be: the flooder is cut off, another's messages get through.
func TestAFloodOfOneHospitalIsBounded(t *testing.T) {
	w := hubAlone(t)
	ch, err := w.linked("h00").Open("latency", 1)
	if err != nil {
		t.Fatal(err)
	}
	latencies(t, ch, "warm", time.Second)
	quiet := latencies(t, ch, "quiet", floodTime)
	p99 := func(all []time.Duration) time.Duration { return all[len(all)*99/100] }
	for i, rate := range []int{10 * 1024, 0} {
		before := w.resident()
		ctx, stop := context.WithCancel(t.Context())
		type flood struct{ said, cut int }
		done := make(chan flood, 1)
		go func() {
			said, cut := w.flood(ctx, w.ids[1+i], rate)
			done <- flood{said, cut}
		}()
		flooded := latencies(t, ch, fmt.Sprint("flooded", rate), floodTime)
		stop()
		f := <-done
		grown := w.resident() - before
		t.Logf("quiet: median %v, p99 %v, of %d; beside %d messages and requests a second, cut off %d times: median %v, p99 %v (%.1f times), most %v; the hub's memory grew by %.1f MB",
			quiet[len(quiet)/2], p99(quiet), len(quiet), int(float64(f.said)/floodTime.Seconds()), f.cut,
			flooded[len(flooded)/2], p99(flooded), float64(p99(flooded))/float64(p99(quiet)), flooded[len(flooded)-1], float64(grown)/1e6)
		if f.cut == 0 {
			t.Errorf("whoever floods with %d a second is not cut off", rate)
		}
		if grown > 64<<20 {
			t.Errorf("the hub's memory grew by %d bytes", grown)
		}
		if limit := 2*p99(quiet) + floodSlack; p99(flooded) > limit {
			t.Errorf("the 99th of a hundred messages takes %v beside a flood, %v without", p99(flooded), p99(quiet))
		}
	}
}
