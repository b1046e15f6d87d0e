package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// A town is a consortium of processes on the loopback network, with a tap
// between every gateway and the hub.
type town struct {
	t     *testing.T
	rand  *rand.Rand // of the script; not for goroutines
	dir   string
	ids   []party.ID
	study *study.Spec
	demo  *demonstration
	made  *consortium
	hub   string // address, the same in every life
	taps  map[party.ID]*tap

	mu      sync.Mutex
	lives   map[party.ID]*life
	began   []int // processes that were started
	work    sync.WaitGroup
	ended   bool
	turn    int // how often its script was played before
	veiled  bool
	patient bool
	wiped   bool                       // the hub has lost its disk
	cleared bool                       // the hub may have cleared its log years too early: it does so by its clock
	clocks  map[party.ID]time.Duration // by how much they are wrong; nil: nobody's can be
	disks   map[party.ID]*space        // of those who have a disk of their own
	spaces  map[party.ID]*space        // nil: all are on the loopback network of this process
	blows   int                        // what was to happen and did
}

// life is a process from its start to its end.
type life struct {
	cmd  *exec.Cmd
	in   io.Closer
	done chan struct{}
	err  error // after done
}

// plain is a study of sums over made-up patients.
const plainStudy = `
study: chaos
variables:
  age: {type: number, unit: years, integer: true, min: 18, max: 110}
  sex: {type: category, levels: [female, male]}
  ill: {type: binary}
analyses:
  - {id: ages, kind: describe, variables: [age], quantiles: [0.5]}
  - {id: effect, kind: crosstab, rows: sex, columns: ill}
  - {id: risk, kind: logistic, formula: "ill ~ sex + age"}
`

// veiledStudy computes under encryption.
const veiledStudy = `
study: chaos
variables:
  age: {type: number, unit: years, integer: true, min: 18, max: 110}
  sex: {type: category, levels: [female, male]}
  ill: {type: binary}
analyses:
  - {id: risk, kind: logistic, formula: "ill ~ sex + age", evaluate: {cells: 0}}
`

// options of a town.
type options struct {
	hospitals int
	minSites  int // 0: all
	veiled    bool
	clocks    bool           // may be set
	spaces    bool           // a network namespace for everybody
	patient   bool           // all deadlines are those of a configuration that names none
	hub       map[string]any // further lines of the hub's configuration
}

// foundTown makes keys, data and configurations of everybody but the hub.
func foundTown(t *testing.T, seed uint64, o options) *town {
	t.Helper()
	w := &town{t: t, rand: rand.New(rand.NewPCG(seed, 1)), taps: map[party.ID]*tap{}, lives: map[party.ID]*life{}, veiled: o.veiled}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if o.clocks {
		w.clocks = map[party.ID]time.Duration{}
		if err := settable(); err != nil {
			t.Skip("SKIPPED: ", err)
		}
	}
	w.dir, err = os.MkdirTemp(ram(), "chaos")
	must(err)
	t.Cleanup(w.end)
	text := plainStudy
	if o.veiled {
		text = veiledStudy
	}
	text += "sites:\n"
	for i := range o.hospitals {
		id := party.ID(fmt.Sprintf("h%02d", i))
		w.ids = append(w.ids, id)
		text += fmt.Sprintf("  %s: {csv: %s.csv}\n", id, id)
		must(os.WriteFile(filepath.Join(w.dir, string(id)+".csv"), patients(w.rand), 0o600))
	}
	if o.minSites == 0 {
		o.minSites = o.hospitals
	}
	reveal := "sums"
	if o.veiled {
		reveal = "model"
	}
	text += fmt.Sprintf("privacy:\n  reveal: %s\n  min_sites: %d\n", reveal, o.minSites)
	path := filepath.Join(w.dir, "study.yaml")
	must(os.WriteFile(path, []byte(text), 0o600))
	var source []byte
	w.study, source, err = readStudy(path)
	must(err)
	w.demo = &demonstration{study: w.study, source: source, dir: w.dir, log: io.Discard}
	w.made, err = w.demo.found("127.0.0.1:0")
	must(err)
	return w
}

