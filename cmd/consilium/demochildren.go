package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// start starts a hub or a gateway as a process of its own and returns the
// address that it listens on. When it ends before it should, all ends.
func (d *demonstration) start(ctx context.Context, name, role string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(d.dir, name)
	logs, err := os.Create(filepath.Join(dir, role+".log"))
	if err != nil {
		return "", err
	}
	c := exec.CommandContext(ctx, self, role, "--config", filepath.Join(dir, "consilium.yaml"), "--supervised")
	c.Stderr = logs
	in, err1 := c.StdinPipe() // its end tells the process to end, also when this one was killed
	out, err2 := c.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return "", errors.Join(err, logs.Close())
	}
	c.Cancel = in.Close
	c.WaitDelay = 10 * time.Second // then it is killed
	if err := c.Start(); err != nil {
		return "", errors.Join(err, logs.Close())
	}
	first := make(chan string, 1)
	d.children.Go(func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, address, ok := strings.Cut(lines.Text(), "listening on "); ok {
				select {
				case first <- address:
				default:
				}
			}
		}
		err := c.Wait()
		_ = logs.Close()
		if ctx.Err() == nil {
			d.stop(&died{name, err, lastLines(logs.Name())})
		}
	})
	select {
	case address := <-first:
		return address, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// end waits until every process has ended; they were told to.
func (d *demonstration) end() { d.children.Wait() }

// died says that a process ended before it should.
type died struct {
	name string
	err  error
	log  string
}

func (d *died) Error() string {
	how := "without an error"
	if d.err != nil {
		how = d.err.Error()
	}
	return fmt.Sprintf("the process of %s ended (%s); its last words:\n%s", d.name, how, d.log)
}

// lastLines are those of a log, for people.
func lastLines(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-4):], []byte("\n")))
}
