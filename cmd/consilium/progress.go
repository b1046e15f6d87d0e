package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
)

// progress shows how far a run is: one line that is rewritten on a terminal,
// log lines elsewhere, nothing when quiet. It never shows a value of a record.
type progress struct {
	mu    sync.Mutex
	line  io.Writer    // a terminal, or nil
	log   *slog.Logger // elsewhere, or nil
	drawn bool         // the line is on the screen
	last  time.Time    // of the last log line about a sum or a step
	shown engine.Phase // of the last log line about a step
}

// betweenLogs is the least time between log lines about sums.
const betweenLogs = 2 * time.Second

func newProgress(w io.Writer, quiet bool) *progress {
	p := &progress{}
	if quiet {
		return p
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.line = w
	} else {
		p.log = slog.New(slog.NewTextHandler(w, nil))
	}
	return p
}

// draw rewrites the line on a terminal.
func (p *progress) draw(format string, args ...any) {
	if p.line != nil {
		fmt.Fprintf(p.line, "\r\x1b[K"+format, args...)
		p.drawn = true
	}
}

// end clears the line; nothing is drawn after it.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.line, "\r\x1b[K")
	}
	p.line, p.log, p.drawn = nil, nil, false
}

func (p *progress) reading(s *study.Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw("reading the records of %d hospitals", len(s.Sites))
	if p.log != nil {
		p.log.Info("reading records", "study", s.Name, "hospitals", len(s.Sites))
	}
}

func (p *progress) computing(s *study.Spec, rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw("setting up %d gateways and a hub", len(s.Sites))
	if p.log != nil {
		p.log.Info("computing", "rows", rows, "analyses", len(s.Analyses))
	}
}

// step is called after every masked sum and at every step under encryption.
func (p *progress) step(g engine.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.Phase != nil {
		p.phase(*g.Phase)
		return
	}
	cells := 0
	for _, o := range g.Opened {
		cells += o.Cells
	}
	left := strings.Join(g.Running, ", ")
	if runes := []rune(left); len(runes) > 40 {
		left = string(runes[:39]) + "…"
	}
	p.draw("sum %d of %d numbers; still computing: %s", g.Round, cells, left)
	if now := time.Now(); p.log != nil && now.Sub(p.last) >= betweenLogs {
		p.log.Info("sum", "round", g.Round, "numbers", cells, "analyses_left", len(g.Running))
		p.last = now
	}
}

// phase shows where a computation under encryption is: the first step of a phase always, others when some time has passed.
func (p *progress) phase(f engine.Phase) {
	what := "under encryption: " + f.Name
	if f.Analysis != "" {
		what = f.Analysis + " " + what
	}
	if f.Of > 1 {
		what += fmt.Sprintf(" %d of %d", f.Step, f.Of)
	}
	if f.Residual != nil {
		what += fmt.Sprintf(" %.1g", *f.Residual)
	}
	p.draw("%s", what)
	if p.log == nil {
		return
	}
	now := time.Now()
	if f.Residual != nil {
		p.log.Info("under encryption", "analysis", f.Analysis, "phase", "solved", "residual", *f.Residual)
	} else if begins := f.Step <= 1 && p.shown != f; begins || now.Sub(p.last) >= betweenLogs {
		p.log.Info("under encryption", "analysis", f.Analysis, "phase", f.Name, "step", f.Step, "of", f.Of)
		p.last, p.shown = now, f
	}
}

// written ends the line and says where the results are.
func (p *progress) written(r *report.Report, dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.log != nil:
		p.log.Info("done", "directory", dir, "sums", r.Cost.Rounds, "seconds", r.Cost.Seconds)
	case p.line != nil:
		fmt.Fprintf(p.line, "\r\x1b[K%d masked sums in %.2f s; results in %s\n", r.Cost.Rounds, r.Cost.Seconds, dir)
		p.drawn = false
	}
}
