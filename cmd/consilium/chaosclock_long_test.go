//go:build long

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

// decadeOff is ten years from when the certificates here are valid.
func (w *town) decadeOff() time.Duration {
	own, err := w.certificate(w.ids[0])
	if err != nil {
		w.t.Error(err)
		return 0
	}
	now := time.Now()
	if w.rand.IntN(2) == 0 {
		return own.Leaf.NotBefore.AddDate(-10, 0, 0).Sub(now)
	}
	return own.Leaf.NotAfter.AddDate(10, 0, 0).Sub(now)
}

// clock makes a party's clock wrong, now and in further lives.
func (w *town) clock(id party.ID, wrong time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clocks[id] = wrong
	if l := w.lives[id]; l != nil {
		if err := setClock(l.cmd.Process.Pid, wrong); err != nil {
			w.t.Error(err)
		}
	}
}

// past has gateways talk to the hub past their taps, which would hide what either says to the other's certificate.
func (w *town) past() {
	for _, id := range w.ids {
		w.made.files[id]["hub"].(map[string]any)["urls"] = []string{"tls://" + w.hub}
		if err := w.made.write(id, w.made.files[id]); err != nil {
			w.t.Error(err)
		}
	}
}

// command runs the program for a party, under its clock, and returns all it says.
func (w *town) command(ctx context.Context, id party.ID, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "consilium", append(args, "--config", w.at(id, "consilium.yaml"))...)
	w.mu.Lock()
	c.Env = append(os.Environ(), clockIn(w.clocks[id]))
	w.mu.Unlock()
	out, err := c.CombinedOutput()
	return string(out), err
}

// blames waits for a gateway to end because of a clock, and holds what it says of it, and its doctor, against whose it is.
func (w *town) blames(ctx context.Context, id, whose party.ID) {
	w.mu.Lock()
	l := w.lives[id]
	w.mu.Unlock()
	if l != nil {
		select {
		case <-l.done:
		case <-ctx.Done():
			w.t.Errorf("%s goes on although the clock of %s is wrong", id, whose)
			return
		}
	}
	b, _ := os.ReadFile(w.at(id, "log"))
	said := strings.TrimSpace(string(b))
	if last := said[strings.LastIndexByte(said, '\n')+1:]; !blamed(last, id, whose) {
		w.t.Errorf("%s does not say that the clock of %s is wrong: %s", id, whose, last)
	}
	w.doctored(ctx, id, whose)
}

// doctored holds what a party's doctor says against whose clock is wrong.
func (w *town) doctored(ctx context.Context, id, whose party.ID) {
	out, err := w.command(ctx, id, "doctor")
	if err == nil || !blamed(out, id, whose) {
		w.t.Errorf("the doctor of %s does not say that the clock of %s is wrong (%v):\n%s", id, whose, err, out)
	}
}

// blamed reports whether a text names a clock as wrong.
func blamed(text string, id, whose party.ID) bool {
	if id != whose {
		return strings.Contains(text, "the hub's seems to be")
	}
	return strings.Contains(text, "this machine's clock") || strings.Contains(text, "its clock seems to be")
}

// approveAgain does what a steward does whose approval was given by a clock ten
// years slow, and had expired by the others': the study waits for another one.
func approveAgain(w *town, run engine.RunID) {
	w.later(0, func() {
		for {
			w.mu.Lock()
			ended, right := w.ended, true
			for _, wrong := range w.clocks {
				right = right && wrong == 0
			}
			w.mu.Unlock()
			if ended {
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			_ = w.analyst(ctx, func(a *engine.Analyst) error { // when the hub's clock is wrong, there is no connection
				all, err := a.Studies(ctx)
				for _, s := range all {
					if s.Run != run || !right || s.Hub.Stage != engine.StageWaiting || s.Hub.Attempt > 0 {
						continue
					}
					for _, id := range s.Hub.Waiting {
						if _, err := w.command(ctx, id, "approve", run.String()); err == nil {
							w.t.Logf("%s approved again", id)
						}
					}
				}
				return err
			})
			cancel()
			time.Sleep(500 * time.Millisecond)
		}
	})
}
