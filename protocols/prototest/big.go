package prototest

import "math/big"

func toBig(c [2]uint64) *big.Int {
	hi := new(big.Int).SetUint64(c[1])
	return hi.Lsh(hi, 64).Add(hi, new(big.Int).SetUint64(c[0]))
}

func fromBig(x *big.Int) [2]uint64 {
	mask := new(big.Int).SetUint64(^uint64(0))
	lo := new(big.Int).And(x, mask)
	hi := new(big.Int).And(new(big.Int).Rsh(x, 64), mask)
	return [2]uint64{lo.Uint64(), hi.Uint64()}
}
