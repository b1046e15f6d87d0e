package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/consilium-health/consilium/protocols/party"
)

// Waiting times.
const (
	dialWait   = 20 * time.Second // for one connection to be made
	answerWait = 10 * time.Second // for the next answer from the log; at 1 Mbit/s a chunk takes 4 s
	pingEvery  = 15 * time.Second // after two without an answer the server takes the line for cut
	beatEvery  = 3 * time.Second  // a party makes the log say something
	deafAfter  = 8 * time.Second  // what has said nothing for so long is out of reach
	lookEvery  = 15 * time.Second // a channel looks for messages that often even if none is announced
	firstPause = 100 * time.Millisecond
	longest    = 15 * time.Second // between two attempts of anything

	beatsMissed = 14 // then a party takes the line for cut: answers may stand behind large messages
)

// Dialer says how a party reaches the log.
type Dialer struct {
	Self        party.ID
	URLs        []string        // tls://host:port or wss://host:port, not both kinds; tried in turn
	Certificate tls.Certificate // of this party, with Leaf
	CAs         *x509.CertPool  // who may vouch for the hub; nil: the system's authorities
	Proxy       *url.URL        // http://[user:password@]host:port to CONNECT through; nil: none
	MaxMessage  int             // bytes of the largest message sent or accepted; 0: 64 MiB
	Log         *slog.Logger    // nil: nowhere
}

// Conn is one party's connection to the log. It connects again for ever, with growing pauses,
// until it is closed. Its methods may be called from any goroutine.
type Conn struct {
	self party.ID
	max  int
	log  *slog.Logger
	own  *x509.Certificate // nil in process
	tcp  *tcp              // nil in process
	nc   *nats.Conn

	life context.Context // ends when the Conn is closed
	stop context.CancelFunc
	work sync.WaitGroup // goroutines of the Conn and its channels
	look chan struct{}  // a token: ask at once whether the log is still the same

	mu       sync.Mutex
	live     context.Context // ends when the present connection is cut
	cut      context.CancelFunc
	up       chan struct{} // closed while connected
	routes   map[party.ID]route
	channels map[place]*Channel
	sending  int
	idle     chan struct{} // closed when closing and nothing is being sent
	closing  bool
	failed   error
	skew     time.Duration
}

// A route leads to a peer and back.
type route struct {
	out, in mailbox
	read    string // subject to ask for what in holds
}

type place struct {
	study   string
	attempt uint32
}

