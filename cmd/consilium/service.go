package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// defaultDrain is how long studies under way may take to end when a service is stopped.
const defaultDrain = 30 * time.Second

// serviceFlags are those of hub and gateway.
type serviceFlags struct {
	config, metrics string
	supervised      bool
}

func (f *serviceFlags) add(c *cobra.Command) {
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.metrics, "metrics", "", "serve /metrics and /healthz at this loopback address, such as 127.0.0.1:9464")
	c.Flags().BoolVar(&f.supervised, "supervised", false, "end at once when standard input ends")
	if err := c.Flags().MarkHidden("supervised"); err != nil {
		panic(err) // the flag is defined one line above
	}
}

// serving is what hub and gateway are when they run.
type serving interface {
	Run(context.Context) error
	Drain()
}

// service is a hub's or gateway's process around it.
type service struct {
	config  *config
	log     *slog.Logger
	counts  *counts
	pins    *pins
	store   *store.Store
	ctx     context.Context // ends when the service is to end at once
	stop    context.CancelCauseFunc
	asked   <-chan struct{} // closed when the service is to come to an end
	drain   time.Duration
	out     io.Writer
	metrics string
}

// newService reads what both need.
func newService(c *cobra.Command, f serviceFlags, role string) (*service, error) {
	cfg, err := readConfig(f.config, role)
	if err != nil {
		return nil, err
	}
	s := &service{config: cfg, counts: newCounts(role), asked: c.Context().Done(), drain: orDefault(cfg.Drain, defaultDrain), out: c.OutOrStdout(), metrics: cfg.Metrics}
	if f.metrics != "" {
		if err := checkLoopback(f.metrics); err != nil {
			return nil, err
		}
		s.metrics = f.metrics
	}
	if s.log, err = cfg.Log.logger(c.ErrOrStderr()); err != nil {
		return nil, err
	}
	if _, s.pins, err = readRoster(cfg.at(cfg.Roster)); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(c.Context()))
	if f.supervised {
		s.drain = 0
		in := c.InOrStdin()
		go func() {
			_, _ = io.Copy(io.Discard, in) // any end of it counts
			s.stop(errUnsupervised)
		}()
	}
	return s, nil
}

var errUnsupervised = errors.New("whoever started this process has ended")

func orDefault(d duration, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return time.Duration(d)
}

// openStore opens what the service remembers.
func (s *service) openStore() (err error) {
	dir := s.config.at(s.config.State)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state %s: %w", dir, reason(err))
	}
	s.store, err = store.Open(store.Config{Dir: filepath.Join(dir, "store"), Now: time.Now})
	return err
}

// close ends what openStore began.
func (s *service) close(err error) error {
	s.stop(nil)
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}

// run runs a hub or gateway until it is told to end: then studies under way may
// end first, for as long as drain.
func (s *service) run(x serving) error {
	done := make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	defer close(done)
	group.Go(func() {
		select {
		case <-done:
			return
		case <-s.asked:
		}
		s.log.Info("stopping", "drain_seconds", s.drain.Seconds())
		if s.drain > 0 {
			x.Drain()
			select {
			case <-done:
				return
			case <-time.After(s.drain):
				s.log.Warn("studies are still under way; they go on when the service is started again")
			}
		}
		s.stop(nil)
	})
	stopMetrics, err := s.serveMetrics()
	if err != nil {
		return err
	}
	defer stopMetrics()
	if err = x.Run(s.ctx); errors.Is(err, errStopping) {
		err = nil
	}
	if failed := (*failure)(nil); errors.As(context.Cause(s.ctx), &failed) {
		err = failed.why
	}
	s.log.Info("stopped")
	return err
}

// failure is why a service cannot go on in this life.
type failure struct{ why error }

func (f *failure) Error() string { return f.why.Error() }

// fail ends the service at once. Whoever supervises it starts it again, and what was
// acknowledged is on the disk.
func (s *service) fail(why error) {
	s.stop(&failure{fmt.Errorf("%w; make room on the disk, and start this service again", why)})
}

// serveMetrics serves /metrics and /healthz.
func (s *service) serveMetrics() (stop func(), err error) {
	if s.metrics == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", s.metrics)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.counts.write(w)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.counts.up() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "cut off\n%s: serving; the hub cannot be reached now\n", s.counts.role)
			return
		}
		fmt.Fprintf(w, "ok\n%s: serving\n", s.counts.role)
	})
	s.log.Info("metrics", "address", l.Addr().String())
	return serveHTTP(l, mux), nil
}

// serveHTTP serves until the returned function is called, which waits for its end.
func serveHTTP(l net.Listener, h http.Handler) (stop func()) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 1 << 14}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // which ends by Close
	}()
	return func() {
		_ = server.Close() // the listener is gone either way
		<-done
	}
}

// line is a party's connection, made when it is first wanted: a gateway serves
// its steward while the hub cannot be reached.
type line struct {
	ctx   context.Context
	asked <-chan struct{} // closed when the service is to come to an end
	dial  func(context.Context) (*transport.Conn, error)

	mu   sync.Mutex // held while the hub is dialled
	conn atomic.Pointer[transport.Conn]
}

// reached reports whether the hub's log is within reach now.
func (l *line) reached() bool {
	c := l.conn.Load()
	return c != nil && c.Reached()
}

// open implements engine.Network.
func (l *line) open(name string, attempt uint32, peers ...party.ID) (engine.Channel, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn.Load() == nil {
		ctx, cancel := context.WithCancel(l.ctx)
		defer cancel()
		go func() { // a service that is to end has nothing to drain as long as the hub was not reached
			select {
			case <-l.asked:
				cancel()
			case <-ctx.Done():
			}
		}()
		conn, err := l.dial(ctx)
		if err != nil && ctx.Err() != nil && l.ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %w", transport.ErrRefused, errStopping)
		}
		if err != nil {
			return nil, err
		}
		l.conn.Store(conn)
	}
	return engine.Over(l.conn.Load())(name, attempt, peers...)
}

// errStopping: the service is to end before its hub was reached.
var errStopping = errors.New("the service is stopping")

// close lets what was sent reach the log.
func (l *line) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	conn := l.conn.Load()
	if conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), 2*time.Second)
	defer cancel()
	return conn.Close(ctx)
}

// level and logger read the logging part of a configuration.
func (l logging) level() (level slog.Level, err error) {
	if l.Level != "" {
		if err := level.UnmarshalText([]byte(l.Level)); err != nil {
			return level, fmt.Errorf("log.level %q: want debug, info, warn or error", l.Level)
		}
	}
	if l.Format != "" && l.Format != "json" && l.Format != "text" {
		return level, fmt.Errorf("log.format %q: want json or text", l.Format)
	}
	return level, nil
}

func (l logging) logger(w io.Writer) (*slog.Logger, error) {
	level, err := l.level()
	if err != nil {
		return nil, err
	}
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if x, ok := a.Value.Any().(fmt.Stringer); ok && a.Value.Kind() == slog.KindAny {
			a.Value = slog.StringValue(x.String()) // JSON would show digests as lists of numbers
		}
		return a
	}}
	if l.Format == "text" {
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return slog.New(slog.NewJSONHandler(w, o)), nil
}
