package bench

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// blocks are parts of a document that are made of results:
//
//	<!-- bench: published -->
//	...
//	<!-- end of bench -->
//
// "published, in short" gives a line for each workload.
var blocks = regexp.MustCompile(`(?s)(<!-- bench: ([a-z]+)(, in short)? -->\n).*?(<!-- end of bench -->)`)

// UpdateDocument puts the figures of results into every block of a document
// that names a suite, and leaves the rest of it as it is.
func UpdateDocument(path string, results *Results) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	text, err := Document(string(old), results)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if text == string(old) {
		return nil
	}
	return replace(path, []byte(text))
}

// Document returns a document with the figures of results in its blocks. A
// block of a suite of which results lack a scenario is an error.
func Document(text string, results *Results) (string, error) {
	var failed error
	if !blocks.MatchString(text) {
		return "", fmt.Errorf("bench: no line <!-- bench: SUITE --> with an end of bench")
	}
	text = blocks.ReplaceAllStringFunc(text, func(block string) string {
		parts := blocks.FindStringSubmatch(block)
		suite, err := Find(parts[2])
		if err != nil {
			failed = err
			return block
		}
		rows := results.of(suite.Scenarios)
		for _, s := range suite.Scenarios {
			if results.Row(s.Key()) == nil && failed == nil {
				failed = fmt.Errorf("bench: the results lack %s: consilium bench --suite %s", s.Key(), suite.Name)
			}
		}
		show := markdown
		if parts[3] != "" {
			show = inShort
		}
		if failed != nil {
			return block
		}
		return parts[1] + "\n" + show(results.Machine, rows) + "\n" + parts[4]
	})
	return text, failed
}

// markdown is rows, at least one, as a table, or two where there are published figures beside them.
func markdown(m Machine, rows []Row) string {
	var b strings.Builder
	last := rows[len(rows)-1]
	fmt.Fprintf(&b, "%s, %d cores, %s memory, %s, %s; %s; other load while measuring %s.\n\n", m.Processor, m.Cores, Bytes(m.MemoryBytes), m.System, m.Go, last.Measured.Format("2 January 2006"), loads(rows))
	columns := []string{"scenario", "reveal", "seconds (least to most)", "in clear", "ratio", "on own machines", "up", "down", "trips", "memory", "error"}
	wide := slices.ContainsFunc(rows, func(r Row) bool { return r.Parameters.Network == WideArea })
	if wide {
		columns = append(columns, "without network", "bound")
	}
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, r := range rows {
		if !r.Done() {
			fmt.Fprintf(&b, "| %s | %s | %s%s |%s\n", r.Scenario, dash(r.Reveal), cell(r.Failed), cell(r.Skipped), strings.Repeat(" |", len(columns)-3))
			continue
		}
		seconds := r.seconds()
		if r.Projection == nil && len(r.Samples) > 1 {
			seconds += " (" + r.spread() + ")"
		}
		cells := []string{r.Scenario, dash(r.Reveal), seconds, optional(r.PlainSeconds, Seconds), optional(r.Ratio, ratio), r.own(),
			Bytes(r.BytesUp), Bytes(r.BytesDown), fmt.Sprint(r.Rounds), Bytes(r.PeakBytes), r.off()}
		if wide {
			cells = append(cells, Seconds(r.metric(withoutNetwork)), Seconds(r.metric(networkBound)))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	var seen []string
	for _, r := range rows {
		p := r.Parameters.Published
		if p == nil || p.System == none || slices.Contains(seen, p.System) {
			continue
		}
		if seen == nil {
			b.WriteString("\n| workload of | published figure | hardware | sees on the way | protects against | source | but |\n|---|---|---|---|---|---|---|\n")
		}
		seen = append(seen, p.System)
		fmt.Fprintf(&b, "| %s |\n", strings.Join([]string{cell(p.System), cell(p.Figure), cell(p.Hardware), cell(p.Disclosure), cell(p.Threat), cell(p.Source), cell(p.Note)}, " | "))
	}
	if seen != nil {
		for _, reveal := range []string{"sums", "model"} {
			fmt.Fprintf(&b, "| here, reveal: %s | above | | %s | %s | | |\n", reveal, ourDisclosure[reveal], ourThreat[reveal])
		}
	}
	return b.String()
}

// inShort is a line for each row with a published figure.
func inShort(m Machine, rows []Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, all parties on them:\n\n| workload | published | here, `reveal` | seconds | a party on a machine of its own |\n|---|---|---|---|---|\n", m.Processor, m.Cores)
	for _, r := range rows {
		if p := r.Parameters.Published; p != nil && r.Done() {
			fmt.Fprintf(&b, "| %s | %s: %s | %s | %s | %s |\n", r.Scenario, cell(p.System), cell(p.Figure), r.Reveal, r.seconds(), r.own())
		}
	}
	return b.String()
}

// loads is what else the machine did, as runs began: from least to most over one minute.
func loads(rows []Row) string {
	least, most := -1.0, 0.0
	for _, r := range rows {
		for _, x := range r.Samples {
			if least < 0 || x.Load < least {
				least = x.Load
			}
			most = max(most, x.Load)
		}
	}
	return fmt.Sprintf("%.1f to %.1f threads", max(0, least), most)
}

func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", "\\|"), "\n", " ") }
