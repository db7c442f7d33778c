//! What the four calls do (docs/prover.md §2).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use halo2_axiom::halo2curves::bn256::{Bn256, Fr};
use halo2_axiom::plonk::{Circuit, ConstraintSystem, create_proof_from_advice};
use halo2_axiom::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_axiom::poly::kzg::multiopen::ProverSHPLONK;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::evm::{Challenge, Writer};
use crate::execution::{self, PublicInputs};
use crate::keys::{Cache, FORMAT_VERSION, Keys, KeysError, Prover, VERSION, Verifier};
use crate::lowering::{self, BatchCircuit};
use crate::pb::prover as pb;
use crate::program::Program;
use crate::refusal::{Code, Refusal, hex, malformed};
use crate::security::{Parameters, Term, least};
use crate::setup::Setup;
use crate::statement::Statement;
use crate::{suite, usage};

/// The name in manifests and proofs.
pub const PROOF_TYPE: &str = "halo2";
/// Rows of the largest circuit, log2: about 10 GiB to prove.
pub const MOST_ROW_BITS: u32 = 20;
/// Slots of a batch; more never fit the rows.
pub const MOST_SLOTS: usize = 2048;

/// Words of a journal; more never fit the rows.
pub const MOST_JOURNAL_WORDS: usize = 7 << MOST_ROW_BITS;

/// A part of a call, for progress.
#[derive(Debug, Clone)]
pub struct Stage {
    pub name: String,
    /// Of the whole call, 0 to 1.
    pub from: f64,
    pub to: f64,
    pub expected_s: f64,
}

fn enter(stage: &dyn Fn(Stage), name: &str, from: f64, to: f64, expected_s: f64) {
    stage(Stage { name: name.into(), from, to, expected_s });
}

/// The constraint system, the same for all programs and batch sizes.
fn constraint_system() -> &'static ConstraintSystem<Fr> {
    static SYSTEM: LazyLock<ConstraintSystem<Fr>> = LazyLock::new(|| {
        let mut cs = ConstraintSystem::default();
        BatchCircuit::configure(&mut cs);
        cs
    });
    &SYSTEM
}

/// What a proof of `2^k` rows rests on, in bits.
pub fn security(k: u32, setup: &Setup) -> Vec<Term> {
    Parameters::of(constraint_system(), k, setup.most_powers(k)).terms()
}

/// Where parameters were made here, users are told so.
const INSECURE: &str = "The parameters were made on this machine by one party, who could have kept their secret and could then prove anything: insecure setup. Start the prover with --setup FILE, a ceremony's powers of tau, before real value depends on this proof type.";

/// What this prover is and rests on.
pub fn manifest(setup: &Setup) -> pb::Manifest {
    let component = |layer: &str, id: &str, version: &str, note: &str| pb::Component {
        layer: layer.into(),
        id: id.into(),
        version: version.into(),
        note: note.into(),
    };
    let setup_component = match setup {
        Setup::Local => {
            component("setup", "halo2-local-setup", "", "insecure: powers of tau made by whoever ran Prepare; no ceremony")
        }
        Setup::Ceremony { hash, .. } => component(
            "setup",
            "powers-of-tau",
            &hex(hash),
            "a ceremony's file, by its BLAKE2b; checked by pairings when keys are made",
        ),
    };
    let terms = security(MOST_ROW_BITS, setup);
    let curve = "BN254 gives about 100 bits of security, and none against a quantum computer.".to_string();
    pb::Manifest {
        proof_type: PROOF_TYPE.into(),
        version: VERSION.into(),
        format_version: FORMAT_VERSION,
        suites: vec![suite::NAME.into()],
        components: vec![
            component("specification", "program", "1", "docs/program.md: what a program means"),
            component("specification", "transition-source", "", "the user's Python, which the program is the trace of"),
            component("specification", "suite-bn254", "1", "docs/suites.md: packing, hashing, signing and binding"),
            component(
                "tracer",
                "multiprover-tracer",
                "1",
                "the program comes from the Python tracer; it is checked, not retraced",
            ),
            component(
                "lowering",
                "halo2-lowering",
                VERSION,
                "program to columns, and its own witness generation; Rust, shared with no other proof type",
            ),
            component(
                "gadget-library",
                "halo2-axiom",
                "0.5.3",
                "PLONK with lookups, permutation and KZG; gates and chips are this prover's own",
            ),
            component("gadget-library", "halo2curves-axiom", "0.7.3", "field and curve arithmetic, FFT, multi-exponentiation"),
            component("field", "field-bn254-fr", "", "the circuit's field"),
            component("field", "curve-bn254", "", "the pairing curve of commitments and L1 verifier"),
            component("field", "curve-babyjubjub", "EIP-2494", "the curve of the signatures"),
            component(
                "hash",
                "poseidon2-bn254",
                "t=3, 8+56 rounds",
                "state, journal, transactions, signatures; HorizenLabs' constants",
            ),
            component("hash", "keccak256", "", "claim, challenge and the proof's transcript"),
            setup_component,
            component("l1-verifier", "Halo2Adapter", "1", "contract that checks the proof"),
            component("l1-verifier", "evm-pairing-precompile", "EIP-197", "with EIP-196 addition and multiplication"),
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
                name: t.name.into(),
                proven_bits: t.proven,
                conjectured_bits: t.conjectured,
                source: t.source.into(),
            })
            .collect(),
        warnings: setup.is_insecure().then(|| INSECURE.to_string()).into_iter().chain([curve]).collect(),
        ..Default::default()
    }
}

