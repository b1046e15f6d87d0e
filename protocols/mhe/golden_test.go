package mhe

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"testing"

	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/wire"
)

// What members send of a session whose randomness is given, and what they compute of it, is the same to the bit
// whatever is done to make it faster. The shares go in parts and have rows of all kinds; copies end
// at the first coefficients, in the middle, and at the last one.
func TestSeededSessionsAreTheSameToTheBit(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the errors' probabilities come from math.Exp, which may differ in its last bit elsewhere")
	}
	for logN, want := range map[int]string{8: "5b36112ea158c21e9aba54b8021c57b5", 9: "806cf541f962e61d01f837745c6e559d"} {
		p := InsecureTest(logN)
		w := newWorld(t, p, 3)
		sent := sha256.New()
		w.network = func(m round.Message) []round.Message {
			e, err := wire.Open(m.Body, w.sessions[0].limits)
			if err != nil {
				t.Fatal(err)
			}
			if e.Type == wire.Type_SHARE {
				sent.Write(e.Bulk)
			}
			if e.Type == wire.Type_FOLDED && w.roster.Index(m.To) == 0 {
				sent.Write(e.Body)
			}
			return []round.Message{m}
		}
		note := func(c *Ciphertext) {
			d := c.digest()
			sent.Write(d[:])
		}
		must(w, keys)
		in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
			return s.Input([]Plain{p.plain("x", 4, 8, 0.5, -0.25, 1), p.plain("y", 4, 8, 0.125), p.plain("z", 4, 8, -1, 1)})
		})
		n := p.Degree()
		var outputs []Output
		for _, to := range []int{0, 1, 2, 3, 4, n/16 - 1, n / 16, n/4 - 1, n / 4, n / 2, n - 1} {
			o := Output{Times: 1<<timesUnit + uint64(to)<<7}
			for k := range min(to, 5) + 1 {
				o.Copies = append(o.Copies, Copy{From: 3 * k, To: to - k})
			}
			outputs = append(outputs, o)
		}
		for range 2 {
			out := must(w, func(s *Session) (round.Machine[[]Refreshed], error) {
				x := in[w.index(s)]
				var parts []Part
				for k := range 2 {
					c, err := s.Product([2]*Ciphertext{x[k], x[k+1]}, [2]*Ciphertext{x[1], x[2]})
					if err != nil {
						return nil, err
					}
					note(c)
					parts = append(parts, Part{C: c, Retain: k == 1, Outputs: outputs[k : len(outputs)-1+k]})
				}
				return s.RefreshAll(parts...)
			})
			for i := range out {
				in[i] = nil
				for _, r := range out[i] {
					in[i] = append(in[i], r.Outputs[:4]...)
					for _, c := range r.Outputs {
						note(c)
					}
				}
			}
		}
		if got := hex.EncodeToString(sent.Sum(nil)[:16]); got != want {
			t.Errorf("degree 2^%d: %s, want %s", logN, got, want)
		}
	}
}
