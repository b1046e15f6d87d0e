package stat

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

func TestFisherOfFourCellsAgreesWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/fisher.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n")[1:] {
		x := newCounts(2, 2)
		var want float64
		if _, err := fmt.Sscanf(line, "%d,%d,%d,%d,%g", &x[0][0], &x[0][1], &x[1][0], &x[1][1], &want); err != nil {
			t.Fatal(err)
		}
		if p, ok := fisherP(x); !ok || math.Abs(p-want) > 1e-12 || math.Abs(p-want) > 1e-9*want && want > 1e-300 {
			t.Errorf("%v: p is %v, R has %v", x, p, want)
		}
	}
}

func TestFisherLargeTables(t *testing.T) {
	for _, c := range []struct {
		name  string
		table [][]int64
		want  float64 // the sum over all tables in long double
	}{
		{"4x2 of 2843", [][]int64{{664, 1116}, {107, 142}, {78, 148}, {233, 355}}, 0.188089873216556},
		{"3x3 of 3668", [][]int64{{28, 49, 4}, {584, 579, 75}, {955, 1116, 278}}, 6.93719753412846e-09}, // R's network stops at 6.937212e-09
		{"all tables count", [][]int64{{5, 5}, {5, 5}, {5, 5}}, 1},
		{"empty row and column", [][]int64{{3, 0, 1}, {0, 0, 0}, {1, 0, 3}}, 34.0 / 70},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok := fisherP(c.table)
			if !ok || math.Abs(p-c.want) > 1e-11*c.want {
				t.Errorf("p %v %v, want %v", p, ok, c.want)
			}
		})
	}
}

func TestFisherGivesUpOnTablesTooLarge(t *testing.T) {
	for _, c := range [][][]int64{
		{{3131, 306}, {1476, 155}, {665, 94}, {676, 52}, {604, 32}, {499, 27}, {422, 44}},
		{{26, 12, 4, 3, 1}, {150, 19, 2, 3, 0}, {131, 37, 14, 18, 4}, {104, 197, 89, 83, 23}},
		{{1 << 30, 1 << 30}, {1 << 30, 1 << 30}, {7, 8}},
	} {
		if p, ok := fisherP(c); ok {
			t.Errorf("%v: p %v, want none", c, p)
		}
	}
}
