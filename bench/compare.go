package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteComparison writes what became of every row that both results have.
// Seconds are called different only where the ranges of the runs do not overlap:
// medians of a few runs differ by themselves.
func WriteComparison(w io.Writer, before, after *Results) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tseconds\t\tchange\thospital CPU\t\tchange\tup\t\tchange\tmemory\t\tchange")
	both := 0
	for i := range before.Rows {
		a := &before.Rows[i]
		b := after.Row(a.Key())
		if b == nil || !a.Done() || !b.Done() {
			continue
		}
		both++
		seconds := change(a.Seconds, b.Seconds)
		if a.SecondsMin <= b.SecondsMax && b.SecondsMin <= a.SecondsMax {
			seconds = "~"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Key(), a.seconds(), b.seconds(), seconds,
			Seconds(a.HospitalCPU), Seconds(b.HospitalCPU), change(a.HospitalCPU, b.HospitalCPU),
			Bytes(a.BytesUp), Bytes(b.BytesUp), change(float64(a.BytesUp), float64(b.BytesUp)),
			Bytes(a.PeakBytes), Bytes(b.PeakBytes), change(float64(a.PeakBytes), float64(b.PeakBytes)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if x, y := before.Machine, after.Machine; x.Processor != y.Processor || x.Cores != y.Cores || x.Go != y.Go {
		if _, err := fmt.Fprintf(w, "\nmeasured on different machines: %s, %d cores, %s; %s, %d cores, %s\n", x.Processor, x.Cores, x.Go, y.Processor, y.Cores, y.Go); err != nil {
			return err
		}
	}
	if both == 0 {
		return fmt.Errorf("bench: the results have no row in common")
	}
	return nil
}

func change(a, b float64) string {
	if a == 0 || a == b {
		return none
	}
	return fmt.Sprintf("%+.1f%%", 100*(b/a-1))
}
