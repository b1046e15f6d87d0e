package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/protocols/party"
)

// Roles of a configuration file.
const (
	roleGateway = "gateway"
	roleHub     = "hub"
	roleAnalyst = "analyst"
)

// config is a configuration file: one of a hub, a gateway or an analyst. Paths
// in it are relative to its own directory.
type config struct {
	Role   string   `yaml:"role"`
	Name   party.ID `yaml:"name"`   // in the roster; not of a hub
	Roster string   `yaml:"roster"` // file of all parties' public keys
	State  string   `yaml:"state"`  // directory of everything that is remembered; not of an analyst

	// Of a gateway and an analyst.
	Key        string     `yaml:"key"`             // secret identity
	Passphrase string     `yaml:"passphrase_file"` // of the key; without it a terminal is asked
	Hub        connection `yaml:"hub"`

	// Of a gateway.
	Data    data   `yaml:"data"`
	Policy  policy `yaml:"policy"`
	Results string `yaml:"results"` // directory of the reports; default STATE/results

	// Of a hub.
	Listen  listen      `yaml:"listen"`
	Cluster *connection `yaml:"cluster"` // use a NATS cluster that stands, and listen on nothing
	Keep    keep        `yaml:"keep"`
	Wait    duration    `yaml:"wait"`     // for hospitals that are undecided, refuse or are gone, where min_sites allows it
	GiveUp  duration    `yaml:"give_up"`  // for hospitals that are gone after something was opened; then the run ends with what is finished
	Tries   int         `yaml:"attempts"` // that fail one after the other
	Studies int         `yaml:"studies"`  // of one analyst at a time

	// Of a hub and a gateway.
	Deadline duration `yaml:"deadline"` // of a round
	Drain    duration `yaml:"drain"`    // how long studies under way may take to end when the service is stopped
	Metrics  string   `yaml:"metrics"`  // loopback address of /metrics and /healthz
	Log      logging  `yaml:"log"`

	path string
}

// connection says how to reach the hub's log.
type connection struct {
	URLs        []string `yaml:"urls"`
	CA          string   `yaml:"ca"`
	Certificate string   `yaml:"certificate"`
	Key         string   `yaml:"certificate_key"`
	Proxy       string   `yaml:"proxy"`
	Replicas    int      `yaml:"replicas"` // of a cluster
}

// listen says where a hub takes connections.
type listen struct {
	TLS         string `yaml:"tls"`
	WSS         string `yaml:"wss"`
	CA          string `yaml:"ca"`
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"certificate_key"`
}

// keep says how much a hub's log may hold, in megabytes, and for how long what is said of studies.
type keep struct {
	Party   int64    `yaml:"party_mb"`
	Disk    int64    `yaml:"disk_mb"`
	Notices duration `yaml:"notices"` // default 30d
	Closed  duration `yaml:"closed"`  // and what is left of attempts that are closed
}

// data says where a hospital's records are.
type data struct {
	file    `yaml:",inline"`
	Studies map[string]file `yaml:"studies"` // by name of the study
	Cohort  string          `yaml:"cohort"`  // names the patients: see engine.Records
}

// file is one file of records and its quirks.
type file struct {
	CSV       string            `yaml:"csv"`
	Encoding  string            `yaml:"encoding"`
	Separator string            `yaml:"separator"`
	Columns   map[string]string `yaml:"columns"` // variable: column
}

// policy is what a hospital decides beforehand.
type policy struct {
	Approve struct {
		Plans    []string   `yaml:"plans"`
		Kinds    []string   `yaml:"kinds"`
		Analysts []party.ID `yaml:"analysts"`
		Runs     int        `yaml:"runs"` // that one approval covers; default 1
	} `yaml:"approve"`
	Forbid   []string `yaml:"forbid_columns"`
	Own      bool     `yaml:"forbid_per_hospital"`
	MinCell  int      `yaml:"min_cell"`
	MinSites int      `yaml:"min_sites"`
	Studies  int      `yaml:"studies_per_analyst"`
	Lasts    duration `yaml:"approvals_last"` // unless the steward says otherwise; default 30d
}

type logging struct {
	Format string `yaml:"format"` // json (default) or text
	Level  string `yaml:"level"`  // debug, info (default), warn, error
}

// duration is a time.Duration that also reads days, as in 30d.
type duration time.Duration

func (d *duration) UnmarshalText(b []byte) error {
	text := string(b)
	days := 0
	if n, rest, ok := strings.Cut(text, "d"); ok {
		if _, err := fmt.Sscanf(n, "%d", &days); err != nil || days < 0 || days > 36500 {
			return fmt.Errorf("duration %q; want one such as 90s, 10m, 12h or 30d", text)
		}
		if text = rest; text == "" {
			text = "0s"
		}
	}
	x, err := time.ParseDuration(text)
	if err != nil || x < 0 {
		return fmt.Errorf("duration %q; want one such as 90s, 10m, 12h or 30d", string(b))
	}
	*d = duration(x + time.Duration(days)*24*time.Hour)
	return nil
}

// configFlag adds --config to a command.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "", "configuration file (default $CONSILIUM_CONFIG, or consilium.yaml)")
	if err := c.MarkFlagFilename("config", "yaml", "yml"); err != nil {
		panic(err) // the flag is defined one line above
	}
}

// readConfig reads a configuration of one of the roles.
func readConfig(path string, roles ...string) (*config, error) {
	if path == "" {
		if path = os.Getenv("CONSILIUM_CONFIG"); path == "" {
			path = "consilium.yaml"
		}
	}
	c := &config{path: path}
	if err := readYAML(path, c); err != nil {
		return nil, fmt.Errorf("configuration %w", err)
	}
	if !slices.Contains(roles, c.Role) {
		return nil, fmt.Errorf("configuration %s: its role is %q; this command is for that of: %s", path, c.Role, strings.Join(roles, ", "))
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

// at makes a path of the configuration one of this process.
func (c *config) at(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.path), path)
}

// check says what is missing or does not belong to the role.
func (c *config) check() error {
	var wrong []error
	need := func(ok bool, key, what string) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s is missing: %s", key, what))
		}
	}
	never := func(set bool, key string) {
		if set {
			wrong = append(wrong, fmt.Errorf("%s is not for the role %s", key, c.Role))
		}
	}
	wrong = append(wrong, checkURLs("hub.urls", c.Hub.URLs))
	if c.Cluster != nil {
		wrong = append(wrong, checkURLs("cluster.urls", c.Cluster.URLs))
	}
	need(c.Roster != "", "roster", "the file of all parties' public keys, made by: consilium roster add")
	hub, gateway := c.Role == roleHub, c.Role == roleGateway
	if hub {
		if c.Keep.Notices != 0 && time.Duration(c.Keep.Notices) < 24*time.Hour {
			wrong = append(wrong, errors.New("keep.notices: at least 1d: whoever was away reads there what was said meanwhile"))
		}
		need(c.Cluster != nil || c.Listen.TLS != "" || c.Listen.WSS != "", "listen", "tls: host:port, wss: host:port, or both")
		never(c.Cluster != nil && c.Listen != listen{}, "listen beside cluster")
		never(c.Name != "" || c.Key != "" || len(c.Hub.URLs) > 0, "name, key or hub")
	} else {
		need(c.Name != "", "name", "this party's in the roster")
		need(c.Key != "", "key", "the file of the secret identity, made by: consilium keys new")
		need(len(c.Hub.URLs) > 0, "hub.urls", "tls://host:port or wss://host:port")
		never(c.Listen != listen{} || c.Cluster != nil || c.Wait != 0 || c.GiveUp != 0 || c.Tries != 0 || c.Studies != 0 || c.Keep != keep{}, "listen, cluster, keep, wait, give_up, attempts or studies")
	}
	if gateway {
		need(c.Data.CSV != "" || len(c.Data.Studies) > 0, "data.csv", "the file of this hospital's records")
	}
	if hub || gateway {
		need(c.State != "", "state", "a directory on a disk of this machine")
	} else {
		never(c.State != "" || c.Metrics != "", "state or metrics")
	}
	if !gateway {
		never(c.Data.CSV != "" || len(c.Data.Studies) > 0 || c.Results != "", "data or results")
	}
	for name, f := range c.files() {
		if err := f.source().Check(); err != nil {
			wrong = append(wrong, fmt.Errorf("data%s: %w", name, err))
		}
	}
	if err := checkLoopback(c.Metrics); err != nil {
		wrong = append(wrong, err)
	}
	if _, err := c.Log.level(); err != nil {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// checkURLs refuses addresses that nothing could be reached at.
func checkURLs(key string, urls []string) error {
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "tls" && u.Scheme != "wss" || u.Hostname() == "" || u.Port() == "" {
			return fmt.Errorf("%s has %q: want tls://host:port or wss://host:port", key, s)
		}
		if !strings.HasPrefix(urls[0], u.Scheme+":") {
			return fmt.Errorf("%s has tls:// and wss:// together: name one kind", key)
		}
	}
	return nil
}

// checkLoopback refuses to show metrics to other machines.
func checkLoopback(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("metrics %q: want an address of this machine alone, such as 127.0.0.1:9464", address)
	}
	return nil
}
