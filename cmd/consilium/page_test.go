package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/study"
)

// readable is what a page must be: see testdata/page.js.
func readable(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/page.js")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReportsInABrowser opens reports in a real browser, at the width of a desk
// and of a telephone, in the light and in the dark, in both languages: of the main job,
// of a survival study under the default rules, and of a study that means harm. Where CONSILIUM_PAGES
// names a folder, it opens the pages there, too: TestResultsAgreeWithR writes them, of every set it
// knows. With CONSILIUM_PICTURES, a folder, it saves what it saw there.
func TestReportsInABrowser(t *testing.T) {
	b := newBrowser(t)
	t.Run("a page that asks", func(t *testing.T) { asking(t, b) })
	asIs := func(s string) string { return s }
	t.Run("cgd", func(t *testing.T) {
		path := writePage(t, "cgd", "../../testdata/cgd/study.yaml", asIs)
		look(t, b, path)
		unscripted(t, b, path)
	})
	// The same survival study under the default rules: times are merged, cells suppressed, models refused.
	rules := regexp.MustCompile(`(?m)^privacy: .*$`)
	t.Run("lung-rules", func(t *testing.T) {
		look(t, b, writePage(t, "lung-rules", "../../testdata/lung/oracle.yaml", func(s string) string { return rules.ReplaceAllString(s, "privacy: {min_sites: 3}") }))
	})
	t.Run("many", func(t *testing.T) { look(t, b, writePage(t, "many", manyStudy(t), asIs)) })
	t.Run("hostile", func(t *testing.T) { look(t, b, writePage(t, "hostile", hostileStudy(t), asIs)) })
	dir := os.Getenv("CONSILIUM_PAGES")
	if dir == "" {
		return
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("%s: nothing to look at: %v", dir, err)
	}
	for _, path := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".html"), func(t *testing.T) { look(t, b, path) })
	}
}

