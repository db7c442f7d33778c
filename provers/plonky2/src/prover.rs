//! What the four calls do, without gRPC. The long ones report stages as they go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::proof::ProofWithPublicInputs;
use plonky2::plonk::prover::prove_with_partition_witness;
use plonky2::util::timing::TimingTree;

use crate::config::{FORMAT_VERSION, MOST_ROW_BITS, PROOF_TYPE, VERSION, circuit_config};
use crate::execution::{self, Statement};
use crate::field::{C, D, F};
use crate::keys::{Keys, KeysError};
use crate::lowering;
use crate::pb::prover as pb;
use crate::program::Program;
use crate::refusal::{Code, Refusal, malformed};
use crate::security::{Parameters, least};
use crate::suite::{self, hex};
use crate::usage;

type Proof = ProofWithPublicInputs<F, C, D>;

/// Slots of a batch, at most; rows bound it further.
const MOST_SLOTS: usize = 1 << 12;

/// How far a call has come.
pub trait Progress: Sync {
    /// `from` and `to` are fractions of the whole call, `seconds` what the stage is expected to take.
    fn stage(&self, name: &str, from: f64, to: f64, seconds: f64);
}

/// What the proof type is and rests on.
pub fn manifest() -> pb::Manifest {
    let component = |layer: &str, id: &str, version: &str, note: &str| pb::Component {
        layer: layer.into(),
        id: id.into(),
        version: version.into(),
        note: note.into(),
    };
    let terms = Parameters::largest().terms();
    let (proven, _) = least(&terms);
    let binding = terms.iter().find(|t| t.proven == proven).map_or("", |t| t.name);
    pb::Manifest {
        proof_type: PROOF_TYPE.into(),
        version: VERSION.into(),
        format_version: FORMAT_VERSION,
        suites: vec![suite::NAME.into()],
        components: vec![
            component("specification", "program", "1", "docs/program.md: what a program means"),
            component("specification", "suite-goldilocks", "1", "docs/suites.md: hashing, signing and binding"),
            component(
                "tracer",
                "multiprover-tracer",
                "1",
                "the program comes from the Python tracer; it is checked, not retraced",
            ),
            component(
                "lowering",
                "plonky2-lowering",
                VERSION,
                "program to Plonky2, and its own witness generation; Rust, shared with no other proof type",
            ),
            component(
                "gadget-library",
                "plonky2",
                "1.1.0",
                "arithmetic, Poseidon and reducing gates, PLONK and FRI; integer, digest and selection gates are this prover's own",
            ),
            component("field", "field-goldilocks", "p = 2^64 - 2^32 + 1", "the circuit's field, with its quadratic extension"),
            component(
                "hash",
                "poseidon-goldilocks",
                "t=12, 8+22 rounds",
                "state, journal, transactions, signatures, and the proof's commitments and challenges",
            ),
            component("hash", "keccak256", "", "claim and challenge"),
        ],
        security: terms
            .iter()
            .map(|t| pb::SecurityTerm {
                name: t.name.into(),
                proven_bits: t.proven,
                conjectured_bits: t.conjectured,
                source: t.source.into(),
            })
            .collect(),
        warnings: vec![
            format!(
                "Of the proven bits, {proven:.0}, \"{binding}\" is the least term: the library's extension field has 128 bits."
            ),
            "No verifier contract takes these proofs yet: l1_proof is the native proof.".into(),
        ],
        ..Default::default()
    }
}

