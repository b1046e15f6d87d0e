package engine_test

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// A study over one hospital protects nothing from that hospital, but gives the same figures by the same path.
func TestOneHospitalAloneGetsItsOwnFigures(t *testing.T) {
	s, err := study.Parse("one.yaml", []byte(`
study: one
sites: {Basel: {csv: basel.csv}}
variables: {age: {type: number, integer: true, min: 0, max: 120}}
analyses: [{id: ages, kind: describe, variables: [age]}]
privacy: {min_sites: 1, min_cell: 1}
`))
	if err != nil {
		t.Fatal(err)
	}
	basel, _, err := table.ReadCSV(strings.NewReader("age\n30\n40\n80\n"), "basel.csv", table.Source{}, s.Schema, "Basel", s.Privacy.MaxRows)
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine.Simulate(t.Context(), s, map[party.ID]*table.Table{"Basel": basel})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Analyses[0].Frame.Tidy[0].Get("mean"); got != 50.0 {
		t.Errorf("mean %v, want 50", got)
	}
}
