package bench

import "testing"

// BenchmarkScenario runs the scenarios of all suites: -bench Scenario/smoke.
func BenchmarkScenario(b *testing.B) {
	for _, suite := range Suites() {
		b.Run(suite.Name, func(b *testing.B) {
			for _, s := range suite.Scenarios {
				b.Run(s.Key(), func(b *testing.B) { benchmark(b, s) })
			}
		})
	}
}

func benchmark(b *testing.B, s Scenario) {
	r, err := Measure(b.Context(), s, b.N)
	switch {
	case err != nil:
		b.Fatal(err)
	case r.Failed != "":
		b.Fatal(r.Failed)
	case r.Skipped != "":
		b.Skip(r.Skipped)
	}
	b.ReportMetric(r.Seconds*1e9, "ns/op") // the median, without preparation
	for _, m := range r.metrics() {
		b.ReportMetric(m.value, m.unit)
	}
}
