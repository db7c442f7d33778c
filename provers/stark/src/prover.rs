//! What the four calls do (docs/prover.md §2).

use std::collections::BTreeMap;

use crate::batch::{self, ProvingKey, VerifyingKey};
use crate::execution::{self, Statement};
use crate::keys::{Cache, FORMAT_VERSION, Failure, Form, Keys, VERSION, Verifier};
use crate::l1;
use crate::lowering;
use crate::pb::prover as pb;
use crate::program::Program;
use crate::refusal::{Code, Refusal, malformed, unsupported};
use crate::security::{self, least};
use crate::suite::{self, hex};
use crate::tables::{Layout, Public, Witness};
use crate::usage;

/// The name in manifests and proofs.
pub const PROOF_TYPE: &str = "stark";
/// Of a batch, whatever its rows.
pub const MOST_SLOTS: usize = 1 << 11;

/// Rows of the tallest table, log2, within some 10 GiB.
pub fn most_row_bits(form: Form) -> u32 {
    match form {
        Form::L1 => 16,
        Form::Native => 19,
    }
}

/// A part of a call, for progress.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    pub name: &'static str,
    /// Of the whole call, 0 to 1.
    pub from: f64,
    pub to: f64,
    pub expected_s: f64,
}

/// What a process has from earlier calls: the keys that it made last.
#[derive(Default)]
pub struct Kept(Option<Made>);

struct Made {
    keys: Keys,
    program: Program,
    key: ProvingKey,
    /// Of early proofs.
    early: Option<ProvingKey>,
    verifier: Verifier,
}

/// What this prover is and rests on.
pub fn manifest(form: Form) -> pb::Manifest {
    let component = |layer: &str, id: &str, version: &str, note: &str| pb::Component {
        layer: layer.into(),
        id: id.into(),
        version: version.into(),
        note: note.into(),
    };
    let native = "No contract takes these proofs: l1_proof is the native proof (--native).";
    pb::Manifest {
        proof_type: PROOF_TYPE.into(),
        version: VERSION.into(),
        format_version: FORMAT_VERSION,
        suites: vec![suite::NAME.into()],
        components: vec![
            component("specification", "program", "1", "docs/program.md: what a program means"),
            component("specification", "transition-source", "", "the user's Python, which the program is the trace of"),
            component("specification", "suite-koalabear", "1", "docs/suites.md: hashing, signing and binding"),
            component(
                "tracer",
                "multiprover-tracer",
                "1",
                "the program comes from the Python tracer; it is checked, not retraced",
            ),
            component(
                "lowering",
                "stark-lowering",
                VERSION,
                "program to the rows of eight tables, and its own witness generation; Rust, shared with no other proof type",
            ),
            component(
                "gadget-library",
                "plonky3",
                "0.8.0",
                "batch STARK, LogUp, FRI and the table of Poseidon2; the other tables and all buses are this prover's own",
            ),
            component("field", "field-koalabear", "p = 2^31 - 2^24 + 1", "the tables' field, with its quintic extension"),
            component(
                "hash",
                "poseidon2-koalabear",
                "t=16, 8+20 rounds",
                "state, journal, transactions, signatures; Plonky3's constants",
            ),
            component("hash", "keccak256", "", "claim and challenge; the proof's commitments and challenges"),
            component("l1-verifier", "StarkAdapter", "1", "contracts that check the proof: FRI, without a SNARK around it"),
            component(
                "l1-verifier",
                "solc",
                "0.8.37",
                "their compiler, through Yul; the contracts around them are compiled by Vyper",
            ),
        ],
        security: (security::overall(form.parameters()).iter())
            .map(|term| pb::SecurityTerm {
                name: term.name.clone(),
                proven_bits: term.proven,
                conjectured_bits: term.conjectured,
                source: term.source.into(),
            })
            .collect(),
        warnings: (form == Form::Native).then(|| native.into()).into_iter().collect(),
        ..Default::default()
    }
}

