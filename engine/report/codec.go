package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
)

// encoded is a report without its study and cost, as one hospital hands it on.
type encoded struct {
	PlanDigest string
	Consilium  string
	Absent     []string
	Cohort     Cohort
	Disclosed  []Disclosed
	Analyses   []encodedAnalysis
}

type encodedAnalysis struct {
	ID, Kind  string
	Frame     *encodedFrame
	Refused   *stat.Refusal
	N         *int64
	Disclosed []Disclosed
}

type encodedFrame struct {
	N, Excluded, Filtered, Sites int64
	Tidy                         [][]encodedEntry
	Glance                       []encodedEntry
	Glances                      [][]encodedEntry `json:",omitempty"`
	VCov                         *encodedMatrix
	Levels                       []encodedLevels `json:",omitempty"`
	Drop1                        [][]encodedEntry
	Tables                       []encodedTable `json:",omitempty"`
	Suppressed                   bool
	Warnings                     []string
}

type encodedTable struct {
	Name string
	Rows [][]encodedEntry
}

type encodedLevels struct {
	Factor string
	Levels []string
}

// encodedEntry is a stat.Entry: a key and at most one value, by its kind.
type encodedEntry struct {
	Key    string
	Bool   *bool          `json:",omitempty"`
	Text   *string        `json:",omitempty"`
	Int    *int64         `json:",omitempty"`
	Float  *float         `json:",omitempty"`
	Floats *[]float       `json:",omitempty"`
	Matrix *encodedMatrix `json:",omitempty"`
}

type encodedMatrix struct {
	Terms  []string
	Matrix [][]float
}

// float is a float64 that may be none: in the shortest form that reads back to
// the same, or null for every NaN.
type float float64

func (x float) MarshalJSON() ([]byte, error) {
	switch f := float64(x); {
	case math.IsNaN(f):
		return []byte("null"), nil
	case math.IsInf(f, 1):
		return []byte(`"+Inf"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Inf"`), nil
	default:
		return json.Marshal(f)
	}
}

func (x *float) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null":
		*x = float(math.NaN())
	case `"+Inf"`:
		*x = float(math.Inf(1))
	case `"-Inf"`:
		*x = float(math.Inf(-1))
	default:
		return json.Unmarshal(b, (*float64)(x))
	}
	return nil
}

// Encode writes everything that is the same at every hospital: all but the
// study, which each has, the cost and the sealed sums. Equal reports have equal bytes.
func (r *Report) Encode() ([]byte, error) {
	out := encoded{PlanDigest: r.PlanDigest, Consilium: r.Consilium, Absent: r.Absent, Cohort: r.Cohort, Disclosed: r.Disclosed}
	for _, a := range r.Analyses {
		one := encodedAnalysis{ID: a.ID, Kind: a.Kind, Refused: a.Refused, N: a.N, Disclosed: a.Disclosed}
		if f := a.Frame; f != nil {
			e := &encodedFrame{N: f.N, Excluded: f.Excluded, Filtered: f.Filtered, Sites: f.Sites, VCov: encodeMatrix(f.VCov), Suppressed: f.Suppressed, Warnings: f.Warnings}
			var err1, err2, err3, err4 error
			e.Tidy, err1 = encodeRecords(f.Tidy)
			e.Glance, err2 = encodeRecord(f.Glance)
			e.Drop1, err3 = encodeRecords(f.Drop1)
			e.Glances, err4 = encodeRecords(f.Glances)
			for _, l := range f.Levels {
				e.Levels = append(e.Levels, encodedLevels(l))
			}
			for _, t := range f.Tables {
				rows, err := encodeRecords(t.Rows)
				err4 = errors.Join(err4, err)
				e.Tables = append(e.Tables, encodedTable{t.Name, rows})
			}
			if err := errors.Join(err1, err2, err3, err4); err != nil {
				return nil, fmt.Errorf("report: analysis %s: %w", a.ID, err)
			}
			one.Frame = e
		}
		out.Analyses = append(out.Analyses, one)
	}
	return json.Marshal(out)
}

