package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// accused is a hub's directory whose log has a piece of evidence against egg.
func accused(t *testing.T, first, second []byte) (config string) {
	t.Helper()
	dir := t.TempDir()
	config = filepath.Join(dir, "hub.yaml")
	if err := os.WriteFile(config, []byte("role: hub\nstate: state\nroster: roster.yaml\nlisten: {tls: \"localhost:0\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state", "store"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	j, err := s.Journal(store.Plan{Study: "heart", Digest: party.Hash("plan")})
	if err != nil {
		t.Fatal(err)
	}
	record, err := engine.Evidence{Plan: party.Hash("plan"), Attempt: 3, Code: wire.Code_DUPLICATE, Who: "egg", Why: "it said two things", First: first, Second: second}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Prove(record, store.Event{Kind: store.KindEvidence, Study: "heart", Who: "egg", What: "attempt 3: two different messages", Why: "it said two things"}, first, second); err != nil {
		t.Fatal(err)
	}
	return config
}

func say(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := newRoot()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.Execute()
	return out.String(), err
}

func TestAuditShowsEvidence(t *testing.T) {
	config := accused(t, []byte("one thing"), []byte("another"))
	for _, command := range []string{"verify", "print"} {
		got, err := say(t, "audit", command, "--config", config)
		if err != nil {
			t.Fatal(err)
		}
		got = strings.Join(strings.Fields(got), " ")
		for _, want := range []string{"evidence", "egg", "two different messages", "it said two things", "journal record 1 (sha256:"} {
			if !strings.Contains(got, want) {
				t.Errorf("audit %s does not say %q:\n%s", command, want, got)
			}
		}
		if command == "verify" && !strings.Contains(got, " pieces of evidence against other parties: 1 ") {
			t.Errorf("audit verify does not count:\n%s", got)
		}
	}
	out := filepath.Join(t.TempDir(), "evidence")
	if _, err := say(t, "audit", "evidence", "--config", config, "--out", out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"1-first.bin": "one thing", "1-second.bin": "another", "1.txt": "egg"} {
		if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestChangedEvidenceIsNoticed(t *testing.T) {
	config := accused(t, []byte("one thing"), []byte("another"))
	file := filepath.Join(filepath.Dir(config), "state", "store", "store.db")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(b, []byte("one thing"), []byte("One thing"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := say(t, "audit", "verify", "--config", config); err == nil {
		t.Errorf("audit verify says\n%s", got)
	}
	if got, err := say(t, "audit", "evidence", "--config", config, "--out", filepath.Join(t.TempDir(), "x")); err == nil {
		t.Errorf("audit evidence says\n%s", got)
	}
}
