package bench

import (
	"context"
	"fmt"
	"strings"
)

// measuredHospitals are the numbers of hospitals that projections are made from.
var measuredHospitals = []int{3, 6, 12}

// projected prepares a study over more hospitals than one machine can play: it
// is run over 3, 6 and 12 hospitals, each with as many rows as it would have, and
// what a hospital and the hub spend and send is carried on along a line in the number
// of hospitals. The row says that it is a projection.
func projected(kind recipe) func(context.Context, Scenario) (*Work, error) {
	return func(ctx context.Context, s Scenario) (*Work, error) {
		var small []*Work
		var at []string
		for _, n := range measuredHospitals {
			t := s
			t.Hospitals, t.Rows = n, s.Rows/s.Hospitals*n
			w, err := inMemory(kind)(ctx, t)
			if err != nil {
				return nil, err
			}
			small, at = append(small, w), append(at, fmt.Sprint(n))
		}
		w := &Work{Security: small[0].Security, ErrorUnit: kind.unit, Projection: &Projection{How: fmt.Sprintf(
			"from runs over %s hospitals with %d rows each: processor time and bytes of the busiest hospital and of the hub, carried on along a straight line to %d; "+
				"the seconds are those of the hospital and of the hub one after the other, one core each, a network that takes no time",
			strings.Join(at, ", "), s.Rows/s.Hospitals, s.Hospitals)}}
		w.Run = func(ctx context.Context) (*Sample, error) {
			x := &Sample{Metrics: map[string]float64{}, Error: new(float64)}
			var hospital, hub, scale, up, down, hubUp, hubDown []float64
			for i, w := range small {
				y, err := once(ctx, &Work{Run: w.Run})
				if err != nil {
					return nil, err
				}
				x.Rounds, x.Opened = y.Rounds, y.Opened
				*x.Error = max(*x.Error, *y.Error)
				one := rowOf(s, w, []Sample{*y})
				hospital, hub = append(hospital, one.HospitalCPU), append(hub, one.HubCPU)
				scale = append(scale, y.ownMachines()/max(1e-9, one.HospitalCPU+one.HubCPU))
				up, down = append(up, float64(one.BytesUp)), append(down, float64(one.BytesDown))
				for _, p := range y.Parties {
					if p.ID == hubName {
						hubUp, hubDown = append(hubUp, float64(p.BytesUp)), append(hubDown, float64(p.Down))
					}
				}
				x.Metrics["measured-seconds/hospitals="+at[i]] = y.Seconds
				x.Metrics["measured-cpu-seconds-hospital/hospitals="+at[i]] = one.HospitalCPU
				x.Metrics["measured-cpu-seconds-hub/hospitals="+at[i]] = one.HubCPU
			}
			on := func(y []float64) float64 { return carryOn(measuredHospitals, y, s.Hospitals) }
			x.Parties = []Party{
				{ID: "each hospital", CPU: on(hospital), BytesUp: int64(on(up)), Down: int64(on(down))},
				{ID: hubName, CPU: on(hub), BytesUp: int64(on(hubUp)), Down: int64(on(hubDown))},
			}
			x.Seconds = (on(hospital) + on(hub)) * scale[len(scale)-1]
			w.Projection.Seconds = x.Seconds
			return x, nil
		}
		return w, nil
	}
}

// carryOn is the value at n of the straight line that is nearest to y over x, at least y's last: nothing gets cheaper with more hospitals.
func carryOn(x []int, y []float64, n int) float64 {
	var mx, my, sxx, sxy float64
	for i := range x {
		mx += float64(x[i]) / float64(len(x))
		my += y[i] / float64(len(x))
	}
	for i := range x {
		sxx += (float64(x[i]) - mx) * (float64(x[i]) - mx)
		sxy += (float64(x[i]) - mx) * (y[i] - my)
	}
	return max(y[len(y)-1], my+sxy/sxx*(float64(n)-mx))
}
