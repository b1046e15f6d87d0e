package stat

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestTailsAndQuantilesAgreeWithR(t *testing.T) {
	raw, err := os.ReadFile("testdata/distributions.csv")
	if err != nil {
		t.Fatal(err)
	}
	worst := map[string]float64{}
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n")[1:] {
		f := strings.Split(line, ",")
		var v [4]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(f[1+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		var got float64
		switch f[0] {
		case "normal":
			got = normalTwoSided(v[0])
		case "t":
			got = tTwoSided(-v[0], v[1])
		case "chi":
			got = chiUpper(v[0], v[1])
		case "f":
			got = fUpper(v[0], v[1], v[2])
		case "qt":
			got = tQuantile(v[0], v[1])
		}
		relative := math.Abs(got-v[3]) / v[3]
		worst[f[0]] = max(worst[f[0]], relative)
		if !(relative <= 1e-9) || f[0] != "qt" && math.Abs(got-v[3]) > 1e-12 {
			t.Errorf("%s: got %v, relative error %.1e", line, got, relative)
		}
	}
	t.Log("largest relative errors", worst)
}

func TestTailsOfImpossibleArguments(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"t of NaN", tTwoSided(nan, 3), nan}, {"t of infinity", tTwoSided(inf, 3), 0}, {"t without df", tTwoSided(1, 0), nan},
		{"t with infinite df", tTwoSided(2, inf), normalTwoSided(2)},
		{"chi of 0", chiUpper(0, 3), 1}, {"chi of infinity", chiUpper(inf, 3), 0}, {"chi without df", chiUpper(1, 0), nan},
		{"F of 0", fUpper(0, 1, 2), 1}, {"F of infinity", fUpper(inf, 1, 2), 0}, {"F of NaN", fUpper(nan, 1, 2), nan},
		{"quantile without df", tQuantile(0.975, 0), nan},
	} {
		if c.got != c.want && !(math.IsNaN(c.got) && math.IsNaN(c.want)) {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}
