package mhe

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Circuit is a computation whose result may be opened.
type Circuit struct {
	Name  string
	Cells int      // numbers opened at once
	Width int      // coefficients that one of them is at most the sum of
	Times int      // openings of it in a session
	Eps   float64  // worst-case error of each, computed by Add; not chosen
	Max   float64  // largest absolute value of each
	Grid  int      // an opened number is an integer in units of 2^-Grid
	Sigma *big.Int // each member's noise, in those units
}

// Registry is the closed list of what a session may open. It is part of what the
// members agree on before they begin. From the worst-case error of a circuit it
// computes the noise that hides everything but the result.
type Registry struct {
	params   Params
	members  int
	security int
	circuits []Circuit
}

// MinSecurity is the least statistical security of openings, in bits.
const MinSecurity = 40

// NewRegistry begins a registry for so many members and bits of statistical
// security (64 in studies).
func NewRegistry(p Params, members, security int) (*Registry, error) {
	if members < 2 || members > p.MaxMembers() || security < MinSecurity || security > 128 {
		return nil, fmt.Errorf("mhe: registry: %d members and %d bits, want 2 to %d members and %d to 128 bits", members, security, p.MaxMembers(), MinSecurity)
	}
	return &Registry{params: p, members: members, security: security}, nil
}

// Add registers a circuit that opens so many cells, so many times. bound runs
// it on the calculus: no keys, no data. What it returns is the bound of the refresh's input
// that is retained, and decides the noise.
func (r *Registry) Add(name string, cells, times int, bound func(Calculus) (Bound, error)) error {
	return r.AddSums(name, cells, 1, times, bound)
}

// AddSums is Add for cells each of which is the sum of up to width coefficients.
func (r *Registry) AddSums(name string, cells, width, times int, bound func(Calculus) (Bound, error)) error {
	if name == "" || len(name) > 64 || cells < 1 || width < 1 || cells > r.params.Degree()/width || times < 1 || times > 64 {
		return fmt.Errorf("mhe: registry: circuit %q with %d cells opened %d times", name, cells, times)
	}
	for _, c := range r.circuits {
		if c.Name == name {
			return fmt.Errorf("mhe: registry: two circuits are called %q", name)
		}
	}
	calc := NewCalculus(r.params, r.members)
	b, err := bound(calc)
	if err != nil {
		return err
	}
	eps, most := coarse(float64(width)*(b.Err+calc.Read())), coarse(float64(width)*b.Max)
	if !(b.Max > 0) || most > 1<<LogLargest || !(eps > 0) || eps > 0x1p-16 {
		return fmt.Errorf("mhe: registry: circuit %q yields up to %g with an error of %g: too coarse to be opened", name, most, eps)
	}
	r.circuits = append(r.circuits, Circuit{Name: name, Cells: cells, Width: width, Times: times, Eps: eps, Max: most})
	return nil
}

func (r *Registry) clone() *Registry {
	if r == nil {
		return nil
	}
	c := *r
	c.circuits = slices.Clone(r.circuits)
	return &c
}

// tau is how many openings a session may make, of all circuits together.
func (r *Registry) tau() int {
	n := 0
	for _, c := range r.circuits {
		n += c.Times
	}
	return n
}

// slack is how much finer the grid is than the error: it makes the rounding of a
// share to the grid, which an observer may know the position of, small beside the error that is covered.
const slack = 10

// Circuit returns what was registered as name, with its noise: for d cells,
//
//	sigma = t sqrt(24 (d+2) tau) 2^(s/2),  t = 2^Grid eps + 1
//
// (Li, Micciancio, Schultz, Sorrell, ia.cr/2022/816, with tau openings; the
// factor for d coordinates, since eps bounds each of them). Every member adds noise of
// that size itself: N-1 members who know theirs gain nothing.
func (r *Registry) Circuit(name string) (Circuit, error) {
	if r != nil {
		for _, c := range r.circuits {
			if c.Name == name {
				return r.flood(c)
			}
		}
	}
	return Circuit{}, fmt.Errorf("mhe: circuit %q is not in the registry: nothing of it is opened", name)
}

func (r *Registry) flood(c Circuit) (Circuit, error) {
	c.Grid = int(math.Ceil(-math.Log2(c.Eps))) + slack
	t := math.Ldexp(c.Eps, c.Grid) + 1
	f := math.Ceil(t * math.Sqrt(24*float64(c.Cells+2)*float64(r.tau())) * math.Exp2(float64(r.security)/2))
	c.Sigma, _ = new(big.Float).SetFloat64(f).Int(nil)
	// The total and 16 sigma of all members' noise must fit 127 bits.
	most := math.Ldexp(c.Max, c.Grid) + 16*f*float64(r.members)
	if !(math.Log2(most) < 126) {
		return Circuit{}, fmt.Errorf("mhe: circuit %q: totals of %.0f bits, want at most 126", c.Name, math.Log2(most))
	}
	return c, nil
}

// Spread is the standard deviation of an opened number's noise: that of all N members.
func (c Circuit) Spread(members int) float64 {
	f, _ := new(big.Float).SetInt(c.Sigma).Float64()
	return math.Ldexp(f*math.Sqrt(float64(members)), -c.Grid)
}

// sentBytes is a share with what goes with its parts: signatures and hashes.
func (p Params) sentBytes(s shape) int {
	n := len(p.parts(s, false))
	return p.size(s) + (n-1)*(wire.SignatureSize+512) + n*n*wire.DigestSize
}

// KeyBytes is what a member shares to make the keys, three steps.
func (p Params) KeyBytes() int {
	return rawSize + p.sentBytes(p.keyShape(2)) + p.sentBytes(p.keyShape(1))
}

// StepBytes is the share of one step that makes so many refreshes with so many
// outputs together; an input is a step with no refresh.
func (p Params) StepBytes(refreshes, outputs int) int {
	return p.sentBytes(shape{{refreshes, p.low(), false}, {outputs, p.top(), false}})
}

// Digest binds parameters, members, security and every circuit with its error.
func (r *Registry) Digest() [32]byte {
	if r == nil {
		return party.Hash("mhe registry: nothing is opened")
	}
	d := r.params.Digest()
	fields := [][]byte{d[:], uint64Bytes(uint64(r.members)), uint64Bytes(uint64(r.security))}
	for _, c := range r.circuits {
		b := binary.BigEndian.AppendUint64(nil, uint64(c.Cells))
		b = binary.BigEndian.AppendUint64(b, uint64(c.Width))
		b = binary.BigEndian.AppendUint64(b, uint64(c.Times))
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(c.Eps))
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(c.Max))
		fields = append(fields, []byte(c.Name), b)
	}
	return party.Hash("mhe registry", fields...)
}