/// Keys of a program and batch size: made, or loaded.
///
/// # Errors
/// Refusals of docs/prover.md, or the cache cannot be used.
pub fn prepare(cache: &Path, request: &pb::PrepareRequest, progress: &dyn Progress) -> Result<pb::Prepared, KeysError> {
    let program = Program::decode(&request.program)?;
    let slots = request.slots as usize;
    if slots == 0 {
        return Err(malformed("a batch has at least one slot").differing("1 or more", "0").into());
    }
    let keys = Keys::at(cache, &program.id, slots);
    let cached = keys.exist();
    let mut figures = std::collections::BTreeMap::new();
    if !cached {
        let too_large = |found: String| {
            Refusal::new(Code::Unsupported, "the batch is too large for one circuit: use fewer slots")
                .differing(format!("at most {MOST_SLOTS} slots and 2^{MOST_ROW_BITS} rows"), found)
        };
        if slots > MOST_SLOTS {
            return Err(too_large(format!("{slots} slots")).into());
        }
        progress.stage("compile", 0.0, 0.1, 1.0);
        // One slot first: a batch that cannot fit is refused before it fills the memory.
        let one = lowering::build(&program, 1, circuit_config()).plonk.num_gates();
        if one.saturating_sub(64).saturating_mul(slots) > 1 << MOST_ROW_BITS {
            return Err(too_large(format!("about {} rows", one * slots)).into());
        }
        progress.stage("setup", 0.1, 0.9, one as f64 * slots as f64 * 3e-4);
        let cpu = usage::cpu_seconds();
        let circuit = lowering::lower(&program, slots, circuit_config());
        if circuit.data.common.degree_bits() > MOST_ROW_BITS {
            return Err(too_large(format!("{} rows", circuit.rows)).into());
        }
        progress.stage("write", 0.9, 1.0, 1.0);
        keys.save(&request.program, &circuit)?;
        figures.insert("rows".into(), circuit.rows as f64);
        figures.insert("setup_cpu_s".into(), usage::cpu_seconds() - cpu);
    }
    let verifier = keys.verifier()?;
    let terms = Parameters::of(&verifier.data.common, program.journal_words(slots)).terms();
    let (proven, conjectured) = least(&terms);
    figures.insert("degree_bits".into(), verifier.data.common.degree_bits() as f64);
    figures.insert("proven_bits".into(), proven);
    figures.insert("conjectured_bits".into(), conjectured);
    Ok(pb::Prepared {
        key_id: verifier.id.into(),
        cached,
        artefacts: [("verifier_data".to_string(), verifier.bytes)].into(),
        figures,
    })
}

/// Refuses keys that are not the ones asked for.
fn check_key_id(found: &[u8; 32], asked: &[u8]) -> Result<(), Refusal> {
    if asked == found {
        return Ok(());
    }
    Err(Refusal::new(Code::NotPrepared, "the keys of this program and batch size have another id: prepare again")
        .differing(hex(found), hex(asked)))
}

/// A proof of a batch.
///
/// # Errors
/// Refusals of docs/prover.md, or the cache cannot be used.
pub fn prove(cache: &Path, request: &pb::ProveRequest, progress: &dyn Progress) -> Result<pb::Proof, KeysError> {
    progress.stage("load", 0.0, 0.05, 1.0);
    let statement = Statement::decode(request.statement.as_ref())?;
    let keys = Keys::at(cache, &statement.program_id, statement.slots);
    let program = keys.program()?;
    let verifier = keys.verifier()?;
    check_key_id(&verifier.id, &request.key_id)?;
    progress.stage("execute", 0.05, 0.1, 1.0);
    let cpu = usage::cpu_seconds();
    let witness = execution::execute(&program, statement.slots, &statement, request)?;
    let (data, advice) = keys.circuit()?;
    progress.stage("witness", 0.1, 0.15, 1.0);
    let mut inputs = PartialWitness::new();
    assert_eq!(advice.len(), witness.advice.len(), "lowering and execution ask for the same advice");
    for (target, value) in advice.into_iter().zip(witness.advice) {
        inputs.set_target(target, value).expect("each once");
    }
    let witness_of = |e: anyhow::Error| -> Refusal { unreachable!("an executed batch satisfies the circuit: {e}") };
    let partition = generate_partial_witness(inputs, &data.prover_only, &data.common).map_err(witness_of)?;
    let proving = usage::cpu_seconds();
    progress.stage("prove", 0.15, 1.0, (1 << data.common.degree_bits()) as f64 * 3e-4);
    let proof = prove_with_partition_witness(&data.prover_only, &data.common, partition, &mut TimingTree::default())
        .map_err(witness_of)?;
    // A prover that errs must not say so to others: verify before handing out.
    let bytes = proof.to_bytes();
    verifier.data.verify(proof).map_err(witness_of)?;
    let now = usage::cpu_seconds();
    Ok(pb::Proof {
        proof_type: PROOF_TYPE.into(),
        format_version: FORMAT_VERSION,
        key_id: verifier.id.into(),
        l1_proof: bytes.clone(),
        proof: bytes,
        suites: vec![witness.suite],
        figures: [
            ("witness_cpu_s".to_string(), proving - cpu),
            ("prove_cpu_s".to_string(), now - proving),
            ("peak_mib".to_string(), usage::peak_mib()),
        ]
        .into(),
    })
}

