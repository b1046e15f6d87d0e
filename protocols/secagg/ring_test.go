package secagg_test

import (
	"bytes"
	"math/big"
	"testing"

	"golang.org/x/crypto/chacha20"

	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/secagg"
)

var p25519 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

func littleEndian(b []byte) *big.Int {
	r := bytes.Clone(b)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return new(big.Int).SetBytes(r)
}

// slowFold is sum_k (v[k] + 2^128 carry[k]) r^(k+1) mod p, term by term.
func slowFold(r [32]byte, v, carry []byte) *big.Int {
	sum, x, power := new(big.Int), littleEndian(r[:]), big.NewInt(1)
	for k := range len(v) / 16 {
		power.Mod(power.Mul(power, x), p25519)
		cell := littleEndian(v[k*16 : k*16+16])
		if carry != nil {
			cell.Add(cell, new(big.Int).Lsh(big.NewInt(int64(carry[k])), 128))
		}
		sum.Add(sum, cell.Mul(cell, power))
	}
	return sum.Mod(sum, p25519)
}

func random(d *prototest.Dice, n int) []byte {
	b := make([]byte, n)
	d.Read(b)
	return b
}

func TestFoldAgreesWithBigIntegers(t *testing.T) {
	d := prototest.Rand(1, "fold")
	edge := [][32]byte{{}, {1}, {2}, secagg.Challenge([32]byte(bytes.Repeat([]byte{0xff}, 32)))}
	minusOne := [32]byte(bytes.Repeat([]byte{0xff}, 32))
	minusOne[0], minusOne[31] = 0xec, 0x7f // p - 1
	edge = append(edge, minusOne)
	for i := range 200 {
		cells := int(d.Uint64()%40) + 1
		v, carry := random(d, 16*cells), random(d, cells)
		if i%3 == 0 {
			v = bytes.Repeat([]byte{0xff}, 16*cells)
			carry = bytes.Repeat([]byte{199}, cells)
		}
		r := secagg.Challenge([32]byte(random(d, 32)))
		if i < len(edge) {
			r = edge[i]
		}
		got := secagg.Fold(r, v, carry)
		if want := slowFold(r, v, carry); littleEndian(got[:]).Cmp(want) != 0 {
			t.Fatalf("fold %d of %d cells: got %x, want %x", i, cells, littleEndian(got[:]), want)
		}
		got = secagg.Fold(r, v, nil)
		if want := slowFold(r, v, nil); littleEndian(got[:]).Cmp(want) != 0 {
			t.Fatalf("fold %d without carry: got %x, want %x", i, littleEndian(got[:]), want)
		}
	}
}

func TestFoldSeesEveryShift(t *testing.T) {
	d := prototest.Rand(2, "shift")
	missed := 0
	for range 2000 {
		cells := int(d.Uint64()%20) + 1
		v, carry := random(d, 16*cells), make([]byte, cells)
		for k := range carry {
			carry[k] = byte(d.Uint64() % 100)
		}
		r := secagg.Challenge([32]byte(random(d, 32)))
		if d.Uint64()%2 == 0 {
			r[0] &^= 1 // even powers are where a check modulo 2^128 is blind
		}
		w, c, k := bytes.Clone(v), bytes.Clone(carry), int(d.Uint64()%uint64(cells))
		switch d.Uint64() % 4 {
		case 0:
			w[k*16+15] ^= 0x80 // by 2^127
		case 1:
			c[k]++ // by 2^128
		case 2:
			w[k*16+int(d.Uint64()%16)] ^= byte(1 << (d.Uint64() % 8))
		case 3:
			copy(w[k*16:], random(d, 16))
		}
		if secagg.Fold(r, v, carry) == secagg.Fold(r, w, c) {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("%d of 2000 shifts were not seen", missed)
	}
}

func TestClaimHasOneSpelling(t *testing.T) {
	le := func(x *big.Int) []byte {
		b := x.FillBytes(make([]byte, 32))
		for i := range 16 {
			b[i], b[31-i] = b[31-i], b[i]
		}
		return b
	}
	one := big.NewInt(1)
	for _, tc := range []struct {
		name string
		x    *big.Int
		ok   bool
	}{
		{"0", big.NewInt(0), true}, {"1", one, true}, {"p-1", new(big.Int).Sub(p25519, one), true}, {"p", p25519, false},
		{"p+1", new(big.Int).Add(p25519, one), false}, {"2^255", new(big.Int).Lsh(one, 255), false},
		{"2^256-1", new(big.Int).Sub(new(big.Int).Lsh(one, 256), one), false}, {"2p", new(big.Int).Lsh(p25519, 1), false},
	} {
		if _, err := secagg.ParseElement(le(tc.x)); (err == nil) != tc.ok {
			t.Errorf("%s: got %v, want ok = %v", tc.name, err, tc.ok)
		}
	}
}

func TestStreamIsChaCha20FromBlockOne(t *testing.T) {
	d := prototest.Rand(3, "stream")
	for _, cells := range []int{1, 3, 4, 5, 63, 64, 1000} {
		key := [32]byte(random(d, 32))
		c, err := chacha20.NewUnauthenticatedCipher(key[:], make([]byte, 12))
		if err != nil {
			t.Fatal(err)
		}
		c.SetCounter(1)
		want := make([]byte, cells*16)
		c.XORKeyStream(want, want)
		if got := secagg.Stream(key, cells); !bytes.Equal(got, want) {
			t.Errorf("%d cells: not ChaCha20's key stream", cells)
		}
	}
}

func TestCellsSurviveTheirEncoding(t *testing.T) {
	in, _ := prototest.RandomInputs(prototest.Rand(4, "cells"), 1, 50)
	in[0][0], in[0][1] = [2]uint64{}, [2]uint64{^uint64(0), ^uint64(0)}
	if !prototest.Equal(secagg.Decode(secagg.Encode(in[0])), in[0]) {
		t.Error("cells change on their way")
	}
}

func TestCarryIsThatOfTheIntegerSum(t *testing.T) {
	const members = 200
	most := secagg.Vector{{^uint64(0), ^uint64(0)}, {1, 0}, {0, 1 << 63}, {^uint64(0), 0}}
	total, carry := make(secagg.Vector, len(most)), make([]byte, len(most))
	for range members {
		secagg.AddCarry(total, carry, secagg.Encode(most))
	}
	for k, c := range most {
		want := new(big.Int).Lsh(new(big.Int).SetUint64(c[1]), 64)
		want.Add(want, new(big.Int).SetUint64(c[0])).Mul(want, big.NewInt(members))
		got := new(big.Int).Lsh(big.NewInt(int64(carry[k])), 64)
		got.Add(got, new(big.Int).SetUint64(total[k][1])).Lsh(got, 64).Add(got, new(big.Int).SetUint64(total[k][0]))
		if got.Cmp(want) != 0 {
			t.Errorf("cell %d: got %v, want %v", k, got, want)
		}
		if carry[k] >= members {
			t.Errorf("cell %d: carry %d of %d members", k, carry[k], members)
		}
	}
}
