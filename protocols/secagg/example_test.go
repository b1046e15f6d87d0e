package secagg_test

import (
	"crypto/rand"
	"fmt"
	"log"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// Three hospitals add up one number each. Whoever drives the machines moves the
// bytes; here they are moved by hand, in one goroutine.
func Example() {
	identities := map[party.ID]*party.Identity{}
	var members []party.Member
	for _, id := range []party.ID{"basel", "bern", "chur"} {
		identity, err := party.NewIdentity(rand.Reader)
		if err != nil {
			log.Fatal(err)
		}
		identities[id] = identity
		members = append(members, party.Member{ID: id, Site: string(id), Key: identity.Public()})
	}
	roster, err := party.NewRoster(members)
	if err != nil {
		log.Fatal(err)
	}
	charter := secagg.Charter{
		Version: "example", Roster: roster.Digest(), Reveal: "sums", Release: secagg.ReleaseAll, Attempt: 1,
		Limits: secagg.Limits{Members: roster.Len(), Cells: 10},
	}
	hub, err := secagg.NewHub(secagg.HubConfig{Charter: charter, Roster: roster})
	if err != nil {
		log.Fatal(err)
	}

	setups := map[party.ID]round.Machine[*secagg.Session]{}
	for id, identity := range identities {
		setups[id], err = secagg.NewMember(secagg.Config{
			Charter: charter, Roster: roster, ID: id, Identity: identity, Rand: rand.Reader, Journal: new(secagg.MemoryJournal),
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	sessions := exchange(hub, setups)

	patients := map[party.ID]uint64{"basel": 26, "bern": 4, "chur": 12}
	sums := map[party.ID]round.Machine[secagg.Total]{}
	for id, session := range sessions {
		x := secagg.Vector{{patients[id], 0}}
		if sums[id], err = session.Sum(secagg.Ask{Digest: party.Hash("number of patients"), Cells: 1}, x); err != nil {
			log.Fatal(err)
		}
	}
	for _, m := range roster.Members() {
		fmt.Println(m.ID, "learns", exchange(hub, sums)[m.ID].Sum[0][0])
	}
	// Output:
	// basel learns 42
	// bern learns 42
	// chur learns 42
}

// exchange moves messages between machines and hub until every machine has its result.
func exchange[R any](hub *secagg.Hub, machines map[party.ID]round.Machine[R]) map[party.ID]R {
	results := map[party.ID]R{}
	var queue []round.Message
	step := func(out []round.Message, err error) {
		if err != nil {
			log.Fatal(err)
		}
		queue = append(queue, out...)
	}
	for _, m := range machines {
		if _, done := m.Result(); !done {
			step(m.Start())
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		if to := queue[0].To; to == party.Hub {
			step(hub.Receive(queue[0]))
		} else {
			step(machines[to].Receive(queue[0]))
		}
	}
	for id, m := range machines {
		results[id], _ = m.Result()
	}
	return results
}
