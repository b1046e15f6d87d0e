package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/consilium-health/consilium/engine/internal/lockfile"
	"github.com/consilium-health/consilium/protocols/party"
)

// ServerConfig describes the log and who may use it.
type ServerConfig struct {
	TLS, WSS    string          // addresses to listen on, host:port; port 0 is any that is free; "" does not listen
	Certificate tls.Certificate // of the hub
	CAs         *x509.CertPool  // who may vouch for parties; a private authority, never the system's
	Dir         string          // where the log is kept; the same after a restart
	Parties     []Party         // all that may connect
	Disk        int64           // bytes the log may take in all, which all of Keep.Bytes must fit; 0: as much as there is
	Log         *slog.Logger    // nil: nowhere
	// Failed is told, once, when the log cannot be written any more, as when its
	// disk is full: then the server has to be closed and started again. It must not wait; nil: nobody is told.
	Failed func(error)
}

// Party is one that may connect.
type Party struct {
	ID   party.ID
	Name string // common name or DNS name in its certificate; "": the ID
}

// Server is the log: a NATS server with JetStream inside this process. It acknowledges what has
// been written through to the disk, lets each party send only as itself and read only what is for it, and
// takes nobody's word for who they are but a certificate's, before any other byte.
type Server struct {
	ns     *server.Server
	door   *door
	log    *slog.Logger
	secret string // the hub's, in this process
	wss    bool
	lock   *os.File
	end    context.CancelFunc // of the warden
	warden sync.WaitGroup
}

// Sizes and times of the server.
const (
	maxPayload    = 1 << 20
	maxPending    = 16 << 20 // bytes a connection may leave unread before it is cut
	maxWaiting    = 32 << 20 // bytes of one party that wait for the disk; what comes beyond that is refused, and sent again
	maxConns      = 1024
	handshakeWait = 5 // seconds for a stranger to show a certificate
)

// Listen starts the server. Close ends it.
func Listen(cfg ServerConfig) (*Server, error) {
	if cfg.CAs == nil || len(cfg.Certificate.Certificate) == 0 {
		return nil, errors.New("transport: the server wants a certificate, and an authority to vouch for parties")
	}
	if cfg.Dir == "" {
		return nil, errors.New("transport: the server wants a directory for its log")
	}
	if cfg.Disk == 0 {
		cfg.Disk = 1 << 50 // the server would take three quarters of the disk for the most it may promise
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var b [32]byte
	rand.Read(b[:]) // never fails
	s := &Server{log: cfg.Log, secret: hex.EncodeToString(b[:]), wss: cfg.WSS != ""}
	var err error
	if s.door, err = newDoor(cfg.Parties, s.secret); err != nil {
		return nil, err
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cfg.Certificate}, ClientCAs: cfg.CAs, ClientAuth: tls.RequireAndVerifyClientCert}
	opts := &server.Options{
		ServerName: "consilium", NoSigs: true, DontListen: cfg.TLS == "",
		TLS: true, TLSConfig: secure, TLSHandshakeFirst: true, TLSTimeout: handshakeWait, AuthTimeout: handshakeWait,
		CustomClientAuthentication: s.door,
		MaxPayload:                 maxPayload, MaxPending: maxPending, MaxConn: maxConns, MaxSubs: 4096,
		PingInterval: pingEvery, MaxPingsOut: 2, WriteDeadline: 2 * time.Minute,
		JetStream: true, StoreDir: cfg.Dir, SyncAlways: true, JetStreamMaxMemory: 1 << 20, JetStreamMaxStore: cfg.Disk,
		StreamMaxBufferedSize: maxWaiting, StreamMaxBufferedMsgs: maxWaiting >> 12,
	}
	if cfg.TLS != "" {
		if opts.Host, opts.Port, err = hostPort(cfg.TLS); err != nil {
			return nil, err
		}
	}
	if cfg.WSS != "" {
		w := &opts.Websocket
		if w.Host, w.Port, err = hostPort(cfg.WSS); err != nil {
			return nil, err
		}
		w.TLSConfig, w.HandshakeTimeout, w.AuthTimeout = secure.Clone(), handshakeWait*time.Second, handshakeWait
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	held := false
	if s.lock, held, err = lockfile.Hold(filepath.Join(cfg.Dir, "lock")); held {
		return nil, fmt.Errorf("transport: the log in %s is in use by another server: stop that one first, or give this one a directory of its own", cfg.Dir)
	} else if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	if s.ns, err = server.NewServer(opts); err != nil {
		s.lock.Close()
		return nil, fmt.Errorf("transport: %w", err)
	}
	s.door.ns = s.ns
	told := &serverLog{log: cfg.Log, failed: cfg.Failed}
	s.ns.SetLoggerV2(told, false, false, false)
	s.ns.Start()
	ready := s.ns.ReadyForConnections(30 * time.Second)
	if err := told.fatal(); err != nil {
		s.Close()
		return nil, fmt.Errorf("transport: the log in %s does not start: %w", cfg.Dir, err)
	}
	if !ready {
		s.Close()
		return nil, fmt.Errorf("transport: the log in %s was not ready within 30 s", cfg.Dir)
	}
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	s.warden.Go(func() { (&warden{door: s.door, log: s.log}).run(ctx) })
	return s, nil
}

func hostPort(address string) (string, int, error) {
	host, port, err := net.SplitHostPort(address)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		return "", 0, fmt.Errorf("transport: address %q, want host:port", address)
	}
	if n == 0 {
		return host, -1, nil // NATS's word for any
	}
	return host, int(n), nil
}

// TLS returns the address the server listens on, with the port it was given.
func (s *Server) TLS() string {
	if a, ok := s.ns.Addr().(*net.TCPAddr); ok && a != nil {
		return a.String()
	}
	return ""
}

// WSS returns the address for WebSocket connections, likewise.
func (s *Server) WSS() string {
	if !s.wss {
		return ""
	}
	return strings.TrimPrefix(s.ns.WebsocketURL(), "wss://")
}

// Hub connects the hub from within this process and admits the server's parties. largest is
// the largest message in bytes, 0 for 64 MiB.
func (s *Server) Hub(ctx context.Context, keep Keep, largest int) (*Conn, error) {
	c := newConn(party.Hub, largest, s.log)
	if err := c.connect(ctx, nats.InProcessServer(s.ns), nats.UserInfo(string(party.Hub), s.secret)); err != nil {
		return nil, err
	}
	if err := c.Admit(ctx, keep, s.door.parties()...); err != nil {
		c.Close(ctx)
		return nil, err
	}
	return c, nil
}

// SetParties replaces who may connect, and cuts off whoever may no longer. The hub's Conn has to
// Admit those who are new.
func (s *Server) SetParties(parties []Party) error { return s.door.set(parties) }

// Close stops the server. What it acknowledged is on the disk already.
func (s *Server) Close() {
	if s.end != nil {
		s.end()
		s.warden.Wait()
	}
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
	s.lock.Close()
}
