package study

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// Parse reads a study file; file is its name in messages. A study that is
// returned is valid: names, types and disclosure rules are checked, conditions
// are compiled, and every statistic has accepted its keys. All mistakes are
// told at once: the error is Errors.
func Parse(file string, src []byte) (*Spec, error) {
	r := &reader{file: file}
	p := &parser{reader: r, spec: &Spec{Schema: &table.Schema{}}}
	if doc := r.document(src); doc != nil {
		p.study(doc)
	}
	if len(r.errs) > 0 {
		slices.SortStableFunc(r.errs, func(a, b *Error) int { return a.Line - b.Line })
		return nil, r.errs
	}
	p.warn()
	return p.spec, nil
}

type parser struct {
	*reader
	spec        *Spec
	cohortSites bool // cohort.where names site
}

var (
	studyName  = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	analysisID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`) // they become names of files
)

// study reads the top of the file. Analyses come last: they need everything else.
func (p *parser) study(doc *yaml.Node) {
	top := p.keys(doc, "study file", "study", "title", "approval", "sites", "variables", "cohort", "analyses", "privacy")
	if doc.Kind != yaml.MappingNode {
		return
	}
	for _, key := range []string{"study", "sites", "variables", "analyses"} {
		if top[key] == nil {
			p.fail(doc, "the study file has no key %q", key)
		}
	}
	if n := top["study"]; n != nil {
		p.spec.Name = p.text(n, "study")
		if !missing(n) && n.Kind == yaml.ScalarNode && !studyName.MatchString(p.spec.Name) {
			p.fail(n, "study: %q is no name of a study; want up to 64 lower-case letters a-z, digits and -", p.spec.Name)
		}
	}
	if n := top["title"]; n != nil {
		p.spec.Title = p.text(n, "title")
	}
	if n := top["approval"]; n != nil {
		p.approval(n)
	}
	if n := top["sites"]; n != nil {
		p.roster(n)
	}
	dictionary := len(p.errs)
	if n := top["variables"]; n != nil {
		p.variables(n)
	}
	known := len(p.errs) == dictionary // otherwise what follows would repeat the same mistakes
	if n := top["sites"]; n != nil && known {
		p.quirks(n)
	}
	if n := top["cohort"]; n != nil && known {
		p.cohort(n)
	}
	p.privacy(top["privacy"], doc)
	if n := top["analyses"]; n != nil && known {
		p.analyses(n)
	}
}

func (p *parser) approval(n *yaml.Node) {
	keys := p.keys(n, "approval", "ethics", "contact")
	if v := keys["ethics"]; v != nil {
		p.spec.Approval.Ethics = p.text(v, "approval.ethics")
	}
	if v := keys["contact"]; v != nil {
		p.spec.Approval.Contact = p.text(v, "approval.contact")
	}
}

// roster reads the sites; their columns are read by quirks, after the dictionary.
func (p *parser) roster(n *yaml.Node) {
	if p.many(n, "sites", maxSites) {
		return
	}
	for _, e := range p.entries(n, "sites") {
		site := Site{ID: party.ID(e.key)}
		switch {
		case site.ID == party.Hub:
			p.fail(e.at, "sites: no hospital may be called %q: it is the party that adds", party.Hub)
		case site.ID.Check() != nil:
			p.fail(e.at, "sites: %q is no name of a site; want up to 64 letters a-z and A-Z, digits, _ and -", e.key)
		}
		if !missing(e.value) {
			site.Source = p.source(e.value, "site "+e.key)
		}
		p.spec.Sites = append(p.spec.Sites, site)
		p.spec.Schema.Sites = append(p.spec.Schema.Sites, e.key)
	}
	if len(p.spec.Sites) == 0 && n.Kind == yaml.MappingNode {
		p.fail(n, "sites: the study has no hospital")
	}
}

func (p *parser) source(n *yaml.Node, what string) table.Source {
	var s table.Source
	keys := p.keys(n, what, "csv", "encoding", "separator", "columns")
	for key, to := range map[string]*string{"csv": &s.CSV, "encoding": &s.Encoding, "separator": &s.Separator} {
		if v := keys[key]; v != nil {
			*to = p.text(v, what+": "+key)
		}
	}
	if err := s.Check(); err != nil {
		p.fail(n, "%s: %s", what, bare(err))
	}
	return s
}

// quirks reads which of a site's columns have names of their own.
func (p *parser) quirks(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	names := p.spec.Schema.Names()
	for i := range p.spec.Sites {
		site := &p.spec.Sites[i]
		columns := child(child(n, string(site.ID)), "columns")
		if columns == nil {
			continue
		}
		site.Source.Columns = map[string]string{}
		what := fmt.Sprintf("site %s: columns", site.ID)
		for _, e := range p.entries(columns, what) {
			if !slices.Contains(names[:len(names)-1], e.key) {
				p.fail(e.at, "%s: no variable %q in the dictionary; %s", what, e.key, table.Hint(e.key, names[:len(names)-1]))
				continue
			}
			site.Source.Columns[e.key] = p.text(e.value, what+": "+e.key)
		}
	}
}

// child returns the value under a key; nil when n is no mapping or has no such key.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (p *parser) cohort(n *yaml.Node) {
	keys := p.keys(n, "cohort", "where")
	if v := keys["where"]; v != nil {
		p.spec.Cohort = p.where(v, "cohort.where")
		p.cohortSites = p.spec.Cohort != nil && slices.Contains(p.spec.Cohort.Variables(), table.Site)
	}
}

// where compiles a condition; nil after a failure.
func (p *parser) where(n *yaml.Node, what string) *table.Condition {
	if n.Kind != yaml.ScalarNode || missing(n) {
		p.fail(n, "%s is %s; want a condition in quotes, as in \"age >= 40\"", what, kindOf(n))
		return nil
	}
	c, err := table.ParseCondition(strings.TrimSpace(n.Value), p.spec.Schema)
	if err != nil {
		p.fail(n, "%s: %s", what, bare(err))
		return nil
	}
	return c
}

// bare is an error's text without the names of the packages it comes from: the study file is what the user looks at.
func bare(err error) string {
	s := err.Error()
	for _, room := range []string{"table: condition, ", "table: "} {
		if rest, ok := strings.CutPrefix(s, room); ok {
			s = rest
			break
		}
	}
	return strings.ReplaceAll(s, ": table: ", ": ")
}

// warn notes what is allowed but must be known.
func (p *parser) warn() {
	add := func(format string, args ...any) {
		p.spec.Warnings = append(p.spec.Warnings, fmt.Sprintf(format, args...))
	}
	switch len(p.spec.Sites) {
	case 1:
		add("one hospital only: every total is that hospital's own")
	case 2:
		add("two hospitals only: each can subtract its own figures from every total and then knows the other's")
	}
	if p.spec.Privacy.MinCell == 1 {
		add("min_cell is 1: counts of single persons are shown")
	}
	columns := map[string]string{}
	for _, f := range p.spec.Schema.Fields {
		c := f.Column
		if c == "" {
			c = f.Name
		}
		if first, ok := columns[c]; ok {
			add("variables %s and %s are read from the same column %q", first, f.Name, c)
		}
		columns[c] = f.Name
	}
}
