// Package control is a study's life between its attempts: who said what, signed,
// and what follows from it. It is pure: the services in package engine give it
// bytes and hand on what it returns.
//
// A run is one submission of one study. Its name, [RunID], is the digest of
// what the analyst signed: the text of the study, the digest of its plan, the
// version of the program and a nonce. Everything else that is said of the run is
// signed over that name and the plan's digest, so that nothing said of one can
// be taken for another.
//
// Nothing here has to arrive once or in order: each party is its own judge of
// what it has heard, the latest decision of a steward counts by the time it
// was made, and a proposal is believed as far as the signatures inside it go.
package control
