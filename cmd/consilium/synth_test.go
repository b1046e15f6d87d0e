package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestInterruptedSynthLeavesNothing(t *testing.T) {
	for _, there := range []bool{false, true} {
		defer goleak.VerifyNone(t)
		dir := t.TempDir()
		out := filepath.Join(dir, "region")
		if there {
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		var stdout bytes.Buffer
		stderr := &stopAt{text: "msg=writing", stop: stop}
		got := execute(ctx, []string{"synth", "--out", out, "--people", "2000000", "--hospitals", "3"}, &stdout, stderr)
		if got != exitInterrupted || stdout.Len() > 0 || !strings.Contains(stderr.String(), "interrupted; no result was written") {
			t.Errorf("exit status %d, printed %q; stderr:\n%s", got, &stdout, stderr)
		}
		if left, err := os.ReadDir(out); len(left) > 0 || (err == nil) != there {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}
