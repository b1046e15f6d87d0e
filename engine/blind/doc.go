// Package blind computes circuits of package stat on sums that stay encrypted:
// what hospitals put in is added under encryption (protocols/mhe), and of what
// comes out only declared cells are ever opened.
//
//	NewPlan   circuits run on bounds alone: errors, noise, steps, bytes   no row, no key
//	Begin     a session of the plan
//	Keys      once for the study
//	Run       this hospital's term in, the circuit's steps, values retained
//	Open      this hospital's terms of the masked sum that opens an outcome
//	Burn      the key is gone
//
// A circuit is written once, in straight-line Go over an evaluator, and run by two: one
// that knows bounds only, when a study is planned, and one that drives an
// encrypted session. Nothing of its shape depends on data.
package blind
