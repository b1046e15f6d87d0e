package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/consilium-health/consilium/protocols/party"
)

// terminal is a command on a terminal of its own: the real kernel's, opened by hand.
type terminal struct {
	t    *testing.T
	main *os.File
	cmd  *exec.Cmd

	mu   sync.Mutex
	cond *sync.Cond
	text bytes.Buffer
	read int // how much of it was expected already
	gone bool
}

// openTerminal opens both ends of a new terminal.
func openTerminal(t *testing.T) (main, side *os.File) {
	t.Helper()
	main, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { main.Close() })
	var locked, number int32
	control(t, main, syscall.TIOCSPTLCK, &locked)
	control(t, main, syscall.TIOCGPTN, &number)
	side, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	return main, side
}

func control(t *testing.T, f *os.File, request uintptr, x *int32) {
	t.Helper()
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = c.Control(func(fd uintptr) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(x))); e != 0 {
			t.Errorf("terminal: %v", e)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// onTerminal starts the program on a terminal.
func onTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	main, side := openTerminal(t)
	binary, err := exec.LookPath("consilium") // testscript.Main has put it there
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, main: main, cmd: exec.Command(binary, args...)}
	x.cond = sync.NewCond(&x.mu)
	x.cmd.Dir, x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = dir, side, side, side
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, func() { _ = x.cmd.Process.Kill() })
	t.Cleanup(func() { late.Stop(); _ = x.cmd.Process.Kill() })
	side.Close()
	go func() {
		b := make([]byte, 1024)
		for {
			n, err := main.Read(b)
			x.mu.Lock()
			x.text.Write(b[:n])
			x.gone = err != nil // EIO: nobody holds the other end any more
			x.cond.Broadcast()
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return x
}

// expect waits until the program has written a text that it had not before.
func (x *terminal) expect(text string) {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	for !strings.Contains(x.text.String()[x.read:], text) {
		if x.gone {
			x.t.Fatalf("it ended before it said %q; it said:\n%s", text, x.text.String())
		}
		x.cond.Wait()
	}
	x.read += strings.Index(x.text.String()[x.read:], text) + len(text)
}

// hides waits until the terminal does not show what is typed: it does for a
// moment after the question, which a test could type in.
func (x *terminal) hides() {
	x.t.Helper()
	for showsTyping(x.t, x.main) {
		if x.cmd.Process.Signal(syscall.Signal(0)) != nil {
			x.t.Fatal("it ended")
		}
	}
}

// showsTyping reports whether a terminal shows what is typed.
func showsTyping(t *testing.T, f *os.File) bool {
	t.Helper()
	var s syscall.Termios
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = c.Control(func(fd uintptr) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCGETS, uintptr(unsafe.Pointer(&s))); e != 0 {
			t.Errorf("terminal: %v", e)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&syscall.ECHO != 0
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.main, text); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the program's end, checks its status and returns all that the terminal showed.
func (x *terminal) end(status int) string {
	x.t.Helper()
	err := x.cmd.Wait()
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		x.t.Fatal(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.gone {
		x.cond.Wait()
	}
	if got != status {
		x.t.Errorf("exit status %d, want %d; it said:\n%s", got, status, x.text.String())
	}
	return x.text.String()
}

const word = "correct horse battery staple"

func TestPassphrasesAreAskedForAndNotShown(t *testing.T) {
	dir := t.TempDir()
	x := onTerminal(t, dir, "keys", "new", "--out", "sealed.key", "--passphrase")
	x.expect("new passphrase: ")
	x.hides()
	x.types(word + "\n")
	x.expect("once more: ")
	x.hides()
	x.types(word + "\n")
	x.expect("fingerprint: ")
	if shown := x.end(0); strings.Contains(shown, "horse") {
		t.Errorf("the terminal showed the passphrase:\n%s", shown)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "sealed.key")); err != nil || !bytes.Contains(b, []byte("SEALED")) {
		t.Errorf("not under a passphrase: %v", err)
	}

	x = onTerminal(t, dir, "keys", "show", "sealed.key")
	x.expect("passphrase of sealed.key: ")
	x.hides()
	x.types(word + "\n")
	x.expect("a secret key under a passphrase")
	if shown := x.end(0); strings.Contains(shown, "horse") {
		t.Errorf("the terminal showed the passphrase:\n%s", shown)
	}

	x = onTerminal(t, dir, "keys", "show", "sealed.key")
	x.expect("passphrase of sealed.key: ")
	x.hides()
	x.types("correct donkey\n")
	x.expect("the passphrase does not open it")
	x.end(exitUsage)

	x = onTerminal(t, dir, "keys", "new", "--out", "second.key", "--passphrase")
	x.expect("new passphrase: ")
	x.hides()
	x.types(word + "\n")
	x.expect("once more: ")
	x.hides()
	x.types(word + "r\n")
	x.expect("the two differ; nothing was written")
	x.end(exitUsage)
	x = onTerminal(t, dir, "keys", "new", "--out", "second.key", "--passphrase")
	x.expect("new passphrase: ")
	x.hides()
	x.types("\n")
	x.expect("the passphrase is empty")
	x.end(exitUsage)
	if _, err := os.Stat(filepath.Join(dir, "second.key")); err == nil {
		t.Error("a key was written")
	}
}

// A service that is started by hand asks, too; one that has a file does not.
func TestAGatewayAsksForItsPassphrase(t *testing.T) {
	dir := demo(t)
	x := onTerminal(t, dir, "keys", "new", "--out", "identity.key", "--passphrase")
	x.expect("new passphrase: ")
	x.hides()
	x.types(word + "\n")
	x.expect("once more: ")
	x.hides()
	x.types(word + "\n")
	x.end(0)
	for _, c := range [][]string{
		{"roster", "add", "roster.yaml", "--hospital", "north", "identity.key.pub"},
		{"certificates", "authority", "ca"},
		{"certificates", "issue", "north", "--out", "tls"},
	} {
		onTerminal(t, dir, c...).end(0)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const gateway = "role: gateway\nname: north\nroster: roster.yaml\nstate: state\nkey: identity.key\ndata: {csv: north.csv}\n" +
		"hub: {urls: [\"tls://127.0.0.1:1\"], ca: ca.crt, certificate: tls.crt, certificate_key: tls.key}\n"
	write("asks.yaml", gateway)
	write("word", word+"\n")
	write("file.yaml", gateway+"passphrase_file: word\n")

	x = onTerminal(t, dir, "gateway", "--config", "asks.yaml")
	x.expect("passphrase of identity.key: ")
	x.hides()
	x.types(word + "\n")
	x.expect("listening on state/steward.sock")
	x.types("\x03") // Ctrl-C: nothing is under way
	x.expect("stopped")
	x.end(0)
	x = onTerminal(t, dir, "gateway", "--config", "asks.yaml")
	x.expect("passphrase of identity.key: ")
	x.hides()
	x.types("another\n")
	x.expect("the passphrase does not open it")
	x.end(exitUsage)
	x = onTerminal(t, dir, "gateway", "--config", "file.yaml")
	x.expect("listening on state/steward.sock")
	x.types("\x03")
	if shown := x.end(0); strings.Contains(shown, "passphrase") {
		t.Errorf("asked although there is a file:\n%s", shown)
	}
}

// Whoever thinks better of it has a terminal that shows what is typed.
func TestCtrlCAtAPassphraseEndsAndShowsTypingAgain(t *testing.T) {
	main, side := openTerminal(t)
	defer side.Close() // the terminal outlives the program, as a shell's does
	binary, err := exec.LookPath("consilium")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(binary, "keys", "new", "--out", "a.key", "--passphrase")
	c.Dir, c.Stdin, c.Stdout = t.TempDir(), side, side
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	errs, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() }).Stop()
	if _, err := io.ReadFull(errs, make([]byte, len("new passphrase: "))); err != nil {
		t.Fatal(err)
	}
	for showsTyping(t, side) { // the prompt is written before the terminal is told
		if c.Process.Signal(syscall.Signal(0)) != nil {
			t.Fatal("it ended")
		}
	}
	if _, err := io.WriteString(main, "corr\x03"); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(errs)
	exit := (*exec.ExitError)(nil)
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("%v, want status %d; it said:\n%s", err, exitInterrupted, rest)
	}
	if !showsTyping(t, side) {
		t.Error("the terminal does not show what is typed any more")
	}
}

