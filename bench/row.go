package bench

import (
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/report"
)

// Party is what one party of a scenario spent in one run.
type Party struct {
	ID      string  `json:"id"`          // of a hospital, or hub
	CPU     float64 `json:"cpu_seconds"` // of its own work, by the clock of its thread; 0 where the system has none
	BytesUp int64   `json:"bytes_up"`    // sent
	Down    int64   `json:"bytes_down"`  // received
}

// Opened is one kind of number that a run opened.
type Opened struct {
	What  string `json:"what"`
	Cells int    `json:"cells"` // at a time
	Times int    `json:"times"`
	To    string `json:"to"`
}

// Sample is one run of a scenario, and the same work in clear beside it.
type Sample struct {
	Seconds      float64  `json:"seconds"`                 // wall clock
	PlainSeconds *float64 `json:"plain_seconds,omitempty"` // nil: there is no plain form
	CPU          float64  `json:"cpu_seconds"`             // of the whole process during the run; 0 where the system does not say
	PlainCPU     float64  `json:"plain_cpu_seconds,omitempty"`
	PeakBytes    int64    `json:"peak_bytes"` // largest memory of the process during the run, all parties and all records in it
	Load         float64  `json:"load"`       // of the machine when the run began, over one minute; 0 where it does not say

	// Filled in by the work.
	Parties []Party            `json:"parties,omitempty"`
	Rounds  int                `json:"rounds"` // round trips between a hospital and the hub
	Error   *float64           `json:"error"`  // nil: nothing to compare with
	Opened  []Opened           `json:"opened,omitempty"`
	Phases  []report.Phase     `json:"phases,omitempty"`  // at one hospital
	Metrics map[string]float64 `json:"metrics,omitempty"` // what only this scenario has
}

// Projection says that figures are computed from measured ones.
type Projection struct {
	Seconds float64 `json:"seconds"`
	How     string  `json:"how"`
}

// Row is what a scenario came to. Times are medians over the samples.
type Row struct {
	Scenario  string   `json:"scenario"`
	Reveal    string   `json:"reveal"`
	Seconds   float64  `json:"seconds"`
	Ratio     *float64 `json:"ratio"`      // seconds over the plain seconds of the same runs; nil without a plain form
	BytesUp   int64    `json:"bytes_up"`   // of the hospital that sent most
	BytesDown int64    `json:"bytes_down"` // of the hospital that received most
	Rounds    int      `json:"rounds"`
	PeakBytes int64    `json:"peak_bytes"` // the largest of all runs
	Error     *float64 `json:"error"`      // the largest of all runs
	ErrorUnit string   `json:"error_unit,omitempty"`
	Opened    []Opened `json:"opened"`
	Security  []string `json:"security"`

	SecondsMin   float64  `json:"seconds_min"`
	SecondsMax   float64  `json:"seconds_max"`
	PlainSeconds *float64 `json:"plain_seconds"`
	HospitalCPU  float64  `json:"hospital_cpu_seconds"` // median of the busiest hospital's
	HubCPU       float64  `json:"hub_cpu_seconds"`

	// OwnMachines is what the run takes when every party has a machine of its own and the network takes no time.
	OwnMachines *Projection `json:"own_machines,omitempty"`
	// Projection: this very row was not run; all its figures are computed, nil of a row that was run.
	Projection *Projection `json:"projection,omitempty"`

	Parameters Scenario  `json:"parameters"`
	Build      string    `json:"build"` // commit, or digest of the program
	Measured   time.Time `json:"measured"`
	Samples    []Sample  `json:"samples"`
	Skipped    string    `json:"skipped,omitempty"` // why there are no figures
	Failed     string    `json:"failed,omitempty"`  // likewise
}

// Key names the row among all rows.
func (r Row) Key() string { return r.Parameters.Key() }

// Done reports whether the row has figures.
func (r Row) Done() bool { return r.Failed == "" && r.Skipped == "" }

// rowOf puts samples, at least one, together.
func rowOf(s Scenario, w *Work, samples []Sample) Row {
	last := samples[len(samples)-1]
	r := Row{Scenario: s.Name, Reveal: s.Reveal, Parameters: s, Samples: samples, Security: w.Security, ErrorUnit: w.ErrorUnit,
		Rounds: last.Rounds, Opened: last.Opened, Projection: w.Projection}
	seconds := each(samples, func(x Sample) float64 { return x.Seconds })
	r.Seconds, r.SecondsMin, r.SecondsMax = median(seconds), slices.Min(seconds), slices.Max(seconds)
	if last.PlainSeconds != nil {
		plain := median(each(samples, func(x Sample) float64 { return *x.PlainSeconds }))
		ratio := r.Seconds / plain
		r.PlainSeconds, r.Ratio = &plain, &ratio
	}
	for _, x := range samples {
		r.PeakBytes = max(r.PeakBytes, x.PeakBytes)
		if x.Error != nil && (r.Error == nil || *x.Error > *r.Error) {
			r.Error = x.Error
		}
	}
	for _, p := range last.Parties {
		if p.ID != hubName {
			r.BytesUp, r.BytesDown = max(r.BytesUp, p.BytesUp), max(r.BytesDown, p.Down)
		}
	}
	r.HospitalCPU = median(each(samples, func(x Sample) float64 { return x.busiest() }))
	r.HubCPU = median(each(samples, func(x Sample) float64 { return x.hub() }))
	if own := each(samples, Sample.ownMachines); s.Hospitals > 0 && r.HospitalCPU > 0 && w.Projection == nil {
		r.OwnMachines = &Projection{Seconds: median(own), How: ownMachines}
	}
	return r
}

// hubName is the hub's ID as a party of a sample.
const hubName = "hub"

func (x Sample) busiest() (most float64) {
	for _, p := range x.Parties {
		if p.ID != hubName {
			most = max(most, p.CPU)
		}
	}
	return most
}

func (x Sample) hub() float64 {
	for _, p := range x.Parties {
		if p.ID == hubName {
			return p.CPU
		}
	}
	return 0
}

const ownMachines = "processor time of the busiest hospital and of the hub, one after the other, each with its share of what the process spends outside of them (collecting garbage); one core each, a network that takes no time"

// ownMachines is the run on machines of the parties' own. Hospitals and hub take
// turns, so their times add; hospitals work side by side, so only the busiest counts.
func (x Sample) ownMachines() float64 {
	var all float64
	for _, p := range x.Parties {
		all += p.CPU
	}
	if all == 0 {
		return 0
	}
	return (x.busiest() + x.hub()) * max(1, x.CPU/all)
}

// metric is the median of what only this scenario has.
func (r Row) metric(name string) float64 {
	return median(each(r.Samples, func(x Sample) float64 { return x.Metrics[name] }))
}

func each(samples []Sample, f func(Sample) float64) (all []float64) {
	for _, x := range samples {
		all = append(all, f(x))
	}
	return all
}

// median of at least one number.
func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
