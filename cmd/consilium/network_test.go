package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

// vacant is an address that is free now.
func vacant(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// reach is the way that a party's configuration takes to the hub, through a proxy if that is not "".
func (w *town) reach(id party.ID, proxy string, urls ...string) {
	w.t.Helper()
	hub := map[string]any{"urls": urls, "ca": "../ca.crt", "certificate": "tls.crt", "certificate_key": "tls.key"}
	if proxy != "" {
		hub["proxy"] = proxy
	}
	f := w.made.files[id]
	f["hub"] = hub
	if err := w.made.write(id, f); err != nil {
		w.t.Fatal(err)
	}
}

// studied submits the study and returns what became of it.
func (w *town) studied() string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var run engine.RunID
	err := w.analyst(ctx, func(a *engine.Analyst) (err error) {
		run, err = a.Submit(ctx, w.demo.source)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return fetched(w, ctx, run)
}

// says waits until a party's log has a text.
func (w *town) says(id party.ID, text string) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		b, err := os.ReadFile(w.at(id, "log"))
		if err == nil && strings.Contains(string(b), text) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s never says %q", id, text)
		}
		<-time.After(20 * time.Millisecond) // another process is watched, which says nothing by itself
	}
}

// Hospitals behind proxies, with and without a password, on both kinds of
// addresses and on ports that only the proxy can reach, take part.
func TestWaysToTheHub(t *testing.T) {
	t.Parallel()
	wss := vacant(t)
	w := newTown(t, 1, options{hospitals: 3, hub: map[string]any{
		"listen": map[string]any{"tls": "127.0.0.1:0", "wss": wss, "ca": "../ca.crt", "certificate": "tls.crt", "certificate_key": "tls.key"}}})
	known := map[string]string{"localhost:443": wss, "localhost:4222": w.hub}
	locked := newGate(t, &gate{known: known, user: "clerk", password: "se cret"})
	open := newGate(t, &gate{known: known})
	w.reach("h00", "http://clerk:wrong@"+locked.Addr().String(), "wss://localhost:443")
	w.reach("h01", "http://"+open.Addr().String(), "tls://localhost:4222")
	w.reach("h02", "", "wss://"+wss)
	w.reach(w.made.analyst, "http://clerk:se%20cret@"+locked.Addr().String(), "tls://localhost:4222")
	w.gateways()
	w.says("h00", "407 Proxy Authentication Required")
	w.kill("h00")
	w.reach("h00", "http://clerk:se%20cret@"+locked.Addr().String(), "wss://localhost:443")
	w.live("h00")
	if got := w.studied(); got != "right" {
		t.Error(got)
	}
	if a, b := locked.count(), open.count(); a < 3 || b < 1 { // h00, and the analyst who submits and who fetches
		t.Errorf("%d and %d tunnels were made", a, b)
	}
	// An authority that is not the consortium's vouches for nobody here.
	f := w.made.files["h02"]
	f["hub"].(map[string]any)["ca"] = "tls.crt"
	w.kill("h02")
	if err := w.made.write("h02", f); err != nil {
		t.Fatal(err)
	}
	w.begin("h02")
	w.says("h02", "not from the authority this machine trusts")
}

// health is what a service answers at /healthz, and whether its metrics say that the hub is reached.
func health(address string) string {
	said := ""
	for _, path := range []string{"/healthz", "/metrics"} {
		w, err := http.Get("http://" + address + path)
		if err != nil {
			return err.Error()
		}
		b, err := io.ReadAll(w.Body)
		_ = w.Body.Close()
		if err != nil {
			return err.Error()
		}
		if path == "/healthz" {
			said = fmt.Sprint(w.StatusCode)
		} else if _, value, ok := strings.Cut(string(b), "\nconsilium_hub_reached "); ok {
			said += " " + value[:1]
		}
	}
	return said
}

func TestReachIsWhatIsReachedNow(t *testing.T) {
	t.Parallel()
	w := newTown(t, 1, options{hospitals: 3})
	g := newGate(t, &gate{to: w.hub})
	at := vacant(t)
	w.made.files["h00"]["metrics"] = at
	w.reach("h00", "", "tls://"+g.Addr().String())
	w.live("h00")
	within := func(limit time.Duration, want, after string) {
		t.Helper()
		began := time.Now()
		for health(at) != want {
			if time.Since(began) > limit {
				t.Fatalf("%v after %s: got %q, want %q", limit, after, health(at), want)
			}
			<-time.After(20 * time.Millisecond) // another process is watched, which says nothing by itself
		}
		t.Logf("%s: %q after %.1f s", after, want, time.Since(began).Seconds())
	}
	within(20*time.Second, "200 1", "the start")
	g.cut(true)
	within(5*time.Second, "503 0", "the line was cut")
	g.cut(false)
	within(20*time.Second, "200 1", "the line was there again")
	g.set(func() { g.held = true })
	within(12*time.Second, "503 0", "the line went silent")
	g.set(func() { g.held = false })
	within(5*time.Second, "200 1", "the line spoke again")
	w.kill(party.Hub)
	within(5*time.Second, "503 0", "the hub died")
}