// The table of watch is one table however often it changes, and no wider or
// higher than the terminal.
func TestWatchKeepsOneTableOnATerminal(t *testing.T) {
	main, side := openTerminal(t)
	window := func(rows, columns uint16) {
		size := [4]uint16{rows, columns}
		c, err := side.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Control(func(fd uintptr) {
			if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCSWINSZ, uintptr(unsafe.Pointer(&size))); e != 0 {
				t.Error(e)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	window(24, 70)
	b := newBoard(side, false)
	if b.terminal == nil {
		t.Fatal("it does not see that this is a terminal")
	}
	screen := &screen{}
	shows := func(want string, events ...told) {
		t.Helper()
		for _, e := range events {
			e.Run, e.Study = "c8786d40c8786d40", "cgd"
			if err := b.tell(e); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.WriteString(side, "\x00"); err != nil { // where this one's events end
			t.Fatal(err)
		}
		var one [1]byte
		for {
			if _, err := main.Read(one[:]); err != nil {
				t.Fatal(err)
			}
			if one[0] == 0 {
				break
			}
			screen.put(t, one[0])
		}
		if got := screen.String(); got != want {
			t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
		}
	}
	shows("STUDY  RUN           PARTY  SINCE (UTC)  HOW FAR\n"+
		"cgd    c8786d40c878  basel               summing, 2 sums opened\n"+
		"cgd    c8786d40c878  chur                waiting for a decision\n"+
		"cgd    c8786d40c878  hub                 waiting for chur\n",
		told{From: party.Hub, Stage: hubWaits, Waiting: []party.ID{"chur"}},
		told{From: "chur", Stage: "waiting for a decision"},
		told{From: "basel", Stage: "reading records", Attempt: 1},
		told{From: "basel", Stage: "summing", Round: 1, Attempt: 1},
		told{From: "basel", Stage: "approved"}, // which is told after what followed it
		told{From: "basel", Stage: "summing", Round: 2, Attempt: 1})
	window(4, 40)
	shows("STUDY  RUN           PARTY  SINCE (UTC…\n"+
		"cgd    c8786d40c878  basel            …\n"+
		"... and 2 more\n", told{From: "chur", Stage: "approved"})
}

// screen understands what the table needs of a terminal.
type screen struct {
	lines  []string
	row    int
	escape string
}

func (s *screen) put(t *testing.T, c byte) {
	t.Helper()
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, "")
	}
	switch {
	case s.escape != "" || c == 0x1b:
		s.escape += string(c)
		var up int
		if s.escape == "\x1b[J" {
			s.lines, s.escape = s.lines[:s.row+1], ""
			s.lines[s.row] = ""
		} else if _, err := fmt.Sscanf(s.escape, "\x1b[%dA", &up); err == nil && c == 'A' {
			if up > s.row {
				t.Errorf("%d lines up from line %d", up, s.row)
			}
			s.row, s.escape = max(0, s.row-up), ""
		}
	case c == '\r':
	case c == '\n':
		s.row++
	default:
		s.lines[s.row] += string([]byte{c})
	}
}

func (s *screen) String() string { return strings.TrimRight(strings.Join(s.lines, "\n"), "\n") + "\n" }
