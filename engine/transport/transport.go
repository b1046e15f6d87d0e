// Package transport moves bytes between parties. It knows nothing of what they
// mean: confidentiality and integrity come from the signatures, tags and seals
// inside them.
package transport

import (
	"context"

	"github.com/consilium-health/consilium/protocols/party"
)

// Link is one party's end of the star: hospitals talk to the hub, the hub to hospitals.
type Link interface {
	// Send hands b over for delivery to a party, in order per pair. b may be reused after Send returns.
	Send(ctx context.Context, to party.ID, b []byte) error
	// Receive waits for the next message. The slice belongs to the caller.
	Receive(ctx context.Context) (from party.ID, b []byte, err error)
}
