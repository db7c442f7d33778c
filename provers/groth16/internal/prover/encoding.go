package prover

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"

	"multiprover/provers/groth16/internal/refusal"
)

// Sizes of a proof. Native: A, B, C compressed, the number of commitments (1) in 4 bytes, the commitment and its proof of knowledge compressed. On
// L1: the same points uncompressed, without the number.
const (
	commitmentsAt = 2*bn254.SizeOfG1AffineCompressed + bn254.SizeOfG2AffineCompressed
	ProofBytes    = commitmentsAt + 4 + 2*bn254.SizeOfG1AffineCompressed
	L1ProofBytes  = 4*bn254.SizeOfG1AffineUncompressed + bn254.SizeOfG2AffineUncompressed
)

// EncodeProof is gnark's compressed encoding, 196 bytes.
func EncodeProof(proof *groth16bn254.Proof) ([]byte, error) {
	var raw bytes.Buffer
	if _, err := proof.WriteTo(&raw); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	return raw.Bytes(), nil
}

// DecodeProof reads the one encoding of a proof: its length, compressed points that are canonical, on their curves and in their groups, none of them
// the point at infinity. Errors are refusals.
func DecodeProof(raw []byte) (*groth16bn254.Proof, error) {
	if len(raw) != ProofBytes {
		return nil, refusal.New(refusal.Malformed, fmt.Sprintf("%d bytes", ProofBytes), len(raw), "proof")
	}
	if commitments := binary.BigEndian.Uint32(raw[commitmentsAt:]); commitments != 1 {
		return nil, refusal.New(refusal.Malformed, 1, commitments, "commitments of the proof")
	}
	proof := new(groth16bn254.Proof)
	if _, err := proof.ReadFrom(bytes.NewReader(raw)); err != nil {
		return nil, refusal.New(refusal.NonCanonical, "canonical points of BN254's groups", err, "proof")
	}
	if again, err := EncodeProof(proof); err != nil || !bytes.Equal(raw, again) {
		return nil, refusal.New(refusal.NonCanonical, fmt.Sprintf("%#x", again), fmt.Sprintf("%#x", raw), "encoding of the proof")
	}
	if err := checkPoints(proof); err != nil {
		return nil, refusal.New(refusal.NonCanonical, "no point at infinity", err, "proof")
	}
	return proof, nil
}

// errInfinity is the error of a proof with the point at infinity: an honest one has it with probability 2^-250, and its L1 form is another than gnark's.
var errInfinity = errors.New("a point at infinity")

func checkPoints(proof *groth16bn254.Proof) error {
	for _, p := range []*bn254.G1Affine{&proof.Ar, &proof.Krs, &proof.Commitments[0], &proof.CommitmentPok} {
		if p.IsInfinity() {
			return errInfinity
		}
	}
	if proof.Bs.IsInfinity() {
		return errInfinity
	}
	return nil
}

// EncodeL1Proof is what the L1 adapter takes: A, B (x_im, x_re, y_im, y_re), C, the commitment and its proof of knowledge, 384 bytes.
func EncodeL1Proof(proof *groth16bn254.Proof) ([]byte, error) {
	if err := checkPoints(proof); err != nil {
		return nil, fmt.Errorf("proof for L1: %w", err)
	}
	raw := proof.MarshalSolidity()
	if len(raw) != L1ProofBytes {
		return nil, fmt.Errorf("proof for L1: expected %d bytes, found %d", L1ProofBytes, len(raw))
	}
	return raw, nil
}
