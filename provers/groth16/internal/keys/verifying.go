package keys

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"

	"multiprover/provers/groth16/internal/lowering"
)

// inputPoints is the number of points by which a key weighs the public inputs: the constant, the public values, the commitment's challenge.
const inputPoints = 1 + lowering.PublicInputs + 1

// ErrUnsoundKey is the error of a verifying key that no proof may be checked with.
var ErrUnsoundKey = errors.New("unsound verifying key")

// ErrCommitmentBase is the error of a key whose commitment stands on another base than beta, as gnark's own keys do: L1 would check other equations than such a key's.
var ErrCommitmentBase = errors.New("the commitment's base is not beta")

// EncodeVerifyingKey is gnark's raw encoding.
func EncodeVerifyingKey(key *groth16bn254.VerifyingKey) ([]byte, error) {
	var raw bytes.Buffer
	if _, err := key.WriteRawTo(&raw); err != nil {
		return nil, fmt.Errorf("verifying key: %w", err)
	}
	return raw.Bytes(), nil
}

// ReadVerifyingKey reads gnark's raw encoding, checks that every point is in its group, and checks the key itself.
func ReadVerifyingKey(raw []byte) (*groth16bn254.VerifyingKey, error) {
	key := new(groth16bn254.VerifyingKey)
	n, err := key.ReadFrom(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("verifying key: %w", err)
	}
	if n != int64(len(raw)) {
		return nil, fmt.Errorf("verifying key: expected %d bytes, found %d", n, len(raw))
	}
	return key, CheckVerifyingKey(key)
}

// CheckVerifyingKey refuses the keys under which proofs can be forged or changed:
//
//   - gamma = ±delta, as a setup without its second phase leaves them: a forger moves the public part into the proof's C;
//   - a point of an input that is zero: a proof then holds for every value of that input;
//   - a commitment key with sigma = ±1 or zero: no knowledge is proven;
//   - public values inside of the commitment, which the L1 verifier does not hash.
//
// It also refuses keys with another commitment base than beta (ErrCommitmentBase).
func CheckVerifyingKey(key *groth16bn254.VerifyingKey) error {
	if len(key.G1.K) != inputPoints {
		return fmt.Errorf("%w: expected %d input points, found %d", ErrUnsoundKey, inputPoints, len(key.G1.K))
	}
	if len(key.CommitmentKeys) != 1 || len(key.PublicAndCommitmentCommitted) != 1 || len(key.PublicAndCommitmentCommitted[0]) != 0 {
		return fmt.Errorf("%w: expected one commitment, to no public value, found %d to %v", ErrUnsoundKey, len(key.CommitmentKeys), key.PublicAndCommitmentCommitted)
	}
	if related(&key.G2.Gamma, &key.G2.Delta) {
		return fmt.Errorf("%w: expected gamma and delta to be independent, found gamma = ±delta", ErrUnsoundKey)
	}
	commitment := &key.CommitmentKeys[0]
	if related(&commitment.G, &commitment.GSigmaNeg) {
		return fmt.Errorf("%w: expected a commitment key with a secret sigma, found G = ±sigma·G", ErrUnsoundKey)
	}
	if !commitment.G.Equal(&key.G2.Beta) {
		return fmt.Errorf("%w: expected %s, found %s", ErrCommitmentBase, key.G2.Beta.String(), commitment.G.String())
	}
	for name, point := range map[string]*bn254.G2Affine{
		"beta": &key.G2.Beta, "gamma": &key.G2.Gamma, "delta": &key.G2.Delta, "commitment -sigma·G": &commitment.GSigmaNeg,
	} {
		if point.IsInfinity() {
			return fmt.Errorf("%w: %s is the point at infinity", ErrUnsoundKey, name)
		}
	}
	for i, point := range append([]bn254.G1Affine{key.G1.Alpha}, key.G1.K...) {
		if point.IsInfinity() {
			return fmt.Errorf("%w: point %d of alpha and the inputs is the point at infinity", ErrUnsoundKey, i)
		}
	}
	return nil
}

func related(p, q *bn254.G2Affine) bool {
	var negated bn254.G2Affine
	negated.Neg(q)
	return p.Equal(q) || p.Equal(&negated)
}

// CheckPair checks that a proving key belongs to a verifying key.
func CheckPair(proving *groth16bn254.ProvingKey, verifying *groth16bn254.VerifyingKey) error {
	if !proving.G1.Alpha.Equal(&verifying.G1.Alpha) || !proving.G1.Delta.Equal(&verifying.G1.Delta) ||
		!proving.G2.Beta.Equal(&verifying.G2.Beta) || !proving.G2.Delta.Equal(&verifying.G2.Delta) {
		return errors.New("expected the proving key of the verifying key, found another's")
	}
	return nil
}

// L1Verifier is the ABI encoding of the constructor arguments of the contract Groth16Adapter but its last:
//
//	(alpha: uint256[2], beta: uint256[4], gamma: uint256[4], delta: uint256[4],
//	 commitment_g: uint256[4], commitment_g_sigma_neg: uint256[4], ic: DynArray[uint256[2], 16])
//
// Points of G2 stand as the pairing precompile takes them: x_im, x_re, y_im, y_re (EIP-197). No point is negated.
func L1Verifier(key *groth16bn254.VerifyingKey) []byte {
	var words []fp.Element
	addG1 := func(p *bn254.G1Affine) { words = append(words, p.X, p.Y) }
	addG2 := func(p *bn254.G2Affine) { words = append(words, p.X.A1, p.X.A0, p.Y.A1, p.Y.A0) }
	addG1(&key.G1.Alpha)
	addG2(&key.G2.Beta)
	addG2(&key.G2.Gamma)
	addG2(&key.G2.Delta)
	addG2(&key.CommitmentKeys[0].G)
	addG2(&key.CommitmentKeys[0].GSigmaNeg)
	offset := fp.NewElement(uint64(len(words)+1) * fp.Bytes)
	words = append(words, offset, fp.NewElement(uint64(len(key.G1.K))))
	for i := range key.G1.K {
		addG1(&key.G1.K[i])
	}
	raw := make([]byte, 0, len(words)*fp.Bytes)
	for i := range words {
		word := words[i].Bytes()
		raw = append(raw, word[:]...)
	}
	return raw
}
