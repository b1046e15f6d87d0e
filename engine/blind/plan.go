package blind

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
)

// Security of every opening, in bits: see mhe.Registry.
const Security = 64

// Job is one circuit of a study.
type Job struct {
	Analysis string
	Circuit  stat.Circuit
}

// Plan is what a study computes under encryption. All of it is known before any
// row is read, and is the same at every member.
type Plan struct {
	params   mhe.Params
	members  int
	verify   string
	jobs     []planned
	registry *mhe.Registry
}

// planned is a job with what its run on bounds yielded.
type planned struct {
	Job
	circuit circuit
	bounds  *bounds
	inputs  []mhe.Plain
}

// circuit is one kind of computation.
type circuit interface {
	// cells says how many cells each outcome has.
	cells() []int
	// inputs are this hospital's polynomials. Of the zero Input only names and bounds count.
	inputs(in stat.Input) ([]mhe.Plain, error)
	// run computes on the encrypted sums of the inputs.
	run(e *evaluator, in []number)
}

func newCircuit(p mhe.Params, members int, c stat.Circuit) (circuit, error) {
	switch {
	case c.Root != nil && c.Products == nil:
		return newRoot(p, members, *c.Root)
	case c.Products != nil && c.Root == nil:
		return newProducts(p, members, *c.Products)
	}
	return nil, fmt.Errorf("want exactly one of a root and products")
}

// NewPlan runs every job on bounds. verify is mhe.VerifyFold or mhe.VerifyFull.
func NewPlan(p mhe.Params, members int, verify string, jobs []Job) (*Plan, error) {
	if verify != mhe.VerifyFold && verify != mhe.VerifyFull {
		return nil, fmt.Errorf("blind: plan: verify is %q, want %q or %q", verify, mhe.VerifyFold, mhe.VerifyFull)
	}
	registry, err := mhe.NewRegistry(p, members, Security)
	if err != nil {
		return nil, fmt.Errorf("blind: plan: %w", err)
	}
	l := &Plan{params: p, members: members, verify: verify, registry: registry}
	for i, job := range jobs {
		j, err := l.plan(i, job)
		if err != nil {
			return nil, fmt.Errorf("blind: plan: %s: %s: %w", job.Analysis, job.Circuit.Name, err)
		}
		l.jobs = append(l.jobs, j)
	}
	for i, j := range l.jobs {
		for o := range j.circuit.cells() {
			for _, k := range j.bounds.kept[o] {
				c, err := registry.Circuit(k.circuit(i))
				if err == nil && c.Cells == 1 && math.Ldexp(c.Spread(members), c.Grid) > stat.NoiseSteps {
					err = fmt.Errorf("the study opens so much from under encryption that the noise on it is more than analyses reckon with: ask for less at once")
				}
				if err != nil {
					return nil, fmt.Errorf("blind: plan: %s: %s: %w", j.Analysis, j.Job.Circuit.Name, err)
				}
			}
		}
	}
	return l, nil
}

func (l *Plan) plan(i int, job Job) (planned, error) {
	j := planned{Job: job}
	var err error
	if j.circuit, err = newCircuit(l.params, l.members, job.Circuit); err != nil {
		return j, err
	}
	cells := j.circuit.cells()
	if len(job.Circuit.Outcomes) != len(cells) {
		return j, fmt.Errorf("%d outcomes, want %d", len(job.Circuit.Outcomes), len(cells))
	}
	if j.inputs, err = j.circuit.inputs(stat.Input{}); err != nil {
		return j, err
	}
	if j.bounds, err = runBounds(l.params, l.members, j.circuit, j.inputs); err != nil {
		return j, err
	}
	for o, want := range cells {
		if got := j.bounds.width(o); got != want || job.Circuit.Outcomes[o].Cells != want {
			return j, fmt.Errorf("outcome %d has %d cells, the circuit retains %d, want %d", o, job.Circuit.Outcomes[o].Cells, got, want)
		}
		for _, k := range j.bounds.kept[o] {
			err := l.registry.AddSums(k.circuit(i), len(k.cells), k.width(), 1, func(mhe.Calculus) (mhe.Bound, error) { return k.bound, nil })
			if err != nil {
				return j, err
			}
		}
	}
	return j, nil
}

// Registry is what a session of the plan may open.
func (l *Plan) Registry() *mhe.Registry { return l.registry }

// Params are the parameters of the encryption.
func (l *Plan) Params() mhe.Params { return l.params }

// Digest binds the parameters and the registry, for the charter.
func (l *Plan) Digest() [32]byte {
	p, r := l.params.Digest(), l.registry.Digest()
	return party.Hash("blind plan", p[:], r[:], []byte(l.verify))
}

// Outcome returns the openings of an outcome, in the order of its cells.
func (l *Plan) Outcome(job, outcome int) []mhe.Circuit {
	var out []mhe.Circuit
	for _, k := range l.jobs[job].bounds.kept[outcome] {
		c, err := l.registry.Circuit(k.circuit(job))
		if err != nil {
			panic(err) // NewPlan asked for it
		}
		out = append(out, k.unscaled(c))
	}
	return out
}
