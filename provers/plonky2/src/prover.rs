//! What the four calls do, without gRPC. The long ones report stages as they go.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::config::{FORMAT_VERSION, MOST_ROW_BITS, PROOF_TYPE, VERSION};
use crate::execution::Statement;
use crate::field::{D, F};
use crate::keys::{Cache, Form, Keys, KeysError, Verifier, VerifierData};
use crate::l1;
use crate::lowering;
use crate::pb::prover as pb;
use crate::program::Program;
use crate::recursion::{self, Wrapper};
use crate::refusal::{Code, Refusal, malformed};
use crate::security::{self, least};
use crate::segments::{self, Failed, Plan, Proof};
use crate::suite::{self, hex};
use crate::usage;

/// Slots of a batch, at most.
const MOST_SLOTS: usize = 1 << 12;

/// What building, and proving, the largest circuit takes on two cores.
const SECONDS_A_SETUP: f64 = 3.0;
const SECONDS_A_PROOF: f64 = 5.0;
/// Likewise of the recursions to the proof for L1: building both, proving each.
const SECONDS_A_WRAPPER: f64 = 12.0;
const SECONDS_SHRINKING: f64 = 25.0;
const SECONDS_OF_LAST: f64 = 10.0;

/// How far a call has come.
pub trait Progress: Sync {
    /// `from` and `to` are fractions of the whole call, `seconds` what the stage is expected to take.
    fn stage(&self, name: &str, from: f64, to: f64, seconds: f64);
}

