package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/consilium-health/consilium"

// floors says which rooms of the house a room may import. An arrow only goes
// down; rooms on one floor do not know each other (stat and blind use formula).
var floors = map[string][]string{
	"protocols/party":     {},
	"protocols/wire":      {"protocols/party"},
	"protocols/round":     {"protocols/party", "protocols/wire"},
	"protocols/secagg":    {"protocols/party", "protocols/wire", "protocols/round"},
	"protocols/mhe":       {"protocols/party", "protocols/wire", "protocols/round"},
	"protocols/prototest": {"protocols/party", "protocols/wire", "protocols/round", "protocols/secagg"}, // it plays the parties of the protocols

	"protocols": {},

	"engine/internal/fixed":    {},
	"engine/internal/lockfile": {},
	"engine/table":             {"protocols/party"},
	"engine/store":             {"engine/internal/lockfile", "protocols/party"},
	"engine/transport":         {"engine/internal/lockfile", "protocols/party"},
	"engine/formula":           {"engine/table", "protocols/party"},
	"engine/stat":              {"engine/formula", "engine/table", "engine/internal/fixed", "protocols/party"},
	"engine/blind":             {"engine/stat", "engine/formula", "engine/table", "engine/internal/fixed", "protocols/party", "protocols/mhe", "protocols/round", "protocols/wire", "protocols/secagg"},
	"engine/study":             {"engine/stat", "engine/blind", "engine/formula", "engine/table", "protocols/party"},
	"engine/policy":            {"engine/study", "engine/stat", "engine/table", "engine/internal/fixed", "protocols/party"},
	"engine/report":            {"engine/study", "engine/stat", "engine/table", "protocols/party"},
	"engine/internal/runner": {"engine/policy", "engine/report", "engine/study", "engine/stat", "engine/blind", "engine/formula", "engine/table",
		"engine/store", "engine/transport", "engine/internal/fixed",
		"protocols/party", "protocols/round", "protocols/wire", "protocols/secagg", "protocols/mhe"},
	"engine/internal/control": {"engine/store", "protocols/party", "protocols/wire"},
	"engine":                  {"engine/internal/runner", "engine/internal/control", "engine/blind", "engine/policy", "engine/report", "engine/study", "engine/stat", "engine/table", "engine/store", "engine/transport", "protocols/party"},
}

// outside says which rooms may import a family of outside packages.
var outside = map[string][]string{
	"github.com/tuneinsight/lattigo": {"protocols/mhe", "engine/blind", "bench"},
	"github.com/cloudflare/circl":    {"protocols/party", "protocols/secagg", "protocols/wire", "bench", "bench/reference"},
	"github.com/nats-io":             {"engine/transport"},
	"database/sql":                   {"engine/table", "engine/store"},
	"modernc.org/sqlite":             {"engine/table", "engine/store"},
	"github.com/jackc/pgx":           {"engine/table", "engine/store"},
	"net":                            {"engine/transport", "cmd/consilium", "bench"}, // which emulates a network
	"net/http":                       {"engine/transport", "cmd/consilium"},
	"google.golang.org/protobuf":     {"protocols/wire", "protocols/round", "protocols/secagg"},
	"math/rand":                      {"bench", "cmd/consilium", "protocols/prototest"}, // never for anything secret
	"math/rand/v2":                   {"bench", "cmd/consilium"},
}

// clocks are the rooms that may read the clock and start goroutines.
var clocks = []string{"engine/internal/runner", "engine/transport", "cmd/consilium", "bench", "bench/reference"}

func TestArrowsOnlyGoDown(t *testing.T) {
	each(t, func(room, file string, f *ast.File) {
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if down, ok := strings.CutPrefix(path, module+"/"); ok {
				allowed, known := floors[room]
				if free(room) {
					continue // the top floors may use everything below
				}
				if !known {
					t.Errorf("%s: room %s is not in the table of floors", file, room)
				} else if !slices.Contains(allowed, down) {
					t.Errorf("%s: %s may not import %s", file, room, down)
				}
				continue
			}
			for family, rooms := range outside {
				if (path == family || strings.HasPrefix(path, family+"/") && family != "net") && !slices.Contains(rooms, room) {
					t.Errorf("%s: %s may not import %s", file, room, path)
				}
			}
			if strings.HasPrefix(room, "protocols") && slices.Contains([]string{"os", "time", "log", "io/fs"}, path) {
				t.Errorf("%s: protocols are pure, %s imports %s", file, room, path)
			}
		}
	})
}

func TestOnlyTheRunnerHasClocksAndGoroutines(t *testing.T) {
	each(t, func(room, file string, f *ast.File) {
		if slices.Contains(clocks, room) {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: %s starts a goroutine", file, room)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Sleep", "After", "NewTimer"}, n.Sel.Name) {
					t.Errorf("%s: %s reads the clock (time.%s)", file, room, n.Sel.Name)
				}
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil && !strings.HasSuffix(file, ".pb.go") {
					t.Errorf("%s: an init function: nothing registers itself here", file)
				}
			}
			return true
		})
	})
}

func TestOnlyTheCommandExits(t *testing.T) {
	each(t, func(room, file string, f *ast.File) {
		if room == "cmd/consilium" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "os" && s.Sel.Name == "Exit" || x.Name == "log" && strings.HasPrefix(s.Sel.Name, "Fatal")) {
					t.Errorf("%s: a library does not end its process", file)
				}
			}
			return true
		})
	})
}

func TestTopLevelIsFixed(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	fixed := []string{"LICENSE", "README.md", "bench", "cmd", "engine", "go.mod", "go.sum", "protocols", "testdata", "tools"}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(fixed, e.Name()) && !ignored(e.Name()) {
			t.Errorf("%s does not belong on the top level", e.Name())
		}
	}
}

// ignored are what a build or a run leaves behind, as .gitignore says.
func ignored(name string) bool {
	return name == "consilium" || strings.HasSuffix(name, "-results")
}

func free(room string) bool {
	return strings.HasPrefix(room, "cmd/") || strings.HasPrefix(room, "bench")
}

// each parses every Go file that is not a test and hands it over with its room.
func each(t *testing.T, check func(room, file string, f *ast.File)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "tools") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		room, err := filepath.Rel("..", filepath.Dir(path))
		if err != nil {
			return err
		}
		seen++
		check(filepath.ToSlash(room), path, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 40 {
		t.Fatalf("saw %d files: the walk is broken", seen)
	}
}
