package mhe

import (
	"github.com/consilium-health/consilium/protocols/round"
)

// chain is several steps as one machine, which yields what the last one yields.
type chain[R any] struct {
	now  round.Machine[R]
	rest []func() (round.Machine[R], error)
}

func sequence[R any](steps ...func() (round.Machine[R], error)) (round.Machine[R], error) {
	first, err := steps[0]()
	if err != nil {
		return nil, err
	}
	return &chain[R]{now: first, rest: steps[1:]}, nil
}

func (c *chain[R]) Start() ([]round.Message, error)  { return c.onward(c.now.Start()) }
func (c *chain[R]) Expire() ([]round.Message, error) { return c.now.Expire() }
func (c *chain[R]) Receive(m round.Message) ([]round.Message, error) {
	return c.onward(c.now.Receive(m))
}

func (c *chain[R]) Result() (r R, ok bool) {
	if len(c.rest) > 0 {
		return r, false
	}
	return c.now.Result()
}

// onward begins the next step when the present one is done.
func (c *chain[R]) onward(out []round.Message, err error) ([]round.Message, error) {
	for err == nil && len(c.rest) > 0 {
		if _, done := c.now.Result(); !done {
			break
		}
		if c.now, err = c.rest[0](); err != nil {
			break
		}
		c.rest = c.rest[1:]
		var more []round.Message
		more, err = c.now.Start()
		out = append(out, more...)
	}
	return out, err
}
