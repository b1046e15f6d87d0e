package blind

import (
	"github.com/consilium-health/consilium/protocols/mhe"
	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Cost is what the steps of a plan need of one member, at most: keys, inputs,
// circuits and the openings' confirmations, without the masked sums that open them.
type Cost struct {
	Steps    int   // two round trips each
	Up, Down int64 // bytes
}

// overhead of a step beside the polynomials: vow, signatures and tags of one member.
const overhead = 8 << 10

// Cost adds up all jobs with every outcome opened.
func (l *Plan) Cost() Cost {
	if len(l.jobs) == 0 {
		return Cost{}
	}
	c := Cost{Steps: 3, Up: int64(l.params.KeyBytes())}
	for i := range l.jobs {
		j := l.jobCost(i)
		c.Steps, c.Up = c.Steps+j.Steps, c.Up+j.Up
	}
	n := int64(l.members)
	c.Down = c.Up
	if l.verify == mhe.VerifyFull {
		c.Down *= n
	}
	c.Up, c.Down = c.Up+int64(c.Steps)*(overhead+n*32), c.Down+int64(c.Steps)*overhead*(n+1)
	return c
}

// jobCost is one job's steps and the bytes of its shares.
func (l *Plan) jobCost(i int) Cost {
	var c Cost
	for _, s := range l.jobs[i].bounds.steps {
		c.Steps, c.Up = c.Steps+1, c.Up+int64(l.params.StepBytes(s.refreshes, s.outputs))
	}
	for _, kept := range l.jobs[i].bounds.kept {
		c.Steps += len(kept)
	}
	return c
}

// Hub is the adding side of a session of the plan, a guest of the hub of masked sums.
func (l *Plan) Hub(r party.Roster) (*mhe.Hub, error) {
	return mhe.NewHub(mhe.HubConfig{Roster: r, Params: l.params, Verify: l.verify})
}

// Members is the number of hospitals the plan is for.
func (l *Plan) Members() int { return l.members }

// Limits bounds the messages of a session of the plan.
func (l *Plan) Limits() wire.Limits { return l.params.Limits(l.members, l.verify) }

// Jobs lists the circuits in the order they were planned in.
func (l *Plan) Jobs() []Job {
	var out []Job
	for _, j := range l.jobs {
		out = append(out, j.Job)
	}
	return out
}
