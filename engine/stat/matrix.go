package stat

import (
	"encoding/json"
	"math"
)

// MarshalJSON writes the matrix with null for an element that does not exist.
func (m *Matrix) MarshalJSON() ([]byte, error) {
	rows := make([][]any, len(m.Matrix))
	for i, row := range m.Matrix {
		rows[i] = existing(row)
	}
	return json.Marshal(struct {
		Terms  []string `json:"terms"`
		Matrix [][]any  `json:"matrix"`
	}{m.Terms, rows})
}

// existing returns the numbers with nil for each that does not exist.
func existing(xs []float64) []any {
	out := make([]any, len(xs))
	for i, x := range xs {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			out[i] = x
		}
	}
	return out
}
