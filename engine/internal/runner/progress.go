package runner

import (
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/protocols/round"
)

// Progress tells how far a study is: after a masked sum what it opened, during
// a computation under encryption the phase.
type Progress struct {
	Round   int      // masked sums done
	Opened  []Opened // what the last sum opened
	Running []string // analyses that still need sums
	Phase   *Phase   // a step under encryption is beginning; nil after a sum
}

// Opened is what one sum opened of one declared opening.
type Opened struct {
	Analysis string // "" for the study as a whole
	Opening  int    // in the analysis's plan, or in Openings
	Cells    int
}

// Phase is where a computation under encryption is.
type Phase struct {
	Analysis string   // "" for keys, which are the study's
	Name     string   // project, keys, encrypt, solve, open, residual, final step
	Step, Of int      // 0 of 0 where a phase has one step
	Residual *float64 // with residual: what the solve has left, 0 when it is exact but for noise
}

// phase notes that a step under encryption begins.
func (g *Gateway) phase(p Phase) {
	g.meter.begin(p.Name)
	g.show(p)
}

func (g *Gateway) show(p Phase) {
	if g.Progress != nil {
		g.Progress(Progress{Round: g.meter.rounds, Phase: &p})
	}
}

func (g *Gateway) tell(p Progress, steps *lockstep) {
	if g.Progress == nil {
		return
	}
	for _, a := range steps.running() {
		p.Running = append(p.Running, a.args.ID)
	}
	g.Progress(p)
}

// meter counts what each phase of a study takes at one hospital.
type meter struct {
	rounds int // masked sums
	now    string
	since  time.Time
	all    []report.Phase
}

// begin ends the phase under way and goes on with another, which may have been under way before.
func (m *meter) begin(name string) {
	m.stop()
	m.now, m.since = name, Clock()
	m.at()
}

// sum is the phase of a masked sum: of an opening from under encryption, of
// what follows one, or neither.
func (m *meter) sum(steps *lockstep) string {
	name := "sums"
	for _, a := range steps.all {
		for _, c := range a.circuits {
			if c.ran && name == "sums" {
				name = "final steps"
			}
		}
		for _, ask := range a.asks {
			if ask.From != nil {
				name = "open"
			}
		}
	}
	m.begin(name)
	return name
}

func (m *meter) stop() {
	if m.now != "" {
		m.at().Seconds += Clock().Sub(m.since).Seconds()
		m.now = ""
	}
}

// at is the phase under way.
func (m *meter) at() *report.Phase {
	i := slices.IndexFunc(m.all, func(p report.Phase) bool { return p.Name == m.now })
	if i < 0 {
		i = len(m.all)
		m.all = append(m.all, report.Phase{Name: m.now})
	}
	return &m.all[i]
}

func (m *meter) phases() []report.Phase {
	m.stop()
	return m.all
}

// sent counts what goes out at once, after which an answer is waited for; received what comes in.
func (m *meter) sent(out []round.Message) {
	if m == nil || m.now == "" || len(out) == 0 {
		return
	}
	m.at().RoundTrips++
	for _, o := range out {
		m.at().BytesUp += int64(len(o.Body))
	}
}

func (m *meter) received(n int) {
	if m != nil && m.now != "" {
		m.at().BytesDown += int64(n)
	}
}
