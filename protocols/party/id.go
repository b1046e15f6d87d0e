package party

import "fmt"

// ID names one party of a study: 1 to 64 characters of a-z, A-Z, 0-9, '_' and '-'.
// It appears in file names, logs and transcripts, and sorts the roster.
type ID string

// Hub is the ID of the adding party. No member of a roster may bear it.
const Hub ID = "hub"

// Check says whether id can name a party.
func (id ID) Check() error {
	if len(id) == 0 || len(id) > 64 {
		return fmt.Errorf("party: an id has %d characters, want 1 to 64", len(id))
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return fmt.Errorf("party: id %q has a character outside a-z, A-Z, 0-9, _ and -", string(id))
		}
	}
	return nil
}
