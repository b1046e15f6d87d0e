package engine_test

import (
	"testing"
)

func TestStudyOfPartiesEqualsSimulation(t *testing.T) {
	w := newTown(t)
	w.all()
	a := w.newAnalyst()
	r := w.fetch(a, w.submit(a, fiveStudy))
	if got, want := tidy(t, r), tidy(t, simulated(t, fiveStudy, hospitals...)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
