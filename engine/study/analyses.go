package study

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
)

// variableKeys are the keys of analyses whose values are names of variables.
var variableKeys = [...]string{"variables", "by", "variable", "rows", "columns", "paired", "outcome", "score", "medians", "time", "event", "entry", "strata"}

// veiledKeys are the keys of analyses that only mean something with privacy.reveal: model.
var veiledKeys = [...]string{"final_steps", "degree", "condition", "withhold"}

// analyses reads the list of analyses and lets every statistic check its own.
func (p *parser) analyses(n *yaml.Node) {
	if p.many(n, "analyses", maxAnalyses) {
		return
	}
	lines := map[string]int{} // by lower-case id: they become names of files
	list := p.list(n, "analyses")
	for i, a := range list {
		args, ok := p.analysis(a, i+1)
		if !ok {
			continue
		}
		folded := strings.ToLower(args.ID)
		if l, twice := lines[folded]; twice {
			p.fail(a, "analysis id %q stands twice, first in line %d (upper and lower case do not differ in names of files)", args.ID, l)
			continue
		}
		lines[folded] = a.Line
		p.spec.Analyses = append(p.spec.Analyses, args)
	}
	if n.Kind == yaml.SequenceNode && len(list) == 0 {
		p.fail(n, "analyses: the list is empty")
	}
}

// analysis reads one element of the list; number counts from 1.
func (p *parser) analysis(n *yaml.Node, number int) (stat.Args, bool) {
	before := len(p.errs)
	what := fmt.Sprintf("analysis %d", number)
	var args stat.Args
	entries := p.entries(n, what)
	if n.Kind != yaml.MappingNode {
		return args, false
	}
	if id := child(n, "id"); id == nil {
		p.fail(n, "%s has no id; write id: with a short name", what)
	} else if args.ID = p.text(id, what+": id"); id.Kind == yaml.ScalarNode && !missing(id) && !analysisID.MatchString(args.ID) {
		p.fail(id, "%s: id %q; want up to 64 letters A-Z a-z, digits, _ and -: it becomes the name of a file", what, args.ID)
	}
	if args.ID != "" {
		what = "analysis " + args.ID
	}
	kind, ok := p.kind(n, what)
	if !ok {
		return args, false
	}
	args.Kind = kind.Name
	allowed := slices.Concat([]string{"id", "kind", "where"}, kind.Required, kind.Optional)
	for _, e := range entries {
		switch {
		case !slices.Contains(allowed, e.key):
			p.unknown(e, what+" ("+kind.Name+")", allowed)
		case e.key == "where":
			args.Where = p.where(e.value, what+": where")
		case e.key != "id" && e.key != "kind":
			p.argument(&args, e, what)
		}
	}
	veiled := p.spec.Privacy.Reveal == "model"
	for _, key := range veiledKeys {
		if at := child(n, key); at != nil && !veiled && slices.Contains(allowed, key) {
			p.fail(at, "%s: %s is about encrypted models; leave it out, or use privacy.reveal: model", what, key)
		}
	}
	for _, key := range kind.Required {
		if child(n, key) == nil {
			p.fail(n, "%s: kind %s needs the key %q", what, kind.Name, key)
		}
	}
	if len(p.errs) > before {
		return args, false
	}
	if !p.models(&args, n, what) {
		return args, false
	}
	v := p.spec.Privacy
	args.Rules = stat.Rules{MinCell: v.MinCell, MinSites: v.MinSites, MaxParametersPerRow: v.MaxParametersPerRow, MaxRows: v.MaxRows}
	args.Veil, args.Sealed = veiled, v.Release == "analyst"
	args.PerHospital = p.cohortSites || p.spec.namesSite(args) || args.Apart
	if !p.sameFolds(args, n, what) {
		return args, false
	}
	// A rule that can already tell refuses the analysis when the study runs; the others still do.
	if _, err := kind.Statistic.Begin(args, p.spec.Schema); err != nil && !errors.As(err, new(*stat.Refusal)) {
		p.fail(n, "%s: %s", what, bare(err))
		return args, false
	}
	return args, true
}

// sameFolds refuses two ways of dealing rows to folds: everybody can tell which
// rows of a hospital a fold has, and sums over enough different folds of the same people are solved for single ones.
func (p *parser) sameFolds(args stat.Args, n *yaml.Node, what string) bool {
	v := args.CrossValidate
	if v == nil || args.Rules.MinCell <= 1 {
		return true
	}
	for _, of := range p.spec.Analyses {
		if w := of.CrossValidate; w != nil && *w != *v {
			p.fail(child(n, "cross_validate"), "%s: cross_validate: folds and seed are not those of %s: sums over different parts of the same people could be solved for single ones; use the same for all analyses of the study", what, of.ID)
			return false
		}
	}
	return true
}

// models finds the analyses that model and models name: their rows are those of this one.
func (p *parser) models(args *stat.Args, n *yaml.Node, what string) bool {
	for _, key := range []string{"model", "models"} {
		at := child(n, key)
		if at == nil {
			continue
		}
		ids := args.Models
		if key == "model" {
			ids = []string{args.Model}
		}
		for _, id := range ids {
			of := p.earlier(id)
			if of == nil {
				p.fail(at, "%s: %s: no analysis %q before this one", what, key, id)
				return false
			}
			if key == "model" {
				args.Of = of
			} else {
				args.OfAll = append(args.OfAll, of)
			}
			args.Where = of.Where
		}
		if w := child(n, "where"); w != nil {
			p.fail(w, "%s: where: the rows are those of %s; leave it out", what, strings.Join(ids, ", "))
			return false
		}
	}
	return true
}

