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

// row is an object on one line.
type row []entry

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
	if r.Absent != nil {
		o.put("absent", r.Absent)
	}
	o.put("reveal", r.Spec.Privacy.Reveal)
	o.put("release", r.Spec.Privacy.Release)
	o.put("min_cell", r.Spec.Privacy.MinCell)
	return o
}

func (r *Report) object() object {
	o := r.head()
	if !r.sealed() {
		o.put("cohort", row{{"rows", r.Cohort.Rows}, {"filtered", r.Cohort.Filtered}})
	}
	o.put("warnings", warnings(r.Spec.Warnings))
	analyses := list{}
	for _, a := range r.Analyses {
		analyses = append(analyses, a.object())
	}
	o.put("disclosed", disclosures(r.Disclosed))
	o.put("analyses", analyses)
	o.put("cost", row{{"seconds", r.Cost.Seconds}, {"rounds", r.Cost.Rounds}, {"round_trips", r.Cost.Trips()}, {"phases", phases(r.Cost.Phases)}, {"bytes_up", bySite(r.Spec, r.Cost.BytesUp)}, {"bytes_down", bySite(r.Spec, r.Cost.BytesDown)}})
	return o
}

func phases(all []Phase) list {
	rows := list{}
	for _, p := range all {
		rows = append(rows, row{{"phase", p.Name}, {"seconds", p.Seconds}, {"round_trips", p.RoundTrips}, {"bytes_up", p.BytesUp}, {"bytes_down", p.BytesDown}})
	}
	return rows
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
	case a.Frame == nil:
		o.put("sealed", true)
	default:
		f := a.Frame
		o.put("n", f.N)
		o.put("excluded", f.Excluded)
		o.put("filtered", f.Filtered)
		o.put("contributing_sites", f.Sites)
		o.put("tidy", records(f.Tidy))
		if f.Glances != nil {
			o.put("glance", records(f.Glances))
		} else {
			o.put("glance", f.Glance)
		}
		if f.Drop1 != nil {
			o.put("drop1", records(f.Drop1))
		}
		if f.VCov != nil {
			o.put("vcov", f.VCov)
		}
		if f.Levels != nil {
			levels := list{}
			for _, l := range f.Levels {
				levels = append(levels, row{{"factor", l.Factor}, {"levels", l.Levels}})
			}
			o.put("levels", levels)
		}
		for _, t := range f.Tables {
			o.put(t.Name, records(t.Rows))
		}
		if f.Suppressed {
			o.put("suppressed", true)
		}
		o.put("warnings", warnings(f.Warnings))
	}
	o.put("disclosed", disclosures(a.Disclosed))
	return o
}

func records(rs []stat.Record) list {
	rows := list{}
	for _, r := range rs {
		rows = append(rows, r)
	}
	return rows
}

func refusal(r *stat.Refusal) object {
	return object{{"rule", r.Rule}, {"message", r.Message}, {"remedy", r.Remedy}}
}

func disclosures(all []Disclosed) list {
	rows := list{}
	for _, d := range all {
		rows = append(rows, row{{"what", d.What}, {"cells", d.Cells}, {"times", d.Times}, {"max_times", d.MaxTimes},
			{"counts_people", d.CountsPeople}, {"per_hospital", d.PerHospital}, {"released", d.Released}, {"to", d.To}})
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

// bySite lists a number of each hospital, in the order of the study file.
func bySite(s *study.Spec, numbers map[string]int64) row {
	o := row{}
	for _, site := range s.Sites {
		if n, ok := numbers[string(site.ID)]; ok {
			o = append(o, entry{string(site.ID), n})
		}
	}
	return o
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
			return encode(b, v[i].value, indent+" ") // the next lines stand deeper
		})
	case list:
		return enclose(b, "[", "]", indent, len(v), func(i int) error { return encode(b, v[i], indent+" ") })
	case row:
		return line(b, "{", "}", len(v), func(i int) error { return pair(b, v[i].key, v[i].value) })
	case stat.Record:
		if v == nil {
			return leaf(b, nil)
		}
		return line(b, "{", "}", len(v), func(i int) error { return pair(b, v[i].Key, v[i].Value) })
	case *stat.Matrix:
		return encode(b, row{{"terms", v.Terms}, {"matrix", v.Matrix}}, indent)
	case [][]float64:
		return line(b, "[", "]", len(v), func(i int) error { return encode(b, v[i], indent) })
	case []float64:
		return line(b, "[", "]", len(v), func(i int) error { return leaf(b, v[i]) })
	case []string:
		return line(b, "[", "]", len(v), func(i int) error { return leaf(b, v[i]) })
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

// line writes n elements between brackets on one line.
func line(b *strings.Builder, open, end string, n int, element func(int) error) error {
	b.WriteString(open)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := element(i); err != nil {
			return err
		}
	}
	b.WriteString(end)
	return nil
}

func pair(b *strings.Builder, key string, value any) error {
	if err := leaf(b, key); err != nil {
		return err
	}
	b.WriteString(": ")
	return encode(b, value, "")
}

// leaf writes a single value, "<" and "&" as themselves; a number that does not exist is null.
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
