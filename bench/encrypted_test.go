package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// BenchmarkEncrypted is a whole study with reveal: model, all hospitals in this
// process: keys, the encrypted solve, one exact step. It prints where the time
// goes, what one hospital sends, the round trips, the largest memory of the
// process, and the largest distance of a coefficient from the fit in clear, in standard errors.
func BenchmarkEncrypted(b *testing.B) {
	for _, file := range []string{"../testdata/cgd/encrypted.yaml", "heart4/study.yaml"} {
		b.Run(filepath.Base(filepath.Dir(file)), func(b *testing.B) {
			if strings.HasPrefix(file, "heart4") {
				if file = further(file); file == "" { // a set that may not be part of the repository
					b.Skip("no heart4 in CONSILIUM_ORACLES")
				}
			}
			src, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			src = onlyModel(src)
			encrypted(b, func() (*study.Spec, map[party.ID]*table.Table, error) { return load(file, src) }, nil)
		})
	}
	for _, k := range []struct{ rows, sites int }{{10_000, 3}, {10_000, 10}, {1_000_000, 10}} {
		b.Run(fmt.Sprintf("rows=%d/covariates=32/sites=%d", k.rows, k.sites), func(b *testing.B) {
			c := NewCohort(k.rows, 32, 7)
			spec, tables, err := c.Study(k.sites, `{id: fit, kind: logistic, formula: "y ~ .", evaluate: {cells: 0}}`, "model")
			if err != nil {
				b.Fatal(err)
			}
			beta, err := c.PlainNewton(8)
			if err != nil {
				b.Fatal(err)
			}
			encrypted(b, func() (*study.Spec, map[party.ID]*table.Table, error) { return spec, tables, nil }, beta)
		})
	}
}

// onlyModel leaves a study's logistic model "risk" as its one analysis, encrypted.
func onlyModel(src []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(src)) {
		if !strings.HasPrefix(line, "  - {id: ") || strings.HasPrefix(line, "  - {id: risk,") {
			out.WriteString(strings.Replace(line, "reveal: sums", "reveal: model", 1))
		}
	}
	return []byte(out.String())
}

// further finds a file of the sets that may not be part of the repository.
func further(file string) string {
	for _, root := range filepath.SplitList(os.Getenv("CONSILIUM_ORACLES")) {
		if path := filepath.Join(root, file); root != "" {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	return ""
}

func load(file string, src []byte) (*study.Spec, map[party.ID]*table.Table, error) {
	s, err := study.Parse(file, src)
	if err != nil {
		return nil, nil, err
	}
	tables := make(map[party.ID]*table.Table)
	for _, site := range s.Sites {
		if tables[site.ID], _, err = table.OpenCSV(filepath.Dir(file), site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows); err != nil {
			return nil, nil, err
		}
	}
	return s, tables, nil
}

func encrypted(b *testing.B, begin func() (*study.Spec, map[party.ID]*table.Table, error), beta []float64) {
	var last *report.Report
	var total time.Duration
	var most, worst float64
	for range b.N {
		runtime.GC()
		resetPeak()
		start := time.Now()
		s, tables, err := begin()
		if err != nil {
			b.Fatal(err)
		}
		if last, err = engine.Simulate(b.Context(), s, tables); err != nil {
			b.Fatal(err)
		}
		total += time.Since(start)
		most = max(most, peak())
		for _, a := range last.Analyses {
			if a.Refused != nil {
				b.Fatalf("%s: %v", a.ID, a.Refused)
			}
		}
		if beta != nil {
			worst = max(worst, away(last.Analyses[0].Frame, beta))
		}
	}
	var up int64
	for _, n := range last.Cost.BytesUp {
		up = max(up, n)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(total.Seconds()/float64(b.N), "s/study")
	for _, p := range last.Cost.Phases {
		b.ReportMetric(p.Seconds, "s/"+strings.ReplaceAll(p.Name, " ", "-"))
	}
	b.ReportMetric(float64(last.Cost.Trips()), "round-trips")
	b.ReportMetric(float64(up)/1e6, "MB-up/site")
	b.ReportMetric(most, "peak-GiB")
	if beta != nil {
		b.ReportMetric(worst, "error/SE")
	}
}

// away is the largest distance of an estimate from beta, in standard errors.
func away(f *stat.Frame, beta []float64) (worst float64) {
	for j, r := range f.Tidy {
		worst = max(worst, math.Abs(r.Get("estimate").(float64)-beta[j])/r.Get("std_error").(float64))
	}
	return worst
}

// resetPeak forgets the largest memory of the process so far, where the system can.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak is the largest memory of the process in GiB, NaN where the system does not say.
func peak() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return math.NaN()
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err == nil {
				return kb / (1 << 20)
			}
		}
	}
	return math.NaN()
}