fn too_large(found: impl ToString) -> Refusal {
    Refusal::new(Code::Unsupported, "the batch is too large for a circuit: use fewer slots")
        .differing(format!("at most {MOST_SLOTS} slots and 2^{MOST_ROW_BITS} rows"), found)
}

/// Keys of a program and batch size: made, or found.
///
/// # Errors
/// Refusals of docs/prover.md; or the prover failed.
pub fn prepare(cache: &Cache, request: &pb::PrepareRequest, stage: &dyn Fn(Stage)) -> Result<pb::Prepared, KeysError> {
    let program = Program::decode(&request.program)?;
    let slots = request.slots as usize;
    if slots == 0 {
        return Err(malformed("a batch has at least one slot").differing("1 or more", "0").into());
    }
    let words = program.journal_words(slots.min(MOST_SLOTS));
    if slots > MOST_SLOTS || words > MOST_JOURNAL_WORDS {
        return Err(too_large(format!("{slots} slots, {words} words of journal")).into());
    }
    let keys = Keys::at(cache, &program.id, slots);
    let cached = keys.exist();
    let mut figures = BTreeMap::new();
    if !cached {
        enter(stage, "compile", 0.0, 0.05, 1.0);
        let Some(k) = lowering::fit(&program, slots).filter(|&k| k <= MOST_ROW_BITS) else {
            return Err(too_large(format!("{slots} slots of more rows")).into());
        };
        let size = f64::from(k - 10).exp2();
        let start = usage::cpu_seconds();
        keys.make(&request.program, &program, slots, k, &cache.setup, |name| match name {
            "parameters" => enter(stage, "setup", 0.05, 0.3, 0.1 * size),
            _ => enter(stage, "keys", 0.3, 1.0, 0.3 * size),
        })?;
        figures.insert("rows".into(), lowering::rows(&program, slots, k) as f64);
        figures.insert("setup_cpu_s".into(), usage::cpu_seconds() - start);
        figures.insert("peak_mib".into(), usage::peak_mib());
    }
    let Verifier { id, artefact, verifier } = keys.verifier()?;
    let (proven, conjectured) = least(&security(verifier.k(), &cache.setup));
    figures.insert("k".into(), verifier.k().into());
    figures.insert("insecure_setup".into(), f64::from(u8::from(verifier.insecure())));
    figures.insert("l1_proof_bytes".into(), verifier.shape().proof_bytes() as f64);
    figures.insert("proven_bits".into(), proven);
    figures.insert("conjectured_bits".into(), conjectured);
    Ok(pb::Prepared { key_id: id.into(), cached, artefacts: [("l1_verifier".into(), artefact)].into(), figures })
}

/// Proves an executed batch; `columns` are its advice.
///
/// # Errors
/// What the library says: the advice or the keys are not the circuit's.
pub fn prove_columns(
    prover: &Prover,
    id: [u8; 32],
    columns: Vec<Vec<Fr>>,
    public: &PublicInputs,
) -> Result<Vec<u8>, halo2_axiom::plonk::Error> {
    let mut transcript = Writer::new(id);
    create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, Challenge, _, _>(
        &prover.parameters,
        &prover.key,
        &[&public.to_vec()],
        columns,
        // Blinds, as the library asks for many, come from a generator that the operating system seeds.
        StdRng::from_entropy(),
        &mut transcript,
    )?;
    Ok(transcript.into_bytes())
}

