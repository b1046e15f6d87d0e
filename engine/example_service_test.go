package engine_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/store"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// A hospital's own service is its gateway: it says where the records are and who
// decides, and stops it with a context. Three of them, a hub and an analyst meet
// here in one process; over a network each has engine.Over(conn) in the place of engine.OnBoard.
func ExampleNewGateway() {
	dir, err := os.MkdirTemp("", "consilium")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	board := transport.NewBoard()
	keys, members := map[party.ID]*party.Identity{}, []party.Member{}
	for _, id := range []party.ID{"north", "south", "west", "ana"} {
		if keys[id], err = party.NewIdentity(rand.Reader); err != nil {
			log.Fatal(err)
		}
		if id != "ana" {
			members = append(members, party.Member{ID: id, Site: string(id), Key: keys[id].Public()})
		}
	}
	roster, err := party.NewRoster(members) // fingerprints compared by telephone
	if err != nil {
		log.Fatal(err)
	}
	analysts := map[party.ID]party.PublicKey{"ana": keys["ana"].Public()}
	memory := func(id party.ID) *store.Store {
		s, err := store.Open(store.Config{Dir: filepath.Join(dir, string(id)), Now: time.Now})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}

	ctx, stop := context.WithCancel(context.Background())
	var services sync.WaitGroup
	serve := func(run func(context.Context) error) {
		services.Add(1)
		go func() {
			defer services.Done()
			if err := run(ctx); err != nil {
				log.Fatal(err)
			}
		}()
	}
	for _, m := range members {
		s := memory(m.ID)
		defer s.Close()
		gateway, err := engine.NewGateway(engine.GatewayConfig{
			ID: m.ID, Identity: keys[m.ID], Roster: roster, Analysts: analysts, Network: engine.OnBoard(board, m.ID), Store: s,
			Source: engine.SourceFunc(func(_ context.Context, s *study.Spec, site party.ID) (engine.Records, error) {
				t, found, err := table.ReadCSV(strings.NewReader("age,treated\n61,yes\n58,no\n"), "query", table.Source{}, s.Schema, string(site), s.Privacy.MaxRows)
				return engine.Records{Table: t, Conformance: found, Cohort: "patients since 2020"}, err
			}),
			Ask: func(_ context.Context, r engine.Request) *engine.Answer { // here, a steward who reads r.Plan
				return &engine.Answer{Scope: &engine.Scope{Runs: 1, Expires: time.Now().AddDate(0, 1, 0)}}
			},
		})
		if err != nil {
			log.Fatal(err)
		}
		serve(gateway.Run)
	}
	s := memory(party.Hub)
	defer s.Close()
	hub, err := engine.NewHub(engine.HubConfig{Roster: roster, Analysts: analysts, Network: engine.OnBoard(board, party.Hub), Store: s})
	if err != nil {
		log.Fatal(err)
	}
	serve(hub.Run)

	analyst, err := engine.NewAnalyst(engine.AnalystConfig{ID: "ana", Identity: keys["ana"], Roster: roster, Network: engine.OnBoard(board, "ana")})
	if err != nil {
		log.Fatal(err)
	}
	run, err := analyst.Submit(ctx, []byte(tinyStudy))
	if err != nil {
		log.Fatal(err)
	}
	report, err := analyst.Fetch(ctx, run)
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range report.Analyses[0].Frame.Tidy {
		fmt.Println(row.Get("group"), row.Get("n"), row.Get("mean"))
	}
	stop()
	services.Wait()
	// Output:
	// no 3 58
	// yes 3 61
}
