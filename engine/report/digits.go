package report

import (
	"math"
	"slices"
	"strconv"

	"github.com/consilium-health/consilium/engine/stat"
)

// rounded returns the report with its released numbers at the precision the
// study declares: as they are, or to 4 significant digits. Counts stay whole.
func (r *Report) rounded() *Report {
	if r.Spec.Privacy.Digits != "4" {
		return r
	}
	short := *r
	short.Analyses = nil
	for _, a := range r.Analyses {
		if a.Frame != nil {
			a.Frame = roundFrame(a.Frame)
		}
		short.Analyses = append(short.Analyses, a)
	}
	return &short
}

func roundFrame(f *stat.Frame) *stat.Frame {
	short := *f
	short.Tidy, short.Drop1 = roundRecords(f.Tidy), roundRecords(f.Drop1)
	short.Glance, short.Glances = roundRecord(f.Glance), roundRecords(f.Glances)
	short.VCov = roundMatrix(f.VCov)
	short.Tables = nil
	for _, t := range f.Tables {
		short.Tables = append(short.Tables, stat.Table{Name: t.Name, Rows: roundRecords(t.Rows)})
	}
	return &short
}

func roundRecords(rs []stat.Record) (short []stat.Record) {
	for _, r := range rs {
		short = append(short, roundRecord(r))
	}
	return short
}

func roundRecord(r stat.Record) stat.Record {
	if r == nil {
		return nil
	}
	short := make(stat.Record, len(r))
	for i, e := range r {
		switch v := e.Value.(type) {
		case float64:
			if !declared(e.Key) {
				e.Value = toSignificant(v, 4)
			}
		case []float64:
			e.Value = roundList(v)
		case *stat.Matrix:
			e.Value = roundMatrix(v)
		}
		short[i] = e
	}
	return short
}

// declared tells the numbers that the study file or its grid gives: they are not released figures.
func declared(key string) bool {
	return slices.Contains([]string{"lower", "upper", "threshold", "ridge", "time", "tau"}, key)
}

func roundMatrix(m *stat.Matrix) *stat.Matrix {
	if m == nil {
		return nil
	}
	short := &stat.Matrix{Terms: m.Terms}
	for _, row := range m.Matrix {
		short.Matrix = append(short.Matrix, roundList(row))
	}
	return short
}

func roundList(xs []float64) []float64 {
	short := make([]float64, len(xs))
	for i, x := range xs {
		short[i] = toSignificant(x, 4)
	}
	return short
}

// toSignificant rounds x to so many significant digits.
func toSignificant(x float64, digits int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	return parse(strconv.FormatFloat(x, 'e', digits-1, 64))
}

// parse reads back what strconv has written.
func parse(s string) float64 {
	x, _ := strconv.ParseFloat(s, 64) // an overflow of the last digit is ±Inf, as it should be
	return x
}
