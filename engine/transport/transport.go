// Package transport moves bytes between parties. It knows nothing of what they
// mean: confidentiality and integrity come from the signatures, tags and seals
// inside them.
//
// Memory connects parties of one process. Over a network, a Server (or a NATS
// cluster that stands already) keeps what parties send each other in an ordered
// log on its disk, and every party dials out to it:
//
//	gateway a ── tls:// or wss:// ──┐            up.a    what a sent to the hub
//	gateway b ── tls:// or wss:// ──┤── log ──   down.a  what the hub sent to a
//	hub ────────── in process ──────┘            up.b, down.b ...
//
// A Conn is a party's connection, a Channel on it the Link of one attempt of one
// study. Send returns when the log has the message on disk; a Channel reads its
// messages from the beginning of the attempt, however often it is opened, until
// the hub prunes it. So a party that was away, or was started again, gets
// everything, some of it twice.
//
// It does not protect what is sent from the log's operator, who can read, drop,
// reorder and invent it; that a party sends only as itself keeps honest parties
// from being taken for others, and nothing more.
package transport

import (
	"context"
	"errors"

	"github.com/consilium-health/consilium/protocols/party"
)

// Link is one party's end of the star: hospitals talk to the hub, the hub to hospitals.
type Link interface {
	// Send hands b over for delivery to a party, in order per pair. b may be reused after Send returns.
	Send(ctx context.Context, to party.ID, b []byte) error
	// Receive waits for the next message. The slice belongs to the caller.
	Receive(ctx context.Context) (from party.ID, b []byte, err error)
}

// What a caller of a Conn or Channel may act on.
var (
	// ErrClosed: this end was closed.
	ErrClosed = errors.New("transport: closed")
	// ErrNewLog: the log is another one than when the channel was opened, so what was
	// acknowledged before is gone. A channel opened anew starts with nothing sent.
	ErrNewLog = errors.New("transport: the hub's log is not the one this channel was opened on (its disk was emptied or replaced): messages it had acknowledged are lost; open the channel again and send everything again from the journal, or start a new attempt")
	// ErrFull: the log holds as much for this party as it may.
	ErrFull = errors.New("transport: the hub's log holds as much of this party as its limit allows: end finished studies, or raise the limit")
	// ErrRefused: the other end, or this one, refuses who the other is. Trying again does not help.
	ErrRefused = errors.New("transport: refused")
)
