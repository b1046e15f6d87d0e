package round

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

func signed(t *testing.T) (party.PublicKey, Context, *wire.Envelope) {
	t.Helper()
	id, err := party.ParseIdentity(append([]byte{1}, make([]byte, 32)...))
	if err != nil {
		t.Fatal(err)
	}
	ctx := Context{Charter: party.Hash("charter"), Roster: party.Hash("roster"), Session: party.Hash("session")}
	e := &wire.Envelope{
		Version: 1, Plan: make([]byte, 32), Attempt: 1, Type: wire.Type_MASKED, Sequence: 1, Sender: "a", Recipient: "hub",
		Body: []byte("body"), Bulk: []byte("bulk"),
	}
	if err := Sign(id, ctx, e); err != nil {
		t.Fatal(err)
	}
	return id.Public(), ctx, e
}

func TestSignatureIsBoundToEverything(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Context, *wire.Envelope)
		ok     bool
	}{
		{"as signed", func(*Context, *wire.Envelope) {}, true},
		{"bulk, which the body binds", func(_ *Context, e *wire.Envelope) { e.Bulk = nil }, true},
		{"charter", func(c *Context, _ *wire.Envelope) { c.Charter[0] ^= 1 }, false},
		{"roster", func(c *Context, _ *wire.Envelope) { c.Roster[0] ^= 1 }, false},
		{"session", func(c *Context, _ *wire.Envelope) { c.Session[0] ^= 1 }, false},
		{"no session", func(c *Context, _ *wire.Envelope) { c.Session = [32]byte{} }, false},
		{"version", func(_ *Context, e *wire.Envelope) { e.Version = 2 }, false},
		{"plan", func(_ *Context, e *wire.Envelope) { e.Plan[5] = 1 }, false},
		{"attempt", func(_ *Context, e *wire.Envelope) { e.Attempt = 2 }, false},
		{"type", func(_ *Context, e *wire.Envelope) { e.Type = wire.Type_UNLOCK }, false},
		{"sequence", func(_ *Context, e *wire.Envelope) { e.Sequence = 2 }, false},
		{"part", func(_ *Context, e *wire.Envelope) { e.Part = 1 }, false},
		{"sender", func(_ *Context, e *wire.Envelope) { e.Sender = "b" }, false},
		{"recipient", func(_ *Context, e *wire.Envelope) { e.Recipient = "b" }, false},
		{"sender and recipient shifted", func(_ *Context, e *wire.Envelope) { e.Sender, e.Recipient = "ah", "ub" }, false},
		{"body", func(_ *Context, e *wire.Envelope) { e.Body[0] ^= 1 }, false},
		{"ed25519 signature", func(_ *Context, e *wire.Envelope) { e.Signatures[0] ^= 1 }, false},
		{"ml-dsa-65 signature", func(_ *Context, e *wire.Envelope) { e.Signatures[100] ^= 1 }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key, ctx, e := signed(t)
			tc.change(&ctx, e)
			if err := Verify(key, ctx, e); (err == nil) != tc.ok {
				t.Errorf("got %v, want ok = %v", err, tc.ok)
			}
		})
	}
}

// fake is a machine that fails as told.
type fake struct {
	panics any
	err    error
	calls  int
}

func (f *fake) do() ([]Message, error) {
	f.calls++
	if f.panics != nil {
		panic(f.panics)
	}
	return []Message{{To: "hub"}}, f.err
}

func (f *fake) Start() ([]Message, error)          { return f.do() }
func (f *fake) Receive(Message) ([]Message, error) { return f.do() }
func (f *fake) Expire() ([]Message, error)         { return f.do() }
func (f *fake) Result() (int, bool)                { return 7, true }

func TestPanicBurnsItsMachineOnly(t *testing.T) {
	calls := map[string]func(Machine[int]) ([]Message, error){
		"start":   Machine[int].Start,
		"expire":  Machine[int].Expire,
		"receive": func(m Machine[int]) ([]Message, error) { return m.Receive(Message{}) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			other := Guard[int](&fake{})
			m := Guard[int](&fake{panics: errors.New("patient 4711 has value 67")})
			out, err := call(m)
			if err == nil || out != nil || strings.Contains(err.Error(), "67") {
				t.Fatalf("got %v, %v; want an error that does not quote the panic", out, err)
			}
			if _, ok := m.Result(); ok {
				t.Error("a result after a panic")
			}
			if _, again := m.Receive(Message{}); again == nil || again.Error() != err.Error() {
				t.Errorf("goes on with %v", again)
			}
			if _, err := other.Start(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestErrorEndsTheMachine(t *testing.T) {
	f := &fake{err: &Abort{Code: wire.Code_FOLD, Err: errors.New("x")}}
	m := Guard[int](f)
	if out, err := m.Start(); len(out) != 1 || err == nil {
		t.Fatalf("got %v, %v: what is to be said with an error is lost", out, err)
	}
	if out, err := m.Receive(Message{}); out != nil || err == nil || f.calls != 1 {
		t.Errorf("after an error: %v, %v, %d calls", out, err, f.calls)
	}
}

func TestCodeOfAnError(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want wire.Code
	}{
		{nil, wire.Code_DONE},
		{&Blame{Who: "a", Code: wire.Code_OPENING, Err: errors.New("x")}, wire.Code_OPENING},
		{fmt.Errorf("sum: %w", &Abort{Code: wire.Code_STATE, Err: errors.New("x")}), wire.Code_STATE},
		{errors.Join(&TooFew{Missing: []party.ID{"a"}}, errors.New("x")), wire.Code_SILENCE},
		{errors.New("disk full"), wire.Code_INTERNAL},
	} {
		if got := CodeOf(tc.err); got != tc.want {
			t.Errorf("%v: got %v, want %v", tc.err, got, tc.want)
		}
	}
	if s := (&TooFew{Missing: []party.ID{"a", "b"}}).Error(); s != "round: no answer from a, b" {
		t.Errorf("got %q", s)
	}
}
