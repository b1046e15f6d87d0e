// Package secagg sums vectors over Z/2^128 so that members, or one reader,
// learn the total and nothing else (after Bonawitz et al., ia.cr/2017/281,
// without its secret sharing: hospitals are few and steady).
//
//	member i                                 hub
//	  Hello: key, commitment, outbox heads -->
//	  <-- all Hellos                             S = H(charter, Hellos)
//	  Seal: a veil part for each other ------>
//	  <-- own column                             T = H(S, Seals); K_ij; V
//
//	  y_i = x_i + own_i + sum of pairs ------>   one sum
//	  <-- Y = sum y_i, carry, all heads
//	  claim_i, own_i under V ---------------->
//	  <-- all of them                            total = Y - sum own_i
//
// A member reveals its own mask only after it has seen every roster member's
// head with the same transcript, ask and state as its own, once, and
// journals that first. The hub has neither the own masks nor the veil, so it
// adds noise to noise. Its addition is checked by linear claims in
// GF(2^255-19) on what the members signed, which arrive together with the masks:
// a changed sum is never used.
//
// With a reader (ReleaseAnalyst) own masks are sealed to its key instead, and
// members learn only that the sum was collected. A sum that is Shown is unlocked both ways: its total is the members'
// too. Who may know is part of the ask, of every head and of the label.
//
// # What is promised
//
// A malicious hub alone learns who takes part, sizes and timing; any change of
// a sum is detected before the sum is used; it can always stop a run. A
// malicious hub with up to N-1 members who follow the protocol but share what
// they know learns the totals and what follows from them, which with N-1 members includes the
// total minus the others. A member whose bytes are malformed, whose signature,
// commitment or own mask is wrong, is named if the hub is honest.
//
// # What is not
//
// A wrong value in a well-formed vector is not detected. A member that
// deviates together with a malicious hub can make a total wrong, though not
// see more than totals. A member may learn a total and fall silent. One silent member stops a
// study once anything was unlocked: no sum over a smaller roster is ever opened
// after that (the freeze), because the difference would be that member's own
// figures. A journal restored from an old copy is detected only if some peer's is not.
//
// A journal holds an attempt's keys: whoever has a member's journal and what
// went over the wire can undo that member's masks. A store may erase them once
// the attempt is closed (see Journal); this package does not. Time is not
// looked at: a deadline decides whether to wait, never what may be revealed.
//
// # Beside the sums
//
// Another protocol can use the same set-up, members and hub between sums
// (Session.Beside, HubConfig.Guests). There is one way to stop for all of
// them: the hub's STOP, the members' closing records; and when the attempt ends at a member, by
// whatever, the other protocol's keys go first.
//
// # Choices that the picture does not show
//
// A signature covers a small body; what is long (sealed parts, vectors, tags)
// travels beside it and is bound by hashes in the body. So the hub can hand on
// a signed original without its bulk, and a peer's head is exactly what was signed.
//
// The chain of a member's outbox runs over types, sequences and bodies, not over
// signatures: peers follow it through every body they are shown, to the last unlock.
//
// The hub knows every vector when it knows the sum, hence what each member must
// claim, and names a false claim. Members cannot: for them a false claim and
// a false sum look the same, and either ends the run.
package secagg
