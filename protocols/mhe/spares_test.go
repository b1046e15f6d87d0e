package mhe

import (
	"testing"

	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/round"
)

// A row that is spare belongs to nobody else: not to a ciphertext, a key or another spare row. The
// session's steps are of all kinds, and go on with what they gave back.
func TestSpareRowsAreNobodyElses(t *testing.T) {
	for _, verify := range []string{VerifyFold, VerifyFull} {
		p := InsecureTest(6)
		w := newWorld(t, p, 3, func(c *Config) { c.Verify = verify })
		live := make([][]*Ciphertext, 3)
		values := make([][]*Retained, 3)
		check := func(step string) {
			t.Helper()
			for i, s := range w.sessions {
				owner := map[*uint64]string{}
				own := func(who string, rows ...[]uint64) {
					for _, row := range rows {
						if before, taken := owner[&row[0]]; taken {
							t.Fatalf("%s, %s: a row of %s is one of %s", verify, step, who, before)
						}
						owner[&row[0]] = who
					}
				}
				for _, x := range []ring.Poly{s.secret.key.Value.Q, s.secret.key.Value.P} {
					own("the secret key", x.Coeffs...)
				}
				for k := range s.rlk.b {
					own("the relinearisation key", append(append(share{}, s.rlk.b[k]...), s.rlk.a[k]...)...)
				}
				for _, c := range live[i] {
					own("a ciphertext", append(append(share{}, c.c0.Coeffs...), c.c1.Coeffs...)...)
				}
				for _, c := range s.constants {
					own("a constant", c.poly.Coeffs...)
				}
				own("the spares", s.tool.rows.rows...)
				wides := map[*wide]bool{}
				for _, v := range values[i] {
					wides[&v.share[0]] = true
				}
				for _, row := range s.tool.wides.rows {
					if wides[&row[0]] {
						t.Fatalf("%s, %s: spare integers are retained, or spare twice", verify, step)
					}
					wides[&row[0]] = true
				}
				for _, row := range s.tool.rows.rows { // who still reads one will see
					for k := range row {
						row[k] = ^uint64(0)
					}
				}
				for _, row := range s.tool.wides.rows {
					for k := range row {
						row[k] = wide{^uint64(0), 1, ^uint64(0), 1, ^uint64(0)}
					}
				}
			}
		}
		must(w, keys)
		check("keys")
		in := must(w, func(s *Session) (round.Machine[[]*Ciphertext], error) {
			return s.Input([]Plain{p.plain("x", 4, 8, 0.5, -0.25), p.plain("y", 4, 8, 1)})
		})
		for i := range in {
			live[i] = append(live[i], in[i]...)
		}
		check("input")
		want := []float64{2.25, -1.125} // x is 1.5, -0.75 and y is 3: x y / 2, and that times y / 2 ...
		for range 3 {
			out := must(w, func(s *Session) (round.Machine[[]Refreshed], error) {
				i := w.index(s)
				x, err := s.Product([2]*Ciphertext{live[i][len(live[i])-2], live[i][1]})
				if err != nil {
					return nil, err
				}
				less, err := s.FromConst([]Const{{At: 3, X: p.Fixed(1)}}, live[i][1])
				if err != nil {
					return nil, err
				}
				y, err := s.Product([2]*Ciphertext{live[i][len(live[i])-2], less})
				if err != nil {
					return nil, err
				}
				live[i] = append(live[i], less)
				copies := []Copy{{0, 0}, {1, 1}}
				return s.RefreshAll(
					Part{C: x, Outputs: []Output{{Copies: copies, Times: 1 << (timesUnit - 1)}, {Copies: copies, Times: 1 << (timesUnit - 1)}}},
					Part{C: y, Retain: true, Outputs: []Output{{Copies: []Copy{{0, p.Degree() - 1}}}}})
			})
			for i := range out {
				values[i] = append(values[i], out[i][1].Value)
				live[i] = append(live[i], out[i][1].Outputs[0], out[i][0].Outputs[0], out[i][0].Outputs[1])
			}
			check("refresh")
			for i := range out {
				if d := off(w.decrypt(out[i][0].Outputs[0]), want); d > 1e-9 {
					t.Errorf("%s, member %d: off by %g", verify, i, d)
				}
			}
			for k := range want {
				want[k] *= 1.5
			}
		}
	}
}
