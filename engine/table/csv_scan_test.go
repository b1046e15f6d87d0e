package table

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// However many records a piece has, the pieces together are what ReadCSV reads, and kept columns stay beside their records.
func TestPiecesAreTheWholeFile(t *testing.T) {
	var b strings.Builder
	b.WriteString("id," + header)
	for i := range 25 {
		fmt.Fprintf(&b, "\"p,%d\",%d,%.1f,male,1,I\n", i, 30+i, float64(i)/10)
	}
	whole, _, err := read(t, b.String(), Source{})
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []int{1, 7, 25, 100} {
		var ages []float64
		var ids []string
		c, err := ScanCSV(strings.NewReader(b.String()), "south.csv", Source{}, patients(t), "south", []string{"id"}, piece, func(p *Table, kept [][]string, before int) error {
			if before != len(ages) || p.Rows() != len(kept) || p.Rows() > piece {
				t.Errorf("pieces of %d: %d records and %d fields after %d", piece, p.Rows(), len(kept), before)
			}
			x, err := p.Column("age")
			ages = append(ages, x...)
			for _, k := range kept {
				ids = append(ids, k[0])
			}
			return err
		})
		if err != nil || c.Rows != 25 {
			t.Fatalf("pieces of %d: %d records, %v", piece, c.Rows, err)
		}
		if want, _ := whole.Column("age"); !same(ages, want) || ids[24] != "p,24" || len(ids) != 25 {
			t.Errorf("pieces of %d are not the file: %v, %v", piece, ages, ids)
		}
	}
}

func TestPiecesOfAFileThatDoesNotConform(t *testing.T) {
	text := header + "67,0.1,male,1,I\n30,0.1,Male,1,I\n"
	c, err := ScanCSV(strings.NewReader(text), "south.csv", Source{}, patients(t), "south", nil, 1, nil)
	if invalid := (*Invalid)(nil); !errors.As(err, &invalid) || c.Conforms() {
		t.Errorf("%v, want what does not conform", err)
	}
	_, err = ScanCSV(strings.NewReader(text), "south.csv", Source{}, patients(t), "south", []string{"agr"}, 1, nil)
	if err == nil || !strings.Contains(err.Error(), `nearest is "age"`) {
		t.Errorf("%v, want the nearest column", err)
	}
	stop := errors.New("stop")
	if _, err := ScanCSV(strings.NewReader(text), "south.csv", Source{}, patients(t), "south", nil, 1, func(*Table, [][]string, int) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want the error of what takes the pieces", err)
	}
	sites := &Schema{Sites: []string{"south"}}
	rows := 0
	if _, err := ScanCSV(strings.NewReader(text), "south.csv", Source{}, sites, "south", nil, 10, func(p *Table, _ [][]string, _ int) error { rows += p.Rows(); return nil }); err != nil || rows != 2 {
		t.Errorf("without variables: %d rows, %v", rows, err)
	}
	if !slices.Equal(trimmed([]string{" a ", "b"}), []string{"a", "b"}) {
		t.Error("names of columns are trimmed")
	}
}
