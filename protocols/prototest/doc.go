// Package prototest is a hostile world for protocols, for tests only: members,
// a hub and a network between them that loses, repeats, reorders, corrupts and
// replays what it is told to, or what its seed says. Everything runs in one
// goroutine and is the same for the same seed, except for the bytes of hedged signatures.
//
// A hub signs nothing, so a network that rewrites its messages is a hub that lies.
package prototest
