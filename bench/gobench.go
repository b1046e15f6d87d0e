package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

type metric struct {
	unit  string
	value float64
}

// metrics are the figures of a row, beside seconds, by their units in Go's benchmark format.
func (r Row) metrics() (all []metric) {
	add := func(unit string, x float64) {
		if x != 0 {
			all = append(all, metric{unit, x})
		}
	}
	if r.PlainSeconds != nil {
		add("plain-ns/op", *r.PlainSeconds*1e9)
		add("ratio", *r.Ratio)
	}
	add("bytes-up/hospital", float64(r.BytesUp))
	add("bytes-down/hospital", float64(r.BytesDown))
	add("rounds", float64(r.Rounds))
	add("peak-bytes", float64(r.PeakBytes))
	add("cpu-ns/hospital", r.HospitalCPU*1e9)
	add("cpu-ns/hub", r.HubCPU*1e9)
	if r.Error != nil {
		add("error", *r.Error)
	}
	if len(r.Samples) > 0 {
		last := r.Samples[len(r.Samples)-1]
		for _, name := range slices.Sorted(maps.Keys(last.Metrics)) {
			add(name, last.Metrics[name])
		}
		for _, p := range last.Phases {
			add("s-"+strings.ReplaceAll(p.Name, " ", "-"), p.Seconds)
		}
	}
	return all
}

// WriteBenchmark writes rows in Go's benchmark format, one line for each run,
// under the names that go test gives them: benchstat compares two such files.
func WriteBenchmark(w io.Writer, m Machine, rows []Row) error {
	var b strings.Builder
	system, _, _ := strings.Cut(m.System, " ")
	os, arch, _ := strings.Cut(system, "/")
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/consilium-health/consilium/bench\ncpu: %s\n", os, arch, m.Processor)
	for _, r := range rows {
		if !r.Done() || r.Projection != nil {
			continue
		}
		for _, x := range r.Samples {
			one := rowOf(r.Parameters, &Work{}, []Sample{x})
			fmt.Fprintf(&b, "BenchmarkScenario/%s/%s-%d\t1\t%.0f ns/op", r.Parameters.Suite, r.Key(), m.Cores, x.Seconds*1e9)
			for _, m := range one.metrics() {
				fmt.Fprintf(&b, "\t%.6g %s", m.value, m.unit)
			}
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