// Decode reads what Encode wrote of a run of s.
func Decode(b []byte, s *study.Spec) (*Report, error) {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	var in encoded
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("report: not an encoded report: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("report: not an encoded report: something follows it")
	}
	if len(in.Analyses) != len(s.Analyses) {
		return nil, fmt.Errorf("report: an encoded report has %d analyses, the study %d", len(in.Analyses), len(s.Analyses))
	}
	r := &Report{Spec: s, PlanDigest: in.PlanDigest, Consilium: in.Consilium, Absent: in.Absent, Cohort: in.Cohort, Disclosed: in.Disclosed}
	for i, a := range in.Analyses {
		if a.ID != s.Analyses[i].ID || a.Kind != s.Analyses[i].Kind {
			return nil, fmt.Errorf("report: an encoded report has analysis %q of kind %q in the place of %q", a.ID, a.Kind, s.Analyses[i].ID)
		}
		one := Analysis{ID: a.ID, Kind: a.Kind, Refused: a.Refused, N: a.N, Disclosed: a.Disclosed}
		if e := a.Frame; e != nil {
			one.Frame = &stat.Frame{N: e.N, Excluded: e.Excluded, Filtered: e.Filtered, Sites: e.Sites, Tidy: decodeRecords(e.Tidy),
				Glance: decodeRecord(e.Glance), Glances: decodeRecords(e.Glances), VCov: decodeMatrix(e.VCov), Drop1: decodeRecords(e.Drop1), Suppressed: e.Suppressed, Warnings: e.Warnings}
			for _, l := range e.Levels {
				one.Frame.Levels = append(one.Frame.Levels, stat.FactorLevels(l))
			}
			for _, t := range e.Tables {
				one.Frame.Tables = append(one.Frame.Tables, stat.Table{Name: t.Name, Rows: decodeRecords(t.Rows)})
			}
		}
		r.Analyses = append(r.Analyses, one)
	}
	return r, nil
}

func encodeRecords(rs []stat.Record) (out [][]encodedEntry, err error) {
	if rs == nil {
		return nil, nil
	}
	out = make([][]encodedEntry, len(rs))
	for i, r := range rs {
		if out[i], err = encodeRecord(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func encodeRecord(r stat.Record) ([]encodedEntry, error) {
	if r == nil {
		return nil, nil
	}
	out := make([]encodedEntry, len(r))
	for i, e := range r {
		o := encodedEntry{Key: e.Key}
		switch v := e.Value.(type) {
		case nil:
		case bool:
			o.Bool = &v
		case string:
			o.Text = &v
		case int64:
			o.Int = &v
		case float64:
			x := float(v)
			o.Float = &x
		case []float64:
			list := floats(v)
			o.Floats = &list
		case *stat.Matrix:
			o.Matrix = encodeMatrix(v)
		default:
			return nil, fmt.Errorf("%s holds a %T", e.Key, e.Value)
		}
		out[i] = o
	}
	return out, nil
}

func decodeRecords(rs [][]encodedEntry) []stat.Record {
	if rs == nil {
		return nil
	}
	out := make([]stat.Record, len(rs))
	for i, r := range rs {
		out[i] = decodeRecord(r)
	}
	return out
}

func decodeRecord(r []encodedEntry) stat.Record {
	if r == nil {
		return nil
	}
	out := make(stat.Record, len(r))
	for i, e := range r {
		out[i].Key = e.Key
		switch {
		case e.Bool != nil:
			out[i].Value = *e.Bool
		case e.Text != nil:
			out[i].Value = *e.Text
		case e.Int != nil:
			out[i].Value = *e.Int
		case e.Float != nil:
			out[i].Value = float64(*e.Float)
		case e.Floats != nil:
			out[i].Value = unfloats(*e.Floats)
		case e.Matrix != nil:
			out[i].Value = decodeMatrix(e.Matrix)
		}
	}
	return out
}

func encodeMatrix(m *stat.Matrix) *encodedMatrix {
	if m == nil {
		return nil
	}
	out := &encodedMatrix{Terms: m.Terms}
	for _, row := range m.Matrix {
		out.Matrix = append(out.Matrix, floats(row))
	}
	return out
}

func decodeMatrix(m *encodedMatrix) *stat.Matrix {
	if m == nil {
		return nil
	}
	out := &stat.Matrix{Terms: m.Terms}
	for _, row := range m.Matrix {
		out.Matrix = append(out.Matrix, unfloats(row))
	}
	return out
}

func floats(v []float64) []float {
	if v == nil {
		return nil
	}
	out := make([]float, len(v))
	for i, x := range v {
		out[i] = float(x)
	}
	return out
}

func unfloats(v []float) []float64 {
	if v == nil {
		return nil
	}
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
