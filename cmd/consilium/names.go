package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine"
)

// runName is what a run can be called by.
type runName struct {
	run   engine.RunID
	study string
	made  time.Time
	over  bool
}

// findRun finds the run that a person means: by its whole name, by the beginning
// of it (at least four characters), or by its study's name when only one run has
// it, or only one that is not over.
func findRun(name string, known []runName) (engine.RunID, error) {
	var found, live []runName
	for _, k := range known {
		if k.study == name || len(name) >= 4 && strings.HasPrefix(k.run.String(), strings.ToLower(name)) {
			found = append(found, k)
			if !k.over {
				live = append(live, k)
			}
		}
	}
	if len(live) == 1 {
		return live[0].run, nil
	}
	switch len(found) {
	case 1:
		return found[0].run, nil
	case 0:
		return engine.RunID{}, fmt.Errorf("%w: %q; see: consilium studies", engine.ErrUnknownRun, name)
	}
	var all []string
	for _, f := range found {
		over := ""
		if f.over {
			over = ", over"
		}
		all = append(all, fmt.Sprintf("%s (of %s%s)", shortRun(f.run.String()), moment(f.made), over))
	}
	return engine.RunID{}, fmt.Errorf("%q means %d runs: say which, %s", name, len(found), strings.Join(all, " or "))
}

// shortRun is as much of a run's name as people need.
func shortRun(s string) string { return s[:min(12, len(s))] }

// stages are said in words.
var stages = map[engine.Stage]string{
	engine.StageWaiting:    "waiting for a decision",
	engine.StageApproved:   "approved",
	engine.StageDeclined:   "refused",
	engine.StageReading:    "reading records",
	engine.StageSettingUp:  "exchanging keys",
	engine.StageSumming:    "summing",
	engine.StageKeys:       "making encryption keys",
	engine.StageEncrypting: "encrypting",
	engine.StageSolving:    "solving under encryption",
	engine.StageOpening:    "opening",
	engine.StageFinishing:  "finishing exactly",
	engine.StageDelivered:  "delivered",
	engine.StageFailed:     "attempt failed",
	engine.StageOver:       "over",
}

func stageWords(s engine.Stage) string {
	if w := stages[s]; w != "" {
		return w
	}
	return "not begun"
}
