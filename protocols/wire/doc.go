// Package wire is the words the parties use: every message that crosses a
// boundary (wire.proto, to be read whole) and every record a member writes for
// itself (journal.proto).
//
// Bytes from outside pass four gates, in this order, before anything is made of
// them: their number against [Limits.Max] of their type; [Decode], which refuses
// whatever does not encode back to the same bytes; Check, the lengths that the
// roster's size dictates; and only then signatures, in package round.
//
// The package knows no keys: what a message proves is not its business.
package wire
