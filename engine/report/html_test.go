package report

import (
	"encoding/xml"
	"html"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
)

func page1(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostile is a result whose every name tries to leave its place.
func hostile() *Report {
	const evil = `"'><script>alert(1)</script>&<!--` + "\u202e\u2066\x07" + `=cmd|'/c'!A1`
	long := strings.Repeat("sehr langer Name 很长的名称 ", 20)
	s := trial()
	s.Name, s.Title, s.Approval.Ethics, s.Approval.Contact = evil, evil+long, evil, "-->]]></style></script><img src=x onerror=alert(1)>"
	s.Warnings = []string{evil}
	s.Schema.Fields = []table.Field{{Name: evil, Kind: table.Number, Unit: evil}}
	s.Analyses = []stat.Args{
		{ID: "km", Kind: "km", Time: evil, Event: evil, By: evil},
		{ID: "cox", Kind: "cox", Time: evil, Event: evil, Formula: "~ " + evil + long},
		{ID: "hist", Kind: "histogram", Variable: evil, Breaks: []float64{0, 1}},
		{ID: "tab", Kind: "crosstab", Rows: evil, Columns: long},
		{ID: "t1", Kind: "table1", By: evil, Variables: []string{evil}},
		{ID: "gone", Kind: evil},
	}
	frames := []*stat.Frame{
		{Tidy: []stat.Record{rec("group", evil, "time", 1.0, "n_risk", 9, "n_event", 1, "n_censor", 1, "estimate", 0.9, "conf_low", 0.8, "conf_high", 0.95),
			rec("group", long, "time", 2.0, "n_risk", 123456789, "n_event", 1, "n_censor", 0, "estimate", 0.5, "conf_low", nil, "conf_high", nil)},
			Glances: []stat.Record{rec("group", evil, "median", 3.0, "median_low", 1.0, "median_high", nil)}, Warnings: []string{evil + long}},
		{Tidy: []stat.Record{rec("term", evil, "estimate", 1.0, "hazard_ratio", 2.7, "hazard_low", 1e-9, "hazard_high", 1e9), rec("term", long, "estimate", nil, "hazard_ratio", nil, "infinite", "+")},
			Tables: []stat.Table{{Name: "zph", Rows: []stat.Record{rec("term", evil, "p_value", 0.1)}}}, VCov: &stat.Matrix{Terms: []string{evil}, Matrix: [][]float64{{1}}}},
		{Tidy: []stat.Record{rec("lower", 0.0, "upper", 1.0, "count", 7), rec("lower", 1.0, "upper", 100.0, "count", 9)}},
		{Tidy: []stat.Record{rec("row", evil, "column", long, "n", 9, "row_pct", 100.0), rec("row", evil, "column", evil, "n", nil, "suppressed", true)}, Suppressed: true},
		{Tidy: []stat.Record{rec("variable", evil, "level", long, "group", evil, "n", 5, "pct", 50.0, "smd", 0.1, "p_value", 0.5, "test", evil)}},
	}
	r := &Report{Spec: s, PlanDigest: evil, Consilium: evil, Absent: []string{evil}, Disclosed: []Disclosed{{What: evil, To: evil}}}
	for i, a := range s.Analyses {
		one := Analysis{ID: a.ID, Kind: a.Kind}
		if i < len(frames) {
			one.Frame = frames[i]
		} else {
			one.Refused = &stat.Refusal{Rule: evil, Message: evil, Remedy: evil + long}
		}
		r.Analyses = append(r.Analyses, one)
	}
	return r
}

func TestNothingOfAStudyBecomesMarkup(t *testing.T) {
	got := page1(t, hostile())
	for _, bad := range []string{"<script>alert", "<img", "onerror=alert(1)>", "\u202e", "\u2066", "\x07", "<!--"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(got, "<script"); n != 1 {
		t.Errorf("%d scripts, want the page's own", n)
	}
	if n := strings.Count(got, "<style"); n != 1 {
		t.Errorf("%d styles, want the page's own", n)
	}
	for _, svg := range figures(t, got) {
		wellFormed(t, svg)
	}
}

func figures(t *testing.T, page string) []string {
	t.Helper()
	all := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
	if len(all) == 0 {
		t.Fatal("no figure")
	}
	return all
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in %.300s", err, svg)
		}
	}
}

func TestEqualReportsHaveEqualPages(t *testing.T) {
	a, b := outcome(), outcome()
	b.Cost.Seconds = 99
	if page1(t, a) != page1(t, b) {
		t.Error("two pages of one report differ")
	}
}

