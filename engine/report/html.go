package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

//go:embed html/page.tmpl
var pageTemplate string

//go:embed html/style.css
var pageStyle string

//go:embed html/script.js
var pageScript string

// WriteHTML writes report.html: the whole report in one file that asks for
// nothing from anywhere, in English and Chinese, with figures. Equal reports,
// but for the seconds they took, have equal bytes.
func (r *Report) WriteHTML(w io.Writer) error {
	words, err := readWords(wordsFile)
	if err != nil {
		return err
	}
	p := &page{Report: r.rounded(), words: words}
	p.build()
	if len(p.unknown) > 0 {
		return fmt.Errorf("report: words.txt has no %q", p.unknown)
	}
	find := func(key string) (word, error) {
		if found, ok := words[key]; ok {
			return found, nil
		}
		return word{}, errors.New("words.txt has no " + key)
	}
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"w":  func(key string) (template.HTML, error) { found, err := find(key); return found.HTML(), err },
		"en": func(key string) (string, error) { found, err := find(key); return found.En, err },
		"zh": func(key string) (string, error) { found, err := find(key); return found.Zh, err },
	}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("report: report.html: %w", err)
	}
	_, err = io.WriteString(w, harmless(b.String())) // names come in by many ways: this is the one way out
	return err
}

// page is what the template shows.
type page struct {
	*Report
	words   dictionary
	unknown []string // keys that words.txt lacks
	spoken  []sentence
	heard   map[string]string // sentences and what they are in Chinese

	Heading  word
	Facts    []fact // about the study
	Flow     []block
	Sections []chapter
	Lead     []word // what was opened, in words
	Openings []block
	Held     []block // what was suppressed or refused
	Traffic  *word
}

// fact is a name with what it stands for.
type fact struct {
	Name, Value word
	Code        bool // a digest, a condition: not prose
}

// chapter is one analysis.
type chapter struct {
	ID         string
	Title      word
	About      word
	Where      string
	Tags       []word
	Refused    *refused
	Rule       word
	Sealed     bool
	Blocks     []block
	Used       *word
	Suppressed *word
	Warnings   []word
	Further    []word // warnings that begin collapsed
	More       word   // how many these are
}

// refused is why there is no outcome, and what can be done.
type refused struct{ Message, Remedy word }

// block is a table, a figure or a note.
type block struct {
	Note   *word
	Figure *plot
	Table  *view
	Name   string // of the file it is saved as, without its ending
}

// w is a term of words.txt.
func (p *page) w(key string, args ...any) word {
	found, ok := p.words[key]
	if !ok {
		p.unknown = append(p.unknown, key)
	}
	return found.fill(args...)
}

// maybe is a term of words.txt, or the name itself where there is none.
func (p *page) maybe(group, name string) word {
	if found, ok := p.words[group+"."+name]; ok {
		return found
	}
	return same(name)
}

// HTML is the term in English; the page's script swaps it for the Chinese one.
func (w word) HTML() template.HTML {
	if w.Translated() {
		return template.HTML(`<span data-zh="` + html.EscapeString(w.Zh) + `">` + html.EscapeString(w.En) + `</span>`)
	}
	return template.HTML(html.EscapeString(w.En))
}

func (p *page) build() {
	s := p.Spec
	p.Heading = same(s.Title)
	if s.Title == "" {
		p.Heading = same(s.Name)
	}
	p.study()
	if !p.sealed() {
		p.Flow = p.flow()
	}
	for _, a := range p.Analyses {
		p.Sections = append(p.Sections, p.chapter(a))
	}
	p.openedPage()
}

// study collects what stands at the head of the page.
func (p *page) study() {
	s := p.Spec
	add := func(key string, value word, code bool) { p.Facts = append(p.Facts, fact{p.w(key), value, code}) }
	add("study.name", same(s.Name), false)
	names := ""
	for i, site := range s.Sites {
		if i > 0 {
			names += ", "
		}
		names += string(site.ID)
	}
	add("study.hospitals", p.w("study.count", len(s.Sites), names), false)
	if len(p.Absent) > 0 {
		absent := ""
		for i, site := range p.Absent {
			if i > 0 {
				absent += ", "
			}
			absent += site
		}
		estimand := p.w("study.estimand")
		add("study.absent", word{clean(absent) + ". " + estimand.En, clean(absent) + "。" + estimand.Zh}, false)
	}
	if s.Approval.Ethics != "" {
		add("study.ethics", same(s.Approval.Ethics), false)
	}
	if s.Approval.Contact != "" {
		add("study.contact", same(s.Approval.Contact), false)
	}
	if s.Cohort != nil {
		add("study.cohort", same(s.Cohort.String()), true)
	} else {
		add("study.cohort", p.w("study.everyone"), false)
	}
	rules := p.w("study.rulesoff", s.Privacy.MinSites, s.Privacy.MaxParametersPerRow)
	if p.minCell() > 1 {
		rules = p.w("study.rulesare", p.minCell(), s.Privacy.MinSites, s.Privacy.MaxParametersPerRow)
	}
	add("study.rules", rules, false)
	add("study.version", same("consilium "+p.Consilium), false)
	if p.PlanDigest != "" {
		add("study.digest", same(p.PlanDigest), true)
	}
	for _, warning := range s.Warnings {
		add("study.warning", p.said(warning), false)
	}
}

