// Package party names who takes part: IDs, identity keys, rosters.
package party

// ID names a party of a study: a hospital as the study file writes it, or the hub.
type ID string

// Hub is the party that adds. No hospital may carry this name.
const Hub ID = "hub"
