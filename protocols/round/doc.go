// Package round is what all protocols have in common: messages, machines that
// take and give them, errors that say who, and the one place where a message
// is bound to its context and signed.
//
//	        ┌────────────┐ Receive    ┌────────────┐
//	link ──▶│  Machine   │◀── bytes ──│  Machine   │◀── link
//	     ◀──│ of member a│──  bytes ─▶│ of the hub │──▶
//	        └────────────┘            └────────────┘
//
// A machine is pure: it is given randomness and a journal, and owns no clock.
// Whoever drives it (engine/internal/runner, or a test) moves bytes and decides when time is up.
package round
