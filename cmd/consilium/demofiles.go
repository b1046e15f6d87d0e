package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// consortium is what a demonstration's parties are made of: one directory for
// each, with the files that it would have on its own machine.
type consortium struct {
	dir       string
	authority *transport.Authority
	files     map[party.ID]map[string]any // configurations, by party
	analyst   party.ID
}

// found makes keys, certificates, the roster and configurations. listen is the hub's address.
func (d *demonstration) found(listen string) (*consortium, error) {
	authority, err := transport.NewAuthority("consilium demo", time.Now())
	if err != nil {
		return nil, err
	}
	c := &consortium{dir: d.dir, authority: authority, files: map[party.ID]map[string]any{}}
	roster := &rosterFile{Hospitals: map[party.ID]*rosterEntry{}, Analysts: map[party.ID]*rosterEntry{}}
	quirks := map[party.ID]map[string]any{}
	for c.analyst = "analyst"; slices.ContainsFunc(d.study.Sites, func(s study.Site) bool { return s.ID == c.analyst }); {
		c.analyst += "-of-all"
	}
	d.analyst = c.analyst
	for _, s := range d.study.Sites {
		path, err := filepath.Abs(filepath.Join(d.study.Dir, s.Source.CSV))
		if err != nil {
			return nil, err
		}
		if filepath.IsAbs(s.Source.CSV) {
			path = s.Source.CSV
		}
		quirks[s.ID] = map[string]any{"csv": path}
		for key, value := range map[string]string{"encoding": s.Source.Encoding, "separator": s.Source.Separator} {
			if value != "" {
				quirks[s.ID][key] = value
			}
		}
		if len(s.Source.Columns) > 0 {
			quirks[s.ID]["columns"] = s.Source.Columns
		}
		if roster.Hospitals[s.ID], err = c.party(s.ID, roleGateway); err != nil {
			return nil, err
		}
		c.files[s.ID]["data"] = quirks[s.ID]
	}
	if roster.Analysts[c.analyst], err = c.party(c.analyst, roleAnalyst); err != nil {
		return nil, err
	}
	if err := c.hub(listen); err != nil {
		return nil, err
	}
	text, err := roster.encode()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(c.dir, "roster.yaml"), text, 0o600); err != nil {
		return nil, err
	}
	return c, c.authority.Write(c.dir, "ca")
}

// party makes a hospital's or an analyst's directory.
func (c *consortium) party(id party.ID, role string) (*rosterEntry, error) {
	dir := filepath.Join(c.dir, string(id))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := newIdentityFile(filepath.Join(dir, "identity.key"), nil)
	if err != nil {
		return nil, err
	}
	certificate, err := c.authority.Issue(id, time.Now())
	if err != nil {
		return nil, err
	}
	if err := transport.WriteCertificate(dir, "tls", certificate); err != nil {
		return nil, err
	}
	c.files[id] = map[string]any{"role": role, "name": string(id), "roster": "../roster.yaml", "key": "identity.key"}
	if role == roleGateway {
		c.files[id]["state"] = "state"
	}
	return entryOf("", key.Public())
}

// hub makes the hub's directory.
func (c *consortium) hub(listen string) error {
	dir := filepath.Join(c.dir, string(party.Hub))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	certificate, err := c.authority.Issue(party.Hub, time.Now(), "127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	if err := transport.WriteCertificate(dir, "tls", certificate); err != nil {
		return err
	}
	return c.write(party.Hub, map[string]any{"role": roleHub, "roster": "../roster.yaml", "state": "state",
		"listen": map[string]any{"tls": listen, "ca": "../ca.crt", "certificate": "tls.crt", "certificate_key": "tls.key"}})
}

// connect writes the configurations of all others, now that the hub has an address.
func (c *consortium) connect(address string) error {
	for id, file := range c.files {
		file["hub"] = map[string]any{"urls": []string{address}, "ca": "../ca.crt", "certificate": "tls.crt", "certificate_key": "tls.key"}
		if err := c.write(id, file); err != nil {
			return err
		}
	}
	return nil
}

func (c *consortium) write(id party.ID, file map[string]any) error {
	b, err := yaml.Marshal(file)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, string(id), "consilium.yaml"), b, 0o600)
}

// analystOf connects the analyst; the returned function disconnects.
func (c *consortium) analystOf(ctx context.Context) (*engine.Analyst, func(), error) {
	cfg, err := readConfig(filepath.Join(c.dir, string(c.analyst), "consilium.yaml"), roleAnalyst)
	if err != nil {
		return nil, nil, err
	}
	return connectAnalyst(ctx, cfg, nil)
}
