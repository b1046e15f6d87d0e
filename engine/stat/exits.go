package stat

// exit is a time at which people leave observation.
type exit struct {
	time   float64
	came   int64 // under observation since the exit before: whose entry lies at or after its time and before this one's
	risk   int64 // under observation just before
	events int64
	lost   int64 // leave without the event
}

// exits lists the exits of a group, once all is counted. Nobody's entry is after the last.
func (u *followUp) exits(group int) (all []exit) {
	for _, l := range u.stop.leaves {
		lost, events := l.n[2*group], l.n[2*group+1]
		if lost+events > 0 {
			all = append(all, exit{time: u.stop.value(l.lo), events: events, lost: lost})
		}
	}
	u.enter(all, group)
	return all
}

// enter fills in when the people of groups, whose exits all are, come under observation, and who is at risk.
func (u *followUp) enter(all []exit, groups ...int) {
	if len(all) == 0 {
		return
	}
	for i := range all {
		all[i].came = 0
	}
	if u.start == nil {
		for _, e := range all {
			all[0].came += e.events + e.lost
		}
	} else {
		at := 0
		for _, l := range u.start.leaves {
			for at < len(all)-1 && u.start.value(l.lo) >= all[at].time {
				at++
			}
			for _, g := range groups {
				all[at].came += l.n[g]
			}
		}
	}
	count(all)
}

// count fills in who is at risk.
func count(all []exit) {
	var risk int64
	for i := range all {
		risk += all[i].came
		all[i].risk = risk
		risk -= all[i].events + all[i].lost
	}
}

// merge puts neighbouring exits together, counted at the last of them, until
// at least few people leave at each, and nobody or as many come in before it;
// what is left at the end, fewer people than that, is cut, together with the
// exit before if their number could be told. few 1 merges nothing.
func merged(all []exit, few int64) (out []exit, cut bool) {
	if few <= 1 {
		return all, false
	}
	var now exit
	var left int64
	for _, e := range all {
		left += e.events + e.lost
		now.time = e.time
		now.came += e.came
		now.events += e.events
		now.lost += e.lost
		if now.events+now.lost >= few && (now.came == 0 || now.came >= few) {
			out = append(out, now)
			left -= now.events + now.lost
			now = exit{}
		}
	}
	for left > 0 && left < few && len(out) > 0 {
		last := out[len(out)-1]
		left += last.events + last.lost
		out = out[:len(out)-1]
	}
	count(out)
	return out, left > 0
}
