package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// WideArea is the network of the wide-area suite.
const WideArea = "50 ms there and back, 100 Mbit/s at every host"

const (
	wideAreaRoundTrip = 50 * time.Millisecond
	wideAreaBytes     = 100e6 / 8 // a second, at every host
)

// amongServices prepares a study among services of their own, as deployed: a
// hub with its log on disk, gateways and an analyst, over TLS on this machine's
// loopback interface or the emulated wide-area network. Seconds are from the
// analyst's submission to the analyst's report; records are in memory already.
func amongServices(kind recipe) func(context.Context, Scenario) (*Work, error) {
	return func(_ context.Context, s Scenario) (*Work, error) {
		d, err := kind.drawn(s)
		if err != nil {
			return nil, err
		}
		d.Security = append(d.Security[:len(d.Security):len(d.Security)], "transport: TLS 1.3 with certificates on both sides; the hub's log and every journal on disk before anything is sent")
		text := d.cohort.StudyFile(s.Hospitals, kind.analyses, s.Reveal)
		d.Run = func(ctx context.Context) (*Sample, error) { return serve(ctx, s, text, d.tables, d.want) }
		return d.Work, nil
	}
}

// Metrics of a study on the wide-area network.
const (
	withoutNetwork = "seconds-without-network" // of the same study, run right before over loopback as it is
	networkBound   = "seconds-bound"           // that, the round trips, and the bytes in the busier direction of the busiest host
)

// serve runs a study among services once; one on the wide-area network also without it.
func serve(ctx context.Context, s Scenario, text []byte, tables map[party.ID]*table.Table, want answer) (*Sample, error) {
	w := Wide{Study: text, Source: engine.SourceFunc(func(_ context.Context, _ *study.Spec, id party.ID) (engine.Records, error) {
		return engine.Records{Table: tables[id], Conformance: &table.Conformance{}, Cohort: string(id)}, nil
	})}
	if s.Network != WideArea {
		return w.sample(ctx, want)
	}
	near, err := w.sample(ctx, want)
	if err != nil {
		return nil, err
	}
	w.Lines = NewLines(wideAreaRoundTrip, wideAreaBytes)
	defer w.Lines.Close()
	far, err := w.sample(ctx, want)
	if err != nil {
		return nil, err
	}
	busiest := int64(0)
	for _, p := range far.Parties {
		busiest = max(busiest, p.BytesUp, p.Down)
	}
	far.Metrics[withoutNetwork] = near.Seconds
	far.Metrics[networkBound] = near.Seconds + float64(far.Rounds)*wideAreaRoundTrip.Seconds() + float64(busiest)/wideAreaBytes
	return far, nil
}

// sample runs the study once.
func (w Wide) sample(ctx context.Context, want answer) (*Sample, error) {
	dir, err := os.MkdirTemp("", "consilium-bench")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(dir)
	w.Dir = dir
	used := processTime()
	f, err := w.Run(ctx)
	if err != nil {
		return nil, err
	}
	x := sampleOf(f.Report)
	off := want.away(f.Report)
	x.Seconds, x.CPU, x.Error, x.Rounds = f.Seconds, (processTime() - used).Seconds(), &off, f.Trips
	x.Metrics["attempt-seconds"] = f.Attempt
	one := Party{ID: "one hospital"}
	for _, p := range x.Phases {
		one.BytesUp, one.Down = one.BytesUp+p.BytesUp, one.Down+p.BytesDown
	}
	if w.Lines != nil { // what passes the line, with all that TLS and the log add
		one.BytesUp, one.Down = f.SiteOut, f.SiteIn
		x.Parties = append(x.Parties, Party{ID: hubName, BytesUp: f.HubOut, Down: f.HubIn})
	}
	x.Parties = append(x.Parties, one)
	return x, nil
}

// studies are whole studies among services, from submission to report.
func studies() Suite {
	var all []Scenario
	add := func(kind recipe, analysis string, hospitals, rows, covariates int, reveal string, about float64) {
		s := Scenario{Name: fmt.Sprintf("services/%s/hospitals=%d/rows=%d/covariates=%d", analysis, hospitals, rows, covariates), Analysis: analysis, Hospitals: hospitals, Rows: rows, Covariates: covariates,
			Reveal: reveal, Network: Loopback, About: about, Prepare: amongServices(kind)}
		if reveal == "model" {
			s.Runs = 1
		}
		all = append(all, s)
	}
	add(table1, "table1", 3, 100_000, 10, "sums", 2)
	add(tests, "tests", 3, 100_000, 10, "sums", 2)
	add(linear, "linear", 3, 100_000, 32, "sums", 2)
	add(logistic, "logistic", 3, 100_000, 32, "sums", 2)
	add(logistic, "logistic", 10, 1_000_000, 32, "sums", 8)
	add(kaplanMeier, "km", 3, 100_000, 1, "sums", 2)
	add(coxAmong(3), "cox", 3, 100_000, coxCovariates, "sums", 3)
	add(logistic, "logistic", 3, 100_000, 10, "model", 12)
	fit := Scenario{Name: "memory/logistic/hospitals=10/rows=1000000/covariates=32", Analysis: "logistic", Hospitals: 10, Rows: 1_000_000, Covariates: 32, Reveal: "sums", Network: InMemory, About: 5, Prepare: inMemory(logistic)}
	csv := fit
	csv.Name, csv.Analysis, csv.About, csv.Prepare = "memory/logistic-from-csv/hospitals=10/rows=1000000/covariates=32", "logistic, from CSV files", 12, fromCSV(logistic)
	all = append(all, fit, csv)
	return Suite{"studies", "Table 1, tests, linear and logistic models, survival, end to end", all}
}

// wan are studies among services on a wide-area network.
func wan() Suite {
	var all []Scenario
	add := func(hospitals, rows, covariates int, reveal string, about float64) {
		s := Scenario{Name: fmt.Sprintf("wan/logistic/hospitals=%d/rows=%d/covariates=%d", hospitals, rows, covariates), Analysis: "logistic", Hospitals: hospitals, Rows: rows, Covariates: covariates,
			Reveal: reveal, Network: WideArea, About: about, Prepare: amongServices(logistic)}
		if reveal == "model" {
			s.Runs = 1
		}
		all = append(all, s)
	}
	add(3, 100_000, 32, "sums", 8)
	add(10, 1_000_000, 32, "sums", 12)
	add(3, 100_000, 10, "model", 40)
	add(10, 1_000_000, 32, "model", 250)
	return Suite{"wan", "studies on an emulated wide-area network: " + WideArea, all}
}
