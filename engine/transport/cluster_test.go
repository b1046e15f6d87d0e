package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// node starts one server of a cluster as its operator would: stock, with users mapped from
// certificates and the permissions that the documentation names.
func node(w *world, i int, routes []*url.URL, parties ...party.ID) *server.Server {
	w.t.Helper()
	port, err := strconv.Atoi(routes[i].Port())
	if err != nil {
		w.t.Fatal(err)
	}
	opts := &server.Options{
		ServerName: fmt.Sprint("node", i), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
		TLS: true, TLSMap: true, TLSHandshakeFirst: true, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13,
			Certificates: []tls.Certificate{w.config.Certificate}, ClientCAs: w.authority.Pool(), ClientAuth: tls.RequireAndVerifyClientCert},
		JetStream: true, StoreDir: w.t.TempDir(), SyncAlways: true, JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 1 << 20,
		Cluster: server.ClusterOpts{Name: "cluster", Host: "127.0.0.1", Port: port}, Routes: routes,
		Users: []*server.User{{Username: "CN=hub"}},
	}
	for _, id := range parties {
		publish, subscribe := transport.Permissions(id)
		opts.Users = append(opts.Users, &server.User{Username: "CN=" + string(id), Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe}}})
	}
	s, err := server.NewServer(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Start()
	w.t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func TestAClusterLosesANode(t *testing.T) {
	w := newWorld(t)
	var nodes []*server.Server
	var routes []*url.URL
	var urls []string
	for range 3 { // three ports that are free now
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
		l.Close()
	}
	for i := range 3 {
		nodes = append(nodes, node(w, i, routes, "a", "b"))
	}
	for _, s := range nodes {
		if !s.ReadyForConnections(20 * time.Second) {
			t.Fatal("a node does not start")
		}
		urls = append(urls, "tls://"+s.Addr().String())
	}
	w.config.TLS = strings.TrimPrefix(urls[0], "tls://")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dial := func(id party.ID) *transport.Conn {
		d := w.dialer(id)
		d.URLs = urls
		return w.dial(d)
	}
	hub := dial(party.Hub)
	if err := hub.Admit(ctx, transport.Keep{Bytes: 1 << 30, Replicas: 3}, "a", "b"); err != nil {
		t.Fatal(err)
	}
	at, a := w.open(hub, 1, "a", "b"), w.open(dial("a"), 1)
	const n = 60
	go func() {
		for i := range n {
			send(t, a, party.Hub, large(fmt.Sprint(i), 100+i%3*400_000))
		}
	}()
	for i := range n {
		if i == n/3 {
			nodes[1].Shutdown()
		}
		want := large(fmt.Sprint(i), 100+i%3*400_000)
		if from, b := receive(t, at); from != "a" || !bytes.Equal(b, want) {
			t.Fatalf("message %d: %d bytes of %s, want %d", i, len(b), from, len(want))
		}
		send(t, at, "a", want)
		if _, b := receive(t, a); !bytes.Equal(b, want) {
			t.Fatalf("message %d: %d bytes came back, want %d", i, len(b), len(want))
		}
	}
	// A certificate is one party's here too, though the server only finds out when it acts.
	d := w.dialer("b")
	d.Certificate = w.certificate("a")
	_, err := d.Dial(ctx)
	refused(t, err, `not act as "b"`)
}
