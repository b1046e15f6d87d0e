//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/consilium-health/consilium/protocols/party"
)

// services are the hub and gateways of the study of three small hospitals, each
// a process of its own.
type services struct {
	t   *testing.T
	dir string
	all map[party.ID]*process
}

// process is one of them, with its log as it comes.
type process struct {
	*exec.Cmd
	mu    sync.Mutex
	cond  *sync.Cond
	lines []string
	gone  bool
}

func newServices(t *testing.T) *services {
	t.Helper()
	dir := demo(t)
	s, _, err := readStudy(filepath.Join(dir, "study.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	d := &demonstration{study: s, dir: filepath.Join(dir, "all")}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	made, err := d.found(address)
	if err == nil {
		err = made.connect("tls://" + address)
	}
	if err != nil {
		t.Fatal(err)
	}
	x := &services{t, dir, map[party.ID]*process{}}
	t.Cleanup(func() {
		for _, p := range x.all {
			_ = p.Process.Kill()
			_ = p.Wait() // it may have ended before
		}
	})
	return x
}

func (x *services) config(id party.ID) string {
	return filepath.Join(x.dir, "all", string(id), "consilium.yaml")
}

// start starts a hub or gateway and returns when it listens.
func (x *services) start(id party.ID) *process {
	x.t.Helper()
	role := roleGateway
	if id == party.Hub {
		role = roleHub
	}
	return x.run(id, x.command(role, "--config", x.config(id)))
}

// run runs a service by a command of its own.
func (x *services) run(id party.ID, c *exec.Cmd) *process {
	x.t.Helper()
	p := &process{Cmd: c}
	p.cond = sync.NewCond(&p.mu)
	out, err1 := p.StdoutPipe()
	log, err2 := p.StderrPipe()
	if err1 != nil || err2 != nil {
		x.t.Fatal(err1, err2)
	}
	if err := p.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.all[id] = p
	go func() {
		for s := bufio.NewScanner(log); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.cond.Broadcast()
			p.mu.Unlock()
		}
		p.mu.Lock()
		p.gone = true
		p.cond.Broadcast()
		p.mu.Unlock()
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		x.t.Fatalf("%s does not listen: %v", id, err)
	}
	return p
}

// logs waits until the process has logged a text.
func (x *services) logs(id party.ID, text string) {
	x.t.Helper()
	p := x.all[id]
	late := time.AfterFunc(30*time.Second, func() { _ = p.Process.Kill() })
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !strings.Contains(strings.Join(p.lines, "\n"), text) {
		if p.gone {
			x.t.Fatalf("%s ended and did not log %q:\n%s", id, text, strings.Join(p.lines, "\n"))
		}
		p.cond.Wait()
	}
}

func (x *services) signal(id party.ID, s os.Signal) {
	x.t.Helper()
	if err := x.all[id].Process.Signal(s); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the end of a process and says how it was.
func (x *services) ends(id party.ID) syscall.WaitStatus {
	x.t.Helper()
	p := x.all[id]
	late := time.AfterFunc(30*time.Second, func() { _ = p.Process.Kill() })
	defer late.Stop()
	p.mu.Lock()
	for !p.gone {
		p.cond.Wait()
	}
	p.mu.Unlock()
	_ = p.Wait() // the status is looked at
	return p.ProcessState.Sys().(syscall.WaitStatus)
}

func (x *services) command(args ...string) *exec.Cmd {
	x.t.Helper()
	binary, err := exec.LookPath("consilium") // testscript.Main has put it there
	if err != nil {
		x.t.Fatal(err)
	}
	c := exec.Command(binary, args...)
	c.Dir = x.dir
	return c
}

// does runs a command that must succeed.
func (x *services) does(args ...string) string {
	x.t.Helper()
	var stderr bytes.Buffer
	c := x.command(args...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		x.t.Fatalf("consilium %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// heard waits until a gateway was asked for the study.
func (x *services) heard(id party.ID) {
	x.t.Helper()
	c, err := readConfig(x.config(id), roleGateway)
	if err != nil {
		x.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := newSteward(c).watch(ctx, func(told) (bool, error) { return true, nil }); err != nil {
		x.t.Fatal(err)
	}
}

// underWay begins a study in which coast is stopped in mid-air, so that the
// attempt at it stays under way at north.
func (x *services) underWay() {
	x.t.Helper()
	for _, id := range []party.ID{party.Hub, "north", "south", "coast"} {
		x.start(id)
	}
	x.does("submit", "study.yaml", "--config", x.config("analyst"))
	for _, id := range []party.ID{"coast", "south", "north"} {
		x.heard(id)
		x.does("approve", "demo", "--config", x.config(id))
		if id == "coast" {
			x.logs(party.Hub, `"hospital":"coast","approved":true`)
			x.signal("coast", syscall.SIGSTOP)
		}
	}
	c, err := readConfig(x.config("north"), roleGateway)
	if err != nil {
		x.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err = newSteward(c).watch(ctx, func(t told) (bool, error) { return t.Stage == "exchanging keys", nil })
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *services) configure(id party.ID, line string) {
	x.t.Helper()
	f, err := os.OpenFile(x.config(id), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

// SIGTERM lets an attempt under way end. Nothing is lost, and nothing new begins.
func TestADrainingGatewayEndsWhatIsUnderWay(t *testing.T) {
	x := newServices(t)
	x.underWay()
	x.signal("north", syscall.SIGTERM)
	x.logs("north", `"msg":"stopping","drain_seconds":30`)
	x.does("studies", "--config", x.config("north")) // the steward is served meanwhile
	x.signal("coast", syscall.SIGCONT)
	if s := x.ends("north"); !s.Exited() || s.ExitStatus() != 0 {
		t.Errorf("ended with %v, want status 0", s)
	}
	x.logs("north", `"msg":"a study is done"`)
	x.does("fetch", "demo", "--config", x.config("analyst"), "--quiet")
}

// When drain is over the gateway stops with status 0 all the same; what is under
// way goes on when it is started again, and so it does after a second signal.
func TestWhatDrainCutsOffGoesOnLater(t *testing.T) {
	for _, c := range []struct {
		name   string
		drain  string
		second bool
	}{{"drain is over", "drain: 200ms", false}, {"a second signal", "drain: 10m", true}} {
		t.Run(c.name, func(t *testing.T) {
			x := newServices(t)
			x.configure("north", c.drain)
			x.underWay()
			x.signal("north", syscall.SIGTERM)
			x.logs("north", `"msg":"stopping"`)
			if c.second {
				x.signal("north", syscall.SIGTERM)
				if s := x.ends("north"); !s.Signaled() || s.Signal() != syscall.SIGTERM {
					t.Errorf("ended with %v, want by the signal", s)
				}
			} else {
				if s := x.ends("north"); !s.Exited() || s.ExitStatus() != 0 {
					t.Errorf("ended with %v, want status 0", s)
				}
				x.logs("north", "studies are still under way; they go on when the service is started again")
			}
			x.start("north")
			x.signal("coast", syscall.SIGCONT)
			x.does("fetch", "demo", "--config", x.config("analyst"), "--quiet", "--out", "got")
			x.does("run", "study.yaml", "--quiet", "--out", "want")
			got, err1 := os.ReadFile(filepath.Join(x.dir, "got", "risk.csv"))
			want, err2 := os.ReadFile(filepath.Join(x.dir, "want", "risk.csv"))
			if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Errorf("the result is another one (%v, %v)", err1, err2)
			}
		})
	}
}

// A hub drains, too; a service of which the configuration cannot be read ends
// with the status at which its unit does not start it again.
func TestAHubDrains(t *testing.T) {
	x := newServices(t)
	x.underWay()
	x.signal(party.Hub, syscall.SIGTERM)
	x.logs(party.Hub, `"msg":"stopping","drain_seconds":30`)
	x.signal("coast", syscall.SIGCONT)
	if s := x.ends(party.Hub); !s.Exited() || s.ExitStatus() != 0 {
		t.Errorf("ended with %v, want status 0", s)
	}
	x.start(party.Hub)
	x.does("fetch", "demo", "--config", x.config("analyst"), "--quiet")

	x.configure("south", "deadlin: 3s")
	c := x.command("gateway", "--config", x.config("south"))
	c.Stderr = io.Discard
	if err := c.Run(); err == nil || c.ProcessState.ExitCode() != exitUsage {
		t.Errorf("%v, want status %d", err, exitUsage)
	}
}
