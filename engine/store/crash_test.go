package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/store"
)

// childDir makes this test binary a gateway that journals until it is killed.
const childDir = "CONSILIUM_STORE_CHILD"

// child appends records and says of each that it was acknowledged.
func child() {
	s, err := store.Open(store.Config{Dir: os.Getenv(childDir), Now: time.Now})
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	j, err := s.Journal(plan("a"))
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	n := 0
	if err := j.Replay(func(string, []byte) error { n++; return nil }); err != nil {
		fmt.Println("failed:", err)
		return
	}
	for ; ; n++ {
		if err := j.Append("masked", record(n)); err != nil {
			fmt.Println("failed:", err)
			return
		}
		fmt.Println(n)
		if n%16 == 5 { // the other chain, too
			if err := s.Record(store.Event{Kind: store.KindDisclosed, What: "a total", Cells: n}); err != nil {
				fmt.Println("failed:", err)
				return
			}
		}
	}
}

// record is the n-th record: of a few bytes, or of several pages.
func record(n int) []byte {
	return fmt.Appendf(nil, "%d %s", n, strings.Repeat("y", n%7*n%7*1500))
}

func TestKilledGatewayHasEveryAcknowledgedRecord(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, acknowledged := filepath.Join(t.TempDir(), "state"), 0
	for life := range kills {
		c := exec.Command(self)
		c.Env = append(os.Environ(), childDir+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		// Each life ends at another moment of an append: the kill is not in step.
		for i := 0; i < 3+life*5%17 && lines.Scan(); i++ {
			var n int
			if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
				t.Fatalf("life %d: %s", life, lines.Text())
			}
			acknowledged = n + 1
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			var n int
			if _, err := fmt.Sscan(lines.Text(), &n); err == nil {
				acknowledged = n + 1
			}
		}
		c.Wait() // it was killed, and that is what it says

		s := open(t, dir)
		n := 0
		j := journal(t, s, plan("a"))
		err = j.Replay(func(_ string, r []byte) error {
			if string(r) != string(record(n)) {
				t.Errorf("life %d: record %d is %.20q", life, n, r)
			}
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// The last may be on the disk without anybody having heard of it.
		if n != acknowledged && n != acknowledged+1 {
			t.Fatalf("life %d: %d records, %d were acknowledged", life, n, acknowledged)
		}
		j.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d lives, %d acknowledged records, none lost", kills, acknowledged)
}
