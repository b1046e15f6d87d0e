package bench

import (
	"context"
	"fmt"
	"regexp"
	"slices"
)

// Networks of a scenario.
const (
	InMemory = "memory"   // queues in this process
	Loopback = "loopback" // TLS over this machine's loopback interface, durable logs
)

// Scenario is one line of a suite: what is computed, by whom, on what.
type Scenario struct {
	Name       string     `json:"scenario"`             // lower case, digits, and - / =; with Reveal it names a row
	Suite      string     `json:"suite"`                // that it belongs to
	Analysis   string     `json:"analysis"`             // in the words of the study file, or of the protocol
	Hospitals  int        `json:"hospitals"`            // 0: no parties, as in primitives
	Rows       int        `json:"rows,omitempty"`       // records of all hospitals together
	Covariates int        `json:"covariates,omitempty"` // of a model, without the intercept
	Cells      int        `json:"cells,omitempty"`      // of a masked sum
	Reveal     string     `json:"reveal"`               // sums, model; "" where nothing is opened
	Network    string     `json:"network,omitempty"`    // InMemory, Loopback, or what a wide-area network is like; "" without one
	Axis       string     `json:"axis,omitempty"`       // of a scale suite: rows, covariates or hospitals, whichever varies
	Published  *Published `json:"published,omitempty"`  // the system whose workload this is

	// About is roughly what one run takes, in seconds on two cores with the same work in clear and the
	// preparation; it serves the estimate of the time that is left, nothing else.
	About float64 `json:"-"`
	// Runs is how often it is run when nobody says otherwise; 0: three times.
	Runs int `json:"-"`
	// Prepare draws data and keys that are not part of what is measured. An error of type *Skipped leaves the scenario out, visibly.
	Prepare func(context.Context, Scenario) (*Work, error) `json:"-"`
}

// Key names the row of a scenario among all rows.
func (s Scenario) Key() string {
	if s.Reveal == "" {
		return s.Name
	}
	return s.Name + "/reveal=" + s.Reveal
}

// Work is a scenario made ready.
type Work struct {
	// Run does the work once. What it takes is measured by the caller, unless the sample has Seconds.
	Run func(context.Context) (*Sample, error)
	// Metered does it once more and finds the processor time of every party, which makes it slower; nil where Run does so itself.
	Metered func(context.Context) (*Sample, error)
	// Plain does the same work in clear, on the pooled records; nil where there is no such thing.
	Plain func(context.Context) error
	// Close gives back what Prepare took; may be nil.
	Close func() error

	Security   []string    // parameters that the security rests on
	ErrorUnit  string      // of Sample.Error, such as "standard errors"
	Projection *Projection // set where the figures are not of a run of this size
}

// Skipped says why a scenario cannot run here.
type Skipped struct{ Why string }

func (s *Skipped) Error() string { return "bench: skipped: " + s.Why }

// Published is what a published system reports of a workload.
type Published struct {
	System     string     `json:"system"`
	Figure     string     `json:"figure"`  // as printed by the source
	Seconds    [2]float64 `json:"seconds"` // the same in numbers, from and to; {0, 0}: not stated
	Source     string     `json:"source"`
	Hardware   string     `json:"hardware"`       // as far as the source says
	Disclosure string     `json:"disclosure"`     // who sees what on the way
	Threat     string     `json:"threat"`         // against whom it protects
	Note       string     `json:"note,omitempty"` // where our run differs from theirs
}

// Suite is a named list of scenarios.
type Suite struct {
	Name      string
	About     string // one line for a list
	Scenarios []Scenario
}

// Suites returns all suites, in the order in which a newcomer meets them.
func Suites() []Suite {
	all := []Suite{smoke(), micro(), protocols(), studies(), scale(), wan(), references(), published()}
	for i := range all {
		for j := range all[i].Scenarios {
			all[i].Scenarios[j].Suite = all[i].Name
		}
	}
	return all
}

// Only returns the suite with the scenarios whose keys match a regular expression.
func (s Suite) Only(pattern string) (Suite, error) {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	s.Scenarios = slices.DeleteFunc(slices.Clone(s.Scenarios), func(x Scenario) bool { return !match.MatchString(x.Key()) })
	if len(s.Scenarios) == 0 {
		return s, fmt.Errorf("bench: no scenario of suite %s matches %q", s.Name, pattern)
	}
	return s, nil
}

// All is the name of all suites together.
const All = "all"

// Find returns the suite of a name.
func Find(name string) (Suite, error) {
	all := Suites()
	if name == All {
		whole := Suite{Name: All, About: "all of these"}
		for _, s := range all {
			whole.Scenarios = append(whole.Scenarios, s.Scenarios...)
		}
		return whole, nil
	}
	if i := slices.IndexFunc(all, func(s Suite) bool { return s.Name == name }); i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return Suite{}, fmt.Errorf("bench: no suite %q; want one of %q", name, names)
}
