package stat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Record is an ordered list of named values: one row of a result table.
// A value is nil, bool, string, int64, float64, []float64 or *Matrix. A quantity that does not exist is nil.
type Record []Entry

// Entry is one named value of a Record.
type Entry struct {
	Key   string
	Value any
}

// Put appends a value and returns the longer record. A NaN or infinite
// float64 does not exist: it becomes nil, and the statistic says why in a warning.
func (r Record) Put(key string, value any) Record {
	switch v := value.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			value = nil
		}
	case int:
		value = int64(v)
	case nil, bool, string, int64, []float64, *Matrix:
	default:
		panic(fmt.Sprintf("stat: a record cannot hold a %T", value))
	}
	return append(r, Entry{key, value})
}

// Set returns the record with another value under a key that it has.
func (r Record) Set(key string, value any) Record {
	out := make(Record, 0, len(r))
	for _, e := range r {
		if e.Key == key {
			e.Value = value
		}
		out = out.Put(e.Key, e.Value)
	}
	return out
}

// Get returns the value under key, nil when there is none.
func (r Record) Get(key string) any {
	for _, e := range r {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// MarshalJSON writes the record as an object in its own order, numbers in the
// shortest form that reads back to the same float64.
func (r Record) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, e := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		k, err := json.Marshal(e.Key)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		value := e.Value
		if list, ok := value.([]float64); ok {
			value = existing(list)
		}
		v, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("stat: %s: %w", e.Key, err)
		}
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Round40 rounds x to 40 significant bits. The state of an iteration is rounded
// before it is handed to Map and hashed into the ask, so that two processors
// which differ in the last bit of an intermediate ask for the same sums.
func Round40(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	f, e := math.Frexp(x)
	return math.Ldexp(math.RoundToEven(f*(1<<40)), e-40)
}

// number writes x as it stands in a study file: for names and messages.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
