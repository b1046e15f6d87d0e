package reference

import (
	"encoding"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/cloudflare/circl/vdaf/prio3/sumvec"
)

// PrioCost is what sums by Prio3SumVec cost. Seconds are of one thread, of all clients together.
type PrioCost struct {
	Clients, Cells, Bits int
	Chunk                int // of the proof: the square root of cells x bits makes it shortest

	Shard     float64 // seconds: the clients' work, the proofs included
	Prepare   float64 // seconds: both aggregators' checking of the proofs
	Aggregate float64 // seconds: adding output shares, and the result

	BytesUp      int // of one client: public share and both input shares
	BytesBetween int // between the aggregators for one client: preparation shares and message
}

// PrioSum adds the clients' vectors of whole numbers below 2^bits with
// Prio3SumVec (draft-irtf-cfrg-vdaf, Prio3 of Corrigan-Gibbs and Boneh, NSDI
// 2017; the implementation is circl's) and two aggregators, of which one must be
// honest: another trust than masked sums among the hospitals themselves ask. Each client proves
// that its numbers are in range, which masked sums do not. rand is where shares come from.
func PrioSum(rand io.Reader, clients [][]uint64, bits int) ([]uint64, *PrioCost, error) {
	if len(clients) == 0 || len(clients[0]) == 0 || bits < 1 || bits > 63 {
		return nil, nil, fmt.Errorf("reference: %d clients and %d bits, want at least one client with one number, of 1 to 63 bits", len(clients), bits)
	}
	cells := len(clients[0])
	for i, c := range clients {
		if len(c) != cells {
			return nil, nil, fmt.Errorf("reference: client %d has %d numbers, the first has %d", i, len(c), cells)
		}
	}
	cost := &PrioCost{Clients: len(clients), Cells: cells, Bits: bits, Chunk: max(1, int(math.Sqrt(float64(cells*bits))))}
	v, err := sumvec.New(2, uint(cells), uint(bits), uint(cost.Chunk), []byte("consilium bench"))
	if err != nil {
		return nil, nil, fmt.Errorf("reference: %w", err)
	}
	var key sumvec.VerifyKey
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return nil, nil, err
	}
	totals := []sumvec.AggShare{v.AggregateInit(), v.AggregateInit()}
	for i, c := range clients {
		if err := prioClient(rand, v, &key, c, totals, cost); err != nil {
			return nil, nil, fmt.Errorf("reference: client %d: %w", i, err)
		}
	}
	start := time.Now()
	sum, err := v.Unshard(totals, uint(len(clients)))
	cost.Aggregate += time.Since(start).Seconds()
	if err != nil {
		return nil, nil, fmt.Errorf("reference: %w", err)
	}
	return *sum, cost, nil
}

// prioClient shards, prepares and aggregates the numbers of one client.
func prioClient(rand io.Reader, v *sumvec.SumVec, key *sumvec.VerifyKey, numbers []uint64, totals []sumvec.AggShare, cost *PrioCost) error {
	params := v.Params()
	var nonce sumvec.Nonce
	seeds := make([]byte, params.RandSize())
	if _, err := io.ReadFull(rand, nonce[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(rand, seeds); err != nil {
		return err
	}
	start := time.Now()
	public, inputs, err := v.Shard(numbers, &nonce, seeds)
	if err != nil {
		return err
	}
	cost.Shard += time.Since(start).Seconds()
	if cost.BytesUp, err = encodedLength(&public, &inputs[0], &inputs[1]); err != nil {
		return err
	}
	start = time.Now()
	states, shares := make([]*sumvec.PrepState, 2), make([]sumvec.PrepShare, 2)
	for a := range states {
		state, share, err := v.PrepInit(key, &nonce, uint8(a), public, inputs[a])
		if err != nil {
			return err
		}
		states[a], shares[a] = state, *share
	}
	message, err := v.PrepSharesToPrep(shares)
	if err != nil {
		return err
	}
	outs := make([]*sumvec.OutShare, 2)
	for a := range outs {
		if outs[a], err = v.PrepNext(states[a], message); err != nil {
			return err
		}
	}
	cost.Prepare += time.Since(start).Seconds()
	if cost.BytesBetween, err = encodedLength(&shares[0], &shares[1], message); err != nil {
		return err
	}
	start = time.Now()
	for a := range outs {
		v.AggregateUpdate(&totals[a], outs[a])
	}
	cost.Aggregate += time.Since(start).Seconds()
	return nil
}

// encodedLength is the length of messages as they would be sent.
func encodedLength(messages ...encoding.BinaryMarshaler) (n int, err error) {
	for _, m := range messages {
		b, err := m.MarshalBinary()
		if err != nil {
			return 0, err
		}
		n += len(b)
	}
	return n, nil
}
