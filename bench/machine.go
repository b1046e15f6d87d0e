package bench

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/consilium-health/consilium/engine"
)

// Machine is where figures were measured, and with what.
type Machine struct {
	Processor   string `json:"processor"`
	Cores       int    `json:"cores"` // that Go uses
	MemoryBytes int64  `json:"memory_bytes"`
	System      string `json:"system"`
	Go          string `json:"go"`
	Consilium   string `json:"consilium"`
	Build       string `json:"build"` // the commit, or a digest of the program where it has none or was changed since
}

// ThisMachine describes the machine and the program that runs.
func ThisMachine() Machine {
	m := Machine{Processor: processor(), Cores: runtime.GOMAXPROCS(0), MemoryBytes: memory(),
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Consilium: engine.Version, Build: build()}
	if k := kernel(); k != "" {
		m.System += " " + k
	}
	return m
}

// build is the commit that the program was built from, when it is exactly that;
// the digest of the program otherwise: rows of two programs are never taken for one another's.
func build() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		var commit string
		clean := false
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "vcs.modified":
				clean = s.Value == "false"
			}
		}
		if commit != "" && clean {
			return commit
		}
	}
	path, err := os.Executable()
	if err != nil {
		return "unknown"
	}
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil)[:8])
}
