package stat

import (
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// fittedBy is a frame as a result hands it on.
func fittedBy(t *testing.T, f Frame) Fitted {
	t.Helper()
	m := Fitted{VCov: f.VCov, Levels: f.Levels}
	m.DF, _ = f.Glance.Get("df_residual").(float64)
	for _, r := range f.Tidy {
		u := FittedTerm{Name: r.Get("term").(string), Estimate: math.NaN()}
		if e, ok := r.Get("estimate").(float64); ok {
			u.Estimate = e
		}
		u.Aliased, _ = r.Get("aliased").(bool)
		u.Infinite, _ = r.Get("infinite").(string)
		m.Terms = append(m.Terms, u)
	}
	for _, x := range f.Tables {
		for _, r := range x.Rows {
			switch x.Name {
			case "reference":
				m.Reference = append(m.Reference, r.Get("value").(float64))
			case "baseline":
				stratum, _ := r.Get("stratum").(string)
				m.Baseline = append(m.Baseline, BaselinePoint{stratum, r.Get("time").(float64), r.Get("cumulative_hazard").(float64), r.Get("variance").(float64), r.Get("means").([]float64)})
			}
		}
	}
	return m
}

// newcomers are two people of trial, x = 2, g = a and x = 7, g = b, and one without x.
func newcomers(t *testing.T, s *table.Schema) *table.Table {
	t.Helper()
	cols := make([][]float64, len(s.Fields))
	for j, f := range s.Fields {
		switch none := math.NaN(); f.Name {
		case "x":
			cols[j] = []float64{2, 7, none}
		case "g":
			cols[j] = []float64{0, 1, 1}
		case "d":
			cols[j] = []float64{20, 30, 30}
		default:
			cols[j] = []float64{none, none, none}
		}
	}
	people, err := table.New(s, "two", cols)
	if err != nil {
		t.Fatal(err)
	}
	return people
}

// R 4.2.2: predict(glm(..., control = list(epsilon = 1e-15)), newdata, se.fit = TRUE) with type = "link" and "response",
// of MASS's glm.nb, too; predict(lm(...), interval = "confidence"), predict(coxph(...), type = "lp", reference = "zero").
func TestPredictionsAgreeWithR(t *testing.T) {
	trialS, trialT := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	visitS, visitT := visits(t, visited)
	_, often := visits(t, []float64{2, 0, 1, 3, 2, 5, 0, 1, 4, 0, 2, 17, 3, 1, 16, 2})
	for _, c := range []struct {
		args   Args
		schema *table.Schema
		tables []*table.Table
		want   [2][6]float64 // linear, its error, estimate, its error, limits; 0: not compared
	}{
		{Args{Kind: "logistic", Formula: "event ~ x"}, trialS, trialT, [2][6]float64{
			{0.07610477698887275, 0.757754256176793, 0.5190170163529634, 0.1891645245581784}, {0.83643269056603908, 0.698074828618753, 0.6977133679034098, 0.1472305601191904}}},
		{Args{Kind: "poisson", Formula: "y ~ x + g + offset(log(d))"}, visitS, visitT, [2][6]float64{
			{0.4200661558896903, 0.3306967574427852, 1.522062245670003, 0.5033410492691541}, {0.9245728821613426, 0.2237288590758401, 2.520791355436428, 0.5639737739200325}}},
		{Args{Kind: "negbin", Formula: "y ~ x + offset(log(d))"}, visitS, often, [2][6]float64{{0.1067668760835896, 0.3773635150865503, 1.112674833127050, 0.4198828861771643}, {1.5159981249199455, 0.2062372912907932, 4.553964284385876, 0.9391972586467586}}},
		{Args{Kind: "linear", Formula: "y ~ x * g"}, visitS, visitT, [2][6]float64{
			{1.411458333333334, 0.8718929935585189, 1.411458333333334, 0.8718929935585189, -0.4882333071289333, 3.311149973795601},
			{3.437500000000000, 0.6906972196245245, 3.4375, 0.6906972196245245, 1.9326000364666027, 4.942399963533397}}},
		{Args{Kind: "cox", Time: "time", Event: "event", Entry: "entry", Formula: "~ x + g"}, trialS, trialT, [2][6]float64{
			{0.1296373572011271, 0.2591334458703528, 1.1384154702867522}, {-1.4442146286497655, 1.1206079393200898, 0.2359312974944095}}},
	} {
		c.args.ID, c.args.Rules = "m", rules(1, 1)
		f := run(t, programOf(t, c.schema, c.args), c.tables...)
		p, err := NewPredictor(c.args, c.schema, fittedBy(t, f))
		if err != nil {
			t.Fatal(err)
		}
		row, _, err := p.Rows(newcomers(t, c.schema))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			r, within := row(i), 1e-9
			if c.args.Kind == "negbin" {
				within = 1e-6 // glm.nb stops earlier
			}
			for k, got := range []float64{r.Linear, r.LinearSE, r.Estimate, r.SE, r.Low, r.High} {
				if want[k] != 0 && !(math.Abs(got-want[k]) <= within*math.Max(1, math.Abs(want[k]))) {
					t.Errorf("%s: figure %d of person %d is %.16g, R has %.16g", c.args.Kind, k, i, got, want[k])
				}
			}
			if c.args.Kind != "linear" && !(r.Low < r.Estimate && r.Estimate < r.High) {
				t.Errorf("%s: limits %v to %v of %v", c.args.Kind, r.Low, r.High, r.Estimate)
			}
		}
		if !row(2).Missing {
			t.Errorf("%s: a person without x is predicted", c.args.Kind)
		}
	}
}