fn differing(code: Code, message: &str, expected: impl ToString, found: impl ToString) -> Failure {
    Refusal::new(code, message).differing(expected, found).into()
}

fn internal(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::Internal(format!("{what}: {error}"))
}

/// Rows of the table that a layout fills most, before they are filled up to a power of two.
fn tallest(layout: &Layout) -> usize {
    let Layout { hash, alu, mul, logic, block, sign, values } = layout;
    let lengths = [hash.len(), alu.len(), mul.len(), logic.len(), block.len(), sign.len(), values.len()];
    lengths.into_iter().max().unwrap_or(0)
}

/// The layout of a batch that is not too large.
fn layout(program: &Program, slots: usize, form: Form) -> Result<Layout, Failure> {
    let most = 1 << most_row_bits(form);
    let too_large = |found: String| {
        let expected = format!("at most {MOST_SLOTS} slots, and {most} rows of a table");
        Failure::Refused(unsupported("the batch is too large: use fewer slots").differing(expected, found))
    };
    if slots > MOST_SLOTS {
        return Err(too_large(format!("{slots} slots")));
    }
    let lower = |slots| lowering::lower(program, slots, None).map(|(layout, _)| layout).map_err(|e| internal("lowering", e));
    // A slot tells what the batch would take, before it is made.
    let one = lower(1)?;
    let rows = tallest(&one) * slots;
    if rows > most {
        return Err(too_large(format!("{slots} slots, about {rows} rows")));
    }
    if slots == 1 { Ok(one) } else { lower(slots) }
}

/// Seconds of two cores that a thousand rows of the tallest table take: expected, for progress only.
fn seconds(rows: usize, form: Form) -> f64 {
    rows as f64 / 1024.0 * if form == Form::L1 { 0.5 } else { 0.08 } + 0.5
}

impl Made {
    /// Makes the keys, and tells the rows of the table that they fill most.
    fn make(keys: Keys, program: Program, slots: usize, form: Form) -> Result<(Self, usize), Failure> {
        let layout = layout(&program, slots, form)?;
        let (key, verifying) = batch::keys(&layout, form.parameters())?;
        let (early, early_verifying) = form.early().map(|parameters| batch::keys(&layout, parameters)).transpose()?.unzip();
        let verifier = Verifier::new(verifying, early_verifying);
        Ok((Made { keys, program, key, early, verifier }, tallest(&layout)))
    }
}

/// Keys of a program and batch size: made, or found.
///
/// # Errors
/// Refusals of docs/prover.md; or the prover failed.
pub fn prepare(
    cache: &Cache,
    kept: &mut Kept,
    request: &pb::PrepareRequest,
    enter: &dyn Fn(Stage),
) -> Result<pb::Prepared, Failure> {
    let program = Program::decode(&request.program)?;
    let slots = request.slots as usize;
    if slots == 0 {
        return Err(malformed("a batch has at least one slot").differing("1 or more", 0).into());
    }
    let keys = Keys::at(cache, &program.id, slots);
    let cached = keys.exist();
    let mut figures = BTreeMap::new();
    if !cached {
        enter(Stage { name: "keys", from: 0.0, to: 1.0, expected_s: 1.0 });
        let start = usage::cpu_seconds();
        // Not two of them at a time.
        *kept = Kept::default();
        let (made, rows) = Made::make(keys.clone(), program, slots, cache.form)?;
        keys.write(&request.program, &made.verifier)?;
        figures.insert("setup_cpu_s".into(), usage::cpu_seconds() - start);
        figures.insert("rows".into(), rows as f64);
        figures.insert("peak_mib".into(), usage::peak_mib());
        *kept = Kept(Some(made));
    }
    let verifier = keys.verifier()?;
    let (proven, conjectured) = least(&security::terms(&verifier.key));
    figures.insert("proven_bits".into(), proven);
    figures.insert("conjectured_bits".into(), conjectured);
    let mut artefacts = BTreeMap::from([("verifying_key".into(), verifier.key.to_bytes())]);
    if let Some(early) = &verifier.early {
        artefacts.insert("early_verifying_key".into(), early.to_bytes());
    }
    if cache.form == Form::L1 {
        artefacts.insert("l1_verifier".into(), l1::artefact(&verifier.key));
    }
    Ok(pb::Prepared { key_id: verifier.id.into(), cached, artefacts, figures })
}

