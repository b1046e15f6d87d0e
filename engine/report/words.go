package report

import (
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
)

// Collusion is the sentence that plan, report and documentation print: what hospitals that pool what they know can work out.
func Collusion(s *study.Spec) string {
	switch n := len(s.Sites); n {
	case 1:
		return "There is one hospital: every figure is that hospital's own."
	case 2:
		return "With two hospitals, each can subtract its own rows from a total and know the other's figures."
	default:
		return fmt.Sprintf("With %d hospitals, any %d of them together know the last one's figures.", n, n-1)
	}
}

// titles name the kinds as a statistician does.
var titles = map[string]string{
	"describe":    "description",
	"histogram":   "histogram",
	"crosstab":    "cross table",
	"ttest":       "t-test",
	"anova":       "analysis of variance",
	"rank":        "rank test",
	"correlation": "correlation",
	"linear":      "linear regression",
	"logistic":    "logistic regression",
	"table1":      "Table 1",
	"roc":         "ROC curve",
}

// kindTitle says what an analysis is about: "logistic regression, infection ~ treat + age".
func kindTitle(a stat.Args, kind string) string {
	title, known := titles[kind]
	if !known {
		title = kind
	}
	if a.Method == "spearman" {
		title = "rank " + title
	}
	if a.Ridge != nil {
		title = "ridge " + title
	}
	switch {
	case a.Formula != "":
		return title + ", " + a.Formula
	case a.Rows != "":
		return title + ", " + a.Rows + " by " + a.Columns
	case len(a.Paired) == 2:
		return "paired " + title + ", " + a.Paired[0] + " and " + a.Paired[1]
	case a.Outcome != "":
		return title + ", " + a.Outcome + " by " + a.Score
	case a.Variable != "" && a.By != "":
		return title + ", " + a.Variable + " by " + a.By
	case a.Variable != "":
		return title + ", " + a.Variable
	case a.By != "":
		return title + " by " + a.By
	}
	return title
}

// perHospital is the first line of a plan that shows figures of single hospitals.
func perHospital(s *study.Spec) string {
	var ids []string
	for _, a := range s.Analyses {
		if a.PerHospital {
			ids = append(ids, a.ID)
		}
	}
	if ids == nil {
		return ""
	}
	return "This study shows figures of single hospitals: " + strings.Join(ids, ", ") + "."
}

// whoLearns explains who sees the totals, and who does not.
func whoLearns(s *study.Spec) string {
	if s.Privacy.Release == "analyst" {
		return "Each number below is a sum over the rows of all hospitals. The analyst alone learns it, and sees small cells; the hospitals learn nothing but their own input. The hub adds masked numbers and learns none of them."
	}
	return "Each number below is a sum over the rows of all hospitals. Every hospital's gateway learns it. The hub adds masked numbers and learns none of them. No record and no hospital's own sum leaves the house."
}

// opened lists what was opened, in a steward's words.
func (p *printer) opened() {
	p.line("\n\nWhat was opened, to whom\n------------------------")
	if first := perHospital(p.Spec); first != "" {
		wrap(&p.Builder, "", 0, first)
	}
	wrap(&p.Builder, "", 0, whoLearns(p.Spec))
	wrap(&p.Builder, "", 0, Collusion(p.Spec))
	p.openings("the study as a whole", p.Disclosed)
	for _, a := range p.Analyses {
		p.openings(a.ID, a.Disclosed)
	}
}

// openings lists what was opened for one analysis; what was declared and never used is in disclosed.json.
func (p *printer) openings(title string, all []Disclosed) {
	p.line("\n  %s", title)
	nothing := true
	for _, d := range all {
		if d.Times > 0 {
			nothing = false
			wrap(&p.Builder, "    - ", 6, d.sentence(p.minCell()))
		}
	}
	if nothing {
		p.line("    nothing")
	}
}

// sentence says what one opening was, how much of it, and what became of it.
func (d Disclosed) sentence(minCell int) string {
	return fmt.Sprintf("%s: %s, %s, to %s; %s", d.What, plural(int64(d.Cells), "number"), times(d.Times), d.To, fate(d.Released, d.CountsPeople, d.PerHospital, minCell))
}

// fate says whether an opened total is written to the result, and what it may show.
func fate(released, countsPeople, perHospital bool, minCell int) string {
	s := "used on the way, never written"
	if released {
		s = "in the result, after the disclosure rules"
	}
	if countsPeople && !released && minCell > 1 {
		s += fmt.Sprintf("; counts people, may be fewer than %d", minCell)
	}
	if perHospital {
		s += "; SHOWS FIGURES OF SINGLE HOSPITALS"
	}
	return s
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// cost prints rounds and traffic; seconds differ from run to run and are in result.json alone.
func (p *printer) cost() {
	var up, down int64
	for _, n := range p.Cost.BytesUp {
		up = max(up, n)
	}
	for _, n := range p.Cost.BytesDown {
		down = max(down, n)
	}
	p.line("\n%s; a hospital sent at most %s and received at most %s.", plural(int64(p.Cost.Rounds), "masked sum"), bytes(up), bytes(down))
}
