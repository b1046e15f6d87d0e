package mhe

import (
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
)

// No two objects of any two sessions share a common random polynomial.
func TestEveryObjectHasItsOwnRandomPolynomial(t *testing.T) {
	p := InsecureTest(4)
	seen := map[[32]byte]string{}
	for session := range coinSessions {
		c := newCRS(party.Hash("T"), p.Digest(), [][]byte{uint64Bytes(uint64(session)), {1}})
		for _, at := range []crp{
			crp1, {"input", 2, 0, 6}, {"input", 4, 0, 6}, {"input", 4, 1, 6}, {"refresh", 4, 0, 6}, {"refresh", 4, 0, 4}, {"refresh", 5, 0, 6},
		} {
			b := make([]byte, 32)
			c.stream(at).Read(b)
			if other, twice := seen[[32]byte(b)]; twice {
				t.Fatalf("%+v of session %d has the stream of %s", at, session, other)
			}
			seen[[32]byte(b)] = at.protocol
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
