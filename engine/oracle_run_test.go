package engine_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// runStudy returns the analyses of a set's result.json by their id.
func runStudy(t *testing.T, s *oracleSet) map[string]map[string]any {
	t.Helper()
	return results(t, record(t, filepath.Join(s.dir, "oracle.yaml"), oracleStudy(t, s)).report)
}

// simulate returns the analyses of result.json by their id.
func simulate(t *testing.T, spec *study.Spec, tables map[party.ID]*table.Table) map[string]map[string]any {
	t.Helper()
	r, err := engine.Simulate(t.Context(), spec, tables)
	if err != nil {
		t.Fatalf("%s: %v", spec.Name, err)
	}
	return results(t, r)
}

// results are the analyses of a report as result.json has them.
func results(t *testing.T, r *report.Report) map[string]map[string]any {
	t.Helper()
	if dir := os.Getenv("CONSILIUM_PAGES"); dir != "" { // for the test that opens reports in a browser
		var page bytes.Buffer
		if err := r.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, r.Spec.Name+".html"), page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var result struct {
		Analyses []map[string]any
	}
	if err := json.Unmarshal(b.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	for _, a := range result.Analyses {
		out[text(a["id"])] = a
	}
	return out
}