impl Kept {
    /// These keys: those that were made last, or made again.
    fn load(&mut self, keys: Keys, verifier: &Verifier, slots: usize, form: Form) -> Result<&Made, Failure> {
        if !self.0.as_ref().is_some_and(|made| made.keys == keys && made.verifier.id == verifier.id) {
            self.0 = None;
            let program = keys.program()?;
            let (made, _) = Made::make(keys, program, slots, form)?;
            if made.verifier.id != verifier.id {
                let message = "the keys in the cache are not those of this program: delete their folder and prepare again";
                return Err(differing(Code::CorruptKeys, message, hex(&made.verifier.id), hex(&verifier.id)));
            }
            self.0 = Some(made);
        }
        Ok(self.0.as_ref().expect("just made"))
    }
}

/// A proof of a batch; `early` is given the one before it, if there is one.
///
/// # Errors
/// Refusals of docs/prover.md; or the prover failed.
pub fn prove(
    cache: &Cache,
    kept: &mut Kept,
    request: &pb::ProveRequest,
    enter: &dyn Fn(Stage),
    early: &dyn Fn(pb::Proof),
) -> Result<pb::Proof, Failure> {
    let mut clock = Clock::start();
    enter(Stage { name: "load", from: 0.0, to: 0.1, expected_s: 1.0 });
    let statement = Statement::decode(request.statement.as_ref())?;
    let keys = Keys::at(cache, &statement.program_id, statement.slots);
    let verifier = keys.verifier()?;
    if request.key_id != verifier.id {
        let message = "the keys of this program and batch size have another id: prepare again";
        return Err(differing(Code::NotPrepared, message, hex(&verifier.id), hex(&request.key_id)));
    }
    let made = kept.load(keys, &verifier, statement.slots, cache.form)?;
    let load = clock.lap();
    enter(Stage { name: "execute", from: 0.1, to: 0.12, expected_s: 0.2 });
    let advice = execution::execute(&made.program, &statement, request)?;
    enter(Stage { name: "witness", from: 0.12, to: 0.15, expected_s: 0.2 });
    let (layout, witness) =
        lowering::lower(&made.program, statement.slots, Some(&advice)).map_err(|e| internal("a batch that was executed", e))?;
    let witness = witness.ok_or_else(|| Failure::Internal("lowering gave no witness of an advice".into()))?;
    let rows = tallest(&layout);
    drop((layout, advice));
    let figures = BTreeMap::from([("load_cpu_s".into(), load), ("witness_cpu_s".into(), clock.lap())]);
    let prover = Attempt { statement: &statement, key_id: verifier.id, figures };
    if let (Some(key), Some(verifying)) = (&made.early, &verifier.early) {
        enter(Stage { name: "early", from: 0.15, to: 0.3, expected_s: seconds(rows, Form::Native) });
        early(prover.prove(key, verifying, witness.clone(), |_| Ok(vec![]))?);
    }
    enter(Stage {
        name: "prove",
        from: if made.early.is_some() { 0.3 } else { 0.15 },
        to: 1.0,
        expected_s: seconds(rows, cache.form),
    });
    prover.prove(&made.key, &verifier.key, witness, |proof| l1_form(cache.form, &verifier, &statement.public(), proof))
}

/// An executed batch to prove.
struct Attempt<'a> {
    statement: &'a Statement,
    key_id: [u8; 32],
    figures: BTreeMap<String, f64>,
}

