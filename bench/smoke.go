package bench

// smoke is one small scenario of every sort.
func smoke() Suite {
	return Suite{"smoke", "one small scenario of every sort, under a minute", []Scenario{
		{Name: "sum/hospitals=3/cells=1000", Analysis: "masked sum", Hospitals: 3, Cells: 1000, Reveal: "sums", Network: InMemory, About: 0.1, Prepare: maskedSum},
		{Name: "describe/hospitals=3/rows=3000", Analysis: "describe", Hospitals: 3, Rows: 3000, Covariates: 4, Reveal: "sums", Network: InMemory, About: 0.2, Prepare: inMemory(describe)},
		{Name: "linear/hospitals=3/rows=10000/covariates=10", Analysis: "linear", Hospitals: 3, Rows: 10_000, Covariates: 10, Reveal: "sums", Network: InMemory, About: 0.2, Prepare: inMemory(linear)},
		{Name: "logistic/hospitals=3/rows=10000/covariates=10", Analysis: "logistic", Hospitals: 3, Rows: 10_000, Covariates: 10, Reveal: "sums", Network: InMemory, About: 0.3, Prepare: inMemory(logistic)},
		{Name: "logistic/hospitals=3/rows=10000/covariates=10", Analysis: "logistic", Hospitals: 3, Rows: 10_000, Covariates: 10, Reveal: "model", Network: InMemory, About: 4, Runs: 1, Prepare: inMemory(logistic)},
		{Name: "services/logistic/hospitals=3/rows=10000/covariates=10", Analysis: "logistic", Hospitals: 3, Rows: 10_000, Covariates: 10, Reveal: "sums", Network: Loopback, About: 2, Runs: 1, Prepare: amongServices(logistic)},
	}}
}
