package mhe

import (
	"fmt"
	"math/big"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// However many pairs there are, their products add up, the largest residues included.
func TestManyPairsAddUp(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2)
	must(w, keys)
	in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
		return s.Input([]Plain{p.plain("x", 8, 16, 1, 0.25), p.plain("y", 8, 16, 0.5)})
	})
	s, x, y := w.sessions[0], in[0][0], in[0][1]
	for _, n := range []int{1, 2, 3, 4, 32, 67} {
		var pairs [][2]*Ciphertext
		for range n {
			pairs = append(pairs, [2]*Ciphertext{x, y})
		}
		c, err := s.Product(pairs...)
		if err != nil {
			t.Fatal(err)
		}
		if d := off(w.decrypt(c), []float64{2 * float64(n), 0.5 * float64(n)}); d > c.bound.Err {
			t.Errorf("%d pairs: off by %g, bound %g", n, d, c.bound.Err)
		}
	}
	// Of the largest rows, too: any word in one, the largest residue in the other.
	for i := range p.lit.Q {
		q := new(big.Int).SetUint64(p.prime(i))
		back := new(big.Int).ModInverse(new(big.Int).Lsh(one, 64), q)
		var pairs [][2][]uint64
		want := new(big.Int)
		for n := range 8 {
			word := ^uint64(n)
			pairs = append(pairs, [2][]uint64{{word}, {p.prime(i) - 1}})
			want.Sub(want, new(big.Int).SetUint64(word))
			out := []uint64{5}
			newModulus(p.subring(i)).products(out, pairs)
			if w := new(big.Int).Mul(want, back); out[0] != w.Mod(w, q).Uint64() {
				t.Errorf("prime %d, %d products: %d, want %v", i, n+1, out[0], w)
			}
		}
	}
}

// The key relinearises: b_w + a_w s is P g_w s^2 and a small error, at every digit.
func TestRelinearisationKeyEncryptsItsGadget(t *testing.T) {
	p := InsecureTest(6)
	w := newWorld(t, p, 3)
	must(w, keys)
	s := w.sessions[1]
	// The sum of all keys, and P s^2.
	sum := s.keyRows(w.sessions[0].tool.newSecret())
	for r, prime := range s.tool.multiplier.keys {
		clear(sum[r])
		for _, o := range w.sessions {
			p.subring(prime).Add(sum[r], o.keyRows(o.secret)[r], sum[r])
		}
	}
	for digit := range p.digits() {
		for r, prime := range s.tool.multiplier.keys {
			sub := p.subring(prime)
			row := make([]uint64, p.Degree())
			copy(row, s.rlk.b[digit][r])
			sub.MulCoeffsMontgomeryThenAdd(s.rlk.a[digit][r], sum[r], row)
			if prime/digitPrimes == digit && prime < p.top() {
				square := make([]uint64, p.Degree())
				sub.MulCoeffsMontgomery(sum[r], sum[r], square) // in Montgomery form
				times := new(big.Int).Mod(product(p.lit.P), new(big.Int).SetUint64(sub.Modulus))
				sub.MulScalarMontgomery(square, bigMForm(times, sub.Modulus), square)
				sub.Sub(row, square, row)
			}
			sub.IMForm(row, row)
			sub.INTT(row, row)
			limit := uint64(3*64*3*3*20 + 2*3*20)
			for k, x := range row {
				if x > limit && x < sub.Modulus-limit {
					t.Fatalf("digit %d prime %d coefficient %d: %d is no small error", digit, prime, k, x)
				}
			}
		}
	}
}

func bigMForm(x *big.Int, q uint64) uint64 {
	y := new(big.Int).Lsh(x, 64)
	return y.Mod(y, new(big.Int).SetUint64(q)).Uint64()
}

// A session from the same seeds sends the same bytes on every processor, and after every
// change that is only one of speed: shares and sums of keys, an input, a product and its refresh.
func TestSharesAreWhatTheyWere(t *testing.T) {
	p := InsecureTest(5)
	w := newWorld(t, p, 3)
	var sent [][]byte
	w.network = func(m round.Message) []round.Message {
		e := new(wire.Envelope)
		if err := proto.Unmarshal(m.Body, e); err != nil {
			t.Error(err)
		}
		if e.Type == wire.Type_SHARE || e.Type == wire.Type_FOLDED && m.To == "m00" {
			sent = append(sent, e.Body, e.Bulk)
		}
		return []round.Message{m}
	}
	w.squared(2, func(s *Session, c *Ciphertext) (round.Machine[Refreshed], error) {
		return s.Refresh(c, true, Output{Copies: []Copy{{0, 3}, {1, 0}}, Times: 3 << 38})
	})
	const want = "a76706c482e98c61b361318d8446b4c2c82b27198e620795c18d639fe80e6ad4"
	if got := fmt.Sprintf("%x", party.Hash("test", sent...)); got != want {
		t.Errorf("digest %s of %d parts, want %s", got, len(sent), want)
	}
}
