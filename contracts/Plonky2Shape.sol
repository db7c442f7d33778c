// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// The final circuit, the same for every program and batch size (provers/plonky2/L1.md), and its field.

uint256 constant P = 0xffffffff00000001;
uint256 constant MASK64 = 0xffffffffffffffff;
uint256 constant GENERATOR = 14293326489335486720; // of the multiplicative group, as plonky2 chose it

uint256 constant NUM_PUBLIC_INPUTS = 25;
uint256 constant NUM_SELECTORS = 4;
uint256 constant UNUSED_SELECTOR = 0xffffffff;
uint256 constant NUM_CONSTANTS = 6; // the selectors, then the constants of the gates
uint256 constant NUM_ROUTED = 56;
uint256 constant NUM_WIRES = 135;
uint256 constant NUM_CHALLENGES = 3;
uint256 constant NUM_PARTIALS = 6; // partial products a challenge
uint256 constant QUOTIENT_FACTOR = 8;
uint256 constant NUM_GATE_CONSTRAINTS = 123;
uint256 constant DEGREE_BITS = 12;

uint256 constant RATE_BITS = 8;
uint256 constant LDE_BITS = DEGREE_BITS + RATE_BITS; // of the domain
uint256 constant CAP_HEIGHT = 5;
uint256 constant GRINDING_BITS = 25;
uint256 constant NUM_QUERIES = 19;
uint256 constant NUM_LAYERS = 1;
uint256 constant ARITY_BITS = 0x04; // a byte a folding, the first the lowest
uint256 constant MAX_ARITY_BITS = 4;
uint256 constant FINAL_BITS = 8; // the final polynomial has 2^FINAL_BITS coefficients
uint256 constant DEGREE_ROOT = 4355325209153869931; // of unity, of order 2^DEGREE_BITS
uint256 constant LDE_ROOT = 1971462654193939361; // of order 2^LDE_BITS
uint256 constant PROOF_BYTES = 96632;

// What the transcript begins with: plonky2's encoding of the parameters above.
bytes constant TRANSCRIPT_HEADER =
    hex"0000000000000008000000000000000500000000000000190000000000000000000000000000000400000000000000130000000000000000000000000000000c0000000000000004";
