// Package party says who takes part: names, identity keys and the roster.
//
// An [Identity] signs with Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204) at once;
// a signature is valid only if both are, so a forger has to break a classical
// and a post-quantum scheme. It can also be sealed to: HPKE (RFC 9180) over
// X-Wing (draft-connolly-cfrg-xwing-kem), the same idea for secrecy.
//
//	seed ── ed25519   signs ┐
//	     ├─ mldsa65   signs ┴─ one signature of 3373 bytes
//	     ├─ xwing     opens what was sealed to it
//	     └─ data      commits to a table (Commitment)
//
// A [Roster] is the sorted list of members with their keys. It is agreed out of
// band, by reading [PublicKey.Fingerprint] over the telephone; nothing in this
// repository lets a hub or a member change it during a run.
//
// What this package does not do: it does not protect the seed where it is
// stored, it does not revoke keys (a new key is a new roster), and erasing a
// secret from memory is left to the operating system, as Go cannot promise it.
package party