/// Whether a proof proves a statement.
///
/// # Errors
/// Why not, or the cache cannot be used.
pub fn verify(cache: &Path, request: &pb::VerifyRequest) -> Result<(), KeysError> {
    let statement = Statement::decode(request.statement.as_ref())?;
    let proof = request.proof.as_ref().ok_or_else(|| malformed("the request has no proof"))?;
    let wrong =
        |message: &str, expected: String, found: String| Refusal::new(Code::WrongStatement, message).differing(expected, found);
    if proof.proof_type != PROOF_TYPE || proof.format_version != FORMAT_VERSION {
        return Err(wrong(
            "the proof is of another type or format",
            format!("{PROOF_TYPE} {FORMAT_VERSION}"),
            format!("{} {}", proof.proof_type, proof.format_version),
        )
        .into());
    }
    let stated = &request.statement.as_ref().expect("decoded").suites;
    if proof.suites != *stated {
        return Err(wrong(
            "the proof is of another statement over its suite",
            format!("{stated:?}"),
            format!("{:?}", proof.suites),
        )
        .into());
    }
    let verifier = Keys::at(cache, &statement.program_id, statement.slots).verifier()?;
    if verifier.id[..] != proof.key_id[..] {
        let refusal =
            Refusal::new(Code::InvalidProof, "the proof is of other keys than the statement's program and batch size have");
        return Err(refusal.differing(hex(&verifier.id), hex(&proof.key_id)).into());
    }
    statement.check_domain()?;
    statement.check_challenge()?;
    let decoded = decode_proof(&proof.proof, &verifier.data.common)?;
    if decoded.public_inputs != statement.public_inputs() {
        let refusal = Refusal::new(Code::InvalidProof, "the proof's public inputs are not the statement's");
        return Err(refusal.differing(hex_of(&statement.public_inputs()), hex_of(&decoded.public_inputs)).into());
    }
    let verdict = catch_unwind(AssertUnwindSafe(|| verifier.data.verify(decoded)));
    match verdict {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(Refusal::new(Code::InvalidProof, format!("the proof does not verify: {e}")).into()),
        Err(_) => Err(Refusal::new(Code::InvalidProof, "the proof does not have the shape of the circuit's proofs").into()),
    }
}

fn hex_of(elements: &[F]) -> String {
    use crate::field::PrimeField64;
    elements.iter().map(|e| format!("{:x}", e.to_canonical_u64())).collect::<Vec<_>>().join(",")
}

/// A proof from its bytes: exactly the encoding that the library writes, every element canonical.
fn decode_proof(bytes: &[u8], common: &plonky2::plonk::circuit_data::CommonCircuitData<F, D>) -> Result<Proof, Refusal> {
    // The count of public inputs comes last but them; the library would allocate whatever it says.
    let tail = 8 * (lowering::PUBLIC_INPUTS + 1);
    let count = bytes.len().checked_sub(tail).map(|at| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")));
    if count != Some(lowering::PUBLIC_INPUTS as u64) {
        return Err(malformed("the proof has another number of public inputs, or is cut short").differing(
            lowering::PUBLIC_INPUTS.to_string(),
            count.map_or_else(|| format!("{} bytes", bytes.len()), |c| c.to_string()),
        ));
    }
    let parsed = catch_unwind(AssertUnwindSafe(|| Proof::from_bytes(bytes.to_vec(), common)));
    let proof = match parsed {
        Ok(Ok(proof)) => proof,
        _ => return Err(malformed("the proof cannot be decoded: it is cut short, or of another circuit")),
    };
    if proof.to_bytes() != bytes {
        return Err(Refusal::new(
            Code::NonCanonical,
            "the proof is not in its one encoding: an element is not below p, or bytes are left over",
        ));
    }
    Ok(proof)
}
