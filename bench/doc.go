// Package bench measures what joint statistics cost: seconds, bytes, round
// trips, memory, and how far the answer is from the plain one.
//
//	Suite ──► Scenario ──► Work ──► Sample, Sample, ... ──► Row ──► results.json
//	          who, on      made     one run each, with the         table, Go's benchmark
//	          what, how    ready    same work in clear beside it   format, SVG, README
//
// Run goes through the scenarios of a suite and writes every row as soon as it
// is measured; a suite that was interrupted goes on where it was. The same
// scenarios are Go benchmarks: go test ./bench -bench Scenario.
//
// All parties of a scenario share the processors of one machine. What one party
// costs on a machine of its own is computed from the processor time of that
// party's own work and is called a projection wherever it is shown. Ratios are
// between times of one run; seconds on a machine that others use are worth little.
package bench
