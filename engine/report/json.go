package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
)

// object is a JSON object that keeps the order of its keys. A value may be an
// object, a list, a stat.Record, a *stat.Matrix, or anything encoding/json takes.
type object []entry

type entry struct {
	key   string
	value any
}

// list is an array of which every element has a line of its own.
type list []any

func (o *object) put(key string, value any) { *o = append(*o, entry{key, value}) }

// WriteJSON writes result.json. Numbers are in the shortest form that reads
// back to the same float64; what does not exist is null.
func (r *Report) WriteJSON(w io.Writer) error {
	return writeJSON(w, r.rounded().object())
}

// WriteDisclosed writes disclosed.json: what was opened, how often, to whom.
func (r *Report) WriteDisclosed(w io.Writer) error {
	var analyses list
	for _, a := range r.Analyses {
		var o object
		o.put("id", a.ID)
		o.put("kind", a.Kind)
		o.put("disclosed", disclosures(a.Disclosed))
		analyses = append(analyses, o)
	}
	o := r.head()
	o.put("collusion", Collusion(r.Spec))
	o.put("disclosed", disclosures(r.Disclosed))
	o.put("analyses", analyses)
	return writeJSON(w, o)
}

// head names the study, its plan and who took part.
func (r *Report) head() object {
	var o object
	o.put("study", r.Spec.Name)
	o.put("plan_digest", r.PlanDigest)
	o.put("consilium", r.Consilium)
	o.put("sites", sites(r.Spec))
	o.put("reveal", r.Spec.Privacy.Reveal)
	o.put("release", r.Spec.Privacy.Release)
	o.put("min_cell", r.Spec.Privacy.MinCell)
	return o
}

func (r *Report) object() object {
	o := r.head()
	o.put("cohort", r.Cohort)
	o.put("warnings", warnings(r.Spec.Warnings))
	analyses := list{}
	for _, a := range r.Analyses {
		analyses = append(analyses, a.object())
	}
	o.put("disclosed", disclosures(r.Disclosed))
	o.put("analyses", analyses)
	o.put("cost", r.Cost)
	return o
}

func (a Analysis) object() object {
	var o object
	o.put("id", a.ID)
	o.put("kind", a.Kind)
	switch {
	case a.Refused != nil:
		if a.N != nil {
			o.put("n", *a.N)
		}
		o.put("refused", refusal(a.Refused))
	case a.Frame != nil:
		f := a.Frame
		o.put("n", f.N)
		o.put("excluded", f.Excluded)
		o.put("filtered", f.Filtered)
		o.put("contributing_sites", f.Sites)
		rows := list{}
		for _, r := range f.Tidy {
			rows = append(rows, r)
		}
		o.put("tidy", rows)
		o.put("glance", f.Glance)
		if f.VCov != nil {
			o.put("vcov", f.VCov)
		}
		if f.Suppressed {
			o.put("suppressed", true)
		}
		o.put("warnings", warnings(f.Warnings))
	}
	o.put("disclosed", disclosures(a.Disclosed))
	return o
}

func refusal(r *stat.Refusal) object {
	return object{{"rule", r.Rule}, {"message", r.Message}, {"remedy", r.Remedy}}
}

func disclosures(all []Disclosed) list {
	rows := list{}
	for _, d := range all {
		rows = append(rows, d)
	}
	return rows
}

func warnings(texts []string) list {
	rows := list{}
	for _, t := range texts {
		rows = append(rows, t)
	}
	return rows
}

func sites(s *study.Spec) []string {
	var names []string
	for _, site := range s.Sites {
		names = append(names, string(site.ID))
	}
	return names
}

// writeJSON writes an object: objects and lists over several lines, everything else on one.
func writeJSON(w io.Writer, o object) error {
	var b strings.Builder
	if err := encode(&b, o, ""); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

func encode(b *strings.Builder, value any, indent string) error {
	switch v := value.(type) {
	case object:
		return enclose(b, "{", "}", indent, len(v), func(i int) error {
			if err := leaf(b, v[i].key); err != nil {
				return err
			}
			b.WriteString(": ")
			return encode(b, v[i].value, indent+" ")
		})
	case list:
		return enclose(b, "[", "]", indent, len(v), func(i int) error { return encode(b, v[i], indent+" ") })
	case stat.Record:
		return record(b, v)
	case *stat.Matrix:
		return matrix(b, v)
	}
	return leaf(b, value)
}

// enclose writes n elements between brackets, each on a line of its own.
func enclose(b *strings.Builder, open, end, indent string, n int, element func(int) error) error {
	b.WriteString(open)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent + " ")
		if err := element(i); err != nil {
			return err
		}
	}
	if n > 0 {
		b.WriteString("\n" + indent)
	}
	b.WriteString(end)
	return nil
}

// record writes a row of a table on one line; no row is null.
func record(b *strings.Builder, r stat.Record) error {
	if r == nil {
		b.WriteString("null")
		return nil
	}
	b.WriteByte('{')
	for i, e := range r {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := leaf(b, e.Key); err != nil {
			return err
		}
		b.WriteString(": ")
		if err := encode(b, e.Value, ""); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// matrix writes a matrix with a line per row; an element that does not exist is null.
func matrix(b *strings.Builder, m *stat.Matrix) error {
	b.WriteString(`{"terms": `)
	if err := leaf(b, m.Terms); err != nil {
		return err
	}
	b.WriteString(`, "matrix": [`)
	for i, row := range m.Matrix {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('[')
		for j, x := range row {
			if j > 0 {
				b.WriteString(", ")
			}
			if err := leaf(b, x); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	}
	b.WriteString("]}")
	return nil
}

// leaf writes a value on one line, "<" and "&" as themselves.
func leaf(b *strings.Builder, value any) error {
	if x, ok := value.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
		value = nil
	}
	var one strings.Builder
	e := json.NewEncoder(&one)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err
	}
	b.WriteString(strings.TrimSuffix(one.String(), "\n"))
	return nil
}
