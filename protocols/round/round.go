package round

import (
	"github.com/consilium-health/consilium/protocols/party"
)

// Message is bytes on their way from one party to another. Body is an encoded
// wire.Envelope. From is what the transport authenticated; the envelope says it
// again, under signatures.
type Message struct {
	From, To party.ID
	Body     []byte
}

// Machine is one party's side of one run. It has no socket, clock or
// goroutine: messages go in, messages come out. It must not be used by two goroutines at once.
//
// Messages that are returned together with an error are to be sent like any
// others: they tell the other parties, by a code, that this side has stopped. After
// an error the machine answers nothing more.
type Machine[R any] interface {
	// Start returns the first messages. Called again, later or after a
	// restart, it returns the same bytes again (what the present step has
	// sent): that is how a lost message is repeated.
	Start() ([]Message, error)
	// Receive takes one message. *Blame names a party whose message was bad.
	// A message that belongs to another run is dropped without answer.
	Receive(Message) ([]Message, error)
	// Expire says that the time for the present step is over. The machine
	// goes on without what is missing, or gives up with *TooFew.
	Expire() ([]Message, error)
	// Result returns what the run yielded, once it has.
	Result() (R, bool)
}
