package main

import (
	"bytes"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/protocols/party"
)

// rosterFile is everybody's public keys, the same file at every party.
type rosterFile struct {
	Hospitals map[party.ID]*rosterEntry `yaml:"hospitals"`
	Analysts  map[party.ID]*rosterEntry `yaml:"analysts,omitempty"`
}

// rosterEntry is one party. The fingerprint is for people to read out; it must be the key's.
type rosterEntry struct {
	Name        string      `yaml:"name,omitempty"`
	Fingerprint string      `yaml:"fingerprint"`
	Key         string      `yaml:"key"`
	Steward     *stewardKey `yaml:"steward,omitempty"` // signs a hospital's decisions; none: the gateway does
}

type stewardKey struct {
	Fingerprint string `yaml:"fingerprint"`
	Key         string `yaml:"key"`
}

// pins are the keys of a roster file.
type pins struct {
	roster   party.Roster
	stewards map[party.ID]party.PublicKey
	analysts map[party.ID]party.PublicKey
}

const rosterHead = `# Everybody's public keys. Before you trust this file: compare each fingerprint
# with its owner over the telephone, or the fingerprint of the whole with somebody
# who has done so (consilium roster show).
`

// readRoster reads and checks a roster.
func readRoster(path string) (*rosterFile, *pins, error) {
	f := &rosterFile{}
	if err := readYAML(path, f); err != nil {
		return nil, nil, fmt.Errorf("roster %w", err)
	}
	p, err := f.pins()
	if err != nil {
		return nil, nil, fmt.Errorf("roster %s: %w", path, err)
	}
	return f, p, nil
}

func (f *rosterFile) pins() (*pins, error) {
	p := &pins{stewards: map[party.ID]party.PublicKey{}, analysts: map[party.ID]party.PublicKey{}}
	var wrong []error
	key := func(who, text, fingerprint string) party.PublicKey {
		k, err := parsePublic([]byte(text))
		if err == nil && k.Fingerprint() != fingerprint {
			err = fmt.Errorf("its key has the fingerprint %s, the file says %s: one of them was changed; ask its owner", k.Fingerprint(), fingerprint)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", who, err))
		}
		return k
	}
	var members []party.Member
	for _, id := range slices.Sorted(maps.Keys(f.Hospitals)) {
		e := f.Hospitals[id]
		members = append(members, party.Member{ID: id, Site: e.site(id), Key: key("hospital "+string(id), e.Key, e.Fingerprint)})
		if e.Steward != nil {
			p.stewards[id] = key("steward of "+string(id), e.Steward.Key, e.Steward.Fingerprint)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.Analysts)) {
		e := f.Analysts[id]
		if e.Steward != nil || f.Hospitals[id] != nil || id.Check() != nil || strings.EqualFold(string(id), string(party.Hub)) {
			wrong = append(wrong, fmt.Errorf("analyst %q: want a name of its own, of a-z, A-Z, 0-9, _ and -, and no steward", id))
		}
		p.analysts[id] = key("analyst "+string(id), e.Key, e.Fingerprint)
	}
	if wrong != nil {
		return nil, errors.Join(wrong...)
	}
	var err error
	p.roster, err = party.NewRoster(members)
	return p, err
}

func (e *rosterEntry) site(id party.ID) string {
	if e.Name != "" {
		return e.Name
	}
	return string(id)
}

// fingerprint is of everything that pins say.
func (p *pins) fingerprint() string {
	d := p.roster.Digest()
	fields := [][]byte{d[:]}
	for _, keys := range []map[party.ID]party.PublicKey{p.stewards, p.analysts} {
		for _, id := range slices.Sorted(maps.Keys(keys)) {
			k := keys[id].Digest()
			fields = append(fields, []byte(id), k[:])
		}
		fields = append(fields, nil)
	}
	h := party.Hash("roster file", fields...)
	return groups(base32.StdEncoding.EncodeToString(h[:20]))
}

// groups puts hyphens between groups of four characters.
func groups(s string) string {
	var parts []string
	for i := 0; i < len(s); i += 4 {
		parts = append(parts, s[i:i+4])
	}
	return strings.Join(parts, "-")
}

// encode is the file's text.
func (f *rosterFile) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(rosterHead)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := errors.Join(e.Encode(f), e.Close())
	return b.Bytes(), err
}

// entryOf is a key as the file has it.
func entryOf(name string, k party.PublicKey) (*rosterEntry, error) {
	text, err := publicPEM(k)
	return &rosterEntry{Name: name, Fingerprint: k.Fingerprint(), Key: string(text)}, err
}

func publicPEM(k party.PublicKey) ([]byte, error) {
	b, err := k.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: b}), nil
}

func parsePublic(text []byte) (party.PublicKey, error) {
	block, _ := pem.Decode(bytes.TrimSpace(text))
	if block == nil || block.Type != publicBlock {
		return party.PublicKey{}, errors.New("no public key of consilium")
	}
	return party.ParsePublicKey(block.Bytes)
}