// writePage computes a study and writes its page.
func writePage(t *testing.T, name, path string, change func(string) string) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), name+".html")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := study.Parse(path, []byte(change(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	s.Dir = filepath.Dir(path)
	r, err := compute(t.Context(), s, nil, newProgress(io.Discard, true))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := r.WriteHTML(f); err != nil {
		t.Fatal(err)
	}
	return to
}

// asking: what a page asks for is seen, or the test that there is nothing would say nothing.
func asking(t *testing.T, b *browser) {
	b.t = t
	path := filepath.Join(t.TempDir(), "asks.html")
	if err := os.WriteFile(path, []byte(`<!doctype html><title>asks</title><img src="http://127.0.0.1:9/seen.png">`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.requests()
	b.open(path)
	if got := b.requests(); !slices.Contains(got, "http://127.0.0.1:9/seen.png") || !slices.Contains(got, "file://"+path) {
		t.Fatalf("of a page and its picture, seen are %q", got)
	}
	b.log("browser") // it says that nobody is at that port
}

// look opens one page and goes through it as a reader would.
func look(t *testing.T, b *browser, path string) {
	b.t = t
	b.requests()
	b.log("browser")
	b.open(path)
	check := readable(t)
	for _, width := range []int{1280, 390} {
		b.wide(width)
		for _, theme := range []string{"light", "dark"} {
			for _, lang := range []string{"en", "zh"} {
				if theme == "dark" && lang == "en" {
					continue // where everything is depends on the width and the language, colours on the theme
				}
				choose(b, "theme", theme)
				choose(b, "lang", lang)
				var wrong []string
				b.run(check, &wrong)
				for _, w := range wrong {
					t.Errorf("%d pixels, %s, %s: %s", width, theme, lang, w)
				}
				if dir := os.Getenv("CONSILIUM_PICTURES"); dir != "" && (theme == "dark" || lang == "en") {
					b.picture(dir, strings.TrimSuffix(filepath.Base(path), ".html")+"-"+theme+"-"+lang+"-"+map[int]string{1280: "desk", 390: "phone"}[width], width)
				}
			}
		}
	}
	onPaper(t, b, path)
	b.wide(1280)
	spoken(t, b)
	saved(t, b)
	for _, url := range b.requests() {
		if url != "file://"+path {
			t.Errorf("the page asked for %s", url)
		}
	}
	for _, m := range b.log("browser") {
		t.Errorf("the console says %s", m)
	}
}

// unscripted: where no script may run, everything is there to be read, and nothing that would do nothing.
func unscripted(t *testing.T, b *browser, path string) {
	t.Helper()
	b.devtools("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	defer b.devtools("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)
	b.open(path)
	var got struct {
		Text    string
		Idle    int
		Figures int
	}
	b.run(`var seen = function (e) { return e.getClientRects().length > 0; };
		return {Text: document.body.innerText, Idle: Array.prototype.filter.call(document.querySelectorAll("button,select"), seen).length, Figures: Array.prototype.filter.call(document.querySelectorAll("svg"), seen).length}`, &got)
	if !strings.Contains(got.Text, "What was opened") || !strings.Contains(got.Text, "0.332") || got.Figures < 3 || got.Idle > 0 {
		t.Errorf("without scripts: %d figures, %d buttons that do nothing; %.200s", got.Figures, got.Idle, got.Text)
	}
}

// onPaper: on a sheet of A4, margins off, nothing is wider than the sheet, and what a reader could open on the screen is open.
func onPaper(t *testing.T, b *browser, path string) {
	t.Helper()
	b.wide(688)
	b.devtools("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	var wrong []string
	b.run(`document.querySelectorAll("details").forEach(function (d) { d.open = false; });
		window.dispatchEvent(new Event("beforeprint"));
		var wrong = [];
		document.querySelectorAll("table,svg,p,dl,li").forEach(function (e) {
			var r = e.getBoundingClientRect();
			if (r.width > 0 && r.right > 689 && !e.closest(".vh,.skip,.controls")) { wrong.push(e.tagName + " " + (e.dataset.name || e.textContent).slice(0, 60) + " ends at " + r.right); }
		});
		document.querySelectorAll("details").forEach(function (d) { if (!d.open && d.querySelectorAll("tr").length < 60 && d.querySelectorAll("thead th").length < 12) { wrong.push("closed: " + d.querySelector("summary").textContent); } });
		return wrong`, &wrong)
	for _, w := range wrong {
		t.Errorf("on paper: %s", w)
	}
	if dir := os.Getenv("CONSILIUM_PICTURES"); dir != "" {
		b.print(filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".html")+".pdf"))
	}
	b.devtools("Emulation.setEmulatedMedia", map[string]any{"media": ""}, nil)
}

// choose picks an option as a reader would.
func choose(b *browser, id, value string) {
	b.run(`var s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event("change", {bubbles: true}))`, nil, id, value)
}

// spoken: the page is in Chinese now; it changes to English and back, and nothing is lost.
func spoken(t *testing.T, b *browser) {
	t.Helper()
	var zh, en, again string
	const read = `return document.documentElement.lang + document.body.innerText`
	choose(b, "lang", "zh")
	b.run(read, &zh)
	choose(b, "lang", "en")
	b.run(read, &en)
	choose(b, "lang", "zh")
	b.run(read, &again)
	if !strings.HasPrefix(zh, "zh-CN") || !strings.Contains(zh, "研究概况") || strings.Contains(zh, "Versions and how to verify") {
		t.Error("the page does not speak Chinese")
	}
	if !strings.HasPrefix(en, "en") || !strings.Contains(en, "Versions and how to verify") || strings.Contains(en, "研究概况") {
		t.Error("the page does not speak English")
	}
	if again != zh {
		t.Error("the page is another after a change of language and back")
	}
}

// saved: every button saves something that stands alone.
func saved(t *testing.T, b *browser) {
	t.Helper()
	var got struct {
		Names, SVG, CSV []string
	}
	b.ask("POST", "/execute/async", map[string]any{"args": []any{}, "script": `
		var done = arguments[0], blobs = [], names = [], create = URL.createObjectURL, click = HTMLAnchorElement.prototype.click;
		URL.createObjectURL = function (blob) { blobs.push(blob); return "blob:kept"; };
		HTMLAnchorElement.prototype.click = function () { names.push(this.download); };
		document.querySelectorAll("button[data-get]").forEach(function (b) { b.click(); });
		URL.createObjectURL = create; HTMLAnchorElement.prototype.click = click;
		Promise.all(blobs.map(function (b) { return b.text(); })).then(function (texts) {
			done({Names: names, SVG: texts.filter(function (t, i) { return blobs[i].type === "image/svg+xml"; }), CSV: texts.filter(function (t, i) { return blobs[i].type === "text/csv"; })});
		});`}, &got)
	if len(got.CSV) == 0 || len(got.Names) != len(got.CSV)+len(got.SVG) {
		t.Errorf("%d tables and %d figures saved under %d names", len(got.CSV), len(got.SVG), len(got.Names))
	}
	seen := map[string]bool{}
	for _, name := range got.Names {
		if seen[name] {
			t.Errorf("%s is saved by two buttons", name)
		}
		seen[name] = true
	}
	for _, svg := range got.SVG {
		if !strings.Contains(svg, `xmlns="http://www.w3.org/2000/svg"`) || strings.Contains(svg, "var(") || strings.Contains(svg, "class=") {
			t.Errorf("a saved figure does not stand alone: %.200s", svg)
		}
	}
	formula := regexp.MustCompile(`(?m)(^|,)"?([=+@\t]|-[^0-9,"\r])`)
	for _, csv := range got.CSV {
		if m := formula.FindString(strings.TrimPrefix(csv, "\ufeff")); m != "" {
			t.Errorf("a saved table has a cell that a spreadsheet would run: %q in %.300s", m, csv)
		}
	}
}

// hostileStudy is a study whose names try to leave their place, and are long.
func hostileStudy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const evil = `=1+1<script>document.title="taken"</script>"'&`
	long := strings.TrimSpace(strings.Repeat("an unusually long level 极其冗长的水平名称 ", 4))
	columns := []string{"`" + evil + "`", "group", "time", "event"}
	var rows strings.Builder
	rows.WriteString("evil,group,time,event\n")
	for i := range 60 {
		group := []string{`"` + strings.ReplaceAll(evil, `"`, `""`) + `"`, long, "שלום"}[i%3]
		rows.WriteString(strings.Join([]string{string(rune('0' + i%7)), group, string(rune('1' + i%9)), string(rune('0' + i%2))}, ",") + "\n")
	}
	q := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	text := strings.Join([]string{"study: hostile", "title: " + q(evil+" "+strings.Repeat("无法断开的很长的标题", 20)+strings.Repeat("unbreakable", 30)),
		"approval: {ethics: " + q("-->]]></style><img src=http://192.0.2.1/x onerror=alert(1)>") + ", contact: " + q(evil) + "}",
		"sites: {north: {csv: a.csv}, south: {csv: a.csv}, west: {csv: a.csv}}", "variables:",
		"  " + q(evil) + ": {type: number, column: evil, unit: " + q(evil) + ", integer: true, min: 0, max: 9}",
		"  group: {type: category, levels: [" + q(evil) + ", " + q(long) + ", שלום]}",
		"  time: {type: number, integer: true, min: 0, max: 20}", "  event: {type: binary}", "cohort: {where: " + q(columns[0]+" < 6") + "}", "analyses:",
		"  - {id: t1, kind: table1, by: group, variables: [" + q(evil) + ", time, event]}", "  - {id: tab, kind: crosstab, rows: group, columns: event}",
		"  - {id: bars, kind: histogram, variable: " + q(evil) + ", breaks: [0, 2, 4, 7]}", "  - {id: curve, kind: km, time: time, event: event, by: group}",
		"  - {id: model, kind: cox, time: time, event: event, formula: " + q("~ group + "+columns[0]) + ", strata: site}", "  - {id: risk, kind: logistic, formula: " + q("event ~ group + "+columns[0]) + "}",
		"  - {id: few, kind: logistic, formula: event ~ group, where: time == 20}", ""}, "\n")
	for name, text := range map[string]string{"study.yaml": text, "a.csv": rows.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "study.yaml")
}

// manyStudy is a study of 41 hospitals, with a Table 1 of 60 rows and 28 analyses.
func manyStudy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var head, rows, fields, names, sites, more strings.Builder
	for i := range 20 {
		fmt.Fprintf(&head, "v%d,", i)
		fmt.Fprintf(&fields, "  v%d: {type: binary}\n", i)
		fmt.Fprintf(&names, "v%d, ", i)
	}
	for i := range 41 {
		fmt.Fprintf(&sites, "hospital%d: {csv: a.csv}, ", i)
	}
	for i := range 25 {
		fmt.Fprintf(&more, "  - {id: ages%d, kind: histogram, variable: age, breaks: [0, 45, 99]}\n", i)
	}
	for i := range 40 {
		for j := range 20 {
			fmt.Fprintf(&rows, "%d,", (i*i+3*i*j+j)%5%2)
		}
		fmt.Fprintf(&rows, "%d\n", 20+i)
	}
	text := "study: many\nsites: {" + sites.String() + "}\nvariables:\n" + fields.String() + "  age: {type: number, integer: true, min: 0, max: 99}\nanalyses:\n  - {id: t1, kind: table1, by: v0, variables: [" + names.String() + "age]}\n" +
		"  - {id: tab, kind: crosstab, rows: site, columns: v1}\n  - {id: risk, kind: logistic, formula: v2 ~ age + v3}\n" + more.String()
	for name, text := range map[string]string{"study.yaml": text, "a.csv": head.String() + "age\n" + rows.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "study.yaml")
}
