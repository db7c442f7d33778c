package prover

import (
	"multiprover/provers/groth16/internal/keys"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/suite"
)

// What this prover is.
const (
	ProofType     = "groth16"
	Version       = "0.1.0"
	FormatVersion = 2
)

// KeyVersion is the version under which keys are cached.
var KeyVersion = keys.Version{Prover: Version, Format: FormatVersion}

// Manifest lists every component that the proof type rests on, and its security term by term.
func Manifest() *proverv1.Manifest {
	component := func(layer, id, version, note string) *proverv1.Component {
		return &proverv1.Component{Layer: layer, Id: id, Version: version, Note: note}
	}
	return &proverv1.Manifest{
		ProofType:     ProofType,
		Version:       Version,
		FormatVersion: FormatVersion,
		Suites:        []string{suite.Name},
		Components: []*proverv1.Component{
			component("specification", "program", "1", "docs/program.md: what a program means"),
			component("specification", "transition-source", "", "the user's Python, which the program is the trace of"),
			component("specification", "suite-bn254", "1", "docs/suites.md: packing, hashing, signing and binding"),
			component("tracer", "multiprover-tracer", "1", "the program comes from the Python tracer; it is checked, not retraced"),
			component("lowering", "groth16-lowering", Version, "program to R1CS, and its own witness generation; Go, shared with no other proof type"),
			component("gadget-library", "gnark", "0.16.3", "R1CS builder, range check, Groth16; hash, signature and integer gadgets are this prover's own"),
			component("gadget-library", "gnark-crypto", "0.21.0", "field and curve arithmetic, FFT, multi-exponentiation"),
			component("field", "field-bn254-fr", "", "the circuit's field"),
			component("field", "curve-bn254", "", "the pairing curve of proof and L1 verifier"),
			component("field", "curve-babyjubjub", "EIP-2494", "the curve of the signatures"),
			component("hash", "poseidon2-bn254", "t=3, 8+56 rounds", "state, journal, transactions, signatures; HorizenLabs' constants"),
			component("hash", "keccak256", "", "claim, challenge and the proof's commitment hashed to the field"),
			component("setup", "groth16-one-party-setup", "", "made by whoever ran Prepare; no ceremony. Not a stock gnark key: the commitment key's base in G2 is beta (README)"),
			component("l1-verifier", "Groth16Adapter", "1", "contract that checks the proof"),
			component("l1-verifier", "evm-pairing-precompile", "EIP-197", "with EIP-196 addition and multiplication"),
		},
		Security: []*proverv1.SecurityTerm{
			{
				Name: "discrete logarithms and pairings on BN254", ProvenBits: 0, ConjecturedBits: 100,
				Source: "Barbulescu, Duquesne, Updating key size estimations for pairings, eprint 2017/334: about 2^100 for the tower sieve in the target field",
			},
			{
				Name: "Groth16 knowledge soundness", ProvenBits: 0, ConjecturedBits: 100,
				Source: "Groth, eprint 2016/260, and eprint 2022/1072 for the commitment: proven in the generic group model and with an honest setup only; bounded by BN254",
			},
			{
				Name: "signatures: discrete logarithms in BabyJubJub's subgroup", ProvenBits: 0, ConjecturedBits: 125.1,
				Source: "Pollard's rho, sqrt(pi·l/4) for l of about 2^250.6 (EIP-2494)",
			},
			{
				Name: "Poseidon2 collisions", ProvenBits: 0, ConjecturedBits: 126.8,
				Source: "eprint 2023/323: 128 bits claimed for t=3, d=5, 8+56 rounds; a digest of 253.6 bits gives 126.8",
			},
			{
				Name: "journal binding", ProvenBits: 231.6, ConjecturedBits: 231.6,
				Source: "docs/suites.md §1: a wrong evaluation passes with probability below n/r; n at most 2^22 packed elements, challenge from keccak256 as a random oracle",
			},
			{
				Name: "log-derivative arguments", ProvenBits: 227, ConjecturedBits: 227,
				Source: "eprint 2022/1530: at most 4(rows + queries)/r with fewer than 2^24 of them; challenges from the proof's commitment as a random oracle",
			},
		},
		Warnings: []string{
			"The keys come from a one-party setup: whoever ran it could have kept its secrets and could then prove anything. Run a ceremony before real value depends on this proof type.",
			"BN254 gives about 100 bits of security, and none against a quantum computer.",
		},
	}
}
