package secagg

import (
	"bytes"
	"errors"

	"github.com/cloudflare/circl/math/fp25519"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

var (
	errFold  = errors.New("the sum is not the sum of what the members signed")
	errMasks = errors.New("the masks do not cancel: cell 0 is not 0")
	errOwn   = errors.New("an own mask does not open its commitment")
)

// opening is everything that is needed to check a sum and open it: the same for
// a member and for the reader, who differ in how they unseal an own mask.
type opening struct {
	label, headsHash, sumHash [32]byte
	heads                     []*wire.Head
	unlocks                   []*wire.Unlock
	vector, carry             []byte
}

// open checks the hub's addition, then each own mask against its commitment,
// then cell 0, and returns the total without it. With errOwn, the second
// result is whose mask it was; else it is -1.
//
//	sum_i claim_i = sum_k (Y[k] + 2^128 carry[k]) r^(k+1)   in F
//	total = Y - sum_j own_j(c)                              in Z/2^128
func (o *opening) open(roster party.Roster, unseal func(j int, sealed []byte) ([]byte, bool)) (Vector, int, error) {
	r := challenge(foldDigest(o.label, o.headsHash, o.sumHash))
	var claimed element
	for _, u := range o.unlocks {
		c, err := parseElement(u.Claim)
		if err != nil {
			return nil, -1, errFold
		}
		fp25519.Add(&claimed, &claimed, &c)
	}
	fp25519.Modp(&claimed)
	if claimed != fold(&r, o.vector, o.carry) {
		return nil, -1, errFold
	}
	total := decode(o.vector)
	masks := newStreamer(len(total))
	for j, u := range o.unlocks {
		key, ok := unseal(j, u.Own)
		if !ok || len(key) != 32 {
			return nil, j, errOwn
		}
		own := digest(key)
		if c := ownCommitment(o.label, roster.At(j).ID, own); !bytes.Equal(c[:], o.heads[j].Own) {
			return nil, j, errOwn
		}
		sub(total, masks.stream(own))
	}
	if total[0] != [2]uint64{} {
		return nil, -1, errMasks
	}
	return total[1:], -1, nil
}

// readerInfo binds an own mask that is sealed to the reader to its place.
func readerInfo(transcript, label [32]byte, id party.ID) (info, aad []byte) {
	i := party.Hash("reader info", transcript[:])
	a := party.Hash("reader aad", label[:], []byte(id))
	return i[:], a[:]
}