/// A proof of a batch.
///
/// # Errors
/// Refusals of docs/prover.md; or the prover failed.
pub fn prove(cache: &Cache, request: &pb::ProveRequest, stage: &dyn Fn(Stage)) -> Result<pb::Proof, KeysError> {
    enter(stage, "load", 0.0, 0.05, 1.0);
    let statement = Statement::decode(request.statement.as_ref())?;
    let keys = Keys::at(cache, &statement.program_id, statement.slots);
    let verifier = keys.verifier()?;
    if request.key_id != verifier.id {
        let message = "the keys of this program and batch size have another id: prepare again";
        return Err(Refusal::new(Code::NotPrepared, message).differing(hex(&request.key_id), hex(verifier.id)).into());
    }
    let program = keys.program()?;
    enter(stage, "execute", 0.05, 0.1, 0.5);
    let start = usage::cpu_seconds();
    let executed = execution::execute(&program, &statement, request)?;
    enter(stage, "witness", 0.1, 0.15, 1.0);
    let k = verifier.verifier.k();
    let columns = lowering::advice(&program, k, &executed.advice, &executed.public);
    let witnessed = usage::cpu_seconds();
    enter(stage, "load", 0.15, 0.2, 0.5);
    let prover = keys.prover()?;
    let loaded = usage::cpu_seconds();
    enter(stage, "prove", 0.2, 0.98, 0.5 * f64::from(k - 10).exp2());
    let proof = prove_columns(&prover, verifier.id, columns, &executed.public).map_err(|e| KeysError::Circuit(e.to_string()))?;
    let proven = usage::cpu_seconds();
    enter(stage, "verify", 0.98, 1.0, 0.1);
    // A prover that errs finds out before others do.
    if let Err(invalid) = verifier.verifier.verify(&inputs(&executed.public), &proof) {
        return Err(KeysError::Circuit(format!("an executed batch has no valid proof: {invalid}")));
    }
    let figures = [
        ("witness_cpu_s", witnessed - start),
        ("load_cpu_s", loaded - witnessed),
        ("prove_cpu_s", proven - loaded),
        ("verify_cpu_s", usage::cpu_seconds() - proven),
        ("peak_mib", usage::peak_mib()),
    ];
    Ok(pb::Proof {
        proof_type: PROOF_TYPE.into(),
        format_version: FORMAT_VERSION,
        key_id: verifier.id.into(),
        l1_proof: proof.clone(),
        proof,
        suites: vec![statement.suite()],
        figures: figures.map(|(name, value)| (name.into(), value)).into(),
    })
}

fn inputs(public: &PublicInputs) -> [Fr; crate::shape::INPUTS] {
    public.to_vec().try_into().expect("as many as the circuit has")
}

/// Whether a proof proves a statement.
///
/// # Errors
/// Why not; or the prover failed.
pub fn verify(cache: &Cache, request: &pb::VerifyRequest) -> Result<(), KeysError> {
    let statement = Statement::decode(request.statement.as_ref())?;
    let proof = request.proof.as_ref().ok_or_else(|| malformed("the request has no proof"))?;
    let refused = |code, message: &str, expected: String, found: String| {
        KeysError::Refused(Refusal::new(code, message).differing(expected, found))
    };
    if (proof.proof_type.as_str(), proof.format_version) != (PROOF_TYPE, FORMAT_VERSION) {
        let found = format!("{} {}", proof.proof_type, proof.format_version);
        return Err(refused(
            Code::WrongStatement,
            "the proof is of another type or format",
            format!("{PROOF_TYPE} {FORMAT_VERSION}"),
            found,
        ));
    }
    if proof.suites != [statement.suite()] {
        let message = "the proof says that it is of another statement";
        return Err(refused(Code::WrongStatement, message, format!("{:?}", statement.suite()), format!("{:?}", proof.suites)));
    }
    let verifier = Keys::at(cache, &statement.program_id, statement.slots).verifier()?;
    if proof.key_id != verifier.id {
        let message = "the proof is of other keys than those of the statement's program and batch size";
        return Err(refused(Code::InvalidProof, message, hex(verifier.id), hex(&proof.key_id)));
    }
    statement.check_domain()?;
    statement.check_challenge()?;
    let verified = verifier.verifier.verify(&inputs(&statement.public_inputs()), &proof.proof);
    verified.map_err(|invalid| Refusal::new(Code::InvalidProof, format!("the proof does not verify: {invalid}")))?;
    // What is sent to L1 is what was verified.
    if proof.l1_proof != proof.proof {
        let found = format!("{} other bytes", proof.l1_proof.len());
        return Err(refused(
            Code::NonCanonical,
            "the L1 form of a proof is the proof",
            format!("{} bytes", proof.proof.len()),
            found,
        ));
    }
    Ok(())
}
