package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
)

// steward is a steward's command at the desk of a gateway that runs.
type steward struct {
	config *config
	client *http.Client
}

func newSteward(c *config) *steward {
	path := c.socketPath()
	return &steward{c, &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}}
}

// ask asks the gateway and decodes its answer into out, if it is not nil.
func (s *steward) ask(ctx context.Context, method, path string, in, out any) error {
	body, err := s.open(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(body).Decode(out)
}

// open asks the gateway and returns its answer as it comes.
func (s *steward) open(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://gateway"+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	w, err := s.client.Do(r)
	if err != nil {
		return nil, &status{exitFailure, s.unreachable(err)}
	}
	if w.StatusCode == http.StatusOK {
		return w.Body, nil
	}
	defer w.Body.Close()
	var said struct{ Error string }
	if err := json.NewDecoder(w.Body).Decode(&said); err != nil || said.Error == "" {
		said.Error = "the gateway answers " + w.Status
	}
	code := exitFailure
	if w.StatusCode == http.StatusNotFound {
		code = exitUsage
	}
	return nil, &status{code, errors.New(said.Error)}
}

// unreachable says what to do when nobody answers.
func (s *steward) unreachable(err error) error {
	path := s.config.socketPath()
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no gateway runs on %s: start it with consilium gateway --config %s", s.config.at(s.config.State), s.config.path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s may be opened by the gateway's own user alone: run this command as that user (sudo -u consilium ...)", path)
	}
	return fmt.Errorf("the gateway at %s: %w", path, err)
}

func studyPath(run, what string) string {
	p := "/studies/" + url.PathEscape(run)
	if what != "" {
		p += "/" + what
	}
	return p
}
