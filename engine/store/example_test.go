package store_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/protocols/party"
)

// A gateway journals what it is about to send, is killed, and reads it again.
func ExampleStore_Journal() {
	dir, err := os.MkdirTemp("", "gateway")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	noon := func() time.Time { return time.Date(2027, 3, 4, 12, 0, 0, 0, time.UTC) } // a gateway hands in time.Now
	plan := store.Plan{Study: "heart4", Digest: party.Hash("plan"), Cohort: party.Hash("rows"), Roster: party.Hash("roster")}

	for range 2 { // two lives
		s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state"), Now: noon})
		if err != nil {
			log.Fatal(err)
		}
		j, err := s.Journal(plan)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("known:")
		err = j.Replay(func(kind string, record []byte) error {
			fmt.Printf("  %s, %d bytes\n", kind, len(record))
			return nil
		})
		if err != nil {
			log.Fatal(err)
		}
		if err := j.Append("masked", make([]byte, 160)); err != nil {
			log.Fatal(err) // and nothing is sent
		}
		if err := s.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// known:
	// known:
	//   masked, 160 bytes
}

// A run begins only if the hospital's steward has approved it, and is counted.
func ExampleStore_Begin() {
	dir, err := os.MkdirTemp("", "gateway")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	noon := time.Date(2027, 3, 4, 12, 0, 0, 0, time.UTC)
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state"), Now: func() time.Time { return noon }})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	steward, err := party.NewIdentity(new(zeros)) // crypto/rand.Reader, but for this example
	if err != nil {
		log.Fatal(err)
	}
	d := store.Decision{
		Study: "heart4", Plan: party.Hash("plan"), Roster: party.Hash("roster"), Member: "basel", Approve: true,
		Made: noon, Analyst: party.Hash("analyst"), Runs: 1, Expires: noon.AddDate(0, 1, 0),
	}
	if err := d.Sign(steward); err != nil {
		log.Fatal(err)
	}
	if err := s.Decide(d, steward.Public()); err != nil {
		log.Fatal(err)
	}
	for _, run := range []string{"monday", "tuesday"} {
		_, err := s.Begin(store.Request{Study: "heart4", Plan: d.Plan, Roster: d.Roster, Member: "basel", Run: run, Analyst: d.Analyst})
		var r *store.Refusal
		switch {
		case errors.As(err, &r):
			fmt.Println(run, "is refused:", r.Why)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(run, "begins")
		}
	}
	// Output:
	// monday begins
	// tuesday is refused: study "heart4": the runs that the steward of basel has approved are used up (1 of 1)
}

type zeros struct{}

func (*zeros) Read(b []byte) (int, error) { return len(b), nil }
