package synth

import (
	"bufio"
	"context"
	"io"
	"math"
	"runtime"
	"strconv"

	"github.com/consilium-health/consilium/engine/table"
)

// WriteCSV writes the header and the rows of hospital k (from 0) as UTF-8 with
// commas; what is missing is an empty field. The bytes do not depend on the
// number of workers (0: one per processor). progress, if not nil, is told how
// many rows were written since its last call. Memory is a few blocks of rows, however many there are.
func (c *Cohort) WriteCSV(ctx context.Context, w io.Writer, k, workers int, progress func(rows int)) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	out := bufio.NewWriterSize(w, 1<<16)
	for j := range c.variables {
		if j > 0 {
			_ = out.WriteByte(',') // an error stays, and Flush tells of it
		}
		_, _ = out.WriteString(c.variables[j].name)
	}
	_ = out.WriteByte('\n')
	text := make([][]byte, 4*workers) // blocks in a batch
	for lo, n := 0, c.hospitals[k].People; lo < n; lo += len(text) * blockRows {
		hi := min(lo+len(text)*blockRows, n)
		err := inBlocks(ctx, hi-lo, workers, func(from, to, at int) {
			text[at] = c.appendRows(text[at][:0], k, lo+from, lo+to)
		})
		if err != nil {
			return err
		}
		for _, t := range text[:(hi-lo+blockRows-1)/blockRows] {
			if _, err := out.Write(t); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(hi - lo)
		}
	}
	return out.Flush()
}

func (c *Cohort) appendRows(b []byte, k, lo, hi int) []byte {
	x, columns := c.space()
	for i := lo; i < hi; i++ {
		c.row(k, i, x, columns)
		for j := range x {
			if j > 0 {
				b = append(b, ',')
			}
			b = c.variables[j].append(b, x[j])
		}
		b = append(b, '\n')
	}
	return b
}

// append writes a value as reading it back yields the same.
func (v *variable) append(b []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return b
	case v.kind == table.Category:
		return append(b, v.levels[int(x)]...)
	}
	n := int64(math.Round(x * powers[v.decimals]))
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	ten := int64(powers[v.decimals])
	b = strconv.AppendInt(b, n/ten, 10)
	if v.decimals == 0 {
		return b
	}
	b = append(b, '.')
	for n %= ten; ten > 1; n %= ten {
		ten /= 10
		b = append(b, byte('0'+n/ten))
	}
	return b
}
