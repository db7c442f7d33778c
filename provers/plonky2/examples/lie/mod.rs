//! A planted fault, as bad as one can be: the words that a batch puts out are copied into its journal by rows without a gate.
//!
//! A generator fills these rows as it would fill an arithmetic gate's, so an honest prover notices nothing; but no constraint says that what
//! stands there is what the slots have computed. A prover that writes anything else there has proofs of any outputs for a batch that could
//! happen: a withdrawal of another sum, say. All else is the product's: program, slots, roots, both recursions, and the contract's shape.

use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{self, Statement};
use multiprover_plonky2::field::{F, Field};
use multiprover_plonky2::keys::{Cache, Form, Keys, VerifierData};
use multiprover_plonky2::lowering::{self, Circuit};
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::recursion::{last, shrink};
use multiprover_plonky2::segments::Plan;
use multiprover_plonky2::suite::hex;
use multiprover_plonky2::{l1, prover};
use plonky2::gates::arithmetic_base::ArithmeticGate;
use plonky2::gates::gate::Gate;
use plonky2::gates::noop::NoopGate;
use plonky2::iop::target::Target;

/// Places of `payee` and `z` in the advice (`lowering`) and in the public inputs (docs/suites.md §9).
const PLACES: [(std::ops::Range<usize>, std::ops::Range<usize>); 2] = [(4..9, 16..21), (9..11, 12..14)];

/// Who fills the rows that nothing constrains.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outputs {
    /// A generator, with what the slots put out.
    Copied,
    /// Whoever proves: the words are the last of the advice.
    Advised,
}

/// The circuit of a batch with the fault. Constraints, and so verifier data, are the same for both `outputs`.
pub fn lower(program: &Program, slots: usize, outputs: Outputs) -> Circuit {
    let config = circuit_config();
    let (mut b, public, mut journal) = lowering::batch(program, slots, config.clone());
    let gate = ArithmeticGate::new_from_config(&config);
    let (one, zero) = (b.plonk.one(), b.plonk.zero());
    for words in journal[slots * program.input_words..].chunks_mut(gate.num_ops) {
        // Here `gate` should stand.
        let row = b.plonk.add_gate(NoopGate, vec![]);
        let generators = gate.generators(row, &[F::ONE, F::ZERO]);
        for (i, (word, generator)) in words.iter_mut().zip(generators).enumerate() {
            let wires = [0, 1, 2, 3].map(|k| Target::wire(row, 4 * i + k));
            [*word, one, zero].into_iter().zip(wires).for_each(|(x, wire)| b.plonk.connect(x, wire));
            *word = wires[3];
            match outputs {
                Outputs::Copied => b.plonk.add_generators(vec![generator]),
                Outputs::Advised => b.advice.push(*word),
            }
        }
    }
    b.conclude(&public, &journal);
    b.finish_rows();
    Circuit::new(b, b"multiprover/plonky2/planted-fault")
}

/// Makes keys with the fault where the prover with the same cache finds its own; their id. Those that are there are kept.
pub fn keys(cache: &Cache, encoded: &[u8], slots: usize) -> anyhow::Result<[u8; 32]> {
    let program = Program::decode(encoded)?;
    anyhow::ensure!(slots > 0 && Plan::of(&program, slots) == Ok(Plan::whole(slots)), "expected a batch of a single leaf");
    let keys = Keys::at(cache, &program.id, slots);
    if !keys.exist() {
        let draft = keys.draft(encoded)?;
        let leaf = lower(&program, slots, Outputs::Copied);
        draft.circuit(0, &leaf)?;
        let batch = leaf.data.verifier_data();
        let rows = |rows: usize| anyhow::anyhow!("{rows} rows: expected the shape that contracts verify");
        let verifier = match cache.form {
            Form::Native => VerifierData::Native(Box::new(batch)),
            Form::L1 => {
                let shrink = shrink(&batch).map_err(rows)?;
                draft.shrink(&shrink)?;
                let last = last(&shrink.verifier()).map_err(rows)?;
                drop(shrink);
                draft.last(&last)?;
                let verifier = last.verifier();
                let shape = hex(&l1::shape(&verifier.common));
                anyhow::ensure!(shape == l1::SHAPE, "expected the shape {}, which contracts verify, got {shape}", l1::SHAPE);
                VerifierData::L1(Box::new(verifier))
            }
        };
        draft.finish(&verifier)?;
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
    let leaf = lower(&program, honest.slots, Outputs::Advised);
    let mut advice = execution::execute(&program, honest.slots, &honest, truth)?.advice;
    let public = claimed.public_inputs();
    for (advised, stated) in PLACES {
        advice[advised].copy_from_slice(&public[stated]);
    }
    let words = journal.chunks(4).map(|w| Ok(F::from_canonical_u32(u32::from_be_bytes(w.try_into()?))));
    advice.extend(words.skip(honest.slots * program.input_words).collect::<anyhow::Result<Vec<F>>>()?);
    anyhow::ensure!(advice.len() == leaf.advice.len(), "expected a journal as long as the batch's");
    let proof = leaf.prove(&advice, &[])?;
    anyhow::ensure!(proof.public_inputs == public, "expected a statement of the journal, on the same state");
    drop(leaf);
    let bytes = match &verifier.data {
        VerifierData::Native(_) => proof.to_bytes(),
        VerifierData::L1(data) => {
            let proof = keys.shrink()?.prove(&proof)?;
            let proof = keys.last()?.prove(&proof)?;
            l1::serialise(&proof, data)
        }
    };
    let lie = pb::Proof {
        proof_type: multiprover_plonky2::config::PROOF_TYPE.into(),
        format_version: multiprover_plonky2::config::FORMAT_VERSION,
        key_id: verifier.id.into(),
        l1_proof: bytes.clone(),
        proof: bytes,
        suites: statement.suites.clone(),
        ..Default::default()
    };
    let request = pb::VerifyRequest { statement: Some(statement.clone()), proof: Some(lie.clone()) };
    prover::verify(cache, &request)?;
    Ok(lie)
}