// earlier returns the analysis of that id among those read, nil when there is none.
func (p *parser) earlier(id string) *stat.Args {
	for i := range p.spec.Analyses {
		if p.spec.Analyses[i].ID == id {
			of := p.spec.Analyses[i]
			return &of
		}
	}
	return nil
}

// kind looks the analysis's kind up in the catalog.
func (p *parser) kind(n *yaml.Node, what string) (stat.Kind, bool) {
	k := child(n, "kind")
	var names []string
	for _, c := range stat.Catalog() {
		names = append(names, c.Name)
	}
	if k == nil {
		p.fail(n, "%s has no kind; want one of %s", what, strings.Join(names, ", "))
		return stat.Kind{}, false
	}
	s := p.text(k, what+": kind")
	if s == "" {
		if k.Kind == yaml.ScalarNode && !missing(k) {
			p.fail(k, "%s: kind is empty; want one of %s", what, strings.Join(names, ", "))
		}
		return stat.Kind{}, false
	}
	if c, ok := stat.Lookup(s); ok {
		return c, true
	}
	p.fail(k, "%s: unknown kind %q; %s", what, s, table.Hint(s, names))
	return stat.Kind{}, false
}

// argument puts the value of a key into the field of Args with that tag.
func (p *parser) argument(args *stat.Args, e entry, what string) {
	v := reflect.ValueOf(args).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == e.key {
			before := len(p.errs)
			p.decode(v.Field(i), e.value, what+": "+e.key)
			if len(p.errs) == before {
				p.saysNothing(v.Field(i), e, what)
			}
			if slices.Contains(variableKeys[:], e.key) {
				p.namesVariables(v.Field(i), e.value, what+": "+e.key)
			}
			return
		}
	}
	p.fail(e.at, "%s: this version does not support the key %q yet", what, e.key)
}

// saysNothing refuses a value that would be taken for a key left out.
func (p *parser) saysNothing(v reflect.Value, e entry, what string) {
	switch {
	case v.Kind() == reflect.Slice && v.Len() == 0:
		p.fail(e.value, "%s: %s: the list is empty; name what it is for, or leave the key out", what, e.key)
	case v.CanInt() && v.Int() == 0, v.CanFloat() && v.Float() == 0:
		p.fail(e.value, "%s: %s is 0; want a number above 0, or leave the key out", what, e.key)
	}
}

// decode reads a value by the type of the field it is for.
func (p *parser) decode(to reflect.Value, n *yaml.Node, what string) {
	switch to.Interface().(type) {
	case string:
		to.SetString(p.text(n, what))
		return
	case []string:
		to.Set(reflect.ValueOf(p.literals(n, what)))
		return
	case stat.OneOrMore:
		if n.Kind == yaml.ScalarNode {
			to.Set(reflect.ValueOf(stat.OneOrMore{p.text(n, what)}))
		} else {
			to.Set(reflect.ValueOf(stat.OneOrMore(p.literals(n, what))))
		}
		return
	case []map[string]string:
		var l []map[string]string
		for i, c := range p.list(n, what) {
			m := map[string]string{}
			for _, e := range p.entries(c, fmt.Sprintf("%s: element %d", what, i+1)) {
				m[e.key] = p.text(e.value, what+": "+e.key)
			}
			l = append(l, m)
		}
		to.Set(reflect.ValueOf(l))
		return
	case []float64:
		var l []float64
		for _, c := range p.list(n, what) {
			l = append(l, p.number(c, what))
		}
		to.Set(reflect.ValueOf(l))
		return
	}
	switch to.Kind() {
	case reflect.Float64:
		to.SetFloat(p.number(n, what))
	case reflect.Int:
		to.SetInt(p.integer(n, what, 0, 1<<31-1))
	case reflect.Bool:
		to.SetBool(p.boolean(n, what))
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		if e, ok := to.Interface().(*stat.Evaluate); ok {
			e.Cells = stat.DefaultCells
		}
		p.decode(to.Elem(), n, what)
	case reflect.Struct:
		var allowed []string
		for i := range to.NumField() {
			allowed = append(allowed, to.Type().Field(i).Tag.Get("yaml"))
		}
		keys := p.keys(n, what, allowed...)
		for i, key := range allowed {
			if v := keys[key]; v != nil {
				p.decode(to.Field(i), v, what+"."+key)
			}
		}
	default:
		panic(fmt.Sprintf("study: stat.Args has a field of type %s, which no value can be read for", to.Type()))
	}
}

// namesVariables refuses names that are not in the dictionary.
func (p *parser) namesVariables(v reflect.Value, n *yaml.Node, what string) {
	names, nodes := []string{}, []*yaml.Node{n}
	switch x := v.Interface().(type) {
	case string:
		names = append(names, x)
	case []string:
		names, nodes = x, n.Content
	case stat.OneOrMore:
		if names = x; n.Kind == yaml.SequenceNode {
			nodes = n.Content
		}
	}
	known := p.spec.Schema.Names()
	for i, s := range names {
		if s != "" && !slices.Contains(known, s) {
			p.fail(nodes[min(i, len(nodes)-1)], "%s: no variable %q in the dictionary; %s", what, s, table.Hint(s, known))
		}
	}
}

// namesSite reports whether an analysis shows figures of single hospitals. With
// site among the strata it does not: hospitals finish their own, and only sums over them are opened.
func (s *Spec) namesSite(a stat.Args) bool {
	a.Strata = nil
	for _, of := range append(a.OfAll, a.Of) {
		if of != nil && s.namesSite(*of) {
			return true
		}
	}
	a.Of, a.OfAll = nil, nil
	return slices.Contains(s.variablesOf(a), table.Site)
}
