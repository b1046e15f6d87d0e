//go:build long && linux

package main

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
)

// What the image holds is enough: the program as the Dockerfile builds it, alone
// in a root directory of its own, as the image's user, with a configuration, keys,
// certificates and records, takes part in a study.
func TestTheProgramAloneIsEnough(t *testing.T) {
	_, build := dockerfile(t)
	x := newServices(t)
	root := filepath.Join(x.dir, "root")
	for _, dir := range []string{root, root + "/tmp", root + "/etc"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("sh", "-ec", strings.ReplaceAll(build, "/out/consilium", root+"/consilium"))
	c.Dir = "../.."
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	program, err := elf.Open(root + "/consilium")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a segment %v: it is not static", p.Type)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root directory; that it is static was checked")
	}

	// All files of north, and of everybody, as they are mounted into a container.
	if err := os.Rename(filepath.Join(x.dir, "all"), filepath.Join(root, "all")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "all"), filepath.Join(x.dir, "all")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(x.config("north"))
	if err != nil {
		t.Fatal(err)
	}
	csv := filepath.Join(x.dir, "north.csv")
	if !bytes.Contains(text, []byte(csv)) {
		t.Fatalf("%s does not name %s", text, csv)
	}
	records, err := os.ReadFile(csv)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "north.csv"), records, 0o644)
	}
	if err == nil {
		err = os.WriteFile(x.config("north"), bytes.ReplaceAll(text, []byte(csv), []byte("/north.csv")), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, root + "/tmp", root + "/all"} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const user = 65532 // of the Dockerfile
	err = filepath.Walk(root, func(path string, _ os.FileInfo, err error) error {
		if err != nil || path == root {
			return err
		}
		return os.Lchown(path, user, user)
	})
	if err != nil {
		t.Fatal(err)
	}
	inside := func(args ...string) *exec.Cmd {
		c := exec.Command("/consilium", args...)
		c.Dir, c.Env = "/", []string{"CONSILIUM_CONFIG=/all/north/consilium.yaml"}
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
		return c
	}
	for _, args := range [][]string{{"version"}, {"keys", "new", "--out", "/tmp/new.key"}, {"doctor", "--offline"}} {
		if out, err := inside(args...).CombinedOutput(); err != nil {
			t.Errorf("consilium %s, alone: %v\n%s", strings.Join(args, " "), err, out)
		}
	}

	x.start(party.Hub)
	x.run("north", inside("gateway"))
	x.start("south")
	x.start("coast")
	x.does("submit", "study.yaml", "--config", x.config("analyst"))
	for _, id := range []party.ID{"north", "south", "coast"} {
		x.heard(id)
		x.does("approve", "demo", "--config", x.config(id)) // through the socket in the volume
	}
	x.does("fetch", "demo", "--config", x.config("analyst"), "--quiet")
	if out, err := inside("studies").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("delivered")) {
		t.Errorf("the steward's command, alone: %v\n%s", err, out)
	}
	x.signal("north", syscall.SIGTERM)
	if s := x.ends("north"); !s.Exited() || s.ExitStatus() != 0 {
		t.Errorf("ended with %v, want status 0", s)
	}
}
