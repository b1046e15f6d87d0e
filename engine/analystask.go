package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/consilium-health/consilium/engine/internal/control"
	"github.com/consilium-health/consilium/engine/internal/runner"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// ask asks the hub for everything of a run, or of all runs without their
// results, and calls f with what comes. end: that was all there is by now.
func (a *Analyst) ask(ctx context.Context, run RunID, f func(n *control.Notice, end bool) (bool, error)) error {
	var end RunID
	return a.session(ctx, func() ([][]byte, error) {
		b, err := a.author.Write(control.Here, [32]byte{}, run, nil)
		end = endOf(b)
		return [][]byte{b}, err
	}, func(n *control.Notice) (bool, error) {
		return f(n, n.Act == control.Stands && n.Run == end)
	})
}

// endOf names the notice by which a hub says that it has answered another one.
func endOf(notice []byte) RunID { return RunID(party.Hash("end of answer", notice)) }

// answerWait is how long the hub may be silent before it is told again.
const answerWait = 2 * time.Second

// errAgain says that the hub knows more than it has told.
var errAgain = errors.New("engine: the hub has to be asked again")

// session sends first, then calls f with every notice of the hub until f is done.
// When the channel fails, it is opened again and all is said again.
func (a *Analyst) session(ctx context.Context, first func() ([][]byte, error), f func(*control.Notice) (bool, error)) error {
	for n := 0; ; n++ {
		done, err := a.exchange(ctx, first, f)
		if done || ctx.Err() != nil || errors.Is(err, transport.ErrRefused) {
			return err
		}
		a.cfg.Log.Info("opening the control channel again", "why", err)
		if e := runner.Pause(ctx, pauseOf(n)); e != nil {
			return errors.Join(e, err)
		}
	}
}

func (a *Analyst) exchange(ctx context.Context, first func() ([][]byte, error), f func(*control.Notice) (bool, error)) (done bool, err error) {
	ch, err := a.cfg.Network(ControlChannel, 0)
	if err != nil {
		return false, err
	}
	defer ch.Close()
	letters, err := first()
	if err != nil {
		return true, err
	}
	say := func() error {
		for _, b := range letters {
			if err := ch.Send(ctx, party.Hub, b); err != nil {
				return err
			}
		}
		return nil
	}
	if err := say(); err != nil {
		return false, err
	}
	patience := answerWait
	for answered := false; ; {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if !answered { // a hub that died with it in its hands never will answer
			wait, cancel = context.WithTimeout(ctx, patience)
		}
		_, b, err := ch.Receive(wait)
		late := wait.Err() != nil && ctx.Err() == nil
		cancel()
		if late {
			patience = min(2*patience, longPause)
			if err = say(); err == nil {
				continue
			}
		}
		if err != nil {
			return false, err
		}
		n, err := control.Read(b)
		if err != nil {
			a.cfg.Log.Warn("a notice was dropped", "why", err)
			continue
		}
		if n.Act == control.Submits {
			n.Run = n.Names(a.cfg.Identity.Public())
		}
		answered = answered || n.Act == control.Stands && slices.ContainsFunc(letters, func(l []byte) bool { return endOf(l) == n.Run })
		if done, err := f(n); done || err != nil {
			return !errors.Is(err, errAgain), err
		}
	}
}
