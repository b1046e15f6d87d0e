package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// dockerfile returns the instructions of the last stage, and the command that builds the program.
func dockerfile(t *testing.T) (last [][2]string, build string) {
	t.Helper()
	b, err := os.ReadFile("deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\\\n", " ")) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		if verb == "FROM" {
			last = nil
		}
		last = append(last, [2]string{verb, strings.TrimSpace(rest)})
		if verb == "RUN" && strings.Contains(rest, "go build") {
			build, _, _ = strings.Cut(rest, "&&")
		}
	}
	return last, strings.TrimSpace(build)
}

// The image is the program, authorities and empty directories; it runs as nobody in particular.
func TestTheImageHoldsNothingElse(t *testing.T) {
	last, build := dockerfile(t)
	for _, part := range []string{"CGO_ENABLED=0", "-trimpath", "./cmd/consilium"} {
		if !strings.Contains(build, part) {
			t.Errorf("it is built by %q, without %s", build, part)
		}
	}
	of := map[string][]string{}
	for _, l := range last {
		of[l[0]] = append(of[l[0]], l[1])
	}
	if !slices.Equal(of["FROM"], []string{"scratch"}) {
		t.Errorf("the last stage is from %v", of["FROM"])
	}
	for _, c := range of["COPY"] {
		if !strings.HasPrefix(c, "--from=build ") || strings.Contains(c, ".key") || strings.Contains(c, " . ") {
			t.Errorf("it copies %q", c)
		}
	}
	for _, verb := range []string{"RUN", "ADD", "ARG", "EXPOSE"} {
		if of[verb] != nil {
			t.Errorf("the last stage has %s %v", verb, of[verb])
		}
	}
	for _, e := range of["ENV"] {
		if name, _, _ := strings.Cut(e, "="); name != "CONSILIUM_CONFIG" {
			t.Errorf("it sets %s: secrets come from files", name)
		}
	}
	user, _, _ := strings.Cut(strings.Join(of["USER"], " "), ":")
	if user == "" || user == "0" || strings.ContainsAny(user, "abcdefghijklmnopqrstuvwxyz") {
		t.Errorf("it runs as %q, want a number that is not root's: there is no /etc/passwd", user)
	}
	if !slices.Equal(of["ENTRYPOINT"], []string{`["/consilium"]`}) || !slices.Equal(of["STOPSIGNAL"], []string{"SIGTERM"}) {
		t.Errorf("it starts %v and is stopped by %v; there is no shell to pass a signal on", of["ENTRYPOINT"], of["STOPSIGNAL"])
	}
	if c, _, err := newRoot().Find(strings.Split(strings.Trim(of["CMD"][0], `[]"`), `", "`)); err != nil || c.Name() != "gateway" {
		t.Errorf("CMD %v is no command: %v", of["CMD"], err)
	}
}

// systemd itself reads the units: an option that does not exist, or a value that is none, is a line of its output.
func TestUnitsAreThoseOfSystemd(t *testing.T) {
	units, err := filepath.Glob("deploy/*.service")
	if err != nil || len(units) != 2 {
		t.Fatal(units, err)
	}
	binary, err := exec.LookPath("consilium") // testscript.Main has put it there
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range units {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(string(b), "\nExecStart=/usr/bin/consilium ")
		line, _, _ = strings.Cut(line, "\n")
		args := strings.Fields(line)
		c, rest, err := newRoot().Find(args)
		if err == nil {
			err = c.ParseFlags(rest)
		}
		if err != nil || c.Name() != args[0] {
			t.Errorf("%s starts %q: %v", unit, line, err)
		}
		systemd, err := exec.LookPath("systemd-analyze")
		if err != nil || runtime.GOOS != "linux" {
			t.Log("systemd-analyze is not here: the options were not checked")
			continue
		}
		copied := filepath.Join(t.TempDir(), filepath.Base(unit))
		if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(b), "/usr/bin/consilium", binary)), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(systemd, "verify", "--man=no", copied).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
	}
}
