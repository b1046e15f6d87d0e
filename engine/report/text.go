package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// WriteText writes the readable report: one section per analysis, then what was opened, to whom.
func (r *Report) WriteText(w io.Writer) error {
	p := &printer{Report: r.rounded()}
	p.heading()
	for _, a := range p.Analyses {
		p.analysis(a)
	}
	p.opened()
	p.cost()
	_, err := io.WriteString(w, p.String())
	return err
}

// printer collects the text of a report.
type printer struct {
	*Report
	strings.Builder
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

func (p *printer) heading() {
	s := p.Spec
	title := s.Title
	if title == "" {
		title = s.Name
	}
	wrap(&p.Builder, "", 0, title)
	p.line("%s", strings.Repeat("=", min(wide(title), 100)))
	p.line("study %s, computed by consilium %s", s.Name, p.Consilium)
	if p.PlanDigest != "" {
		p.line("plan digest %s", p.PlanDigest)
	}
	wrap(&p.Builder, fmt.Sprintf("%s: ", plural(int64(len(s.Sites)), "hospital")), 2, strings.Join(sites(s), ", "))
	if r := p.Absent; len(r) > 0 {
		wrap(&p.Builder, "", 2, fmt.Sprintf("Another estimand than planned: %s of the study did not take part (%s). Every figure is of the others' patients alone.", plural(int64(len(r)), "hospital"), strings.Join(r, ", ")))
	}
	if p.sealed() {
		wrap(&p.Builder, "", 2, "The results are sealed to the analyst's key, in sealed.json: consilium open shows them to its holder.")
	} else if s.Cohort != nil {
		p.line("%s; the cohort (%s) leaves out %s", plural(p.Cohort.Rows, "row"), s.Cohort, count(p.Cohort.Filtered))
	} else {
		p.line("%s", plural(p.Cohort.Rows, "row"))
	}
	for _, warning := range s.Warnings {
		wrap(&p.Builder, "Warning: ", 2, warning)
	}
}

// analysis prints one section.
func (p *printer) analysis(a Analysis) {
	args := p.args(a.ID)
	title := a.ID + ": " + kindTitle(args, a.Kind)
	p.line("\n")
	wrap(&p.Builder, "", 2, title)
	p.line("%s", strings.Repeat("-", min(wide(title), 100)))
	if args.Where != nil {
		p.line("where %s", args.Where)
	}
	switch {
	case a.Refused != nil:
		p.refused(a)
		return
	case a.Frame == nil:
		p.line("Sealed to the analyst's key.")
		return
	}
	p.line("")
	p.body(a.Kind, args, a.Frame)
	p.line("")
	p.footer(a.Frame)
}

func (p *printer) refused(a Analysis) {
	wrap(&p.Builder, "Refused by the rule ", 2, a.Refused.Rule+": "+a.Refused.Message+".")
	if a.Refused.Remedy != "" {
		wrap(&p.Builder, "What to do: ", 2, a.Refused.Remedy+".")
	}
	if a.N != nil {
		p.line("%s used.", plural(*a.N, "row"))
	}
}

// body prints the tables of a kind; a kind it has no layout for is printed as its tidy table.
func (p *printer) body(kind string, args stat.Args, f *stat.Frame) {
	switch kind {
	case "linear", "logistic":
		p.model(kind, args, f)
	case "table1":
		p.table1(args, f)
	case "describe":
		p.describe(f)
	case "crosstab":
		p.crosstab(args, f)
	case "histogram":
		p.histogram(args, f)
	case "ttest":
		p.ttest(args, f)
	case "anova":
		p.anova(f)
	case "rank":
		p.rank(args, f)
	case "correlation":
		p.correlation(args, f)
	case "roc":
		p.roc(args, f)
	case "km":
		p.km(args, f)
	case "logrank":
		p.logrank(args, f)
	case "cox":
		p.cox(args, f)
	case "poisson", "negbin":
		p.rates(f)
	case "calibration":
		p.calibration(f)
	case "decision_curve":
		p.decisionCurve(f)
	case "lrtest":
		p.likelihoodRatio(f)
	case "heterogeneity":
		p.heterogeneity(f)
	case "mantel_haenszel":
		p.mantelHaenszel(args, f)
	case "propensity":
		p.propensity(args, f)
	default:
		p.tidy(f.Tidy)
		p.glance(f.Glance)
		if f.Glances != nil {
			p.line("")
			p.tidy(f.Glances)
		}
		p.tables(f)
	}
}

// tables prints what stands beside tidy and glance.
func (p *printer) tables(f *stat.Frame) {
	for _, t := range f.Tables {
		title, known := tableTitles[t.Name]
		if !known {
			title = t.Name
		}
		switch t.Name {
		case "reference":
			continue // of the baseline
		case "baseline":
			p.line("\nThe baseline hazard at %s is in result.json, for consilium predict.", plural(int64(len(t.Rows)), "time"))
			continue
		}
		p.line("\n%s:", title)
		switch t.Name {
		case "cross_validation":
			p.performance(t.Rows)
		case "predicted":
			p.predicted(t.Rows)
		default:
			p.tidy(t.Rows)
		}
	}
}

// tableTitles name further tables as a statistician does.
var tableTitles = map[string]string{
	"vif":              "Variance inflation (GVIF, and its root of order 2 df)",
	"cross_validation": "Performance among the people of the fit, and among those it has not seen",
	"predicted":        "Predicted survival",
	"hospitals":        "Performance at each hospital",
}

// footer says which rows were used and warns.
func (p *printer) footer(f *stat.Frame) {
	used := plural(f.N, "row") + " used"
	if f.Excluded > 0 {
		used += ", " + count(f.Excluded) + " left out for missing values"
	}
	if f.Filtered > 0 {
		used += ", " + count(f.Filtered) + " filtered"
	}
	if few := int(f.Sites); few < len(p.Spec.Sites) && p.minCell() > 1 {
		used += fmt.Sprintf("; %d of %d hospitals contribute %d rows or more", few, len(p.Spec.Sites), p.minCell())
	} else {
		used += "; " + plural(f.Sites, "hospital")
	}
	wrap(&p.Builder, "", 2, used+".")
	if f.Suppressed {
		wrap(&p.Builder, hidden+" ", 2, fmt.Sprintf("suppressed or merged: cells of 1 to %d people, and cells that would give them away.", p.minCell()-1))
	}
	for _, warning := range f.Warnings {
		wrap(&p.Builder, "Warning: ", 2, warning)
	}
}

func (p *printer) minCell() int { return p.Spec.Privacy.MinCell }

// label is a variable with its unit: "age, years".
func (p *printer) label(variable string) string {
	if f, err := p.Spec.Schema.Field(variable); err == nil && f.Unit != "" {
		return variable + ", " + f.Unit
	}
	return variable
}

// tidy prints records as a table under their own keys.
func (p *printer) tidy(rows []stat.Record) {
	keys := columns(rows)
	g := grid{}
	g.add(keys...)
	for _, r := range rows {
		var cells []string
		for _, k := range keys {
			cells = append(cells, show(r, k))
		}
		g.add(cells...)
	}
	g.left = 1
	g.write(&p.Builder, "")
}

// glance prints one record as lines of key and value.
func (p *printer) glance(r stat.Record) {
	g := grid{left: 1}
	for _, e := range r {
		g.add(e.Key, show(r, e.Key))
	}
	g.write(&p.Builder, "")
}

// columns lists the keys of records in order of first appearance.
func columns(rows []stat.Record) []string {
	var keys []string
	for _, r := range rows {
		for _, e := range r {
			if !slices.Contains(keys, e.Key) {
				keys = append(keys, e.Key)
			}
		}
	}
	return keys
}

// number returns the value under key as a float64, NaN when it does not exist.
func number(r stat.Record, key string) float64 {
	switch v := r.Get(key).(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	}
	return math.NaN()
}

// text returns the value under key as a string, empty when it does not exist.
func text(r stat.Record, key string) string {
	s, _ := r.Get(key).(string)
	return s
}

// gone says why the record has no number: it was suppressed, or does not exist.
func gone(r stat.Record) string {
	if s, _ := r.Get("suppressed").(bool); s {
		return hidden
	}
	return absent
}

// show prints the value under key to four significant digits; counts are whole.
func show(r stat.Record, key string) string {
	switch v := r.Get(key).(type) {
	case float64:
		return alone(v, 4)
	case int64:
		return count(v)
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	return gone(r)
}

// has reports whether at least one record has a value under key.
func has(rows []stat.Record, key string) bool {
	return slices.ContainsFunc(rows, func(r stat.Record) bool { return r.Get(key) != nil })
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}
