package report

import (
	"math"
	"strings"
	"testing"
)

// The wanted strings are what R 4.2.2 prints for trimws(format(x, digits = d)).
func TestNumbersPrintAsRFormatsThem(t *testing.T) {
	for _, tc := range []struct {
		x      []float64
		digits int
		want   string
	}{
		{[]float64{1, 10.5, 0.00123}, 4, "1.00000 10.50000 0.00123"},
		{[]float64{1e-10, 1}, 4, "1e-10 1e+00"},
		{[]float64{123456, 0.001}, 4, "1.235e+05 1.000e-03"},
		{[]float64{1e5, 1e6}, 4, "1e+05 1e+06"},
		{[]float64{-0.5, 100}, 3, "-0.5 100.0"},
		{[]float64{1e-300, 1}, 3, "1e-300 1e+00"},
		{[]float64{0, 0}, 4, "0 0"},
		{[]float64{1.10000001, 2}, 4, "1.1 2.0"},
		{[]float64{100000}, 4, "1e+05"},
		{[]float64{123456789}, 4, "123456789"},
		{[]float64{0.00001234}, 4, "1.234e-05"},
		{[]float64{9.9999, 1}, 3, "10 1"},
	} {
		if got := strings.Join(column(tc.x, tc.digits), " "); got != tc.want {
			t.Errorf("column(%v, %d): got %q, want %q", tc.x, tc.digits, got, tc.want)
		}
	}
}

// Likewise for format.pval(p, digits = d).
func TestPValuesPrintAsRFormatsThem(t *testing.T) {
	for _, tc := range []struct {
		p      []float64
		digits int
		want   string
	}{
		{[]float64{0.5, 0.0123, 0.00012, 1e-20}, 3, "0.50000|0.01230|0.00012|< 2e-16"},
		{[]float64{1e-20}, 3, "<2e-16"},
		{[]float64{1e-20}, 4, "< 2.2e-16"},
		{[]float64{0.5, 1e-20}, 3, "0.5|<2e-16"},
		{[]float64{1, 0.05, 0.001}, 3, "1.000|0.050|0.001"},
		{[]float64{0.5, 0.0000123, 0.00045}, 3, "0.50000|1.23e-05|0.00045"},
		{[]float64{0.12345, 1e-17}, 4, "0.1235|<2e-16"},
		{[]float64{0.5, math.NaN()}, 3, "0.5|NA"},
		{[]float64{0.00099999}, 3, "0.001"},
	} {
		if got := strings.Join(pvalues(tc.p, tc.digits), "|"); got != tc.want {
			t.Errorf("pvalues(%v, %d): got %q, want %q", tc.p, tc.digits, got, tc.want)
		}
	}
}

func TestQuantilesKeepTheirUnit(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 12: "12", 19.5: "19.5", 1000000023: "1000000023", 9.44e-8: "9.44e-08", 46.333333333333336: "46.33333", 1e-3: "0.001", 30000000: "30000000"} {
		if got := whole(x); got != want {
			t.Errorf("whole(%v): got %q, want %q", x, got, want)
		}
	}
	if got := alone(math.Copysign(0, -1), 4); got != "0" {
		t.Errorf("a negative zero prints as %q", got)
	}
}

func TestSizesAreReadable(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9960: "10 kB", 120034: "120 kB", 999600: "1.0 MB", 5e12: "5.0 TB"} {
		if got := bytes(n); got != want {
			t.Errorf("bytes(%d): got %q, want %q", n, got, want)
		}
	}
	if got := count(-1234567); got != "-1,234,567" {
		t.Errorf("count: got %q", got)
	}
}