func (p *page) minCell() int { return p.Spec.Privacy.MinCell }

// label is a variable with its unit.
func (p *page) label(variable string) string {
	return (&printer{Report: p.Report}).label(variable)
}

// chapter is the view of one analysis.
func (p *page) chapter(a Analysis) chapter {
	args := p.args(a.ID)
	s := chapter{ID: a.ID, Title: p.kind(args, a.Kind), About: same(about(args))}
	if args.Where != nil {
		s.Where = args.Where.String()
	}
	if args.PerHospital {
		s.Tags = append(s.Tags, p.w("state.perhospital"))
	}
	switch {
	case a.Refused != nil:
		s.Tags = append(s.Tags, p.w("state.refused"))
		s.Refused = &refused{p.said(a.Refused.Message), p.said(a.Refused.Remedy)}
		s.Rule = p.maybe("rule", a.Refused.Rule)
		if a.N != nil {
			used := p.w("state.rows", count(*a.N))
			s.Used = &used
		}
		return s
	case a.Frame == nil:
		s.Sealed = true
		return s
	}
	f := a.Frame
	s.Blocks = p.body(a, args)
	used := p.w("state.usedby", count(f.N), count(f.Excluded), count(f.Filtered), f.Sites, len(p.Spec.Sites))
	if p.minCell() > 1 {
		used = p.w("state.used", count(f.N), count(f.Excluded), count(f.Filtered), f.Sites, len(p.Spec.Sites), p.minCell())
	}
	s.Used = &used
	if f.Suppressed {
		s.Tags = append(s.Tags, p.w("state.suppressedtag"))
		why := p.w("state.suppressed", hidden, p.minCell()-1)
		s.Suppressed = &why
	}
	for _, warning := range f.Warnings {
		s.Warnings = append(s.Warnings, p.said(warning))
	}
	if rest := len(s.Warnings) - warningsShown; rest > 1 {
		s.Warnings, s.Further, s.More = s.Warnings[:warningsShown], s.Warnings[warningsShown:], p.w("state.further", rest)
	}
	return s
}

// warningsShown of an analysis are open to be read, the others collapsed.
const warningsShown = 4

// kind names a kind of analysis.
func (p *page) kind(args stat.Args, kind string) word {
	title := p.maybe("kind", kind)
	if args.Method == "spearman" {
		title = p.w("kind.spearman")
	}
	if args.Ridge != nil {
		title = p.w("kind.ridge", title)
	}
	if args.Firth {
		title = p.w("kind.firth", title)
	}
	return title
}

// about is what an analysis is of: its formula or variables, in the study file's own words.
func about(a stat.Args) string {
	within := ""
	if len(a.Strata) > 0 {
		within = " | " + strings.Join(a.Strata, ", ")
	}
	when := ""
	if a.At != 0 {
		when = ", t = " + alone(a.At, 7)
	}
	switch {
	case len(a.Models) > 0:
		return strings.Join(a.Models, ", ")
	case a.Term != "":
		return a.Model + ": " + a.Term
	case a.Model != "" && a.Of != nil:
		return a.Model + ": " + about(*a.Of) + when
	case a.Model != "":
		return a.Model + when
	case a.Formula != "" && a.Time != "":
		return "Surv(" + a.Time + ", " + a.Event + ") ~ " + breakable(strings.TrimLeft(a.Formula, "~ ")) + within
	case a.Formula != "":
		return breakable(a.Formula)
	case a.Time != "" && a.By != "":
		return "Surv(" + a.Time + ", " + a.Event + ") ~ " + a.By + within
	case a.Time != "":
		return "Surv(" + a.Time + ", " + a.Event + ")"
	case a.Rows != "":
		return a.Rows + " × " + a.Columns + within
	case len(a.Paired) == 2:
		return a.Paired[0] + " − " + a.Paired[1]
	case a.Outcome != "":
		return a.Outcome + " ~ " + a.Score
	case a.Variable != "" && a.By != "":
		return a.Variable + " ~ " + a.By
	case a.Variable != "":
		return a.Variable
	case len(a.Variables) > 0 && a.By != "":
		return strings.Join(a.Variables, ", ") + " ~ " + a.By
	}
	return strings.Join(a.Variables, ", ")
}

// CSP is the content security policy of the page: nothing is asked for, and
// no style or script runs but those of this file.
func (p *page) CSP() string {
	of := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + of(pageStyle) + "; script-src " + of(pageScript) + "; base-uri 'none'; form-action 'none'"
}

// Style and Script are as their digests in the policy say.
func (p *page) Style() template.CSS { return template.CSS(pageStyle) }
func (p *page) Script() template.JS { return template.JS(pageScript) }

// IsSealed reports whether the results are there for the analyst's key alone.
func (p *page) IsSealed() bool { return p.sealed() }

// ids lists analyses for which a condition holds.
func (p *page) ids(which func(Analysis) bool) (out []string) {
	for _, a := range p.Analyses {
		if which(a) && !slices.Contains(out, a.ID) {
			out = append(out, a.ID)
		}
	}
	return out
}
