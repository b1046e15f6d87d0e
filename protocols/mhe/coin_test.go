package mhe

import (
	"fmt"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
)

// No two objects of any two sessions share a common random polynomial.
func TestEveryObjectHasItsOwnRandomPolynomial(t *testing.T) {
	p := InsecureTest(4)
	seen := map[[4]uint64]string{}
	for session := range coinSessions {
		c := newCRS(party.Hash("T"), p.Digest(), [][]byte{uint64Bytes(uint64(session)), {1}})
		for _, at := range []crp{
			crp1, {"input", 2, 0, 6}, {"input", 4, 0, 6}, {"input", 4, 1, 6}, {"refresh", 4, 0, 6}, {"refresh", 4, 0, 4}, {"refresh", 5, 0, 6},
		} {
			b := make([]uint64, 4)
			c.stream(at).uniform(b, 1<<63)
			if other, twice := seen[[4]uint64(b)]; twice {
				t.Fatalf("%+v of session %d has the stream of %s", at, session, other)
			}
			seen[[4]uint64(b)] = at.protocol
		}
	}
}

// The coin depends on every member's toss, on the transcript and on the parameters.
func TestCoinDependsOnEverything(t *testing.T) {
	base := newCRS([32]byte{1}, [32]byte{2}, [][]byte{{3}, {4}})
	for name, other := range map[string]crs{
		"transcript": newCRS([32]byte{9}, [32]byte{2}, [][]byte{{3}, {4}}), "parameters": newCRS([32]byte{1}, [32]byte{9}, [][]byte{{3}, {4}}),
		"first toss": newCRS([32]byte{1}, [32]byte{2}, [][]byte{{9}, {4}}), "last toss": newCRS([32]byte{1}, [32]byte{2}, [][]byte{{3}, {9}}),
		"order": newCRS([32]byte{1}, [32]byte{2}, [][]byte{{4}, {3}}), "number": newCRS([32]byte{1}, [32]byte{2}, [][]byte{{3}, {4}, {}}),
	} {
		if other == base {
			t.Errorf("the coin does not depend on the %s", name)
		}
	}
}

func TestAllMembersTossOneCoin(t *testing.T) {
	w := newWorld(t, InsecureTest(4), 4)
	must(w, func(s *Session) (round.Machine[struct{}], error) { return s.coin() })
	for _, s := range w.sessions {
		if s.crs != w.sessions[0].crs || s.crs == (crs{}) {
			t.Error("members have different coins")
		}
	}
}

// Uniform polynomials: every residue below its prime, bits balanced.
func TestRandomPolynomialsAreUniform(t *testing.T) {
	p := InsecureTest(10)
	c := newCRS([32]byte{1}, p.Digest(), [][]byte{{3}})
	x := c.poly(p, crp{"input", 1, 0, p.top()})
	for i, row := range x.Coeffs {
		q, mean := p.prime(i), 0.0
		for _, v := range row {
			if v >= q {
				t.Fatalf("residue %d is not below %d", v, q)
			}
			mean += float64(v) / float64(q) / float64(len(row))
		}
		if d := (mean - 0.5) * (mean - 0.5) * 12 * float64(len(row)); d > 45 {
			t.Errorf("prime %d: mean %.3f", i, mean)
		}
	}
}

// The expansion is the same on every processor, and residues that are left out leave no trace.
func TestExpansionIsWhatItWas(t *testing.T) {
	p := InsecureTest(4)
	c := newCRS([32]byte{1}, [32]byte{2}, [][]byte{{3}})
	row := make([]uint64, 3000)
	c.stream(crp{"input", 7, 1, 6}).uniform(row, 1<<40+1)
	var b []byte
	for _, v := range row {
		if v > 1<<40 {
			t.Fatalf("%d is not below 2^40 + 1", v)
		}
		b = append(b, uint64Bytes(v)...)
	}
	for _, x := range append(c.rows(p, crp1, p.keyShape(1)), c.rows(p, crp{"refresh", 3, 0, 4}, shape{{1, 4, false}})...) {
		for _, v := range x {
			b = append(b, uint64Bytes(v)...)
		}
	}
	const want = "735822a86ac721093ff0e2415eac53d3be79a792fe26b4ac1deb3a8931bc14e4"
	if got := fmt.Sprintf("%x", party.Hash("test", b)); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}