impl Attempt<'_> {
    fn prove(
        &self,
        key: &ProvingKey,
        verifying: &VerifyingKey,
        witness: Witness,
        l1_form: impl FnOnce(&[u8]) -> Result<Vec<u8>, Failure>,
    ) -> Result<pb::Proof, Failure> {
        let mut clock = Clock::start();
        let public = self.statement.public();
        let proof = batch::prove(key, witness, &public).map_err(|e| internal("a batch that was executed", e))?;
        let proof = batch::encode(&proof);
        let proving = clock.lap();
        // A prover that errs finds out before others do.
        batch::verify(verifying, &public, &proof).map_err(|e| internal("a proof of an executed batch", e))?;
        let l1_proof = l1_form(&proof)?;
        let own = [("prove_cpu_s", proving), ("verify_cpu_s", clock.lap()), ("peak_mib", usage::peak_mib())];
        let mut figures = self.figures.clone();
        figures.extend(own.map(|(name, value)| (name.into(), value)));
        Ok(pb::Proof {
            proof_type: PROOF_TYPE.into(),
            format_version: FORMAT_VERSION,
            key_id: self.key_id.into(),
            proof,
            l1_proof,
            suites: vec![self.statement.suite()],
            figures,
        })
    }
}

/// CPU seconds between laps.
struct Clock(f64);

impl Clock {
    fn start() -> Self {
        Clock(usage::cpu_seconds())
    }

    fn lap(&mut self) -> f64 {
        let now = usage::cpu_seconds();
        now - std::mem::replace(&mut self.0, now)
    }
}

/// The bytes for L1 of a proof that verifies: they follow from it.
fn l1_form(form: Form, verifier: &Verifier, public: &Public, proof: &[u8]) -> Result<Vec<u8>, Failure> {
    match form {
        Form::L1 => Ok(l1::encode(&verifier.key, public, proof)?),
        Form::Native => Ok(proof.into()),
    }
}

/// Whether a proof proves a statement.
///
/// # Errors
/// Why not; or the prover failed.
pub fn verify(cache: &Cache, request: &pb::VerifyRequest) -> Result<(), Failure> {
    let statement = Statement::decode(request.statement.as_ref())?;
    let proof = request.proof.as_ref().ok_or_else(|| malformed("the request has no proof"))?;
    if (proof.proof_type.as_str(), proof.format_version) != (PROOF_TYPE, FORMAT_VERSION) {
        let message = "the proof is of another type or format";
        let found = format!("{} {}", proof.proof_type, proof.format_version);
        return Err(differing(Code::WrongStatement, message, format!("{PROOF_TYPE} {FORMAT_VERSION}"), found));
    }
    if proof.suites != [statement.suite()] {
        let message = "the proof says that it is of another statement";
        let (expected, found) = (format!("{:?}", statement.suite()), format!("{:?}", proof.suites));
        return Err(differing(Code::WrongStatement, message, expected, found));
    }
    let verifier = Keys::at(cache, &statement.program_id, statement.slots).verifier()?;
    if proof.key_id != verifier.id {
        let message = "the proof is of other keys than those of the statement's program and batch size";
        return Err(differing(Code::InvalidProof, message, hex(&verifier.id), hex(&proof.key_id)));
    }
    statement.check_domain()?;
    statement.check_challenge()?;
    let public = statement.public();
    // Without a form for L1 it is an early one.
    if let (Some(early), true) = (&verifier.early, proof.l1_proof.is_empty()) {
        return Ok(batch::verify(early, &public, &proof.proof)?);
    }
    batch::verify(&verifier.key, &public, &proof.proof)?;
    // What goes to L1 is what was verified.
    if proof.l1_proof != l1_form(cache.form, &verifier, &public, &proof.proof)? {
        let message = "l1_proof is not the L1 form of the proof";
        let found = format!("{} other bytes", proof.l1_proof.len());
        return Err(differing(Code::InvalidProof, message, "the bytes that follow from the proof", found));
    }
    Ok(())
}
