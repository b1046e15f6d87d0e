package wire

// Sizes in bytes of the things of fixed length that messages are made of.
const (
	DigestSize    = 32
	KeySize       = 1216 // X-Wing public key
	PartSize      = 1120 + 32 + 16
	TagSize       = 16
	CellSize      = 16
	HeadSize      = 8 + 32 // an outbox head: sequence, chain
	VeiledSize    = 32 + 16
	ForReaderSize = 1120 + 32 + 16
	SignatureSize = 64 + 3309
	ClaimSize     = 3 * 8 // three residues of one prime
	BlockSize     = 4
	MaxMembers    = 200 // the carry of a sum must fit a byte, the hub's memory a machine
	MaxCells      = 1 << 22
	MaxPrimes     = 32 // of an encrypted session's ring
	MaxBlocks     = 64 // of one share
	MaxShareParts = 256

	lastType = Type_RELAYED
)

// Limits bound a study, and with it every message of it.
type Limits struct {
	Members int  // 1 to MaxMembers; the number of members of the roster
	Cells   int  // 1 to MaxCells; the most cells any one sum has
	Reader  bool // there is a reader: some sums may be unlocked for it and for the members
	Share   int  // bytes of the largest share of an encrypted session; 0 where there is none
	Full    bool // the shares of an encrypted session go to every member
}

const (
	// around is what an Envelope adds to body, bulk and signatures at most:
	// tags and lengths, plan, attempt, type, sequence, part, two names of 64.
	around = 220
	signed = around + SignatureSize
	field  = 6 // tag and length of a field of bytes
)

// Max returns the largest number of bytes an Envelope of type t can have, and 0
// for types there are not.
func (l Limits) Max(t Type) int {
	n, vector := l.Members, (l.Cells+1)*CellSize
	const (
		digest = DigestSize + field
		head   = 7*digest + 3*11 + 2
		unlock = 4*digest + field
		closed = 4*digest + 4*field
		seen   = digest + HeadSize + field + 64 + field
	)
	shown := 0
	if l.Reader {
		shown = 1
	}
	hello := signed + 5*digest + KeySize + field + n*HeadSize
	seal := signed + digest + n*DigestSize + 2*field
	switch t {
	case Type_HELLO:
		return hello
	case Type_HELLOS:
		return around + n*(hello+field)
	case Type_SEAL:
		return seal + n*PartSize
	case Type_SEALS:
		return around + n*(seal+PartSize+3*field)
	case Type_MASKED:
		return signed + head + n*TagSize + vector + 2*field
	case Type_SUMMED:
		return around + n*(head+TagSize+3*field) + vector + l.Cells + 1 + 2*field
	case Type_UNLOCK:
		return signed + unlock + ForReaderSize + shown*VeiledSize + n*TagSize
	case Type_UNLOCKS:
		return around + n*(unlock+VeiledSize+shown*ForReaderSize+TagSize+3*field)
	case Type_COLLECTED:
		return around + 3*digest
	case Type_CLOSE:
		return signed + closed
	case Type_CLOSED:
		return around + n*(signed+closed+field)
	case Type_STOP:
		return around + 80
	case Type_RECALL:
		return signed + digest
	case Type_SEEN:
		return signed + seen
	case Type_RELAYED:
		return around + field + signed + seen
	}
	return l.encrypted(t)
}

// encrypted is Max for the messages of an encrypted session, which a study may
// do without.
func (l Limits) encrypted(t Type) int {
	if l.Share <= 0 {
		return 0
	}
	const (
		digest = DigestSize + field
		vow    = 4*digest + MaxPrimes*ClaimSize + field + MaxBlocks*BlockSize + field + 2
	)
	n, each := l.Members, DigestSize // of the coin, which all members get in full
	if l.Full {
		each = max(l.Share, each)
	}
	switch t {
	case Type_VOW:
		return signed + vow + n*TagSize
	case Type_VOWS:
		return around + n*(vow+TagSize+3*field)
	case Type_SHARE:
		return signed + digest + MaxShareParts*DigestSize + field + l.Share
	case Type_FOLDED:
		return around + field + max(l.Share, n*(digest+each+2*field))
	}
	return 0
}

// Largest is the most bytes any message can have: what a transport may read
// before it knows the type.
func (l Limits) Largest() int {
	most := 0
	for t := Type_HELLO; t <= lastType; t++ {
		most = max(most, l.Max(t))
	}
	return most
}

// MaxPackage is the largest number of bytes of an encoded Package.
func (l Limits) MaxPackage() int {
	return around + l.Members*(l.Max(Type_UNLOCK)+signed+512) + (l.Cells+1)*(CellSize+1)
}
