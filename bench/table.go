package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes rows as a table for people.
func WriteTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\treveal\tseconds\tmin to max\tplain\tratio\tup\tdown\trounds\tmemory\terror\tCPU hospital, hub\town machines")
	for _, r := range rows {
		if !r.Done() {
			why := "failed: " + r.Failed
			if r.Skipped != "" {
				why = "skipped: " + r.Skipped
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", r.Scenario, dash(r.Reveal), why)
			continue
		}
		fmt.Fprintln(t, strings.Join([]string{r.Scenario, dash(r.Reveal), r.seconds(), r.spread(), optional(r.PlainSeconds, Seconds), optional(r.Ratio, ratio),
			Bytes(r.BytesUp), Bytes(r.BytesDown), fmt.Sprint(r.Rounds), Bytes(r.PeakBytes), r.off(), r.processors(), r.own()}, "\t"))
	}
	return t.Flush()
}

const none = "·"

func dash(s string) string {
	if s == "" {
		return none
	}
	return s
}

func optional(x *float64, show func(float64) string) string {
	if x == nil {
		return none
	}
	return show(*x)
}

// seconds is the median, with ~ where it is a projection.
func (r Row) seconds() string {
	if r.Projection != nil {
		return "~" + Seconds(r.Seconds) + " (projection)"
	}
	return Seconds(r.Seconds)
}

func (r Row) spread() string {
	if r.Projection != nil {
		return none
	}
	return Seconds(r.SecondsMin) + " to " + Seconds(r.SecondsMax)
}

func (r Row) off() string {
	if r.Error == nil {
		return none
	}
	if *r.Error == 0 {
		return "0"
	}
	format := "%.1g %s"
	if *r.Error > 0.001 {
		format = "%.2g %s"
	}
	return strings.TrimSpace(fmt.Sprintf(format, *r.Error, shortUnit[r.ErrorUnit]))
}

var shortUnit = map[string]string{"standard errors": "SE"}

func (r Row) processors() string {
	if r.HospitalCPU == 0 {
		return none
	}
	return Seconds(r.HospitalCPU) + ", " + Seconds(r.HubCPU)
}

func (r Row) own() string {
	if r.OwnMachines == nil {
		return none
	}
	return "~" + Seconds(r.OwnMachines.Seconds)
}

func ratio(x float64) string { return fmt.Sprintf("%.2f", x) }

// Seconds shows a time to three digits, in the unit that suits it.
func Seconds(s float64) string {
	switch {
	case s == 0:
		return "0 s"
	case s < 1e-6:
		return fmt.Sprintf("%.3g ns", s*1e9)
	case s < 1e-3:
		return fmt.Sprintf("%.3g µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.3g ms", s*1e3)
	case s < 100:
		return fmt.Sprintf("%.3g s", s)
	case s < 6000:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.3g h", s/3600)
}

// Bytes shows a number of bytes to three digits, in powers of ten.
func Bytes(n int64) string {
	x := float64(n)
	switch {
	case n == 0:
		return none
	case x < 999.5:
		return fmt.Sprintf("%d B", n)
	case x < 999.5e3:
		return fmt.Sprintf("%.3g kB", x/1e3)
	case x < 999.5e6:
		return fmt.Sprintf("%.3g MB", x/1e6)
	}
	return fmt.Sprintf("%.3g GB", x/1e9)
}
