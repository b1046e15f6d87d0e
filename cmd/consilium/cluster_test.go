package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// clusterNode is the name under which this binary is a stock NATS server.
const clusterNode = "consilium-test-node"

// serveNode is a server of a cluster as its operator would run it: users are
// mapped from certificates and have the permissions that the documentation names.
//
//	consilium-test-node NUMBER DIRECTORY CERTIFICATES ROUTE,ROUTE,ROUTE PARTY...
func serveNode() {
	n, err := strconv.Atoi(os.Args[1])
	dir, of, routes := os.Args[2], os.Args[3], strings.Split(os.Args[4], ",")
	own, err1 := transport.LoadCertificate(filepath.Join(of, "hub", "tls.crt"), filepath.Join(of, "hub", "tls.key"))
	trusted, err2 := transport.LoadPool(filepath.Join(of, "ca.crt"))
	if err := errors.Join(err, err1, err2); err != nil {
		panic(err)
	}
	o := &server.Options{ServerName: fmt.Sprint("node", n), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
		TLS: true, TLSMap: true, TLSHandshakeFirst: true, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13,
			Certificates: []tls.Certificate{own}, ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert},
		JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 1 << 20,
		Users: []*server.User{{Username: "CN=hub"}}}
	for i, r := range routes {
		u, err := url.Parse("nats://" + r)
		if err != nil {
			panic(err)
		}
		o.Routes = append(o.Routes, u)
		if i == n {
			port, err := strconv.Atoi(u.Port())
			if err != nil {
				panic(err)
			}
			o.Cluster = server.ClusterOpts{Name: "cluster", Host: "127.0.0.1", Port: port}
		}
	}
	for _, id := range os.Args[5:] {
		publish, subscribe := transport.Permissions(party.ID(id))
		o.Users = append(o.Users, &server.User{Username: "CN=" + id, Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe}}})
	}
	s, err := server.NewServer(o)
	if err != nil {
		panic(err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		panic("not ready")
	}
	fmt.Println(s.Addr())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // ends with whoever started it
}

// cluster is three such servers, each a process.
type cluster struct {
	urls  []string
	nodes []*exec.Cmd
}

func (w *town) cluster() *cluster {
	w.t.Helper()
	var routes []string
	for range 3 {
		routes = append(routes, vacant(w.t))
	}
	self, err := exec.LookPath(clusterNode)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &cluster{}
	var outs []*bufio.Reader
	for i := range 3 {
		args := []string{strconv.Itoa(i), filepath.Join(w.dir, fmt.Sprint("node", i)), w.dir, strings.Join(routes, ","), string(w.made.analyst)}
		for _, id := range w.ids {
			args = append(args, string(id))
		}
		p := exec.Command(self, args...)
		p.Stderr = os.Stderr
		in, err1 := p.StdinPipe()
		out, err2 := p.StdoutPipe()
		if err := errors.Join(err1, err2, p.Start()); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = in.Close(); _ = p.Process.Kill(); _ = p.Wait() })
		c.nodes, outs = append(c.nodes, p), append(outs, bufio.NewReader(out))
	}
	for _, out := range outs {
		address, err := out.ReadString('\n')
		if err != nil {
			w.t.Fatal(err)
		}
		c.urls = append(c.urls, "tls://"+strings.TrimSpace(address))
	}
	return c
}

// leads is the number of the node that leads a stream.
func (w *town) leads(ctx context.Context, c *cluster, stream string) int {
	w.t.Helper()
	own, err := w.certificate(party.Hub)
	if err != nil {
		w.t.Fatal(err)
	}
	nc, err := nats.Connect(strings.Join(c.urls, ","), nats.TLSHandshakeFirst(),
		nats.Secure(&tls.Config{RootCAs: w.made.authority.Pool(), Certificates: []tls.Certificate{own}}))
	if err != nil {
		w.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		w.t.Fatal(err)
	}
	for {
		s, err := js.Stream(ctx, stream)
		if err == nil {
			if i := s.CachedInfo().Cluster; i != nil && i.Leader != "" {
				return int(i.Leader[len(i.Leader)-1] - '0')
			}
		}
		if ctx.Err() != nil {
			w.t.Fatalf("stream %s: %v", stream, err)
		}
	}
}

// The hub's log is a cluster of three servers. One of them is killed in the
// middle of a study: the study ends with the right result.
func TestAStudyOutlivesANodeOfTheCluster(t *testing.T) {
	for _, victim := range []string{"which leads a hospital's stream", "which does not lead it"} {
		t.Run("a node "+victim, func(t *testing.T) {
			t.Parallel()
			w := foundTown(t, 5, options{hospitals: 3})
			if err := w.made.write(party.Hub, map[string]any{"role": roleHub, "roster": "../roster.yaml", "state": "state", "deadline": "20s"}); err != nil {
				t.Fatal(err)
			}
			c := w.cluster()
			if err := w.made.write(party.Hub, map[string]any{"role": roleHub, "roster": "../roster.yaml", "state": "state", "deadline": "20s",
				"cluster": map[string]any{"urls": c.urls, "ca": "../ca.crt", "certificate": "tls.crt", "certificate_key": "tls.key", "replicas": 3}}); err != nil {
				t.Fatal(err)
			}
			w.begin(party.Hub)
			for _, id := range w.ids {
				w.made.files[id]["policy"] = map[string]any{"approve": map[string]any{"kinds": []string{"describe", "crosstab", "logistic"}}}
				w.reach(id, "", c.urls...)
			}
			w.reach(w.made.analyst, "", c.urls...)
			w.says(party.Hub, "the hub serves")
			w.gateways()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			leader := w.leads(ctx, c, "consilium-up-h00")
			n := leader
			if victim == "which does not lead it" {
				n = (leader + 1) % 3
			}
			var run engine.RunID
			after := 0
			err := w.analyst(ctx, func(a *engine.Analyst) (err error) {
				if run, err = a.Submit(ctx, w.demo.source); err != nil {
					return err
				}
				killed := false
				return a.Watch(ctx, run, func(s engine.Status) error {
					if killed && s.Stage == engine.StageSumming {
						after++
					}
					if !killed && s.Stage == engine.StageSumming {
						killed = true
						_ = c.nodes[n].Process.Kill()
						_ = c.nodes[n].Wait()
					}
					return nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			if after < 3 {
				t.Errorf("hospitals spoke of %d sums after node%d was killed: it was not in the middle of the study", after, n)
			}
			if got := fetched(w, ctx, run); got != "right" {
				t.Error(got)
			}
		})
	}
}
