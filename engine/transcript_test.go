package engine_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// transcript is every message of a simulated study and what the gateways say each sum opened.
type transcript struct {
	mu    sync.Mutex
	cells map[party.ID][]int // cells of each masked vector on the wire, the check cell not counted
	sums  []engine.Progress
	bytes [][]byte // of every message, where they are kept
	keep  bool

	vows    map[party.ID]int     // steps under encryption
	answers map[uint64]wire.Type // what followed the unlocks of each sum: to all members, or word that they were collected for the reader
}

// progress keeps what each sum opened.
func (x *transcript) progress(p engine.Progress) {
	if p.Phase == nil {
		x.sums = append(x.sums, p)
	}
}

func (x *transcript) tap(t *testing.T) func(from, to party.ID, b []byte) {
	x.cells, x.vows, x.answers = make(map[party.ID][]int), make(map[party.ID]int), make(map[uint64]wire.Type)
	return func(from, to party.ID, b []byte) {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.keep {
			x.bytes = append(x.bytes, bytes.Clone(b))
		}
		e, err := wire.Open(b, wire.Limits{Members: wire.MaxMembers, Cells: wire.MaxCells, Share: 64 << 20})
		if err != nil {
			t.Errorf("a message of %s does not decode: %v", from, err)
			return
		}
		switch t := e.GetType(); t {
		case wire.Type_VOW:
			x.vows[from]++
		case wire.Type_UNLOCKS, wire.Type_COLLECTED:
			if before, ok := x.answers[e.GetSequence()]; !ok || before == wire.Type_COLLECTED {
				x.answers[e.GetSequence()] = t
			}
		}
		if e.GetType() == wire.Type_MASKED {
			m := new(wire.Masked)
			if err := wire.Decode(e.GetBulk(), m); err != nil {
				t.Errorf("a masked vector of %s does not decode: %v", from, err)
				return
			}
			x.cells[from] = append(x.cells[from], len(m.GetVector())/wire.CellSize-1)
		}
	}
}

// recording is a run of a study with its transcript.
type recording struct {
	once       sync.Once
	report     *report.Report
	transcript *transcript
}

// recordings are of this process: the tests that read what a study comes to and what it opens share them.
var recordings sync.Map

// record runs a study, as a user would from its text and its sites' files with all parties and their
// protocols, or returns the run that there was.
func record(t *testing.T, file, text string) *recording {
	t.Helper()
	found, _ := recordings.LoadOrStore(file+"\n"+text, new(recording))
	r := found.(*recording)
	r.once.Do(func() {
		s, tables := read(t, file, text)
		x := new(transcript)
		done, err := engine.Simulate(t.Context(), s, tables, engine.Options{Tap: x.tap(t), Progress: x.progress})
		if err != nil {
			t.Fatal(err)
		}
		r.report, r.transcript = done, x
	})
	if r.report == nil {
		t.Fatalf("%s could not be run", file)
	}
	return r
}

// load reads a study and its sites' records.
func load(t testing.TB, file string) (*study.Spec, map[party.ID]*table.Table) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, file, string(text))
}

// read is load for a text that is not in the file.
func read(t testing.TB, file, text string) (*study.Spec, map[party.ID]*table.Table) {
	t.Helper()
	s, err := study.Parse(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	tables := make(map[party.ID]*table.Table)
	for _, site := range s.Sites {
		if tables[site.ID], _, err = table.OpenCSV(filepath.Dir(file), site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows); err != nil {
			t.Fatal(err)
		}
	}
	return s, tables
}

func TestTranscriptOpensOnlyWhatThePlanDeclares(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*/oracle.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d oracle studies, error %v", len(files), err)
	}
	for _, file := range append(files, "../testdata/cgd/study.yaml", "../testdata/cgd/regressions.yaml", "../testdata/lung/hospitals.yaml", "../testdata/lung/evaluation.yaml") {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := record(t, file, string(text))
			s, r := got.report.Spec, got.report
			for _, a := range r.Analyses {
				if a.Refused != nil && (strings.HasSuffix(s.Name, "-regressions") || strings.HasSuffix(s.Name, "-evaluation")) {
					t.Errorf("%s is refused: %v", a.ID, a.Refused)
				}
			}
			plan, err := engine.Plan(s)
			if err != nil {
				t.Fatal(err)
			}
			checkPlan(t, got.transcript, plan, r, len(s.Sites))
			if r.PlanDigest != plan.Digest {
				t.Errorf("the result carries plan %s, the plan is %s", r.PlanDigest, plan.Digest)
			}
		})
	}
}

