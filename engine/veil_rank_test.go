package engine_test

import (
	"crypto/rand"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// rankRing makes histograms of a few thousand cells several polynomials.
const rankRing = 11

var thresholds = regexp.MustCompile(`, thresholds: \[[^]]*\]`)

// TestEncryptedRanksAreTheOpenOnes runs every rank test and ROC curve of the
// reference answers over masked sums, over encrypted products of histograms, and over these for the analyst alone.
func TestEncryptedRanksAreTheOpenOnes(t *testing.T) {
	t.Parallel()
	analyst, err := party.NewIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := analyst.Public()
	own, _ := oracleFolders(t)
	compared := 0
	for _, dir := range own {
		s := readOracleSet(t, dir)
		var b strings.Builder
		asked := 0
		for line := range strings.Lines(oracleStudy(t, s)) {
			if strings.HasPrefix(line, "  - {id: ") {
				if !strings.Contains(line, "kind: rank,") && !strings.Contains(line, "kind: roc,") {
					continue
				}
				asked++
				line = thresholds.ReplaceAllString(line, "")
			}
			b.WriteString(line)
		}
		if asked == 0 || len(s.schema.Sites) < 2 || len(s.schema.Sites) > 5 {
			continue
		}
		t.Run(s.schema.Set, func(t *testing.T) {
			want := ranked(t, dir, b.String(), nil)
			encrypted := strings.Replace(b.String(), "reveal: sums", "reveal: model", 1)
			reports := []*report.Report{ranked(t, dir, encrypted, nil)}
			if s.schema.Set == "birthwt" {
				text := strings.Replace(encrypted, "release: all", "release: analyst", 1)
				sealed := ranked(t, dir, text, &key)
				for _, a := range sealed.Analyses {
					if a.Frame != nil {
						t.Errorf("%s: a hospital has figures", a.ID)
					}
				}
				spec, _ := opened(t, dir, text)
				read, err := engine.OpenInsecureTest(spec, sealed.Sealed, analyst, rankRing)
				if err != nil {
					t.Fatal(err)
				}
				reports = append(reports, read)
			}
			for i, a := range want.Analyses {
				for _, r := range reports {
					got := r.Analyses[i]
					if got.Refused != nil {
						if got.Refused.Rule != "resolution" {
							t.Errorf("%s: refused by %s", a.ID, got.Refused.Rule)
						}
						continue
					}
					if a.Kind == "rank" {
						sameFigures(t, a.ID, got.Frame.Tidy, a.Frame.Tidy)
					} else {
						sameFigures(t, a.ID, []stat.Record{got.Frame.Glance}, []stat.Record{a.Frame.Glance})
					}
					compared++
				}
			}
		})
	}
	t.Logf("%d frames", compared)
	if compared < 8 {
		t.Errorf("%d frames compared, want at least 8", compared)
	}
}

func opened(t *testing.T, dir, text string) (*study.Spec, map[party.ID]*table.Table) {
	t.Helper()
	spec, err := study.Parse(filepath.Join(dir, "veiled.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[party.ID]*table.Table{}
	for _, site := range spec.Sites {
		if tables[site.ID], _, err = table.OpenCSV(dir, site.Source, spec.Schema, string(site.ID), spec.Privacy.MaxRows); err != nil {
			t.Fatal(err)
		}
	}
	return spec, tables
}

func ranked(t *testing.T, dir, text string, reader *party.PublicKey) *report.Report {
	t.Helper()
	spec, tables := opened(t, dir, text)
	r, err := engine.Simulate(t.Context(), spec, tables, engine.InsecureTest(engine.Options{Reader: reader}, rankRing))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sameFigures wants equal numbers; p-values and statistics that are no fractions of whole numbers within 1e-9.
func sameFigures(t *testing.T, what string, got, want []stat.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		for _, e := range want[i] {
			x, both := got[i].Get(e.Key).(float64)
			if y, ok := e.Value.(float64); ok && both && math.Abs(x-y) <= 1e-9*math.Abs(y) {
				continue
			}
			if got[i].Get(e.Key) != e.Value {
				t.Errorf("%s: %s is %v, want %v", what, e.Key, got[i].Get(e.Key), e.Value)
			}
		}
	}
}
