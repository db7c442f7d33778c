// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Made from the tables and the parameters for L1 by `make contracts` (provers/stark/src/l1.rs): do not edit.

uint256 constant LOG_BLOWUP = 7;
uint256 constant NUM_QUERIES = 22;
uint256 constant FINAL_BITS = 5; // logarithm of the last polynomial's length
uint256 constant MAX_ARITY_BITS = 3; // of a folding
uint256 constant CAP_HEIGHT = 4; // of every tree
uint256 constant LOOKUP_GRINDING = 8; // bits
uint256 constant OOD_GRINDING = 8;
uint256 constant BATCH_GRINDING = 18;
uint256 constant COMMIT_GRINDING = 12;
uint256 constant QUERY_GRINDING = 24;
uint256 constant NUM_OPENINGS = 1142; // elements of the extension
uint256 constant ROW_ELEMENTS = 739; // elements of the field in a query's rows
// Columns of a table, two bytes each by table, with 2^15 if they are opened at the next row, too.
uint256 constant MAIN_COLUMNS = 0x80af0029004e0003800d801900080001;
uint256 constant QUOTIENT_COLUMNS = 0x000a00140028000a000a000a00050005;
uint256 constant PREPROCESSED_COLUMNS = 0x001500150006000a000d0008000f0001;
uint256 constant BUS_COLUMNS = 0x801980238032800f80148019800a800a;
bytes32 constant SHAPE = 0x3e423c6f3ea5dfb5e6bb4773eb7fd7daca09eb7aba632fc2093c90b53c03585b; // keccak256 of the lines above