// The browser is told to ask for nothing; and there is nothing to ask for.
func TestThePageAsksForNothing(t *testing.T) {
	for name, r := range map[string]*Report{"outcome": outcome(), "hostile": hostile()} {
		got := page1(t, r)
		markup := got
		for _, own := range []string{pageStyle, pageScript} {
			if !strings.Contains(got, own) {
				t.Errorf("%s: style or script is not as its digest says", name)
			}
			markup = strings.Replace(markup, own, "", 1)
		}
		policy := html.UnescapeString(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(got)[1])
		if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", name, policy)
		}
		if found := regexp.MustCompile(`(?i)<[^>]*\s(src|srcset|href|action|style|on\w+|background|poster|data|xlink:href)="[^#"][^"]*"`).FindAllString(markup, -1); found != nil {
			t.Errorf("%s: %q", name, found)
		}
		if found := regexp.MustCompile(`url\(|@import|fetch\(|XMLHttpRequest|WebSocket|import\(|eval\(`).FindAllString(pageStyle+pageScript, -1); found != nil {
			t.Errorf("%q in style or script", found)
		}
	}
}

func TestEveryWordIsThereInBothLanguagesAndUsed(t *testing.T) {
	words, err := readWords(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\{\{(?:w|en|zh) "([^"]+)"`).FindAllStringSubmatch(pageTemplate, -1) {
		used[m[1]] = true
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "html") || strings.HasSuffix(f.Name(), "_test.go") || f.IsDir() {
			continue
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`p\.w\("([a-z0-9_.]+)"[,)]`).FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`"((?:study|opened)\.[a-z0-9]+)"`).FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
		}
	}
	for key := range used {
		if _, ok := words[key]; !ok {
			t.Errorf("%s is used and has no words", key)
		}
	}
	places := regexp.MustCompile(`\{\d\}`)
	for key, w := range words {
		group, _, _ := strings.Cut(key, ".")
		if !used[key] && !slices.Contains([]string{"col", "kind", "method", "rule", "to", "table", "said"}, group) {
			t.Errorf("%s is used nowhere", key)
		}
		en, zh := places.FindAllString(w.En, -1), places.FindAllString(w.Zh, -1)
		slices.Sort(en)
		slices.Sort(zh)
		if !slices.Equal(slices.Compact(en), slices.Compact(zh)) {
			t.Errorf("%s: places %v in English, %v in Chinese", key, en, zh)
		}
	}
}

func TestWordsFileIsRefusedWhereALanguageIsMissing(t *testing.T) {
	for _, bad := range []string{"key | English", "key | English | ", "a | b | c\na | d | e"} {
		if _, err := readWords(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// Sentences of several parts are put together; a name in one is never taken for a part, nor for a place.
func TestSentencesAreSaidInChinese(t *testing.T) {
	words, err := readWords(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{words: words}
	for said, want := range map[string]string{
		"how the model fits at each step: score, information, deviance. The first gives the products of any two columns": "模型每一步的拟合情况：得分、信息矩阵、偏差。第一步给出任意两列的乘积之和",
		"risk: sums of squares of the columns about their means: their SDs":                                              "risk：各列离均差平方和：得出标准差",
		"level \"{1}\" of {0} has no rows and is left out":                                                               "{0} 的水平 \"{1}\" 没有数据行，不计入",
		"fewer than two: cells are suppressed, and nobody knows the words":                                               "fewer than two: cells are suppressed, and nobody knows the words",
		strings.Repeat("a: b; c. ", 2000):                                                                                strings.TrimSpace(strings.Repeat("a: b; c. ", 2000)),
	} {
		if got := p.said(said); strings.TrimSpace(got.Zh) != want || got.En != said {
			t.Errorf("%.80q is said as %.80q, want %.80q", said, got.Zh, want)
		}
	}
}

func TestSuppressedCellsAndRefusalsAreExplained(t *testing.T) {
	got := page1(t, outcome())
	for _, want := range []string{
		`<span class="vh"><span data-zh="已隐藏">suppressed</span></span>`,
		"cells of 1 to 4 people, and cells that would give them away",
		"smallest cell (min_cell)", "the column treatinterferon:sitezurich has too few ones", "merge the level",
		"sha256:00ff", "14 masked sums; a hospital sent at most 120 kB and received at most 130 kB.",
		"shows figures of single hospitals", "With 3 hospitals, any 2 of them together know the last one",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestASealedPageShowsNoFigure(t *testing.T) {
	r := outcome()
	r.Sealed = &Sealed{}
	for i := range r.Analyses {
		r.Analyses[i].Frame, r.Analyses[i].Refused = nil, nil
	}
	r.Cohort = Cohort{Rows: 987654}
	got := page1(t, r)
	if !strings.Contains(got, "sealed.json") || strings.Contains(got, "987,654") || strings.Contains(got, "<svg") {
		t.Error("a sealed report shows a figure, or does not say that it is sealed")
	}
}

func TestFiguresAreAsLookedAt(t *testing.T) {
	golden(t, "figures.svg.txt", strings.ReplaceAll(strings.Join(figures(t, page1(t, outcome())), "\n\n"), "><", ">\n<")+"\n")
}
