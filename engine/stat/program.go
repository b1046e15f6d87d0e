package stat

import (
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// part is a piece of a program: one search, one set of moments, one histogram.
// Several parts advance side by side in the rounds after the census.
type part interface {
	// plan declares what the part may open; known before any row is read.
	plan() []Opening
	// ask returns this round's sums, nil when the part is done. Openings are numbered within the part.
	ask() []Ask
	// add writes the hospital's term of the asked cells.
	add(rows *table.View, out *fixed.Sums) error
	// reduce takes the totals of the asked cells.
	reduce(total fixed.Totals) error
}

// program is a census followed by parts: the form of most statistics.
type program struct {
	*census
	parts  []part
	start  func() error          // after the census: apply the rules on n and levels, settle the parts
	finish func() (Frame, error) // when all parts are done
	blind  bool                  // every part asks once, whatever the census says, unless hospitals are shown the census

	counted bool
	over    bool // skipped to the end
	frame   Frame
}

var _ Blind = (*program)(nil)

// Blind is a program that may be able to make all its asks without seeing a
// total, but for those that are Shown: what `release: analyst` needs.
type Blind interface {
	Program
	// Blind reports whether no ask depends on other totals.
	Blind() bool
	// Skip moves on to the next round's asks without totals, where Reduce would have.
	Skip()
}

// Blind implements Blind.
func (p *program) Blind() bool { return p.blind }

// Skip implements Blind.
func (p *program) Skip() { p.counted, p.over = true, p.counted }

// Plan implements Program: the census, then the parts' openings one after the other.
func (p *program) Plan() []Opening {
	plan := []Opening{p.census.opening()}
	for _, q := range p.parts {
		for _, o := range q.plan() {
			o.PerHospital = o.PerHospital || p.census.args.PerHospital
			plan = append(plan, o)
		}
	}
	return plan
}

// Ask implements Program.
func (p *program) Ask() []Ask {
	switch {
	case p.over:
		return nil
	case !p.counted:
		return []Ask{p.census.ask()}
	}
	var asks []Ask
	first := 1
	for _, q := range p.parts {
		for _, a := range q.ask() {
			a.Opening += first
			asks = append(asks, a)
		}
		first += len(q.plan())
	}
	return asks
}

// Map implements Program.
func (p *program) Map(rows *table.View, out *fixed.Sums) error {
	if !p.counted {
		return p.census.count(rows, out)
	}
	at := 0
	for _, q := range p.parts {
		n := cells(q.ask())
		if n == 0 {
			continue
		}
		if err := q.add(rows, out.Slice(at, at+n)); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// Reduce implements Program.
func (p *program) Reduce(total fixed.Totals) (bool, error) {
	if !p.counted {
		p.census.take(total)
		p.counted = true
		if p.start != nil {
			if err := p.start(); err != nil {
				return false, err
			}
		}
	} else {
		// What a part asks next may depend on another part's totals: take all of this round's asks first.
		asked := make([]int, len(p.parts))
		for i, q := range p.parts {
			asked[i] = cells(q.ask())
		}
		at := 0
		for i, q := range p.parts {
			if asked[i] == 0 {
				continue
			}
			if err := q.reduce(total.Slice(at, at+asked[i])); err != nil {
				return false, err
			}
			at += asked[i]
		}
	}
	for _, q := range p.parts {
		if len(q.ask()) > 0 {
			return false, nil
		}
	}
	f, err := p.finish()
	p.frame = f
	return true, err
}

// Result implements Program.
func (p *program) Result() Frame { return p.frame }

func cells(asks []Ask) (n int) {
	for _, a := range asks {
		n += len(a.Cells)
	}
	return n
}
