package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// The wide-area network of the benchmarks: 50 ms there and back, 100 Mbit/s at every host.
const (
	wideRoundTrip = 50 * time.Millisecond
	wideBytes     = 100e6 / 8
)

// BenchmarkWide is a whole study among services on a wide-area network, from
// the submission until the analyst has the report, and the same without the network.
func BenchmarkWide(b *testing.B) {
	const model = `{id: fit, kind: logistic, formula: "y ~ .", evaluate: {cells: 0}}`
	for _, k := range []struct {
		rows, sites int
		reveal      string
	}{
		{0, 13, "sums"},
		{1_000_000, 10, "sums"},
		{10_000, 3, "model"},
		{1_000_000, 10, "model"},
	} {
		name := "study=cgd"
		if k.rows > 0 {
			name = fmt.Sprintf("study=logistic/rows=%d/covariates=32/sites=%d/reveal=%s", k.rows, k.sites, k.reveal)
		}
		b.Run(name, func(b *testing.B) {
			w := Wide{}
			if testing.Verbose() {
				w.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			}
			if k.rows == 0 {
				w.Study, w.Source = cgd(b)
			} else {
				c := NewCohort(k.rows, 32, 7)
				w.Study, w.Source = c.StudyFile(k.sites, []string{model}, k.reveal), dealt(b, c, k.sites, model, k.reveal)
			}
			wide(b, w)
		})
	}
}

// cgd is the README's study and its hospitals' files.
func cgd(b *testing.B) ([]byte, engine.Source) {
	const dir = "../testdata/cgd"
	src, err := os.ReadFile(filepath.Join(dir, "study.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	own, err := study.Parse("study.yaml", src)
	if err != nil {
		b.Fatal(err)
	}
	return src, engine.SourceFunc(func(_ context.Context, s *study.Spec, id party.ID) (engine.Records, error) {
		for _, site := range own.Sites {
			if site.ID == id {
				t, c, err := table.OpenCSV(dir, site.Source, s.Schema, string(id), s.Privacy.MaxRows)
				return engine.Records{Table: t, Conformance: c, Cohort: string(id)}, err
			}
		}
		return engine.Records{}, os.ErrNotExist
	})
}

// dealt is a cohort's rows, in memory, dealt out to a study's hospitals.
func dealt(b *testing.B, c *Cohort, sites int, analysis, reveal string) engine.Source {
	_, tables, err := c.Study(sites, []string{analysis}, reveal)
	if err != nil {
		b.Fatal(err)
	}
	return engine.SourceFunc(func(_ context.Context, _ *study.Spec, id party.ID) (engine.Records, error) {
		return engine.Records{Table: tables[id], Conformance: &table.Conformance{}, Cohort: string(id)}, nil
	})
}

// wide runs a study over the network and over loopback as often, and takes the shortest of each.
func wide(b *testing.B, w Wide) {
	run := func(lines *Lines) *WideFigures {
		w.Lines = lines
		if lines != nil {
			defer lines.Close()
		}
		var err error
		if w.Dir, err = os.MkdirTemp("", "wide"); err != nil {
			b.Fatal(err)
		}
		defer os.RemoveAll(w.Dir)
		f, err := w.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	var near, far *WideFigures
	for range b.N {
		if f := run(nil); near == nil || f.Seconds < near.Seconds {
			near = f
		}
		if f := run(NewLines(wideRoundTrip, wideBytes)); far == nil || f.Seconds < far.Seconds {
			far = f
		}
	}
	for _, p := range far.Report.Cost.Phases {
		b.Logf("%-12s %8.2f s  %3d round trips  %12d B up  %12d B down", p.Name, p.Seconds, p.RoundTrips, p.BytesUp, p.BytesDown)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(far.Seconds, "s/study")
	b.ReportMetric(far.Attempt, "s/attempt")
	b.ReportMetric(near.Seconds, "s/without-network")
	b.ReportMetric(near.Attempt, "s/attempt-without-network")
	b.ReportMetric(float64(far.Sums), "sums")
	b.ReportMetric(float64(far.Trips), "round-trips")
	b.ReportMetric(float64(far.SiteOut)/1e6, "MB-out/site")
	b.ReportMetric(float64(far.SiteIn)/1e6, "MB-in/site")
	b.ReportMetric(float64(far.HubOut)/1e6, "MB-out/hub")
	b.ReportMetric(float64(far.HubIn)/1e6, "MB-in/hub")
	// What the lines and the work take by themselves: bytes in one direction of the busiest host, or, as if
	// its two directions took turns, in both.
	base := float64(far.Trips)*wideRoundTrip.Seconds() + near.Seconds
	b.ReportMetric(base+float64(max(far.HubIn, far.HubOut))/wideBytes, "s/bound-one-way")
	b.ReportMetric(base+float64(far.HubIn+far.HubOut)/wideBytes, "s/bound-both-ways")
}

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
	lines := NewLines(wideRoundTrip, wideBytes)
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
	within("5 MB there and back", echo(hosts[1], n), 0.05+n/wideBytes)
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
	within("four times 1.25 MB there and back", time.Since(start), 0.05+n/wideBytes)
}
