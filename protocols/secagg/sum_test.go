package secagg_test

import (
	"testing"

	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/secagg"
)

func TestSumIsTheExactTotal(t *testing.T) {
	w := prototest.New(t, 1, "a", "b", "c", "d")
	w.SetUp()
	r := prototest.Rand(1, "inputs")
	for n := 1; n <= 3; n++ {
		inputs, want := prototest.RandomInputs(r, 4, 5*n)
		for id, total := range w.Sum(prototest.Ask(n, 5*n), inputs) {
			if !prototest.Equal(total.Sum, want) {
				t.Errorf("sum %d: %s opened %v, want %v", n, id, total.Sum, want)
			}
		}
	}
	s := w.Close(secagg.Code(1))
	if s.Failure != nil || s.Sums != 3 || len(s.Record.Closings) != 4 {
		t.Errorf("hub: %d sums, %d closings, failure %v", s.Sums, len(s.Record.Closings), s.Failure)
	}
}
