package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
)

// Plan is what a study would open, known before any row is read.
type Plan struct {
	Spec     *study.Spec
	Digest   string         // of the plan, "sha256:..."
	Openings []stat.Opening // for the study as a whole, beside its analyses
	Analyses []PlannedAnalysis
	Rounds   Range // masked sums, all analyses side by side
	// BytesUp and BytesDown estimate what one hospital sends and receives, at most.
	BytesUp, BytesDown int64
	Warnings           []string // those of the study file included
	Veil               *Veil    // what is computed under encryption; nil: nothing
}

// Range is a smallest and a largest number.
type Range struct {
	Min int
	Max int
}

// PlannedAnalysis is one analysis of a plan.
type PlannedAnalysis struct {
	ID, Kind string
	Openings []stat.Opening
	Refused  *stat.Refusal // a rule that can already tell; nil otherwise
	InTurn   bool          // every opening waits for the one before: what is computed under encryption
}

// Refused lists the analyses of which a rule can already tell that it will refuse them.
func (p *Plan) Refused() (ids []string) {
	for _, a := range p.Analyses {
		if a.Refused != nil {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// WriteText writes the plan as a data steward reads it before approving.
func (p *Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	s := p.Spec
	if first := perHospital(s); first != "" {
		wrap(&b, "", 0, first)
		b.WriteByte('\n')
	}
	title := "Plan of study " + s.Name
	if s.Title != "" {
		title += ": " + s.Title
	}
	wrap(&b, "", 0, title)
	if p.Digest != "" {
		b.WriteString("plan digest " + p.Digest + "\n")
	}
	for _, a := range []struct{ what, text string }{{"Ethics: ", s.Approval.Ethics}, {"Contact: ", s.Approval.Contact}} {
		if a.text != "" {
			wrap(&b, a.what, 2, a.text)
		}
	}
	p.summary(&b)
	p.parties(&b)
	p.wouldOpen(&b)
	p.veiled(&b)
	supplies(&b, s)
	p.costs(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// parties says who takes part and what the rules of the study are.
func (p *Plan) parties(b *strings.Builder) {
	s := p.Spec
	section(b, "Who takes part")
	wrap(b, plural(int64(len(s.Sites)), "hospital")+": ", 2, strings.Join(sites(s), ", "))
	wrap(b, "", 0, "A hub adds masked numbers and learns who takes part, sizes and timing, never a total.")
	wrap(b, "", 0, Collusion(s))
	wrap(b, "", 0, rules(s.Privacy))
}

// rules are the disclosure rules of a study in words.
func rules(p study.Privacy) string {
	text := fmt.Sprintf("An analysis is shown when at least %s %s", plural(int64(p.MinSites), "hospital"), verb(p.MinSites, "contributes", "contribute"))
	if p.MinCell > 1 {
		text += fmt.Sprintf(" %d rows or more. Cells of 1 to %d people are never written.", p.MinCell, p.MinCell-1)
	} else {
		text += " a row. The cell rules are switched off: a cell of one person is shown."
	}
	return text + fmt.Sprintf(" A model has at most %g parameters per row.", p.MaxParametersPerRow)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// wouldOpen lists every opening of the plan.
func (p *Plan) wouldOpen(b *strings.Builder) {
	section(b, "What would be opened, to "+To(p.Spec.Privacy))
	wrap(b, "", 0, whoLearns(p.Spec))
	wrap(b, "", 0, `"Result": written to the result, after the disclosure rules. "On the way": used to compute it, never written. Numbers and times are the most that there can be.`)
	if len(p.Openings) > 0 {
		p.openings(b, "the study as a whole", p.Openings)
	}
	for _, a := range p.Analyses {
		args := p.args(a.ID)
		title := a.ID + ": " + kindTitle(args, a.Kind)
		if args.Where != nil {
			title += ", where " + args.Where.String()
		}
		p.openings(b, title, a.Openings)
		if a.Refused != nil {
			wrap(b, "    would be refused by the rule ", 6, a.Refused.Rule+": "+a.Refused.Message+"; "+a.Refused.Remedy)
		}
	}
}

func (p *Plan) openings(b *strings.Builder, title string, openings []stat.Opening) {
	b.WriteByte('\n')
	wrap(b, "  ", 4, title)
	for _, o := range openings {
		text, fate := o.What, "    - Result: "
		if !o.Released {
			text, fate = strings.TrimSuffix(strings.TrimPrefix(text, "on the way "), "; used on the way, never written"), "    - On the way: "
		}
		wrap(b, fate, 6, fmt.Sprintf("%s (%s, %s%s)", text, plural(int64(o.Cells), "number"), times(o.MaxTimes), p.shows(o)))
	}
}

// shows says what an opened total may give away.
func (p *Plan) shows(o stat.Opening) string {
	s := ""
	if minCell := p.Spec.Privacy.MinCell; o.CountsPeople && !o.Released && minCell > 1 {
		s = fmt.Sprintf("; counts people, may be fewer than %d", minCell)
	}
	if to := ToWhom(o, p.Spec.Privacy); to != To(p.Spec.Privacy) {
		s += "; to " + to
	}
	if o.PerHospital {
		s += "; SHOWS FIGURES OF SINGLE HOSPITALS"
	}
	return s
}

func (p *Plan) args(id string) stat.Args {
	for _, a := range p.Spec.Analyses {
		if a.ID == id {
			return a
		}
	}
	return stat.Args{ID: id}
}

// costs estimates rounds and traffic, and warns.
func (p *Plan) costs(b *strings.Builder) {
	section(b, "What it takes")
	fmt.Fprintf(b, "%d to %s; a hospital sends at most %s and receives %s.\n", p.Rounds.Min, plural(int64(p.Rounds.Max), "masked sum"), bytes(p.BytesUp), bytes(p.BytesDown))
	if v := p.Veil; v != nil {
		wrap(b, "", 0, fmt.Sprintf("Of this, under encryption: %s of two round trips each, %s sent and %s received.", plural(int64(v.Steps), "step"), bytes(v.BytesUp), bytes(v.BytesDown)))
	}
	for _, warning := range p.Warnings {
		wrap(b, "Warning: ", 2, warning)
	}
}

func section(b *strings.Builder, title string) {
	b.WriteString("\n" + title + "\n" + strings.Repeat("-", wide(title)) + "\n")
}

// WriteJSON writes the plan for programs.
func (p *Plan) WriteJSON(w io.Writer) error {
	s := p.Spec
	var o object
	o.put("study", s.Name)
	o.put("title", s.Title)
	o.put("plan_digest", p.Digest)
	o.put("sites", sites(s))
	o.put("reveal", s.Privacy.Reveal)
	o.put("release", s.Privacy.Release)
	o.put("min_sites", s.Privacy.MinSites)
	o.put("min_cell", s.Privacy.MinCell)
	o.put("max_parameters_per_row", s.Privacy.MaxParametersPerRow)
	o.put("collusion", Collusion(s))
	o.put("openings", openingObjects(p.Openings, s.Privacy))
	analyses := list{}
	for _, a := range p.Analyses {
		var one object
		one.put("id", a.ID)
		one.put("kind", a.Kind)
		one.put("per_hospital", p.args(a.ID).PerHospital)
		one.put("openings", openingObjects(a.Openings, s.Privacy))
		if a.Refused != nil {
			one.put("refused", refusal(a.Refused))
		}
		analyses = append(analyses, one)
	}
	o.put("analyses", analyses)
	o.put("variables", supplyObjects(s))
	if v := p.Veil; v != nil {
		o.put("encryption", v.object())
	}
	o.put("rounds", row{{"min", p.Rounds.Min}, {"max", p.Rounds.Max}})
	o.put("bytes_up", p.BytesUp)
	o.put("bytes_down", p.BytesDown)
	o.put("warnings", warnings(p.Warnings))
	return writeJSON(w, o)
}

func openingObjects(openings []stat.Opening, privacy study.Privacy) list {
	rows := list{}
	for _, o := range openings {
		rows = append(rows, row{{"what", o.What}, {"cells", o.Cells}, {"max_times", o.MaxTimes}, {"counts_people", o.CountsPeople},
			{"per_hospital", o.PerHospital}, {"released", o.Released}, {"to", ToWhom(o, privacy)}})
	}
	return rows
}