func TestPredictionsOfSeparatedOutcomes(t *testing.T) {
	s, tables := trial(t, 3, trialEntry, trialTime, trialG, trialX, trialG) // the event is g itself
	args := Args{ID: "m", Kind: "logistic", Formula: "event ~ g", Rules: rules(1, 1)}
	f := run(t, programOf(t, s, args), tables...)
	m := fittedBy(t, f)
	p, err := NewPredictor(args, s, m)
	if err != nil {
		t.Fatal(err)
	}
	row, _, err := p.Rows(newcomers(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if r := row(0); !r.Limit || r.Estimate != 0 || !math.IsNaN(r.SE) {
		t.Errorf("a person of the group without events: %+v", r)
	}
	if r := row(1); !r.Undetermined {
		t.Errorf("infinite coefficients of both signs: %+v", r)
	}
}

func TestALevelThatTheFitDidNotHaveIsNamed(t *testing.T) {
	s, _ := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	s.Fields[4].Levels = []string{"never", "a", "b"}
	g := make([]float64, len(trialG))
	for i, x := range trialG {
		g[i] = x + 1
	}
	whole, err := table.New(s, "one", [][]float64{trialEntry, trialTime, trialEvent, trialX, g})
	if err != nil {
		t.Fatal(err)
	}
	args := Args{ID: "m", Kind: "linear", Formula: "time ~ x + g", Rules: rules(1, 1)}
	f := run(t, programOf(t, s, args), deal(t, whole, func(i int) int { return i % 3 })...)
	p, err := NewPredictor(args, s, fittedBy(t, f))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := p.Strangers(newcomers(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if factor, level := stranger(0); factor != "g" || level != "never" {
		t.Errorf("%q of %q is named", level, factor)
	}
	if _, level := stranger(1); level != "" {
		t.Errorf("level %q, which the fit had, is refused", level)
	}
	args.Formula = "time ~ g"
	if _, err := NewPredictor(args, s, fittedBy(t, f)); err == nil || !strings.Contains(err.Error(), "is it the study of this result?") {
		t.Errorf("%v, want an error about other terms", err)
	}
}

// R 4.2.2: summary(survfit(coxph(..., ties, control = coxph.control(eps = 1e-13)), newdata), times = c(1, 4, 6.5, 9, 12)).
func TestPredictedSurvivalAgreesWithR(t *testing.T) {
	s, tables := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	for ties, want := range map[string][2][5][4]float64{
		"efron": {{{1, 0, 1, 1}, {0.51904214607361066, 0.2346754776782130, 0.213967251797017810, 1}, {0.32941574667338308, 0.2390955829835091, 0.079419603970227223, 1}, {0.14741796662946197, 0.1583725736733392, 0.017951312780006497, 1}, {0.07346310293327503, 0.1104316536744815, 0.003859409775026891, 1}},
			{{1, 0, 1, 1}, {0.8729252819994557, 0.09903018768496963, 0.6988940820864548, 1}, {0.7944284094952373, 0.13697863674534624, 0.5666136999107664, 1}, {0.6724901864078029, 0.19460866560470402, 0.3813825996914134, 1}, {0.5821007296008778, 0.23624130754622608, 0.2627509207036824, 1}}},
		"breslow": {{{1, 0, 1, 1}, {0.58223820465764620, 0.2132408657413514, 0.284023190362417299, 1}, {0.37945583002579902, 0.2416845650416344, 0.108895629159979260, 1}, {0.17507598842545827, 0.1723437473646321, 0.025427807806516864, 1}, {0.08990815176768407, 0.1263086434320855, 0.005727662827954994, 1}},
			{{1, 0, 1, 1}, {0.8823040440344314, 0.09383568673118439, 0.7162925390170781, 1}, {0.7990450592787647, 0.13523664776984379, 0.5734654405866221, 1}, {0.6680343053885009, 0.19689312728286756, 0.3749037911615161, 1}, {0.5725232961920009, 0.23970031935383979, 0.2520099294967447, 1}}},
	} {
		times := []float64{1, 4, 6.5, 9, 12}
		args := Args{ID: "m", Kind: "cox", Time: "time", Event: "event", Entry: "entry", Formula: "~ x + g", Ties: ties, Times: append(times, 13),
			Predict: []map[string]string{{"x": "2", "g": "a"}, {"x": "7", "g": "b"}}, Rules: rules(1, 1)}
		f := run(t, programOf(t, s, args), tables...)
		m := fittedBy(t, f)
		p, err := NewPredictor(args, s, m)
		if err != nil {
			t.Fatal(err)
		}
		_, survival, err := p.Rows(newcomers(t, s))
		if err != nil {
			t.Fatal(err)
		}
		rows := f.Tables[1].Rows
		if f.Tables[1].Name != "predicted" || len(rows) != 12 {
			t.Fatalf("table %s has %d rows, want predicted with 12", f.Tables[1].Name, len(rows))
		}
		for i := range 2 {
			for k, at := range times {
				again := survival(i, at)
				for c, key := range []string{"estimate", "std_error", "conf_low", "conf_high"} {
					if got := rows[6*i+k].Get(key); !near(got, want[i][k][c]) {
						t.Errorf("%s: %s of person %d at %v is %v, R has %v", ties, key, i, at, got, want[i][k][c])
					}
					if v := []float64{again.Estimate, again.SE, again.Low, again.High}[c]; !near(v, want[i][k][c]) {
						t.Errorf("%s: from the released baseline %s of person %d at %v is %v, R has %v", ties, key, i, at, v, want[i][k][c])
					}
				}
			}
			if got := rows[6*i+5].Get("estimate"); got != nil {
				t.Errorf("survival beyond the last time is %v", got)
			}
		}
	}
}

// R 4.2.2: summary(survfit(coxph(Surv(entry, time, event) ~ x + strata(g)), newdata = data.frame(x = 2)), times = c(4, 9)).
func TestPredictedSurvivalByStratum(t *testing.T) {
	s, tables := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	args := Args{ID: "m", Kind: "cox", Time: "time", Event: "event", Entry: "entry", Formula: "~ x", Strata: OneOrMore{"g"}, Times: []float64{4, 9}, Predict: []map[string]string{{"x": "2"}}, Rules: rules(1, 1)}
	f := run(t, programOf(t, s, args), tables...)
	for k, want := range [][4]float64{{0.4395824408999761, 0.2444153073644310, 0.14782837840352511, 1}, {0.1635518620416415, 0.1692545365979544, 0.02151664347354238, 1}, {1, 0, 1, 1}, {0.7628125925354099, 0.1879380550208278, 0.47065530602452182, 1}} {
		row := f.Tables[1].Rows[k]
		for c, key := range []string{"estimate", "std_error", "conf_low", "conf_high"} {
			if got := row.Get(key); !near(got, want[c]) {
				t.Errorf("row %d (%v): %s is %v, R has %v", k, row.Get("stratum"), key, got, want[c])
			}
		}
	}
}

func TestPredictedSurvivalNeedsTheBaseline(t *testing.T) {
	s, _ := trial(t, 3, trialEntry, trialTime, trialEvent, trialX, trialG)
	for want, change := range map[string]func(*Args){
		"leave site out of the strata": func(a *Args) { a.Strata = OneOrMore{"site"} },
		"times are numbers":            func(a *Args) { a.Times = []float64{3, 2} },
		"not a variable of the model":  func(a *Args) { a.Predict = []map[string]string{{"x": "2", "g": "a", "time": "3"}} },
		"no value of g":                func(a *Args) { a.Predict = []map[string]string{{"x": "2"}} },
		"not a declared level":         func(a *Args) { a.Predict = []map[string]string{{"x": "2", "g": "c"}} },
		"outside [0, 10]":              func(a *Args) { a.Predict = []map[string]string{{"x": "11", "g": "a"}} },
		"is missing":                   func(a *Args) { a.Predict = []map[string]string{{"x": "", "g": "a"}} },
	} {
		args := Args{ID: "m", Kind: "cox", Time: "time", Event: "event", Formula: "~ x + g", Times: []float64{4}, Rules: rules(1, 1)}
		change(&args)
		if _, err := (Cox{}).Begin(args, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}
