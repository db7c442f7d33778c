//! Execution of a batch: from a request to the circuit's advice, refusing what docs/prover.md says.

use halo2_axiom::halo2curves::bn256::Fr;

use crate::signature::Signature;

/// A value of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Of steps that give none.
    None,
    Integer(i128),
    /// This suite's part of a key, reduced: `F(32 bytes)`.
    Key(Fr),
}

/// What a circuit is given of one slot.
#[derive(Debug, Clone)]
pub struct SlotAdvice {
    /// The slot's input words.
    pub words: Vec<u32>,
    /// One a port, in order.
    pub accesses: Vec<Access>,
    /// One an authorization, in order; [`Signature::NONE`] where it is not enabled.
    pub signatures: Vec<Signature>,
    /// The value of every step, by id.
    pub values: Vec<Value>,
}

/// The opening of one port; zeros if the port is not enabled.
#[derive(Debug, Clone)]
pub struct Access {
    /// The record's fields before the slot, in order.
    pub fields: Vec<Value>,
    /// From the leaf up, as many as the map is deep.
    pub siblings: Vec<Fr>,
}

/// What a circuit is given of one batch.
#[derive(Debug, Clone)]
pub struct Advice {
    /// The state's cells before the first slot, in order.
    pub cells: Vec<Value>,
    /// The maps' roots before the first slot, in order.
    pub map_roots: Vec<Fr>,
    pub slots: Vec<SlotAdvice>,
}

/// The public values of a proof, in the order of docs/program.md §6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicInputs {
    pub pre_root: Fr,
    pub post_root: Fr,
    pub commitment: Fr,
    pub challenge: Fr,
    pub evaluation: Fr,
    pub payee: Fr,
    pub domain: Fr,
}

impl PublicInputs {
    pub fn to_vec(&self) -> Vec<Fr> {
        vec![
            self.pre_root,
            self.post_root,
            self.commitment,
            self.challenge,
            self.evaluation,
            self.payee,
            self.domain,
        ]
    }
}
