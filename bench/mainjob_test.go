package bench

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// BenchmarkMainJob is the README's study from file to result: reading the
// records of 13 hospitals, keys, set-up, every masked sum, every analysis.
func BenchmarkMainJob(b *testing.B) {
	const dir = "../testdata/cgd"
	src, err := os.ReadFile(filepath.Join(dir, "study.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	var up, down, sums float64
	for range b.N {
		s, err := study.Parse("study.yaml", src)
		if err != nil {
			b.Fatal(err)
		}
		tables := make(map[party.ID]*table.Table)
		for _, site := range s.Sites {
			if tables[site.ID], _, err = table.OpenCSV(dir, site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows); err != nil {
				b.Fatal(err)
			}
		}
		r, err := engine.Simulate(b.Context(), s, tables)
		if err != nil {
			b.Fatal(err)
		}
		up, down, sums = float64(r.Cost.BytesUp["nih"]), float64(r.Cost.BytesDown["nih"]), float64(r.Cost.Rounds)
	}
	b.ReportMetric(up, "bytes-up/site")
	b.ReportMetric(down, "bytes-down/site")
	b.ReportMetric(sums, "sums")
}
