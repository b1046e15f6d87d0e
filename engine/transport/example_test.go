package transport_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// A hub and a hospital on one machine, with certificates made for the occasion.
func ExampleListen() {
	ctx := context.Background()
	authority, err := transport.NewAuthority("our consortium", time.Now())
	check(err)
	forHub, err := authority.Issue(party.Hub, time.Now(), "127.0.0.1")
	check(err)
	forBasel, err := authority.Issue("basel", time.Now())
	check(err)
	dir, err := os.MkdirTemp("", "log")
	check(err)
	defer os.RemoveAll(dir)

	server, err := transport.Listen(transport.ServerConfig{TLS: "127.0.0.1:0", Certificate: forHub, CAs: authority.Pool(),
		Dir: dir, Parties: []transport.Party{{ID: "basel"}}})
	check(err)
	defer server.Close()
	hub, err := server.Hub(ctx, transport.Keep{}, 0)
	check(err)
	defer hub.Close(ctx)

	basel, err := transport.Dialer{Self: "basel", URLs: []string{"tls://" + server.TLS()}, Certificate: forBasel, CAs: authority.Pool()}.Dial(ctx)
	check(err)
	defer basel.Close(ctx)

	up, err := basel.Open("study-1", 1) // both are a Link
	check(err)
	down, err := hub.Open("study-1", 1, "basel")
	check(err)
	check(up.Send(ctx, party.Hub, []byte("sealed")))
	from, b, err := down.Receive(ctx)
	check(err)
	fmt.Printf("%s sent %q\n", from, b)
	// Output: basel sent "sealed"
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
