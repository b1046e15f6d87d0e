package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/party"
)

// told is a line of what watch prints.
type told struct {
	From    party.ID   `json:"from"`
	Run     string     `json:"run"`
	Study   string     `json:"study,omitempty"`
	At      time.Time  `json:"at,omitzero"`
	Attempt uint32     `json:"attempt,omitempty"`
	Stage   string     `json:"stage"`
	Round   int        `json:"round,omitempty"`
	Step    int        `json:"step,omitempty"`
	Of      int        `json:"of,omitempty"`
	Why     string     `json:"why,omitempty"`
	Waiting []party.ID `json:"waiting_for,omitempty"`
}

// hubWaits is the hub's word for hospitals that it waits for: to decide, to come
// back, or to deliver.
const hubWaits = "waiting for hospitals"

// waitsFor says what has to be done at a hospital that the hub waits for, by the hub's code.
var waitsFor = map[string]string{
	"rollback": "the others have seen more of it than it remembers: if its store was restored from a copy, its operator says so with consilium restored",
	"refused":  "there is an approval that does not hold: it expired by the hub's clock, or was given for less than is asked; the steward approves again, and whose clock is wrong consilium doctor says",
}

func toldOf(s engine.Status) told {
	t := told{From: s.From, Run: s.Run.String(), At: s.At, Attempt: s.Attempt, Stage: stageWords(s.Stage), Round: s.Round, Step: s.Step, Of: s.Of, Waiting: s.Waiting}
	if s.From == party.Hub && s.Stage == engine.StageWaiting {
		t.Stage = hubWaits
	}
	if s.From == party.Hub && s.Code != 0 {
		t.Why = strings.ToLower(s.Code.String())
		if why, ok := waitsFor[t.Why]; ok && s.Stage == engine.StageWaiting {
			t.Why = why
		}
	}
	return t
}

// watch tells of every study's progress, from how it is now on, as JSON lines.
func (d *desk) watch(w http.ResponseWriter, r *http.Request) {
	names := map[engine.RunID]string{}
	sent := map[engine.RunID]uint64{}
	e := json.NewEncoder(w)
	for _, q := range d.gateway.Studies() {
		names[q.Run] = q.Study
		if err := e.Encode(told{From: d.gatewayID(), Run: q.Run.String(), Study: q.Study, Attempt: q.Attempt, Stage: stageWords(q.Stage)}); err != nil {
			return
		}
	}
	for {
		d.mu.Lock()
		var news []engine.Status
		for _, run := range d.order {
			if s := d.latest[run]; s.Number > sent[run] {
				sent[run] = s.Number
				news = append(news, s)
			}
		}
		change, ended := d.change, d.ended
		d.mu.Unlock()
		for _, s := range news {
			t := toldOf(s)
			if t.Study = names[s.Run]; t.Study == "" {
				if q, err := d.gateway.Study(s.Run); err == nil {
					t.Study, names[s.Run] = q.Study, q.Study
				}
			}
			if err := e.Encode(t); err != nil {
				return
			}
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		if ended {
			return
		}
		select {
		case <-change:
		case <-r.Context().Done():
			return
		}
	}
}

// gatewayID is whose desk it is.
func (d *desk) gatewayID() party.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.latest {
		return s.From
	}
	return ""
}

// answer writes an answer, or the reason why there is none.
func answer(w http.ResponseWriter, x any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		code := http.StatusConflict
		if errors.Is(err, engine.ErrUnknownRun) {
			code = http.StatusNotFound
		}
		w.WriteHeader(code)
		x = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(x) // to a command that may be gone
}