/// What the proof type is and rests on.
pub fn manifest(form: Form) -> pb::Manifest {
    let component = |layer: &str, id: &str, version: &str, note: &str| pb::Component {
        layer: layer.into(),
        id: id.into(),
        version: version.into(),
        note: note.into(),
    };
    let terms = security::overall(form);
    let (proven, _) = least(&terms);
    let binding = terms.iter().find(|t| t.proven == proven).map_or(String::new(), |t| t.name.clone());
    pb::Manifest {
        proof_type: PROOF_TYPE.into(),
        version: VERSION.into(),
        format_version: FORMAT_VERSION,
        suites: vec![suite::NAME.into()],
        components: vec![
            component("specification", "program", "1", "docs/program.md: what a program means"),
            component("specification", "transition-source", "", "the user's Python, which the program is the trace of"),
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
            component("hash", "keccak256", "", "claim and challenge; commitments and challenges of the proof for L1"),
            component(
                "l1-verifier",
                "Plonky2Adapter",
                "1",
                "contract that checks the proof for L1: FRI, without a SNARK around it",
            ),
            component(
                "l1-verifier",
                "solc",
                "0.8.37",
                "its compiler, through Yul; the contracts around it are compiled by Vyper",
            ),
        ],
        security: terms
            .iter()
            .map(|t| pb::SecurityTerm {
                name: t.name.clone(),
                proven_bits: t.proven,
                conjectured_bits: t.conjectured,
                source: t.source.into(),
            })
            .collect(),
        warnings: [
            Some(format!(
                "Of the proven bits, {proven:.0}, \"{binding}\" is the least term: the library's extension field has 128 bits."
            )),
            (form == Form::Native)
                .then(|| "No contract takes these proofs: l1_proof is the batch's own proof (--native).".into()),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ..Default::default()
    }
}

/// Keys of a program and batch size: made, or loaded.
///
/// # Errors
/// Refusals of docs/prover.md, or the cache cannot be used.
pub fn prepare(cache: &Cache, request: &pb::PrepareRequest, progress: &dyn Progress) -> Result<pb::Prepared, KeysError> {
    let program = Program::decode(&request.program)?;
    let slots = request.slots as usize;
    if slots == 0 {
        return Err(malformed("a batch has at least one slot").differing("1 or more", "0").into());
    }
    let keys = Keys::at(cache, &program.id, slots);
    let cached = keys.exist();
    let mut figures = std::collections::BTreeMap::new();
    if slots > MOST_SLOTS {
        let refusal = Refusal::new(Code::Unsupported, "the batch is too large: use fewer slots");
        return Err(refusal.differing(format!("at most {MOST_SLOTS} slots"), format!("{slots} slots")).into());
    }
    if !cached {
        progress.stage("compile", 0.0, 0.05, 1.0);
        let plan = plan(&program, slots)?;
        let cpu = usage::cpu_seconds();
        let draft = keys.draft(&request.program)?;
        let (count, mut rows, mut verifiers) = (plan.shapes.len(), vec![], vec![]);
        let end = if cache.form == Form::L1 { 0.3 } else { 1.0 };
        for place in 0..count {
            let share = |done: usize| 0.05 + (end - 0.05) * done as f64 / count as f64;
            progress.stage(&format!("setup {} of {count}", place + 1), share(place), share(place + 1), SECONDS_A_SETUP);
            let circuit = plan.lower(&program, place, |p| &verifiers[p]);
            if circuit.data.common.degree_bits() > MOST_ROW_BITS {
                return Err(too_large(circuit.rows).into());
            }
            draft.circuit(place, &circuit)?;
            rows.push(circuit.rows);
            verifiers.push(circuit.data.verifier_data());
        }
        let batch = verifiers.swap_remove(plan.root());
        let verifier = match cache.form {
            Form::Native => VerifierData::Native(Box::new(batch)),
            Form::L1 => {
                progress.stage("setup of the proof for L1", end, 0.95, SECONDS_A_WRAPPER);
                let shrink = recursion::shrink(&batch).map_err(too_large)?;
                draft.shrink(&shrink)?;
                let last = recursion::last(&shrink.verifier()).map_err(too_large)?;
                drop(shrink);
                draft.last(&last)?;
                VerifierData::L1(Box::new(checked_shape(&last)?))
            }
        };
        draft.finish(&verifier)?;
        figures.insert("rows".into(), plan.levels.iter().flatten().map(|&place| rows[place] as f64).sum());
        figures.insert("segments".into(), plan.levels[0].len() as f64);
        figures.insert("setup_cpu_s".into(), usage::cpu_seconds() - cpu);
    }
    let verifier = keys.verifier()?;
    let (terms, row_bits) = match &verifier.data {
        VerifierData::L1(data) => (security::overall(Form::L1), data.common.degree_bits()),
        VerifierData::Native(data) => (security::overall(Form::Native), data.common.degree_bits()),
    };
    let (proven, conjectured) = least(&terms);
    figures.insert("degree_bits".into(), row_bits as f64);
    figures.insert("proven_bits".into(), proven);
    figures.insert("conjectured_bits".into(), conjectured);
    let mut artefacts = std::collections::BTreeMap::new();
    if let VerifierData::L1(data) = &verifier.data {
        artefacts.insert("l1_verifier".to_string(), l1::verifier_bytes(data));
        figures.insert("l1_proof_bytes".into(), l1::proof_bytes(&data.common) as f64);
    }
    artefacts.insert("verifier_data".to_string(), verifier.bytes);
    Ok(pb::Prepared { key_id: verifier.id.into(), cached, artefacts, figures })
}

/// The verifier data of the last circuit, if it is the one that contracts verify.
fn checked_shape(last: &Wrapper<crate::evm::Evm>) -> Result<l1::Verifier, Refusal> {
    let verifier = last.verifier();
    let found = hex(&l1::shape(&verifier.common));
    if found == l1::SHAPE {
        return Ok(verifier);
    }
    Err(Refusal::new(Code::Unsupported, "the last circuit has not the shape that contracts verify").differing(l1::SHAPE, found))
}

/// How a batch is proven.
fn plan(program: &Program, slots: usize) -> Result<Plan, Refusal> {
    Plan::of(program, slots).map_err(too_large)
}

fn too_large(rows: usize) -> Refusal {
    Refusal::new(Code::Unsupported, "the program's slot or state is too large for a circuit")
        .differing(format!("at most 2^{MOST_ROW_BITS} rows"), format!("{rows} rows"))
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
pub fn prove(cache: &Cache, request: &pb::ProveRequest, progress: &dyn Progress) -> Result<pb::Proof, KeysError> {
    progress.stage("load", 0.0, 0.05, 1.0);
    let statement = Statement::decode(request.statement.as_ref())?;
    let keys = Keys::at(cache, &statement.program_id, statement.slots);
    let program = keys.program()?;
    let verifier = keys.verifier()?;
    check_key_id(&verifier.id, &request.key_id)?;
    progress.stage("execute", 0.05, 0.1, 1.0);
    let cpu = usage::cpu_seconds();
    let plan = plan(&program, statement.slots)?;
    let (advice, suite) = plan.execute(&program, &statement, request)?;
    let proving = usage::cpu_seconds();
    let end = if cache.form == Form::L1 { 0.4 } else { 1.0 };
    let stage = |done: usize, of: usize| {
        let share = |done: usize| 0.1 + (end - 0.1) * done as f64 / of as f64;
        if done < of {
            progress.stage(&format!("proof {} of {of}", done + 1), share(done), share(done + 1), SECONDS_A_PROOF);
        }
    };
    stage(0, plan.levels.iter().map(Vec::len).sum());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let resources = (cores, usage::memory_mib() / 2);
    let proof = segments::prove_batch(&plan, |place| keys.circuit(place), &advice, resources, stage).map_err(|e| match e {
        Failed::Load(e) => e,
        Failed::Proof(e) => unreachable!("an executed batch satisfies its circuits: {e}"),
    })?;
    let batch_proven = usage::cpu_seconds();
    let public_inputs = proof.public_inputs.clone();
    let bytes = match &verifier.data {
        VerifierData::Native(_) => proof.to_bytes(),
        VerifierData::L1(data) => {
            let failed =
                |e: anyhow::Error| -> Refusal { unreachable!("a valid proof satisfies the circuit that verifies it: {e}") };
            // One of the two circuits at a time: each takes a GiB, and three to prove.
            progress.stage("shrink", end, 0.8, SECONDS_SHRINKING);
            let proof = keys.shrink()?.prove(&proof).map_err(failed)?;
            progress.stage("last", 0.8, 1.0, SECONDS_OF_LAST);
            let proof = keys.last()?.prove(&proof).map_err(failed)?;
            l1::serialise(&proof, data)
        }
    };
    // A prover that errs must not say so to others: verify before handing out.
    check(&verifier, &bytes, &public_inputs).unwrap_or_else(|e| unreachable!("what was proven verifies: {e}"));
    let now = usage::cpu_seconds();
    let mut figures: std::collections::BTreeMap<String, f64> = [
        ("witness_cpu_s".to_string(), proving - cpu),
        ("prove_cpu_s".to_string(), batch_proven - proving),
        ("peak_mib".to_string(), usage::peak_mib()),
    ]
    .into();
    if cache.form == Form::L1 {
        figures.insert("l1_cpu_s".into(), now - batch_proven);
    }
    Ok(pb::Proof {
        proof_type: PROOF_TYPE.into(),
        format_version: FORMAT_VERSION,
        key_id: verifier.id.into(),
        l1_proof: bytes.clone(),
        proof: bytes,
        suites: vec![suite],
        figures,
    })
}

/// Whether a proof proves a statement.
///
/// # Errors
/// Why not, or the cache cannot be used.
pub fn verify(cache: &Cache, request: &pb::VerifyRequest) -> Result<(), KeysError> {
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
    check(&verifier, &proof.proof, &statement.public_inputs())?;
    // What is sent to L1 is what was verified.
    if proof.l1_proof != proof.proof {
        let refusal = Refusal::new(Code::NonCanonical, "the L1 form of a proof is the proof");
        return Err(refusal
            .differing(format!("the {} bytes of the proof", proof.proof.len()), format!("{} other bytes", proof.l1_proof.len()))
            .into());
    }
    Ok(())
}

/// Whether the bytes prove the public inputs.
fn check(verifier: &Verifier, bytes: &[u8], public_inputs: &[F]) -> Result<(), Refusal> {
    let verdict = match &verifier.data {
        VerifierData::L1(data) => catch_unwind(AssertUnwindSafe(|| l1::verify(bytes, public_inputs, data))),
        VerifierData::Native(data) => {
            let decoded = decode_proof(bytes, &data.common)?;
            if decoded.public_inputs != public_inputs {
                let refusal = Refusal::new(Code::InvalidProof, "the proof's public inputs are not the statement's");
                return Err(refusal.differing(hex_of(public_inputs), hex_of(&decoded.public_inputs)));
            }
            let invalid = |e| Refusal::new(Code::InvalidProof, format!("the proof does not verify: {e}"));
            catch_unwind(AssertUnwindSafe(|| data.verify(decoded).map_err(invalid)))
        }
    };
    verdict.unwrap_or_else(|_| Err(Refusal::new(Code::InvalidProof, "the proof does not have the shape of the circuit's proofs")))
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
