package report

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/consilium-health/consilium/engine/stat"
)

// WriteCSV writes the tidy table of an analysis: its keys as the header, what
// does not exist as an empty field, numbers in their shortest exact form.
func (r *Report) WriteCSV(w io.Writer, id string) error {
	c := csv.NewWriter(w)
	for _, a := range r.rounded().Analyses {
		if a.ID != id || a.Frame == nil {
			continue
		}
		keys := columns(a.Frame.Tidy)
		if err := c.Write(keys); err != nil {
			return err
		}
		for _, row := range a.Frame.Tidy {
			fields := make([]string, len(keys))
			for i, k := range keys {
				fields[i] = field(row, k)
			}
			if err := c.Write(fields); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

func field(r stat.Record, key string) string {
	switch v := r.Get(key).(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