// newTown makes a town and starts its hub.
func newTown(t *testing.T, seed uint64, o options) *town {
	t.Helper()
	w := foundTown(t, seed, o)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if o.spaces {
		if err := w.lines(); err != nil {
			t.Skip("SKIPPED: ", err)
		}
		hosts := []string{"127.0.0.1"}
		for _, id := range w.ids {
			hosts = append(hosts, w.address(id))
		}
		own, err := w.made.authority.Issue(party.Hub, time.Now(), hosts...)
		must(err)
		must(errors.Join(os.Remove(w.at(party.Hub, "tls.crt")), os.Remove(w.at(party.Hub, "tls.key")), writeCertificate(w.at(party.Hub), own)))
	}
	hub := map[string]any{"role": roleHub, "roster": "../roster.yaml", "state": "state", "keep": map[string]any{"closed": "1d"}, // check looks into the log
		"listen": map[string]any{"tls": "127.0.0.1:0", "ca": "../ca.crt", "certificate": "tls.crt", "certificate_key": "tls.key"}}
	w.patient = o.patient
	if !o.patient {
		hub["deadline"], hub["attempts"] = "3s", 30
	}
	for k, v := range o.hub {
		hub[k] = v
	}
	must(w.made.write(party.Hub, hub))
	w.hub = strings.TrimPrefix(w.live(party.Hub), "tls://")
	hub["listen"].(map[string]any)["tls"] = w.hub // from now on
	must(w.made.write(party.Hub, hub))
	must(w.made.connect("tls://" + w.hub))
	for _, id := range w.ids {
		must(w.tapped(id))
	}
	if o.spaces { // the analyst is here, and the hub is not
		must(w.tapped(w.made.analyst))
	}
	return w
}

// patients is a file of records of people who do not exist.
func patients(r *rand.Rand) []byte {
	var b bytes.Buffer
	b.WriteString("age,sex,ill\n")
	for range 40 + r.IntN(40) {
		age, sex, ill := 18+r.IntN(80), r.IntN(2), 0
		if r.IntN(120) < age/2+20*sex+20 {
			ill = 1
		}
		fmt.Fprintf(&b, "%d,%s,%d\n", age, []string{"female", "male"}[sex], ill)
	}
	return b.Bytes()
}

// ram is a folder in memory where there is one: stores wait for the disk at every record.
func ram() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// at is a party's directory.
func (w *town) at(id party.ID, name ...string) string {
	return filepath.Join(append([]string{w.dir, string(id)}, name...)...)
}

func (w *town) certificate(id party.ID) (tls.Certificate, error) {
	return transport.LoadCertificate(w.at(id, "tls.crt"), w.at(id, "tls.key"))
}

// tapped makes a gateway's tap, at the hub's end of its line, and its configuration.
func (w *town) tapped(id party.ID) error {
	as, err1 := w.certificate(party.Hub)
	own, err2 := w.certificate(id)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	front, host := w.spaces[party.Hub], "127.0.0.1"
	if id != w.made.analyst {
		host = w.address(id)
	} else {
		front = nil
	}
	t := &tap{front: front, back: w.spaces[party.Hub], hub: w.hub, fail: w.t.Error}
	err := t.open(host, as, own, &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: w.made.authority.Pool(), ServerName: "127.0.0.1"})
	if err != nil {
		return err
	}
	w.taps[id] = t
	f := w.made.files[id]
	f["hub"] = map[string]any{"urls": []string{"tls://" + t.listener.Addr().String()}, "ca": "../ca.crt", "certificate": "tls.crt", "certificate_key": "tls.key"}
	if id != w.made.analyst {
		f["policy"] = map[string]any{"approve": map[string]any{"kinds": []string{"describe", "crosstab", "linear", "logistic"}, "runs": 3}}
		if !w.patient {
			f["deadline"] = "10s"
		}
	}
	return w.made.write(id, f)
}

// gateways starts all of them.
func (w *town) gateways() {
	var all sync.WaitGroup
	for _, id := range w.ids {
		all.Go(func() { w.live(id) })
	}
	all.Wait()
}

// live starts a party's process and returns what it listens on, or "" if it has ended.
func (w *town) live(id party.ID) string { return <-w.begin(id) }

// begin starts a party's process; what it listens on is said later.
func (w *town) begin(id party.ID) <-chan string {
	first := make(chan string, 1)
	role := roleGateway
	if id == party.Hub {
		role = roleHub
	}
	self, err := exec.LookPath("consilium")
	if err != nil {
		w.t.Error(err)
		close(first)
		return first
	}
	w.mu.Lock()
	if w.ended || w.lives[id] != nil {
		w.mu.Unlock()
		close(first)
		return first
	}
	logs, err := os.OpenFile(w.at(id, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	c := exec.Command(self, role, "--config", w.at(id, "consilium.yaml"), "--supervised")
	c.Stderr = logs
	if w.clocks != nil {
		c.Env = append(os.Environ(), clockIn(w.clocks[id]))
	}
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	err = errors.Join(err, err1, err2)
	if err == nil {
		room := w.spaces[id]
		if d := w.disks[id]; d != nil {
			room = d
		}
		room.do(func() { err = c.Start() })
	}
	if err != nil {
		w.mu.Unlock()
		w.t.Error(err)
		close(first)
		return first
	}
	l := &life{cmd: c, in: in, done: make(chan struct{})}
	w.lives[id] = l
	w.began = append(w.began, c.Process.Pid)
	w.mu.Unlock()
	w.work.Go(func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, address, ok := strings.Cut(lines.Text(), "listening on "); ok {
				select {
				case first <- address:
				default:
				}
			}
		}
		l.err = c.Wait()
		_ = logs.Close()
		w.mu.Lock()
		if w.lives[id] == l {
			delete(w.lives, id)
		}
		w.mu.Unlock()
		close(l.done)
		close(first)
	})
	return first
}

