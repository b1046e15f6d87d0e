package table

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
)

// A million records of 32 columns at rows=1000000: half integers, a quarter decimals, a quarter categories and binaries.
func BenchmarkReadCSV(b *testing.B) {
	for _, rows := range []int{10_000, 1_000_000} {
		if rows > 10_000 && testing.Short() {
			continue
		}
		s := &Schema{Sites: []string{"a"}}
		for i := range 32 {
			f := Field{Name: "v" + strconv.Itoa(i), Max: 200, Integer: true, Missing: []string{"-9"}}
			switch {
			case i%4 == 2:
				f = Field{Name: f.Name, Max: 200, Grid: Grid{1, -1}, GridDeclared: true}
			case i%8 == 3:
				f = Field{Name: f.Name, Kind: Category, Levels: []string{"female", "male"}}
			case i%8 == 7:
				f = Field{Name: f.Name, Kind: Binary}
			}
			if err := f.Check(); err != nil {
				b.Fatal(err)
			}
			s.Fields = append(s.Fields, f)
		}
		var text bytes.Buffer
		for i, n := range s.Names()[:32] {
			if i > 0 {
				text.WriteByte(',')
			}
			text.WriteString(n)
		}
		x := uint32(1)
		for range rows {
			for i := range s.Fields {
				text.WriteByte("\n,"[min(i, 1)])
				x = x*1664525 + 1013904223
				switch {
				case i%4 == 2:
					fmt.Fprintf(&text, "%d.%d", x>>16%190, x>>8%10)
				case i%8 == 3:
					text.WriteString(s.Fields[i].Levels[x>>31])
				case i%8 == 7:
					text.WriteByte("01"[x>>31])
				default:
					text.WriteString(strconv.Itoa(int(x >> 16 % 200)))
				}
			}
		}
		b.Run(fmt.Sprintf("rows=%d/columns=32", rows), func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := ReadCSV(bytes.NewReader(text.Bytes()), "f", Source{}, s, "a", 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