// checkPlan: what was opened, as often and as much of it, is in the plan, and the result lists it.
func checkPlan(t *testing.T, x *transcript, plan *report.Plan, r *report.Report, sites int) {
	t.Helper()
	openings := map[string][]stat.Opening{"": plan.Openings}
	for _, a := range plan.Analyses {
		openings[a.ID] = a.Openings
	}
	checkWire(t, x, sites)
	times, most := count(x)
	for k, n := range times {
		declared := openings[k.analysis]
		if k.opening >= len(declared) {
			t.Fatalf("%s: opening %d is not in the plan", k.analysis, k.opening)
		}
		if o := declared[k.opening]; n > o.MaxTimes || most[k] > o.Cells {
			t.Errorf("%s: %q: %d cells %d times, declared %d cells %d times", k.analysis, o.What, most[k], n, o.Cells, o.MaxTimes)
		}
	}
	checkDisclosed(t, r, openings, times, most)
}

type drawn struct {
	analysis string
	opening  int
}

// count sums up how often each opening was drawn on and with how many cells.
func count(x *transcript) (times, most map[drawn]int) {
	times, most = make(map[drawn]int), make(map[drawn]int)
	for _, p := range x.sums {
		round := make(map[drawn]int)
		for _, o := range p.Opened {
			round[drawn{o.Analysis, o.Opening}] += o.Cells
		}
		for k, n := range round {
			times[k]++
			most[k] = max(most[k], n)
		}
	}
	return times, most
}

// checkWire: every number that was masked and sent belongs to an opening, and the hub was sent nothing else.
func checkWire(t *testing.T, x *transcript, sites int) {
	t.Helper()
	if len(x.cells) != sites {
		t.Fatalf("%d parties sent vectors, the study has %d sites", len(x.cells), sites)
	}
	for id, sums := range x.cells {
		if len(sums) != len(x.sums) {
			t.Fatalf("%s sent %d vectors, %d sums were opened", id, len(sums), len(x.sums))
		}
		for k, n := range sums {
			declared := 0
			for _, o := range x.sums[k].Opened {
				declared += o.Cells
			}
			if n != declared {
				t.Errorf("%s, sum %d: %d cells on the wire, %d declared", id, k+1, n, declared)
			}
		}
	}
}

// checkDisclosed: the list in the result is what the transcript shows.
func checkDisclosed(t *testing.T, r *report.Report, openings map[string][]stat.Opening, times, most map[drawn]int) {
	t.Helper()
	listed := map[string][]report.Disclosed{"": r.Disclosed}
	for _, a := range r.Analyses {
		listed[a.ID] = a.Disclosed
	}
	for id, all := range openings {
		var want []report.Disclosed
		for o, p := range all {
			if n := times[drawn{id, o}]; n > 0 {
				want = append(want, report.Disclosed{What: p.What, Cells: most[drawn{id, o}], Times: n, MaxTimes: p.MaxTimes})
			}
		}
		if len(want) != len(listed[id]) {
			t.Errorf("%q: %d openings disclosed, the transcript has %d", id, len(listed[id]), len(want))
			continue
		}
		for i, d := range listed[id] {
			if w := want[i]; d.What != w.What || d.Cells != w.Cells || d.Times != w.Times || d.MaxTimes != w.MaxTimes {
				t.Errorf("%q: disclosed %+v, the transcript has %+v", id, d, w)
			}
		}
	}
}

func TestACancelledStudyEnds(t *testing.T) {
	s, tables := load(t, "../testdata/cgd/study.yaml")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := engine.Simulate(ctx, s, tables, engine.Options{Progress: func(engine.Progress) { cancel() }})
	if err == nil {
		t.Fatal("a cancelled study gave a result")
	}
}
