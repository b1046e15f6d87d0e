package main

import (
	"context"
	"time"

	"github.com/consilium-health/consilium/engine"
)

// connectAnalyst makes an analyst of a configuration and connects it; the
// returned function disconnects. ask asks for the key's passphrase; it may be nil.
func connectAnalyst(ctx context.Context, c *config, ask func() ([]byte, error)) (*engine.Analyst, func(), error) {
	id, err := c.identity(ask)
	if err != nil {
		return nil, nil, err
	}
	_, p, err := readRoster(c.at(c.Roster))
	if err != nil {
		return nil, nil, err
	}
	d, err := c.dialer(c.Name, c.Hub)
	if err != nil {
		return nil, nil, err
	}
	conn, err := d.Dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	end := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // what was sent is in the log: Send has waited for it
	}
	a, err := engine.NewAnalyst(engine.AnalystConfig{ID: c.Name, Identity: id, Roster: p.roster, Stewards: p.stewards, Network: engine.Over(conn)})
	if err != nil {
		end()
		return nil, nil, err
	}
	return a, end, nil
}