// Dial connects a party. It tries until ctx ends while the hub cannot be reached, and gives up at
// once (ErrRefused) when one end refuses the other.
func (d Dialer) Dial(ctx context.Context) (*Conn, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	c := newConn(d.Self, d.MaxMessage, d.Log)
	c.own = d.Certificate.Leaf
	c.tcp = &tcp{ctx: c.life, proxy: d.Proxy, wait: dialWait, began: time.Now(), config: &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{d.Certificate}, RootCAs: d.CAs,
	}}
	err := c.connect(ctx, nats.SetCustomDialer(c.tcp), nats.UserInfo(string(d.Self), ""), func(o *nats.Options) error {
		o.SkipHostLookup = true // a proxy may know names that this machine does not
		for _, u := range d.URLs {
			// The library gets connections that are secure already, so to it these are plain.
			u = strings.Replace(u, "tls://", "nats://", 1)
			o.Servers = append(o.Servers, strings.Replace(u, "wss://", "ws://", 1))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (d Dialer) check() error {
	if err := d.Self.Check(); err != nil {
		return err
	}
	if len(d.URLs) == 0 {
		return errors.New("transport: no address of a hub, want tls://host:port or wss://host:port")
	}
	for _, s := range d.URLs {
		u, err := url.Parse(s)
		if err != nil || (u.Scheme != "tls" && u.Scheme != "wss") || u.Hostname() == "" || u.Port() == "" {
			return fmt.Errorf("transport: address %q, want tls://host:port or wss://host:port", s)
		}
		if !strings.HasPrefix(d.URLs[0], u.Scheme+":") {
			return errors.New("transport: addresses tls:// and wss:// together: name one kind")
		}
	}
	if d.Certificate.Leaf == nil {
		return fmt.Errorf("transport: %s has no certificate", d.Self)
	}
	if p := d.Proxy; p != nil && (p.Scheme != "http" || p.Port() == "") {
		return fmt.Errorf("transport: proxy %q, want http://host:port", p.Redacted())
	}
	return nil
}

func newConn(self party.ID, largest int, log *slog.Logger) *Conn {
	if largest == 0 {
		largest = defaultMax
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Conn{self: self, max: largest, log: log, look: make(chan struct{}, 1), up: make(chan struct{}), idle: make(chan struct{}),
		routes: map[party.ID]route{}, channels: map[place]*Channel{}}
	c.life, c.stop = context.WithCancel(context.Background())
	c.live, c.cut = context.WithCancel(c.life)
	return c
}

// connect makes the first connection and, for a party other than the hub, learns its streams.
func (c *Conn) connect(ctx context.Context, how ...nats.Option) error {
	options := append(how,
		nats.Name("consilium "+string(c.self)), nats.CustomInboxPrefix(root+"inbox."+string(c.self)),
		nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.CustomReconnectDelay(pauseOf), nats.IgnoreAuthErrorAbort(),
		nats.IgnoreDiscoveredServers(), nats.Timeout(dialWait), nats.PingInterval(beatEvery), nats.MaxPingsOutstanding(beatsMissed),
		nats.DisconnectErrHandler(c.lost), nats.ReconnectHandler(c.found), nats.ErrorHandler(c.complaint),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.refusedAgain(err) }),
		nats.NoCallbacksAfterClientClose(),
	)
	stop := context.AfterFunc(ctx, c.stop) // a dial under way ends with ctx
	defer stop()
	for n := 0; ; n++ {
		nc, err := nats.Connect("", options...)
		if err == nil {
			c.nc = nc
			break
		}
		err, lasting := c.reason(err)
		if lasting {
			c.stop()
			return err
		}
		c.log.Warn("the hub cannot be reached", "party", c.self, "why", err)
		if pause(ctx, pauseOf(n)) != nil {
			c.stop()
			return fmt.Errorf("transport: %w: %w", ctx.Err(), err)
		}
	}
	c.found(c.nc)
	if c.self != party.Hub {
		if err := c.learn(ctx); err != nil {
			c.Close(ctx)
			return err
		}
		if err := c.listen("down", c.self); err != nil {
			c.Close(ctx)
			return err
		}
	}
	if !stop() { // ctx ended, and with it the Conn
		c.Close(ctx)
		return ctx.Err()
	}
	c.work.Add(1)
	go c.watch()
	return nil
}

// reason finds out why a connection failed, and whether trying again can help.
func (c *Conn) reason(err error) (error, bool) {
	if errors.Is(err, nats.ErrAuthorization) {
		name := ""
		if c.own != nil {
			name = c.own.Subject.CommonName
		}
		return fmt.Errorf("%w: the hub does not know the certificate of %q as party %q's: compare the hub's list of parties", ErrRefused, name, c.self), true
	}
	if c.tcp == nil {
		return err, false
	}
	if why := c.tcp.why(); why != nil {
		err = why
	}
	return explain(err, c.own, time.Now())
}

// learn asks the hub for the names of this party's streams until it answers.
func (c *Conn) learn(ctx context.Context) error {
	for n := 0; ; n++ {
		err := c.greet(ctx)
		if err == nil || c.failure() != nil {
			return c.failure()
		}
		c.log.Info("waiting for the hub", "party", c.self, "why", err)
		if pause(ctx, pauseOf(n)) != nil {
			if err := c.failure(); err != nil {
				return err
			}
			return fmt.Errorf("transport: the hub's log does not answer %s: %w: %w", c.self, ctx.Err(), err)
		}
	}
}

// watch looks, now and then and after every new connection, whether the log is still the
// same one, and lets every channel look for what it may have missed.
func (c *Conn) watch() {
	defer c.work.Done()
	doubt := false // something may have been lost with a connection
	for unanswered := 0; ; {
		after := lookEvery + pauseOf(4)
		if unanswered > 0 {
			after = pauseOf(unanswered)
		}
		wait := time.NewTimer(after)
		select {
		case <-c.life.Done():
			wait.Stop()
			return
		case <-c.look:
			doubt = true
		case <-wait.C:
		}
		wait.Stop()
		if c.self != party.Hub {
			if err := c.greet(c.life); err != nil {
				c.log.Info("the hub's log does not answer", "party", c.self, "why", err)
				unanswered++
				doubt = true
				continue
			}
			unanswered = 0
		}
		for _, ch := range c.open() {
			ch.look(doubt)
		}
		doubt = false
	}
}

// pauseOf grows from a tenth of a second to a quarter of a minute; half of it is chance, so
// that parties that were cut off together do not come back together.
func pauseOf(n int) time.Duration {
	d := longest
	if n < 8 {
		d = min(longest, firstPause<<n)
	}
	var b [4]byte
	rand.Read(b[:])
	return d/2 + time.Duration(float64(d)/2*float64(binary.BigEndian.Uint32(b[:]))/(1<<32))
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
