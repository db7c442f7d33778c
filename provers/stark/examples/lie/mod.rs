//! A planted fault, as bad as one can be: the words that a batch puts out stand in its journal without a link to what the slots computed.
//!
//! In the layout of the lowering, each such word of the journal is sent by the ALU row that made the value. Here it is sent by an ALU row
//! that is an input of the witness: the row is there, the equation that should stand in it is not. Whoever fills these rows otherwise has
//! proofs of any outputs for a batch that could happen: a withdrawal of another sum, say. All else is the product's: program, slots, roots,
//! constraints, and so the contract. The product's prover makes its keys from the program, so it refuses these; verifying takes them.

use std::collections::HashMap;

use multiprover_stark::batch;
use multiprover_stark::builder::cells_of;
use multiprover_stark::execution::{self, Advice, Statement};
use multiprover_stark::keys::{Cache, FORMAT_VERSION, Form, Keys, Verifier};
use multiprover_stark::pb::prover as pb;
use multiprover_stark::program::Program;
use multiprover_stark::prover::{self, PROOF_TYPE};
use multiprover_stark::suite::{half_words, permute, tag};
use multiprover_stark::tables::{F, Layout, Witness, alu, block};
use multiprover_stark::{l1, lowering};
use p3_field::{PrimeCharacteristicRing, PrimeField32};

/// What is put out instead: the whole journal in words, and the public `z` that goes with it.
pub struct Claim<'a> {
    pub advice: &'a Advice,
    pub journal: &'a [u32],
    pub z: [F; 5],
}

/// A number that no wire has.
fn unused(layout: &Layout) -> u32 {
    let hash = layout.hash.iter().flat_map(|row| [row.id_out, row.id_sib]);
    let alu = layout.alu.iter().flat_map(|row| [row.id_c, row.id_bit]);
    let block = layout.block.iter().flat_map(|row| [row.id_out, row.id_key]);
    let others = layout.logic.iter().map(|row| row.id_c).chain(layout.values.iter().map(|row| row.id));
    hash.chain(alu).chain(block).chain(others).map(|id| id.as_canonical_u32()).max().unwrap_or(0) + 1
}

/// The tables of a batch with the fault, and a witness of what is claimed.
pub fn lower(program: &Program, slots: usize, claim: Option<&Claim>) -> anyhow::Result<(Layout, Option<Witness>)> {
    let (mut layout, mut witness) = lowering::lower(program, slots, claim.map(|c| c.advice))?;
    let words = program.journal_words(slots);
    let blocks = words.div_ceil(4);
    let mut next = unused(&layout);
    let mut fresh = || {
        next += 1;
        F::from_u32(next - 1)
    };
    let senders: HashMap<F, usize> = layout.alu.iter().enumerate().map(|(row, pre)| (pre.id_c, row)).collect();
    let mut apart: Vec<(block::Pre<F>, Option<[F; 8]>)> = vec![];
    for n in 0..blocks {
        // The journal's blocks stand last, in reverse; the rows that hash them stand last, too.
        let (row, hash) = (layout.block.len() - 1 - n, layout.hash.len() - blocks + n);
        let pre = &mut layout.block[row];
        anyhow::ensure!(pre.f_journal == F::ONE && layout.hash[hash].id_in == pre.id_out, "expected the journal's block {n}");
        let count = |alu: &mut [alu::Pre<F>], id: F, by: F| {
            let id = id.as_canonical_u32();
            let sender = &mut alu[senders[&F::from_u32(id / 2)]];
            *(if id % 2 == 1 { &mut sender.m_w1 } else { &mut sender.m_w0 }) += by;
        };
        if pre.m_out != F::ONE {
            // A record or a transaction is hashed from the same block: that one stays as it is, in a row of its own.
            let stays = block::Pre { f_journal: F::ZERO, m_out: pre.m_out - F::ONE, ..*pre };
            (0..4).filter(|&j| pre.f_w[j] == F::ONE).for_each(|j| count(&mut layout.alu, pre.id_w[j], F::ONE));
            apart.push((stays, witness.as_ref().map(|w| w.block[row].h)));
            (pre.id_out, pre.m_out) = (fresh(), F::ONE);
            layout.hash[hash].id_in = pre.id_out;
        }
        for j in 0..4 {
            let word = 4 * n + j;
            if !(slots * program.input_words..words).contains(&word) {
                continue;
            }
            count(&mut layout.alu, pre.id_w[j], -F::ONE);
            let id = fresh();
            pre.id_w[j] = id.double();
            let input =
                alu::Pre { id_c: id, m_w0: F::ONE, f_range: F::ONE, f_words: F::ONE, f_short: F::ONE, ..Default::default() };
            layout.alu.push(input);
            if let (Some(witness), Some(claim)) = (&mut witness, claim) {
                witness.alu.push(alu::Main { c: cells_of(claim.journal[word].into()), ..Default::default() });
                witness.block[row].h[2 * j..2 * j + 2].copy_from_slice(&half_words(claim.journal[word]));
            }
        }
    }
    if let (Some(witness), Some(claim)) = (&mut witness, claim) {
        conclude(&layout, witness, blocks, claim.z);
    }
    for (pre, h) in apart {
        layout.block.insert(0, pre);
        if let (Some(witness), Some(h)) = (&mut witness, h) {
            witness.block.insert(0, block::Main { h, y: Default::default() });
        }
    }
    Ok((layout, witness))
}

