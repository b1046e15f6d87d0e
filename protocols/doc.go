// Package protocols is the crypto wing: what hospitals and a hub say to each
// other, as pure machines. It never imports the engine.
//
// The laws:
//
//  1. No socket, clock, file, log or goroutine. Messages go in, messages come
//     out; randomness and a journal are handed in.
//  2. What a party sends is signed as sent, decoded against the session's
//     parameters, and journalled before it leaves. It is made once: after a crash
//     the same bytes are sent again.
//  3. Everything signed or derived is bound to charter, roster and session, in
//     one place (round.Context, and the key schedule in secagg/keys.go).
//  4. Only codes cross the wire, never a text, never a value.
//
// One exchange, from a member's vector to the total:
//
//	x ──▶ secagg: + masks ──▶ round: sign ──▶ wire: encode ──▶ journal ──▶ hub
//	                                                                        │ adds
//	total ◀── secagg: checks, − own masks ◀── round: verify ◀── wire: decode ┘
//
// To read: party (who), wire/wire.proto (every message), round (machines,
// signing; guest.go: how a hub serves several protocols and stops in one way), secagg/doc.go, then secagg's
// keys.go, setup.go, sum.go, opening.go, hub.go, hubline.go; mhe/doc.go, then mhe's step.go, refresh.go, opening.go,
// registry.go, and requirements_test.go for what it must hold;
// prototest and secagg/testdata to see it fail as it should.
package protocols
