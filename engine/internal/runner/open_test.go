package runner

import (
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
)

// Until hospitals were asked what they stop, a computed analysis is as unfinished as any.
func TestUnfinishedIsWhatHospitalsCouldNotYetStop(t *testing.T) {
	for _, c := range []struct {
		round          int
		vetoes, done   bool
		wantUnfinished bool
	}{
		{0, false, true, true},
		{1, true, true, true},
		{2, false, true, false},
		{2, false, false, true},
	} {
		a := &analysis{done: c.done}
		(&lockstep{round: c.round, vetoes: c.vetoes, all: []*analysis{a}}).unfinished(stat.Refusal{Rule: "unfinished"})
		if got := a.refused != nil; got != c.wantUnfinished {
			t.Errorf("%+v: unfinished %v", c, got)
		}
	}
	before := &stat.Refusal{Rule: "min_cell"}
	a := &analysis{refused: before}
	(&lockstep{all: []*analysis{a}}).unfinished(stat.Refusal{Rule: "unfinished"})
	if a.refused != before {
		t.Errorf("a refusal was replaced by %v", a.refused)
	}
}
