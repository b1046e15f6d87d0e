// Package mhe computes on numbers that stay encrypted under a key nobody has:
// the sum of one secret key per member (Mouchet, Troncoso-Pastoriza, Bossuat,
// Hubaux, ia.cr/2020/304, on lattigo v5). A number leaves the encryption only
// as part of a masked sum, under noise of this package's own.
//
//	coin ──▶ common random polynomials ──▶ relinearisation key      once
//	Input ──▶ fresh encryption of a sum     every member adds a share
//	Product: tensor, relinearise, rescale   no message: each computes it
//	Refresh: masks off, copied, masks on    one product per refresh
//	Open: retained shares + noise           through a masked sum
//
// Everything that takes a message is a step, and every step has the same shape:
//
//	vow    what the step does, to which encryptions, by this member's own computation;
//	       that the step before came out as the sum of the shares it signed;
//	       a commitment to its share
//	share  once it has seen the same from everybody: the share, journalled before
//
// The hub adds shares and sees nothing. It cannot choose what is decrypted: a
// member refreshes only what it has computed itself from the steps before.
//
// Values live on coefficients, not in slots: there is no encoder, no
// complex number and no rotation; the ring's product is the inner product
// (see Layout). Keys live in memory, for one session: a member that is killed, and any
// session that is aborted, has lost its key, and the study starts a new attempt.
//
// # What is not promised
//
// A member that rushes, seeing other members' shares through a hub that works
// with it, can choose what the next product encrypts and learn key bits from the
// next share; Verify in full stops it where the hub alone is honest about order.
// A wrong value in a well-formed share is not detected unless it leaves its
// range. The library's arithmetic is not constant-time throughout: a local attacker is out of scope.
package mhe
