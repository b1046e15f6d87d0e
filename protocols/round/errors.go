package round

import (
	"errors"
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Blame is the error of a run that ended because of one party's message.
type Blame struct {
	Who  party.ID
	Code wire.Code
	Err  error // for the local log; never sent
}

func (b *Blame) Error() string {
	return fmt.Sprintf("round: %s is to blame (%v): %v", b.Who, b.Code, b.Err)
}

// Unwrap returns the cause.
func (b *Blame) Unwrap() error { return b.Err }

// Abort is the error of a run that ended without one party to name.
type Abort struct {
	Code wire.Code
	Err  error // for the local log; never sent
}

func (a *Abort) Error() string { return fmt.Sprintf("round: stopped (%v): %v", a.Code, a.Err) }

// Unwrap returns the cause.
func (a *Abort) Unwrap() error { return a.Err }

// TooFew is the error of a run that waited in vain.
type TooFew struct{ Missing []party.ID }

func (t *TooFew) Error() string {
	names := make([]string, len(t.Missing))
	for i, id := range t.Missing {
		names[i] = string(id)
	}
	return "round: no answer from " + strings.Join(names, ", ")
}

// CodeOf returns the code by which other parties are told of err.
func CodeOf(err error) wire.Code {
	var blame *Blame
	var abort *Abort
	var few *TooFew
	switch {
	case err == nil:
		return wire.Code_DONE
	case errors.As(err, &blame):
		return blame.Code
	case errors.As(err, &abort):
		return abort.Code
	case errors.As(err, &few):
		return wire.Code_SILENCE
	}
	return wire.Code_INTERNAL
}
