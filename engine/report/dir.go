package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CheckDir reports whether WriteDir may write dir: its parent exists and can
// be written, and dir is absent, empty or holds a result of ours. Callers ask before
// they compute, so that nobody waits for a result that has no place to go.
func CheckDir(dir string) error {
	switch _, err := os.Lstat(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("report: %w", err)
	default:
		if err := isOurs(dir); err != nil {
			return err
		}
	}
	probe, err := sibling(dir, "new")
	if err != nil {
		return err
	}
	return os.Remove(probe)
}

// taken is the error of a place that holds something else.
type taken struct{ dir string }

func (t *taken) Error() string {
	return fmt.Sprintf("report: %s exists and holds no result of consilium: it is left as it is; choose another directory or remove it", t.dir)
}

// IsTaken reports whether err says that the place of the results holds something that is not ours.
func IsTaken(err error) bool {
	t := (*taken)(nil)
	return errors.As(err, &t)
}

// isOurs refuses a directory whose loss would hurt: one that holds something, but no result of ours.
func isOurs(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) == 0 {
		return nil
	}
	var head struct {
		Study     *string          `json:"study"`
		Consilium *string          `json:"consilium"`
		Analyses  *json.RawMessage `json:"analyses"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err == nil {
		err = json.Unmarshal(b, &head)
	}
	if err != nil || head.Study == nil || head.Consilium == nil || head.Analyses == nil {
		return &taken{dir}
	}
	return nil
}

// sibling makes an empty directory beside dir, so that a rename to dir stays on one file system.
func sibling(dir, what string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(abs), "."+filepath.Base(abs)+"-"+what+"-*")
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return "", fmt.Errorf("report: directory %s cannot be written: %w", filepath.Dir(abs), err)
	}
	return tmp, nil
}

// WriteDir writes result.json, report.txt, report.html, disclosed.json, one CSV per analysis
// and, for a study released to the analyst alone, sealed.json. The directory appears complete or not at all; a former result of
// ours at that place is replaced, anything else is an error.
func (r *Report) WriteDir(dir string) error {
	if target, err := filepath.EvalSymlinks(dir); err == nil {
		dir = target
	}
	if err := CheckDir(dir); err != nil {
		return err
	}
	tmp, err := sibling(dir, "new")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // nothing is there any more after the rename
	if err := r.writeFiles(tmp); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return replace(dir, tmp)
}

func (r *Report) writeFiles(dir string) error {
	files := map[string]func(io.Writer) error{
		"result.json":    r.WriteJSON,
		"report.txt":     r.WriteText,
		"report.html":    r.WriteHTML,
		"disclosed.json": r.WriteDisclosed,
	}
	if r.Sealed != nil {
		files["sealed.json"] = func(w io.Writer) error { return json.NewEncoder(w).Encode(r.Sealed) }
	}
	for _, a := range r.Analyses {
		if a.Frame == nil || a.Refused != nil {
			continue
		}
		if a.ID == "" || strings.ContainsAny(a.ID, `/\`) {
			return fmt.Errorf("analysis id %q cannot name a file", a.ID)
		}
		files[a.ID+".csv"] = func(w io.Writer) error { return r.WriteCSV(w, a.ID) }
	}
	for name, write := range files {
		if err := writeFile(filepath.Join(dir, name), write); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := bufio.NewWriter(f)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// replace puts tmp in the place of dir. A former result steps aside first and
// comes back if the new one cannot take its place.
func replace(dir, tmp string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(tmp, dir)
	}
	aside, err := sibling(dir, "old")
	if err != nil {
		return err
	}
	former := filepath.Join(aside, "former")
	if err := os.Rename(dir, former); err != nil {
		return errors.Join(err, os.Remove(aside))
	}
	if err := os.Rename(tmp, dir); err != nil {
		return errors.Join(err, os.Rename(former, dir), os.Remove(aside))
	}
	return os.RemoveAll(aside)
}
