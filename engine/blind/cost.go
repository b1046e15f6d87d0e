package blind

import "github.com/consilium-health/consilium/protocols/mhe"

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
