package secagg

import (
	"bytes"
	"errors"

	"github.com/cloudflare/circl/math/fp25519"

	"github.com/consilium-health/consilium/protocols/wire"
)

// element is a member of F = GF(2^255-19), little end first.
type element = fp25519.Elt

// fold returns sum_k (v[k] + 2^128 carry[k]) r^(k+1) in F, by Horner's rule from
// the last cell. carry may be nil. As a polynomial in r it has degree len(v) and
// no constant term, so two different vectors of integers below p agree at no
// more than len(v) values of r out of 2^255-19.
//
// A fold in Z/2^128 itself would not do: 2 divides zero there, and a change
// of a cell by 2^127 is invisible whenever the power of r is even.
func fold(r *element, v []byte, carry []byte) element {
	var acc, cell element
	for k := len(v)/wire.CellSize - 1; k >= 0; k-- {
		copy(cell[:16], v[k*16:])
		if carry != nil {
			cell[16] = carry[k]
		}
		fp25519.Add(&acc, &acc, &cell)
		fp25519.Mul(&acc, &acc, r)
	}
	fp25519.Modp(&acc)
	return acc
}

// challenge reads a digest as an element of F. The bias of 2^255 wrapped numbers
// is below 2^-249.
func challenge(d [32]byte) element {
	r := element(d)
	fp25519.Modp(&r)
	return r
}

// parseElement refuses what is not below 2^255-19: a claim has one spelling.
func parseElement(b []byte) (element, error) {
	e := element(b)
	r := e
	fp25519.Modp(&r)
	if !bytes.Equal(e[:], r[:]) {
		return element{}, errors.New("secagg: a claim is not below 2^255-19")
	}
	return e, nil
}
