package mhe

import (
	"fmt"
	"io"
	"log/slog"
)

// What holds keys, masks or terms prints as its name, whatever the verb.

// Format implements fmt.Formatter.
func (s *Session) Format(f fmt.State, _ rune) { io.WriteString(f, "mhe.Session(…)") }

// LogValue implements slog.LogValuer.
func (*Session) LogValue() slog.Value { return slog.StringValue("mhe.Session(…)") }

// Format implements fmt.Formatter.
func (r *Retained) Format(f fmt.State, _ rune) { io.WriteString(f, "mhe.Retained(…)") }

// LogValue implements slog.LogValuer.
func (*Retained) LogValue() slog.Value { return slog.StringValue("mhe.Retained(…)") }

// Format implements fmt.Formatter.
func (o *Opening) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "mhe.Opening(%s)", o.Circuit.Name) }

// LogValue implements slog.LogValuer.
func (o *Opening) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(o)) }

// Format implements fmt.Formatter: ciphertexts are no secret, but large.
func (c *Ciphertext) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "mhe.Ciphertext(level %d)", c.level) }

// Format implements fmt.Formatter.
func (secretKey) Format(f fmt.State, _ rune) { io.WriteString(f, "mhe.secretKey(…)") }

// LogValue implements slog.LogValuer.
func (secretKey) LogValue() slog.Value { return slog.StringValue("mhe.secretKey(…)") }

// Format implements fmt.Formatter.
func (p Plain) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "mhe.Plain(%s, %d coefficients)", p.Name, len(p.At))
}

// LogValue implements slog.LogValuer.
func (p Plain) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }
