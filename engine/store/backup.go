package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup writes a copy of the database, as it is at one moment, to a file that
// must not exist, while the gateway goes on. It holds session keys, as the
// database does. To restore it, put it in the place of store.db, and remove a
// store.db-journal beside it, which belongs to the other one. The other hospitals
// notice if this gateway had gone further since, and each of its unfinished
// studies stops until an operator confirms the restoration.
func (r *Reader) Backup(path string) (err error) {
	// SQLite writes into an empty file: made here, so that it is private at once.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(fmt.Errorf("store: backup to %s: %w", path, err), os.Remove(path))
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return ErrClosed
	}
	if _, err := r.conn.ExecContext(context.Background(), "VACUUM INTO ?", path); err != nil {
		return err
	}
	return errors.Join(f.Sync(), syncDir(filepath.Dir(path)))
}