// kill ends a party's process at once, as a power cut would, and waits for its end.
func (w *town) kill(id party.ID) {
	w.mu.Lock()
	l := w.lives[id]
	w.mu.Unlock()
	if l != nil {
		_ = l.cmd.Process.Kill()
		<-l.done
	}
}

// happens counts what a script does.
func (w *town) happens() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blows++
}

// later does something after a while, unless the town has ended by then.
func (w *town) later(after time.Duration, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.work.Go(func() {
		for began := time.Now(); time.Since(began) < after; time.Sleep(10 * time.Millisecond) {
			w.mu.Lock()
			ended := w.ended
			w.mu.Unlock()
			if ended {
				return
			}
		}
		f()
	})
}

// stop ends all processes as a supervisor does, and reports those that do not end.
func (w *town) stop() {
	w.mu.Lock()
	w.ended = true
	var all []*life
	for _, l := range w.lives {
		all = append(all, l)
		_ = l.in.Close()
	}
	pids := slices.Clone(w.began)
	w.mu.Unlock()
	late := time.After(20 * time.Second)
	for _, l := range all {
		select {
		case <-l.done:
		case <-late:
			w.t.Errorf("process %d (%v) does not end", l.cmd.Process.Pid, l.cmd.Args)
			_ = l.cmd.Process.Signal(syscall.SIGQUIT)
			<-time.After(time.Second)
			_ = l.cmd.Process.Kill()
			<-l.done
		}
	}
	for _, t := range w.taps {
		t.close()
	}
	w.work.Wait()
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil && !strings.Contains(commandOf(pid), "consilium") {
			continue // another one has its number by now
		} else if err == nil {
			w.t.Errorf("process %d is left behind", pid)
		}
	}
}

func commandOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(b)
}

// collect takes what is on disks of their own to where the rest is.
func (w *town) collect() {
	for id, disk := range w.disks {
		state, copied := w.at(id, "state"), w.at(id, "copied")
		var err error
		disk.do(func() { _, err = os.Remove(w.at(id, "state", "steward.sock")), copyState(copied, state) })
		disk.end()
		if err := errors.Join(err, os.RemoveAll(state), os.Rename(copied, state)); err != nil {
			w.t.Error(err)
		}
	}
	w.disks = nil
}

// end stops what is left and removes everything, or shows the logs of a failure.
func (w *town) end() {
	w.stop()
	w.collect()
	for _, s := range w.spaces {
		if s != nil {
			s.end()
		}
	}
	if w.t.Failed() {
		for _, id := range append([]party.ID{party.Hub}, w.ids[:min(len(w.ids), 6)]...) {
			b, _ := os.ReadFile(w.at(id, "log"))
			w.t.Logf("log of %s:\n%s", id, b[max(0, len(b)-6000):])
		}
	}
	for _, t := range w.taps {
		_ = t.kept.Close()
	}
	w.taps = nil // the test remembers this town to its own end
	if err := os.RemoveAll(w.dir); err != nil {
		w.t.Error(err)
	}
}

// analyst connects to the hub itself.
func (w *town) analyst(ctx context.Context, f func(*engine.Analyst) error) error {
	a, end, err := w.made.analystOf(ctx)
	if err != nil {
		return err
	}
	defer end()
	return f(a)
}

// expected is the result in one process, by some of the hospitals.
func (w *town) expected(ids []party.ID) (*report.Report, error) {
	s := *w.study
	s.Sites = slices.DeleteFunc(slices.Clone(s.Sites), func(x study.Site) bool { return !slices.Contains(ids, x.ID) })
	records, err := readRecords(context.Background(), &s)
	if err != nil {
		return nil, err
	}
	tables := map[party.ID]*table.Table{}
	for id, x := range records.tables {
		tables[id] = x
	}
	return engine.Simulate(context.Background(), &s, tables)
}

// tidyOf is what must be the same to the byte.
func tidyOf(r *report.Report) (string, error) {
	var b bytes.Buffer
	for _, a := range r.Analyses {
		if err := r.WriteCSV(&b, a.ID); err != nil {
			return "", err
		}
		one, err := json.Marshal(a)
		if err != nil {
			return "", err
		}
		b.Write(one)
	}
	return b.String(), nil
}
