package reference

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

// set is a directory of testdata with R's answers.
type set struct {
	tables  []*table.Table
	Answers []struct {
		ID, Kind string
		Tags     []string
		Spec     struct{ Separated, Where any }
		Result   struct {
			Formula      string
			Deviance     float64
			Coefficients []struct {
				Name         string
				Estimate, SE *float64
			}
		}
	} `json:"analyses"`
}

func readSet(t *testing.T, name string) *set {
	t.Helper()
	dir := filepath.Join("..", "..", "testdata", name)
	src, err := os.ReadFile(filepath.Join(dir, "oracle.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := study.Parse("oracle.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	s := &set{}
	for _, site := range spec.Sites {
		tab, _, err := table.OpenCSV(dir, site.Source, spec.Schema, string(site.ID), 0)
		if err != nil {
			t.Fatal(err)
		}
		s.tables = append(s.tables, tab)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "oracle.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// near compares to so many units of the larger of 1 and want.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s: got %.15g, want %.15g", what, got, want)
	}
}

func TestNewtonGivesWhatRGives(t *testing.T) {
	compared := 0
	for _, name := range []string{"aids2", "birthwt", "birthwt_hard", "cgd", "rotterdam_gbsg", "wdbc"} {
		s := readSet(t, name)
		for _, a := range s.Answers {
			if a.Kind != "logistic" || a.Spec.Where != nil || a.ID == "lr_big" {
				continue // lr_big: a column of 1e9 + age takes an orthogonal factorisation of the rows, as R's, or a centred column, as the engine's
			}
			d, err := Pool(a.Result.Formula, s.tables...)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Newton(d, 0, 2)
			if a.Spec.Separated != nil || aliased(s, a.ID) {
				if err == nil && a.Spec.Separated == nil {
					t.Errorf("%s/%s: collinear columns are fitted", name, a.ID)
				}
				continue // separated: either no convergence or, as R, a fit at the edge
			}
			if err != nil {
				t.Errorf("%s/%s: %v", name, a.ID, err)
				continue
			}
			for j, c := range a.Result.Coefficients {
				what := fmt.Sprintf("%s/%s %s", name, a.ID, c.Name)
				if f.Names[j] != c.Name {
					t.Fatalf("%s: the column is %s", what, f.Names[j])
				}
				near(t, what, f.Beta[j], *c.Estimate, 1e-8)
				near(t, what+" SE", f.SE[j] / *c.SE, 1, 1e-7)
			}
			if a.Result.Deviance > 0 {
				near(t, name+"/"+a.ID+" deviance", f.Deviance, a.Result.Deviance, 1e-10)
			}
			compared++
		}
	}
	if compared < 19 {
		t.Errorf("%d models compared: the walk is broken", compared)
	}
}

func aliased(s *set, id string) bool {
	for _, a := range s.Answers {
		for _, c := range a.Result.Coefficients {
			if a.ID == id && c.Estimate == nil {
				return true
			}
		}
	}
	return false
}

// drawn is rows of a model with an intercept and normal columns.
func drawn(rows int, beta []float64, seed uint64) *Data {
	r := mathrand.New(mathrand.NewPCG(seed, 0))
	cols, y := make([][]float64, len(beta)-1), make([]float64, rows)
	var names []string
	for j := range cols {
		cols[j] = make([]float64, rows)
		names = append(names, fmt.Sprintf("x%d", j+1))
	}
	for i := range rows {
		e := beta[0]
		for j := range cols {
			cols[j][i] = r.NormFloat64()
			e += beta[j+1] * cols[j][i]
		}
		if p, _ := logistic(e); r.Float64() < p {
			y[i] = 1
		}
	}
	return Columns(names, cols, y)
}

func TestWorkersAndLoadingChangeNothingButRounding(t *testing.T) {
	d := drawn(5003, []float64{-1, 0.5, -0.3, 0.2}, 1)
	one, err := Newton(d, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Newton(d.Load(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	three, err := Newton(d, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	for j := range one.Beta {
		if one.Beta[j] != loaded.Beta[j] {
			t.Errorf("loaded rows give another %s", one.Names[j])
		}
		near(t, one.Names[j], three.Beta[j], one.Beta[j], 1e-12)
	}
	if worst, _ := three.Worst(one); worst > 1e-9 {
		t.Errorf("three workers are %g standard errors away", worst)
	}
	forced, err := Newton(d, 6, 2)
	if err != nil || forced.Rounds != 6 {
		t.Errorf("forced: %+v, %v", forced, err)
	}
}

// Steps over ten times the rows allocate as many bytes.
func TestAllocationDoesNotGrowWithRows(t *testing.T) {
	small, large := drawn(5_000, []float64{0, 1, -1}, 2), drawn(50_000, []float64{0, 1, -1}, 2)
	bytes := func(d *Data) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Newton(d, 4, 2); err != nil {
			t.Error(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	bytes(small) // what is made once is made
	if a, b := bytes(small), bytes(large); b > a+a/10 {
		t.Errorf("%d bytes allocated for 5,000 rows, %d for 50,000", a, b)
	}
}

// One hospital has 3 of 4 and 1 of 4 events in two groups, the other 9 of 12 and 6 of 12:
// a saturated model has log odds and variances 1/a + 1/b that can be written down.
func TestMetaGivesWhatPaperAndPencilGive(t *testing.T) {
	group := func(cells [2][2]int) *Data { // events and others, by group
		var x, y []float64
		for g, c := range cells {
			for i := range c[0] + c[1] {
				x = append(x, float64(g))
				if i < c[0] {
					y = append(y, 1)
				} else {
					y = append(y, 0)
				}
			}
		}
		return Columns([]string{"g"}, [][]float64{x}, y)
	}
	a, b := group([2][2]int{{3, 1}, {1, 3}}), group([2][2]int{{9, 3}, {6, 6}})
	separated := group([2][2]int{{0, 5}, {5, 0}})
	m, err := Meta([]*Data{a, b, separated}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ba, va := math.Log(1./9), 1+1./3+1+1./3
	bb, vb := math.Log(1./3), 1./9+1./3+1./6+1./6
	want := (ba/va + bb/vb) / (1/va + 1/vb)
	near(t, "estimate", m.Beta[1], want, 1e-10)
	near(t, "standard error", m.SE[1], 1/math.Sqrt(1/va+1/vb), 1e-10)
	near(t, "Q", m.Q[1], (ba-want)*(ba-want)/va+(bb-want)*(bb-want)/vb, 1e-10)
	if m.Used[1] != 2 || m.Left != 1 || m.Dropped != 10 || m.Rows != 32 {
		t.Errorf("used %d, left out %d with %d rows, %d rows", m.Used[1], m.Left, m.Dropped, m.Rows)
	}
}

// What the published program has for degrees 3 and 7.
func TestSigmoidIsThePublishedPolynomial(t *testing.T) {
	for degree, want := range map[int][]float64{3: {0.5, 1.200963306, -0.815624912}, 7: {0.5, 1.73496, -4.19407, 5.43402, -2.50739}} {
		c, err := Sigmoid(degree, 8)
		if err != nil {
			t.Fatal(err)
		}
		for k, w := range want {
			got := c[max(0, 2*k-1)]
			if math.Abs(got-w) > 1e-3*math.Abs(w) {
				t.Errorf("degree %d, coefficient %d: %g, published %g", degree, k, got, w)
			}
		}
	}
	for _, degree := range []int{0, 2, -1, 33} {
		if _, err := Sigmoid(degree, 8); err == nil {
			t.Errorf("degree %d is taken", degree)
		}
	}
}

// Two rows, x = 0 and x = 1, the second an event. From 0 every prediction is 1/2:
// the mean gradient is ((1/2 - 1/2)/1, (1/2)/2) = (0, 1/4).
func TestDescentGoesWherePaperAndPencilGo(t *testing.T) {
	d := Columns([]string{"x"}, [][]float64{{0, 1}}, []float64{0, 1})
	one, err := Descend(d, Descent{Degree: 3, Interval: 8, Iterations: 1, Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "intercept after one step", one.Beta[0], 0, 1e-15)
	near(t, "slope after one step", one.Beta[1], 0.25, 1e-15)
	two, err := Descend(d, Descent{Iterations: 2, Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := 1 / (1 + math.Exp(-0.25))
	near(t, "intercept after two", two.Beta[0], (0-0.5+1-p)/2, 1e-15)
	near(t, "slope after two", two.Beta[1], 0.25+(1-p)/2, 1e-15)
	poly, err := Descend(d, Descent{Degree: 3, Interval: 8, Iterations: 2, Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	p = 0.5 + 1.200963*(0.25/8) - 0.815625*(0.25/8)*(0.25/8)*(0.25/8)
	near(t, "slope after two with degree 3", poly.Beta[1], 0.25+(1-p)/2, 1e-7)
	narrow, err := Descend(d, Descent{Degree: 3, Interval: 0.2, Iterations: 2, Rate: 1})
	if err != nil || narrow.Outside != 1 || poly.Outside != 0 {
		t.Errorf("%d and %d rows are outside, want 1 and 0 (%v)", narrow.Outside, poly.Outside, err)
	}
	scaled, err := Descend(Columns([]string{"x"}, [][]float64{{0, 4}}, []float64{0, 1}), Descent{Iterations: 1, Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "slope of a column of mean absolute value 2", scaled.Beta[1], 0.5/2, 1e-15) // (2 * 1/2)/2 of the column over 2
}

// With the true sigmoid, standardised columns and enough iterations descent
// reaches the maximum; with the published polynomial and iterations it does not.
func TestDescentIsBiasedWhereItIsCutShort(t *testing.T) {
	d := drawn(20_000, []float64{-1.5, 0.8, -0.5, 0.3}, 3)
	exact, err := Newton(d, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		how  Descent
		from float64
		to   float64
	}{
		{Descent{Iterations: 300, Rate: 4, Standardise: true}, 0, 1e-3},
		{Descent{Iterations: 60, Rate: 4, Standardise: true, Nesterov: true}, 0, 0.1},
		{Descent{Degree: 3, Interval: 8, Iterations: 300, Rate: 4, Standardise: true}, 3, 100},
		{Descent{Degree: 7, Interval: 8, Iterations: 300, Rate: 4, Standardise: true}, 0.3, 100},
		{published(t, 3), 3, 100},
		{published(t, 7), 3, 100},
	} {
		f, err := Descend(d, tc.how)
		if err != nil {
			t.Fatal(err)
		}
		worst, name := f.Worst(exact)
		if worst < tc.from || worst > tc.to {
			t.Errorf("%+v: %s is %.3g standard errors from the maximum, want %g to %g", tc.how, name, worst, tc.from, tc.to)
		}
	}
}

func published(t *testing.T, degree int) Descent {
	t.Helper()
	d, err := Published(degree)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPrioSumsAreExact(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(4, 0))
	clients, want := make([][]uint64, 5), make([]uint64, 20)
	for i := range clients {
		for j := range want {
			v := r.Uint64N(1 << 16)
			clients[i] = append(clients[i], v)
			want[j] += v
		}
	}
	clients[0][0], want[0] = 1<<16-1, want[0]-clients[0][0]+1<<16-1
	got, cost, err := PrioSum(rand.Reader, clients, 16)
	if err != nil {
		t.Fatal(err)
	}
	for j := range want {
		if got[j] != want[j] {
			t.Errorf("cell %d: %d, want %d", j, got[j], want[j])
		}
	}
	if cost.BytesUp < 20*16*16 || cost.BytesBetween == 0 || cost.Shard <= 0 || cost.Prepare <= 0 {
		t.Errorf("cost %+v", cost) // a leader's share has a field element of 16 bytes for every bit
	}
	clients[1][2] = 1 << 16
	if _, _, err := PrioSum(rand.Reader, clients, 16); err == nil {
		t.Error("a number out of range is added")
	}
	if _, _, err := PrioSum(rand.Reader, [][]uint64{{1}, {1, 2}}, 16); err == nil {
		t.Error("vectors of different lengths are added")
	}
}

func TestRAgreesWithNewton(t *testing.T) {
	d := drawn(2000, []float64{-1, 0.5, -0.3}, 5)
	r, cost, err := RLogistic(t.Context(), d)
	if errors.Is(err, ErrNoR) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ours, err := Newton(d, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for j := range r.Beta {
		near(t, r.Names[j], ours.Beta[j], r.Beta[j], 1e-9)
		near(t, r.Names[j]+" SE", ours.SE[j], r.SE[j], 1e-9)
	}
	if cost.Version == "" || cost.Fit < 0 {
		t.Errorf("cost %+v", cost)
	}
	t.Setenv("PATH", t.TempDir())
	if _, _, err := RLogistic(t.Context(), d); !errors.Is(err, ErrNoR) {
		t.Errorf("without Rscript: %v", err)
	}
}

// R 4.2.2, survival 3.5.3: coxph(Surv(time, event) ~ x + z, control = coxph.control(eps = 1e-14, iter.max = 50)), then with strata(g), g = rep(1:2, 6).
func TestCoxGivesWhatRGives(t *testing.T) {
	d := &Survival{Names: []string{"x", "z"}, Time: []float64{1, 1, 2, 2, 2, 3, 4, 4, 5, 6, 6, 7}, Event: []float64{1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1},
		X: [][]float64{{.1, .4, -.3, 1.2, .5, .7, -1.1, .2, .9, -.4, .3, .6}, {1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0}}}
	for _, r := range []struct {
		stratum  []int
		beta, se [2]float64
		logLik   float64
	}{
		{nil, [2]float64{-0.356280864309492074, -0.019354049470816089}, [2]float64{0.71656753555514652, 0.94806880522602921}, -13.258237855110565},
		{[]int{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, [2]float64{-0.17888287305339667, 0.24611625571090262}, [2]float64{0.73555674577853924, 0.95680777512584048}, -9.1500813372779835},
	} {
		d.Stratum = r.stratum
		f, err := Cox(d, 0)
		if err != nil {
			t.Fatal(err)
		}
		for j := range r.beta {
			near(t, d.Names[j], f.Beta[j], r.beta[j], 1e-9)
			near(t, d.Names[j]+" SE", f.SE[j], r.se[j], 1e-9)
		}
		near(t, "log likelihood", -f.Deviance/2, r.logLik, 1e-12)
	}
}
