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
	"km":          "Kaplan-Meier curve",
	"logrank":     "log-rank test",
	"cox":         "Cox regression",
	"poisson":     "Poisson regression",
	"negbin":      "negative binomial regression",
	"calibration": "calibration",

	"decision_curve": "decision curve",
	"lrtest":         "likelihood-ratio test",

	"heterogeneity":   "heterogeneity between hospitals",
	"mantel_haenszel": "Mantel-Haenszel test",
	"propensity":      "propensity-score weighting",
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
	if a.Firth {
		title = "Firth's " + title
	}
	switch {
	case a.Term != "":
		return title + ", " + a.Term + " of " + a.Model
	case a.At != 0:
		return title + " of " + a.Model + " at " + alone(a.At, 7)
	case a.Model != "":
		return title + " of " + a.Model
	case len(a.Models) > 0:
		return title + ", " + strings.Join(a.Models, " and ")
	case a.Time != "":
		return title + ", " + about(a)
	case a.Formula != "":
		return title + ", " + breakable(a.Formula)
	case a.Rows != "" && len(a.Strata) > 0:
		return title + ", " + a.Rows + " by " + a.Columns + " within " + strings.Join(a.Strata, ", ")
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

// breakable gives a long formula without spaces places where a line may end.
func breakable(formula string) string {
	if len(formula) <= 80 || strings.Contains(formula, "`") { // a quoted name may hold a plus
		return formula
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(formula, "+", " + ")), " ")
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
		text := "Each number below is a sum over the rows of all hospitals. The analyst alone learns it, and sees small cells; the hospitals learn nothing but their own input"
		if s.Privacy.Reveal == "model" {
			text += " and what the list says they see as well"
		}
		return text + ". The hub adds masked numbers and learns none of them." + underEncryption(s)
	}
	text := "Each number below is a sum over the rows of all hospitals. Every hospital's gateway learns it; the hub adds masked numbers and learns none of them. No record leaves its hospital"
	if perHospital(s) != "" {
		return text + ". A number that shows figures of single hospitals says so." + underEncryption(s)
	}
	return text + ", nor does a hospital's own sum." + underEncryption(s)
}

// underEncryption says what reveal: model keeps from everybody, and what it does not.
func underEncryption(s *study.Spec) string {
	veiled, open := veils(s)
	text := ""
	if veiled {
		text = " What the models need beyond the list is computed under encryption, with a key of which every hospital holds a part: nobody sees it."
	}
	if open != nil {
		text += " Not encrypted, but open as with reveal: sums: " + strings.Join(open, ", ") + "."
	}
	return text
}

// veils reports whether an analysis stays encrypted by reveal: model, and which models do not.
func veils(s *study.Spec) (veiled bool, open []string) {
	if s.Privacy.Reveal != "model" {
		return false, nil
	}
	for _, a := range s.Analyses {
		kind, ok := stat.Lookup(a.Kind)
		if !ok {
			continue
		}
		p, err := kind.Statistic.Begin(a, s.Schema)
		if _, hidden := p.(stat.Veiled); err == nil && hidden {
			veiled = true
		} else if a.Formula != "" {
			open = append(open, a.ID)
		}
	}
	return veiled, open
}

// opened lists what was opened, in a steward's words: first what the result
// shows, then what was used on the way. What several analyses open alike is one line.
func (p *printer) opened() {
	p.line("\n\nWhat was opened, to %s\n%s", To(p.Spec.Privacy), strings.Repeat("-", len("What was opened, to "+To(p.Spec.Privacy))))
	if first := perHospital(p.Spec); first != "" {
		wrap(&p.Builder, "", 0, first)
	}
	wrap(&p.Builder, "", 0, whoLearns(p.Spec))
	wrap(&p.Builder, "", 0, Collusion(p.Spec))
	var all []openedLine
	for _, d := range p.Disclosed {
		all = p.gather(all, "", d)
	}
	for _, a := range p.Analyses {
		for _, d := range a.Disclosed {
			all = p.gather(all, a.ID, d)
		}
	}
	p.lines("Written to the result, after the disclosure rules:", all, true)
	p.lines("Used on the way, never written:", all, false)
}

func (p *printer) lines(title string, all []openedLine, released bool) {
	for _, o := range all {
		if o.released != released {
			continue
		}
		if title != "" {
			p.line("\n%s", title)
			title = ""
		}
		wrap(&p.Builder, "  - ", 4, o.what+": "+strings.Join(o.by, ", "))
	}
}

// openedLine is one kind of total and who opened it, how much and how often.
type openedLine struct {
	what     string
	released bool
	by       []string
}

// gather adds an opening that was used to the line of its like.
func (p *printer) gather(all []openedLine, id string, d Disclosed) []openedLine {
	if d.Times == 0 {
		return all
	}
	what := d.What
	if d.PerHospital {
		what += " (SHOWS FIGURES OF SINGLE HOSPITALS)"
	}
	if to := To(p.Spec.Privacy); d.To != "" && d.To != to {
		what += " (to " + d.To + ")"
	}
	if d.CountsPeople && !d.Released && p.minCell() > 1 {
		what += fmt.Sprintf(" (counts people, may be fewer than %d)", p.minCell())
	}
	by := plural(int64(d.Cells), "number") + ", " + times(d.Times)
	if id != "" {
		by = id + " (" + by + ")"
	}
	for i := range all {
		if all[i].what == what && all[i].released == d.Released {
			all[i].by = append(all[i].by, by)
			return all
		}
	}
	return append(all, openedLine{what: what, released: d.Released, by: []string{by}})
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
// A hospital's own copy has its own traffic, which a network that lost an answer makes another than its neighbours'.
func (p *printer) cost() {
	if p.Cost.Rounds == 0 {
		return
	}
	var up, down int64
	for _, n := range p.Cost.BytesUp {
		up = max(up, n)
	}
	for _, n := range p.Cost.BytesDown {
		down = max(down, n)
	}
	sent, received := "a hospital sent at most ", "at most "
	if len(p.Cost.BytesUp) == 1 && len(p.Spec.Sites) > 1 {
		sent, received = "this hospital sent ", ""
	}
	p.line("\n%s; %s%s and received %s%s.", plural(int64(p.Cost.Rounds), "masked sum"), sent, bytes(up), received, bytes(down))
	if p.Cost.encrypted() {
		p.line("%s between a hospital and the hub, those under encryption included.", plural(int64(p.Cost.Trips()), "round trip"))
	}
}