/// The evaluation and the commitment that follow from the journal's blocks.
fn conclude(layout: &Layout, witness: &mut Witness, blocks: usize, z: [F; 5]) {
    let first = witness.block.len() - blocks;
    let mut y = Default::default();
    for row in &mut witness.block[first..] {
        row.y = y;
        y = block::step(&y, &z, &row.h);
    }
    let halves: Vec<[F; 8]> = witness.block[first..].iter().rev().map(|row| row.h).collect();
    let first = witness.hash.len() - blocks;
    let mut state = witness.hash[first].input;
    for (row, h) in witness.hash[first..].iter_mut().zip(halves) {
        state[..8].copy_from_slice(&h);
        row.input = state;
        state = permute(state);
    }
    let pin = layout.values.iter().position(|row| row.f_commitment == F::ONE).expect("every batch has a commitment");
    debug_assert_eq!(layout.hash[first].tag, F::from_u32(tag::JOURNAL));
    witness.values[pin].x = std::array::from_fn(|j| state[j]);
}

/// Makes keys with the fault where the prover with the same cache finds its own; their id. Those that are there are kept.
pub fn keys(cache: &Cache, encoded: &[u8], slots: usize) -> anyhow::Result<[u8; 32]> {
    let program = Program::decode(encoded)?;
    anyhow::ensure!(slots > 0, "expected a slot at least");
    let keys = Keys::at(cache, &program.id, slots);
    if !keys.exist() {
        let (layout, _) = lower(&program, slots, None)?;
        let (_, verifying) = batch::keys(&layout, cache.form.parameters())?;
        let early = cache.form.early().map(|parameters| batch::keys(&layout, parameters)).transpose()?;
        keys.write(encoded, &Verifier::new(verifying, early.map(|(_, verifying)| verifying)))?;
    }
    Ok(keys.verifier()?.id)
}

/// A proof of a lie, under such keys: that the batch of `truth` put out what `journal` says.
///
/// `statement` is what is claimed: of the same slots on the same state as `truth`, a request that could be proven.
pub fn prove(cache: &Cache, truth: &pb::ProveRequest, statement: &pb::Statement, journal: &[u8]) -> anyhow::Result<pb::Proof> {
    let honest = Statement::decode(truth.statement.as_ref())?;
    let claimed = Statement::decode(Some(statement))?;
    let keys = Keys::at(cache, &honest.program_id, honest.slots);
    let (program, verifier) = (keys.program()?, keys.verifier()?);
    let journal: Vec<u32> = journal.chunks(4).map(|w| Ok(u32::from_be_bytes(w.try_into()?))).collect::<anyhow::Result<_>>()?;
    anyhow::ensure!(journal.len() == program.journal_words(honest.slots), "expected a journal as long as the batch's");
    let (advice, public) = (execution::execute(&program, &honest, truth)?, claimed.public());
    let (layout, witness) = lower(&program, honest.slots, Some(&Claim { advice: &advice, journal: &journal, z: public.z }))?;
    let (key, verifying) = batch::keys(&layout, cache.form.parameters())?;
    anyhow::ensure!(verifying.to_bytes() == verifier.key.to_bytes(), "expected keys with the fault in the cache");
    let proof = batch::encode(&batch::prove(&key, witness.expect("of the advice"), &public)?);
    batch::verify(&verifying, &public, &proof)?;
    let l1_proof = match cache.form {
        Form::L1 => l1::encode(&verifying, &public, &proof)?,
        Form::Native => proof.clone(),
    };
    let lie = pb::Proof {
        proof_type: PROOF_TYPE.into(),
        format_version: FORMAT_VERSION,
        key_id: verifier.id.into(),
        proof,
        l1_proof,
        suites: statement.suites.clone(),
        ..Default::default()
    };
    prover::verify(cache, &pb::VerifyRequest { statement: Some(statement.clone()), proof: Some(lie.clone()) })?;
    Ok(lie)
}
