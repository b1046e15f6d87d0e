package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/table"
)

// maxFile is more than a configuration or a roster of 200 hospitals takes.
const maxFile = 4 << 20

// readYAML reads a file of keys that into, a pointer to a struct, has fields
// for. All unknown keys are reported, each with its line and the nearest known one.
func readYAML(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	if len(b) > maxFile {
		return fmt.Errorf("%s: %d bytes, at most %d", path, len(b), maxFile)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return fmt.Errorf("%s: it is empty", path)
	}
	if err := errors.Join(unknownKeys(path, doc.Content[0], reflect.TypeOf(into).Elem())...); err != nil {
		return err
	}
	if err := doc.Content[0].Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// unknownKeys walks a document beside the type it is meant for.
func unknownKeys(path string, n *yaml.Node, t reflect.Type) (wrong []error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == yaml.AliasNode {
		return []error{fmt.Errorf("%s:%d: aliases are not used here; write it out", path, n.Line)}
	}
	switch {
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, c := range n.Content {
			wrong = append(wrong, unknownKeys(path, c, t.Elem())...)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 1; i < len(n.Content); i += 2 {
			wrong = append(wrong, unknownKeys(path, n.Content[i], t.Elem())...)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := keysOf(t)
		var names []string
		for name := range fields {
			names = append(names, name)
		}
		slices.Sort(names)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if f, ok := fields[k.Value]; ok {
				wrong = append(wrong, unknownKeys(path, n.Content[i+1], f)...)
			} else {
				wrong = append(wrong, fmt.Errorf("%s:%d: unknown key %q; %s", path, k.Line, k.Value, table.Hint(k.Value, names)))
			}
		}
	}
	return wrong
}

// keysOf are the keys of a struct, with those of the structs it includes.
func keysOf(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			for k, v := range keysOf(f.Type) {
				keys[k] = v
			}
		case name != "":
			keys[name] = f.Type
		}
	}
	return keys
}
