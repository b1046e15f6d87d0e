package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
)

func TestTerminalShowsOneLineThatIsClearedAtTheEnd(t *testing.T) {
	var b bytes.Buffer
	p := &progress{line: &b}
	s := &study.Spec{Sites: make([]study.Site, 3)}
	p.reading(s)
	p.computing(s, 30)
	p.step(engine.Progress{Round: 2, Running: []string{"risk", "a-very-long-name-of-an-analysis", "another-one"}})
	p.written(&report.Report{Cost: report.Cost{Rounds: 2, Seconds: 0.5}}, "out")
	p.end()
	p.step(engine.Progress{Round: 3})
	if strings.Count(b.String(), "\n") != 1 || !strings.HasSuffix(b.String(), "\r\x1b[K2 masked sums in 0.50 s; results in out\n") {
		t.Errorf("got %q", b.String())
	}
	if !strings.Contains(b.String(), "still computing: risk, a-very-long-name-of-an-analysis, …") {
		t.Errorf("got %q", b.String())
	}
}
