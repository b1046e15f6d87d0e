package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// draw makes a cohort of a configuration that New accepts.
func draw(t *testing.T, config Config) *Cohort {
	t.Helper()
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func csvOf(t *testing.T, c *Cohort, k, workers int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteCSV(t.Context(), &b, k, workers, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The files of a small cohort, as they have always been. A change needs a reason.
func TestFilesAreThoseOfTheGolden(t *testing.T) {
	c := draw(t, Config{People: 2000, Hospitals: 4, Seed: 1, Covariates: Clinical + 3})
	h := sha256.New()
	for k := range c.hospitals {
		h.Write(csvOf(t, c, k, 2))
	}
	if got, want := hex.EncodeToString(h.Sum(nil)), "421c61833349dcaa974a3faf10967a8e3cd6dbe30ea8267ceaaa09786b54a3f8"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestRowsDoNotDependOnWorkersNorOnHowManyThereAre(t *testing.T) {
	small := draw(t, Config{People: 30_000, Hospitals: 3, Seed: 9})
	large := draw(t, Config{People: 60_000, Hospitals: 3, Seed: 9})
	other := draw(t, Config{People: 30_000, Hospitals: 3, Seed: 10})
	for k := range small.hospitals {
		one := csvOf(t, small, k, 1)
		if !bytes.Equal(one, csvOf(t, small, k, 3)) || !bytes.Equal(one, csvOf(t, small, k, 7)) {
			t.Errorf("hospital %d: the file depends on the number of workers", k)
		}
		if !bytes.HasPrefix(csvOf(t, large, k, 2), one) {
			t.Errorf("hospital %d: the rows of a larger cohort do not begin with those of a smaller one", k)
		}
		if bytes.Equal(one, csvOf(t, other, k, 2)) {
			t.Errorf("hospital %d: another seed draws the same people", k)
		}
	}
}

func TestFileAndTableHoldTheSame(t *testing.T) {
	for _, config := range []Config{{People: 9000, Hospitals: 2, Seed: 5, Covariates: Clinical + 2}, {People: 5000, Hospitals: 1, Seed: 5, Complete: true}} {
		c := draw(t, config)
		s, err := c.Study("")
		if err != nil {
			t.Fatal(err)
		}
		for k, h := range c.hospitals {
			read, found, err := table.ReadCSV(bytes.NewReader(csvOf(t, c, k, 2)), "file", table.Source{}, s.Schema, string(h.Name), 0)
			if err != nil {
				t.Fatalf("the file does not conform: %v", err)
			}
			drawn, err := c.Table(t.Context(), s.Schema, k)
			if err != nil {
				t.Fatal(err)
			}
			if read.Digest() != drawn.Digest() || drawn.Rows() != h.People {
				t.Errorf("hospital %s: the table is not what the file holds", h.Name)
			}
			for _, v := range found.Variables {
				if config.Complete && v.Missing > 0 {
					t.Errorf("%s: %d values missing of a complete cohort", v.Name, v.Missing)
				}
			}
		}
	}
}

func TestTableRefusesADictionaryThatIsNotTheCohorts(t *testing.T) {
	c := draw(t, Config{People: 100, Hospitals: 2})
	sites := []string{"h1", "h2"}
	for _, f := range []table.Field{{Name: "x1", Max: 1}, {Name: "sex", Kind: table.Category, Levels: []string{"male", "female"}}, {Name: "age", Min: 40, Max: 50}} {
		if _, err := c.Table(t.Context(), &table.Schema{Sites: sites, Fields: []table.Field{f}}, 0); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

func TestSizesFollowTheirLaw(t *testing.T) {
	for _, hospitals := range []int{1, 2, 7, 160} {
		c := draw(t, Config{People: 10_000, Hospitals: hospitals})
		var n []int
		sum, mix, square := 0, 0.0, 0.0
		for _, h := range c.hospitals {
			n = append(n, h.People)
			sum += h.People
			mix += float64(h.People) * h.CaseMix
			square += float64(h.People) * h.CaseMix * h.CaseMix
		}
		if sum != 10_000 || n[hospitals-1] < 1 || !slices.IsSortedFunc(n, func(a, b int) int { return b - a }) {
			t.Errorf("%d hospitals have %v people", hospitals, n)
		}
		if hospitals > 1 && (mix/10_000 > 0.01 || mix/10_000 < -0.01 || square/10_000 < 0.98 || square/10_000 > 1.02) {
			t.Errorf("%d hospitals: case mix has mean %g and mean square %g", hospitals, mix/10_000, square/10_000)
		}
	}
}

func TestConfigurationsOutOfBoundsAreRefused(t *testing.T) {
	for _, config := range []Config{{}, {People: 100}, {People: 99, Hospitals: 10}, {People: MaxPeople + 1, Hospitals: 3},
		{People: 1e6, Hospitals: MaxHospitals + 1}, {People: 100, Hospitals: 2, Covariates: Clinical - 1}, {People: 100, Hospitals: 2, Covariates: MaxCovariates + 1}} {
		if _, err := New(config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
}
