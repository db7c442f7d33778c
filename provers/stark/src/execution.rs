//! A request, decoded and executed: the lowering's advice, or the first thing that is wrong with the request.
//!
//! Nothing of a request is trusted. Its byte strings are read in their one encoding; the batch is executed from its words, openings and
//! signatures alone; journal, claim, roots, `c`, `z` and `y` are computed and compared with what the statement says.

use std::iter;

use p3_field::{BasedVectorSpace, PrimeCharacteristicRing};

use crate::pb::prover as pb;
use crate::program::{Id, Op, Program, Type};
use crate::refusal::{Code, Refusal, malformed, unsupported};
use crate::suite::{self, Digest, Encoding, Signature, hex};
use crate::tables::{EF, F, Public};

// THE STATEMENT

/// A statement of this suite, every field decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub program_id: [u8; 32],
    pub slots: usize,
    pub domain: [u8; 32],
    pub parent_claim: [u8; 32],
    pub claim: [u8; 32],
    pub payee: [u8; 20],
    pub chain_id: [u8; 32],
    pub settlement: [u8; 20],
    pub pre_root: Digest,
    pub post_root: Digest,
    /// `c`.
    pub commitment: Digest,
    /// `z`.
    pub challenge: EF,
    /// `y`.
    pub evaluation: EF,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// `MALFORMED`: none, or a field of another length. `NON_CANONICAL`: an element that is not below p. `UNSUPPORTED`: another
    /// suite than `koalabear`, or more.
    pub fn decode(message: Option<&pb::Statement>) -> Result<Statement, Refusal> {
        let Context { program_id, slots, domain, parent_claim, payee, chain_id, settlement } = Context::decode(message)?;
        let m = message.expect("decoded above");
        let own = match &m.suites[..] {
            [own] if own.suite == suite::NAME => own,
            others => {
                let names: Vec<&str> = others.iter().map(|s| s.suite.as_str()).collect();
                return Err(
                    unsupported("a statement for this prover is of its suite alone").differing(suite::NAME, names.join(", "))
                );
            }
        };
        let digest = |name: &str, bytes: &[u8]| suite::digest(bytes).map_err(|e| encoding(format!("the statement's {name}"), e));
        let element =
            |name: &str, bytes: &[u8]| suite::extension(bytes).map_err(|e| encoding(format!("the statement's {name}"), e));
        Ok(Statement {
            program_id,
            slots,
            domain,
            parent_claim,
            claim: fixed("claim", &m.claim)?,
            payee,
            chain_id,
            settlement,
            pre_root: digest("pre root", &own.pre_root)?,
            post_root: digest("post root", &own.post_root)?,
            commitment: digest("commitment", &own.commitment)?,
            challenge: element("challenge", &own.challenge)?,
            evaluation: element("evaluation", &own.evaluation)?,
        })
    }

    /// Checks that the domain is that of chain, contract and program.
    ///
    /// # Errors
    /// `WRONG_STATEMENT`.
    pub fn check_domain(&self) -> Result<(), Refusal> {
        let found = domain(&self.chain_id, &self.settlement, &self.program_id);
        agree(Code::WrongStatement, "domain", &self.domain, &found)
    }

    /// Checks that `z` is that of domain, claim and `c`.
    ///
    /// # Errors
    /// `WRONG_STATEMENT`.
    pub fn check_challenge(&self) -> Result<(), Refusal> {
        let found = suite::challenge(&self.domain, &self.claim, &self.commitment);
        let [stated, found] = [self.challenge, found].map(suite::extension_bytes);
        agree(Code::WrongStatement, "challenge", &stated, &found)
    }

    /// A proof's public values.
    pub fn public(&self) -> Public {
        let coefficients = |e: EF| -> [F; 5] { e.as_basis_coefficients_slice().try_into().expect("five") };
        Public {
            pre_root: self.pre_root,
            post_root: self.post_root,
            commitment: self.commitment,
            z: coefficients(self.challenge),
            y: coefficients(self.evaluation),
            payee: std::array::from_fn(|j| F::from_u16(u16::from_be_bytes([self.payee[2 * j], self.payee[2 * j + 1]]))),
            domain: suite::reduced(&self.domain),
        }
    }

    /// What it says of the suite, as messages hold it.
    pub fn suite(&self) -> pb::SuiteStatement {
        pb::SuiteStatement {
            suite: suite::NAME.into(),
            pre_root: suite::digest_bytes(&self.pre_root).into(),
            post_root: suite::digest_bytes(&self.post_root).into(),
            commitment: suite::digest_bytes(&self.commitment).into(),
            challenge: suite::extension_bytes(self.challenge).into(),
            evaluation: suite::extension_bytes(self.evaluation).into(),
        }
    }
}

/// What a statement says beside what the batch gives.
struct Context {
    program_id: [u8; 32],
    slots: usize,
    domain: [u8; 32],
    parent_claim: [u8; 32],
    payee: [u8; 20],
    chain_id: [u8; 32],
    settlement: [u8; 20],
}

impl Context {
    fn decode(message: Option<&pb::Statement>) -> Result<Context, Refusal> {
        let m = message.ok_or_else(|| malformed("the request has no statement"))?;
        Ok(Context {
            program_id: fixed("program id", &m.program_id)?,
            slots: m.slots as usize,
            domain: fixed("domain", &m.domain)?,
            parent_claim: fixed("parent claim", &m.parent_claim)?,
            payee: fixed("payee", &m.payee)?,
            chain_id: fixed("chain id", &m.chain_id)?,
            settlement: fixed("settlement address", &m.settlement)?,
        })
    }
}

/// `keccak256(abi.encode(keccak256("multiprover/v1"), chain id, settlement, program id))` (docs/settlement.md §1).
pub fn domain(chain_id: &[u8; 32], settlement: &[u8; 20], program_id: &[u8; 32]) -> [u8; 32] {
    let label = suite::keccak256(b"multiprover/v1");
    suite::keccak256(&[&label[..], chain_id, &[0; 12], settlement, program_id].concat())
}

fn fixed<const N: usize>(name: &str, bytes: &[u8]) -> Result<[u8; N], Refusal> {
    bytes.try_into().map_err(|_| length(format!("the statement's {name}"), N, bytes.len()))
}

fn length(what: impl std::fmt::Display, expected: usize, found: usize) -> Refusal {
    malformed(format!("{what} has another length")).differing(format!("{expected} bytes"), format!("{found} bytes"))
}

/// A refusal of bytes that are no element or digest of the suite.
fn encoding(what: impl std::fmt::Display, error: Encoding) -> Refusal {
    let refusal = |code| Refusal::new(code, format!("{what} is not in the suite's encoding"));
    match error {
        Encoding::Length { expected, found } => length(what, expected, found),
        Encoding::Element { at, value } => {
            refusal(Code::NonCanonical).differing("elements below 2130706433", format!("{value} at byte {at}"))
        }
        Encoding::Padding { found } => refusal(Code::NonCanonical).differing("zero bytes after five elements", found),
    }
}

/// Holds what a statement says to what was computed.
fn agree(code: Code, name: &str, stated: &[u8], computed: &[u8]) -> Result<(), Refusal> {
    if stated == computed {
        return Ok(());
    }
    Err(Refusal::new(code, format!("the statement's {name} is not the one that follows")).differing(hex(stated), hex(computed)))
}

// ADVICE

/// The value of a field, a cell or an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Int(i128),
    Key(Digest),
}

impl Value {
    /// What a record that was never written holds.
    pub fn zero(ty: Type) -> Value {
        match ty {
            Type::Int { .. } => Value::Int(0),
            Type::Key => Value::Key(Digest::default()),
        }
    }
}

/// A record and where it stands in its map's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// One a field, within the fields' types.
    pub fields: Vec<Value>,
    /// As many as the map is deep, from the leaf up.
    pub siblings: Vec<Digest>,
}

/// What a slot is told beside what its operations compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotAdvice {
    pub words: Vec<u32>,
    /// One a port; where it is not enabled, zeros.
    pub openings: Vec<Opening>,
    /// One an authorization; where it is not enabled, [`Signature::none`].
    pub signatures: Vec<Signature>,
}

/// What a batch is told beside what its operations compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub public: Public,
    /// Before the first slot, one a cell.
    pub cells: Vec<Value>,
    /// Before the first slot, one a map.
    pub map_roots: Vec<Digest>,
    pub slots: Vec<SlotAdvice>,
}

/// The advice of a request, which was executed and whose statement is true.
///
/// # Errors
/// The first thing that is wrong, with its slot and operation: `MALFORMED`, `NON_CANONICAL`, `UNSUPPORTED`, `WRONG_PROGRAM`, `WRONG_STATEMENT`, `BAD_OPENING`,
/// `BAD_SIGNATURE`, `REFUSED_TRANSACTION`, `JOURNAL_MISMATCH`, `ROOT_MISMATCH` (docs/prover.md).
pub fn execute(program: &Program, statement: &Statement, request: &pb::ProveRequest) -> Result<Advice, Refusal> {
    if statement.program_id != program.id {
        return Err(Refusal::new(Code::WrongProgram, "the statement is of another program than the keys")
            .differing(hex(&program.id), hex(&statement.program_id)));
    }
    statement.check_domain()?;
    let batch = Batch::decode(program, statement.slots, request)?;
    let pre_root = batch.pre_root(program);
    if pre_root != statement.pre_root {
        return Err(Refusal::new(Code::BadOpening, "the pre-state does not lead to the statement's pre root")
            .differing(hex(&suite::digest_bytes(&statement.pre_root)), hex(&suite::digest_bytes(&pre_root))));
    }
    let outcome = batch.run(program, &suite::reduced(&statement.domain))?;
    outcome.compare(program, statement, &request.journal)?;
    Ok(batch.advice(program, statement.public(), &outcome.used))
}

/// The advice of a request as it stands, true or not: what a prover that lies would start from.
///
/// # Errors
/// `MALFORMED`, `NON_CANONICAL`, `BAD_OPENING` (a value outside its type).
pub fn unchecked(program: &Program, statement: &Statement, request: &pb::ProveRequest) -> Result<Advice, Refusal> {
    let batch = Batch::decode(program, statement.slots, request)?;
    let all = Used { ports: vec![true; program.ports.len()], authorizations: vec![true; program.authorizations] };
    Ok(batch.advice(program, statement.public(), &vec![all; statement.slots]))
}

/// Completes a request from its slots and its state before them: the journal, and of the statement the claim, the roots, `c`, `z` and `y`.
///
/// # Errors
/// As [`execute`], but for what is completed.
pub fn complete(program: &Program, request: &mut pb::ProveRequest) -> Result<(), Refusal> {
    let context = Context::decode(request.statement.as_ref())?;
    let batch = Batch::decode(program, context.slots, request)?;
    let pre_root = batch.pre_root(program);
    let Outcome { post_root, journal, .. } = batch.run(program, &suite::reduced(&context.domain))?;
    request.journal = bytes(&journal);
    let claim = claim(&context.parent_claim, &request.journal);
    let commitment = suite::commit(&journal);
    let challenge = suite::challenge(&context.domain, &claim, &commitment);
    let Context { program_id, slots, domain, parent_claim, payee, chain_id, settlement } = context;
    let statement = Statement {
        program_id,
        slots,
        domain,
        parent_claim,
        claim,
        payee,
        chain_id,
        settlement,
        pre_root,
        post_root,
        commitment,
        challenge,
        evaluation: suite::evaluate(&journal, challenge),
    };
    let message = request.statement.as_mut().expect("decoded above");
    message.claim = claim.into();
    message.suites = vec![statement.suite()];
    Ok(())
}

fn claim(parent: &[u8; 32], journal: &[u8]) -> [u8; 32] {
    suite::keccak256(&[*parent, suite::keccak256(journal)].concat())
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).collect()
}

// DECODING

/// A request's slots and state, decoded. Ports and authorizations that are empty there are `None`.
struct Batch {
    cells: Vec<Value>,
    map_roots: Vec<Digest>,
    slots: Vec<Slot>,
}

struct Slot {
    words: Vec<u32>,
    openings: Vec<Option<Opening>>,
    signatures: Vec<Option<Signature>>,
}

impl Batch {
    fn decode(program: &Program, slots: usize, request: &pb::ProveRequest) -> Result<Batch, Refusal> {
        let counted = |what: &str, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => Err(malformed(format!("another number of {what}")).differing(expected, found)),
        };
        counted("slots than the statement's", slots, request.slots.len())?;
        let state = request.pre_state.as_ref().ok_or_else(|| malformed("the request has no state before the batch"))?;
        let own = of_suite(program, "the pre-state", &state.suites)?;
        counted("map roots than the program's maps", program.maps.len(), own.map_roots.len())?;
        let map_roots = (own.map_roots.iter().enumerate())
            .map(|(n, root)| suite::digest(root).map_err(|e| encoding(format!("the root of map {n}"), e)))
            .collect::<Result<_, _>>()?;
        let cells = record("the cells", &program.cells, &state.cells, &own.key_cells)?;
        let slots = (request.slots.iter().enumerate())
            .map(|(n, slot)| {
                let decode = || {
                    counted("openings than the program's ports", program.ports.len(), slot.openings.len())?;
                    counted("authorizations than the program's", program.authorizations, slot.authorizations.len())?;
                    Ok(Slot {
                        words: words("the input words", &slot.words, program.input_words)?,
                        openings: (slot.openings.iter().enumerate())
                            .map(|(n, o)| opening(program, n, o))
                            .collect::<Result<_, _>>()?,
                        signatures: (slot.authorizations.iter().enumerate())
                            .map(|(n, a)| signature(program, n, a))
                            .collect::<Result<_, _>>()?,
                    })
                };
                decode().map_err(|r: Refusal| r.at(n))
            })
            .collect::<Result<_, _>>()?;
        Ok(Batch { cells, map_roots, slots })
    }
}

/// This suite's entry of a list with one entry a suite of the program.
fn of_suite<'a, T>(program: &Program, what: &str, entries: &'a [T]) -> Result<&'a T, Refusal> {
    if entries.len() != program.suites.len() {
        return Err(malformed(format!("{what}: another number of entries than the program's suites"))
            .differing(program.suites.len(), entries.len()));
    }
    Ok(&entries[program.suite])
}

/// Words of 4 bytes, big-endian.
fn words(what: &str, bytes: &[u8], count: usize) -> Result<Vec<u32>, Refusal> {
    if bytes.len() != 4 * count {
        return Err(length(what, 4 * count, bytes.len()));
    }
    Ok(bytes.chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]])).collect())
}

/// The values of typed fields: the integers' words, and the keys, any 32 bytes each.
fn record(what: &str, types: &[Type], bytes: &[u8], keys: &[Vec<u8>]) -> Result<Vec<Value>, Refusal> {
    let words = words(what, bytes, types.iter().map(|t| t.words()).sum())?;
    let expected = types.iter().filter(|t| t.is_key()).count();
    if keys.len() != expected {
        return Err(malformed(format!("{what} have another number of keys")).differing(expected, keys.len()));
    }
    let (mut words, mut keys) = (&words[..], keys.iter());
    types
        .iter()
        .enumerate()
        .map(|(n, &ty)| {
            let Type::Int { lo, hi } = ty else {
                let key = keys.next().expect("counted above");
                let key = key[..].try_into().map_err(|_| length(format!("{what}: field {n}"), suite::BYTES, key.len()))?;
                return Ok(Value::Key(suite::reduced(key)));
            };
            let (own, rest) = words.split_at(ty.words());
            words = rest;
            let value = own.iter().fold(0, |v, &w| v << 32 | i128::from(w)) + lo;
            if value > hi {
                return Err(Refusal::new(
                    Code::BadOpening,
                    format!("{what}: field {n} holds what was never stored: it is outside its type"),
                )
                .differing(ty, value));
            }
            Ok(Value::Int(value))
        })
        .collect()
}

fn opening(program: &Program, n: usize, opening: &pb::Opening) -> Result<Option<Opening>, Refusal> {
    if *opening == pb::Opening::default() {
        return Ok(None);
    }
    let map = program.map_of(n);
    let what = format!("the record of opening {n}");
    let own = of_suite(program, &what, &opening.suites)?;
    let fields = record(&what, &map.fields, &opening.fields, &own.keys)?;
    if own.siblings.len() != suite::BYTES * map.depth {
        return Err(length(format!("the path of opening {n}"), suite::BYTES * map.depth, own.siblings.len()));
    }
    let siblings = (own.siblings.chunks_exact(suite::BYTES).enumerate())
        .map(|(i, s)| suite::digest(s).map_err(|e| encoding(format!("sibling {i} of opening {n}"), e)))
        .collect::<Result<_, _>>()?;
    Ok(Some(Opening { fields, siblings }))
}

fn signature(program: &Program, n: usize, authorization: &pb::Authorization) -> Result<Option<Signature>, Refusal> {
    if authorization.signatures.is_empty() {
        return Ok(None);
    }
    let what = format!("authorization {n}");
    match &of_suite(program, &what, &authorization.signatures)?[..] {
        [] => Ok(None),
        own => Signature::decode(own).map(Some).map_err(|e| encoding(format!("the signature of {what}"), e)),
    }
}

// EXECUTION

/// Which ports and authorizations of a slot are enabled.
#[derive(Clone)]
struct Used {
    ports: Vec<bool>,
    authorizations: Vec<bool>,
}

/// What a batch gives.
struct Outcome {
    journal: Vec<u32>,
    post_root: Digest,
    used: Vec<Used>,
}

impl Outcome {
    /// The first difference from journal and statement.
    fn compare(&self, program: &Program, statement: &Statement, journal: &[u8]) -> Result<(), Refusal> {
        let computed = bytes(&self.journal);
        if journal.len() != computed.len() {
            return Err(Refusal::new(Code::JournalMismatch, "the journal has another length than the batch's")
                .differing(format!("{} bytes", journal.len()), format!("{} bytes", computed.len())));
        }
        if let Some(at) = iter::zip(journal.chunks_exact(4), computed.chunks_exact(4)).position(|(a, b)| a != b) {
            let [stated, found] = [journal, &computed].map(|bytes| hex(&bytes[4 * at..4 * at + 4]));
            let (place, slot) = place(program, statement.slots, at);
            let refusal =
                Refusal::new(Code::JournalMismatch, format!("word {at} of the journal, {place}, is not what the batch gives"))
                    .differing(stated, found);
            return Err(slot.map_or(refusal.clone(), |slot| refusal.at(slot)));
        }
        agree(Code::JournalMismatch, "claim", &statement.claim, &claim(&statement.parent_claim, &computed))?;
        let digests = |a: &Digest, b: &Digest| [a, b].map(suite::digest_bytes);
        let [stated, found] = digests(&statement.post_root, &self.post_root);
        agree(Code::RootMismatch, "post root", &stated, &found)?;
        let [stated, found] = digests(&statement.commitment, &suite::commit(&self.journal));
        agree(Code::WrongStatement, "commitment", &stated, &found)?;
        statement.check_challenge()?;
        let evaluation = suite::evaluate(&self.journal, statement.challenge);
        let [stated, found] = [statement.evaluation, evaluation].map(suite::extension_bytes);
        agree(Code::WrongStatement, "evaluation", &stated, &found)
    }
}

/// What stands in a word of the journal, and the slot that it is of.
fn place(program: &Program, slots: usize, at: usize) -> (String, Option<usize>) {
    let inputs = slots * program.input_words;
    let outputs = slots * program.output_words;
    match at {
        _ if at < inputs => (format!("input word {}", at % program.input_words), Some(at / program.input_words)),
        _ if at < inputs + outputs => {
            let at = at - inputs;
            (format!("output word {}", at % program.output_words), Some(at / program.output_words))
        }
        _ => (format!("word {} of the cells", at - inputs - outputs), None),
    }
}

/// The words of `v - lo`, the most significant first.
fn encoded(ty: Type, value: i128) -> impl Iterator<Item = u32> {
    let Type::Int { lo, .. } = ty else { unreachable!("only integers are written in words") };
    (0..ty.words()).rev().map(move |n| (value.wrapping_sub(lo) as u128 >> (32 * n)) as u32)
}

/// The words of the integers among typed values, and the keys.
fn parts(types: &[Type], values: &[Value]) -> (Vec<u32>, Vec<Digest>) {
    let (mut words, mut keys) = (vec![], vec![]);
    for (&ty, &value) in iter::zip(types, values) {
        match value {
            Value::Int(v) => words.extend(encoded(ty, v)),
            Value::Key(key) => keys.push(key),
        }
    }
    (words, keys)
}

fn state_root(program: &Program, cells: &[Value], map_roots: &[Digest]) -> Digest {
    let (words, keys) = parts(&program.cells, cells);
    suite::state_root(&words, &keys, map_roots)
}

impl Batch {
    fn pre_root(&self, program: &Program) -> Digest {
        state_root(program, &self.cells, &self.map_roots)
    }

    fn run(&self, program: &Program, domain: &Digest) -> Result<Outcome, Refusal> {
        let (mut cells, mut map_roots) = (self.cells.clone(), self.map_roots.clone());
        let mut journal: Vec<u32> = self.slots.iter().flat_map(|slot| slot.words.iter().copied()).collect();
        let mut used = vec![];
        for (n, slot) in self.slots.iter().enumerate() {
            let mut run = Run::new(program, slot, domain, &cells);
            run.run(&mut map_roots).map_err(|r| r.at(n))?;
            journal.extend(run.output);
            used.push(Used { ports: run.ports.iter().map(|p| p.opened.is_some()).collect(), authorizations: run.authorized });
            cells = run.cells_after;
        }
        journal.extend(parts(&program.cells, &cells).0);
        Ok(Outcome { journal, post_root: state_root(program, &cells, &map_roots), used })
    }

    fn advice(self, program: &Program, public: Public, used: &[Used]) -> Advice {
        let slots = iter::zip(self.slots, used).map(|(slot, used)| {
            let openings = iter::zip(slot.openings, &used.ports).enumerate().map(|(n, (opening, &enabled))| {
                let map = program.map_of(n);
                opening.filter(|_| enabled).unwrap_or_else(|| Opening {
                    fields: map.fields.iter().map(|&ty| Value::zero(ty)).collect(),
                    siblings: vec![Digest::default(); map.depth],
                })
            });
            let signatures = iter::zip(slot.signatures, &used.authorizations)
                .map(|(signature, &enabled)| signature.filter(|_| enabled).unwrap_or_else(Signature::none));
            SlotAdvice { words: slot.words, openings: openings.collect(), signatures: signatures.collect() }
        });
        Advice { public, cells: self.cells, map_roots: self.map_roots, slots: slots.collect() }
    }
}

/// A port of a slot under way.
struct Port<'a> {
    /// Where it is enabled: the index, and what was opened.
    opened: Option<(u64, &'a Opening)>,
    /// The record before and after the slot.
    before: Vec<Value>,
    after: Vec<Value>,
}

/// A slot under way.
struct Run<'a> {
    program: &'a Program,
    slot: &'a Slot,
    /// What signatures are over.
    digest: Digest,
    cells: &'a [Value],
    cells_after: Vec<Value>,
    values: Vec<Option<Value>>,
    ports: Vec<Port<'a>>,
    authorized: Vec<bool>,
    output: Vec<u32>,
}

impl<'a> Run<'a> {
    fn new(program: &'a Program, slot: &'a Slot, domain: &Digest, cells: &'a [Value]) -> Self {
        Run {
            program,
            slot,
            digest: suite::tx_digest(domain, &slot.words),
            cells,
            cells_after: cells.to_vec(),
            values: Vec::with_capacity(program.steps.len()),
            ports: vec![],
            authorized: vec![],
            output: vec![],
        }
    }

    /// Runs the operations, then takes the ports' effects into the maps' roots.
    fn run(&mut self, map_roots: &mut [Digest]) -> Result<(), Refusal> {
        for (id, step) in self.program.steps.iter().enumerate() {
            let value = self
                .operation(step.op, step.ty, map_roots)
                .map_err(|r| r.within(format!("operation {id}, {}", step.op.name())))?;
            self.values.push(value);
        }
        for (n, port) in self.ports.iter().enumerate() {
            let Some((index, opening)) = port.opened else { continue };
            let map = self.program.ports[n].map;
            let root = |fields: &[Value]| {
                let (words, keys) = parts(&self.program.maps[map].fields, fields);
                suite::root(suite::leaf(map, &words, &keys), index, &opening.siblings)
            };
            leads_to(n, &map_roots[map], &root(&port.before))?;
            map_roots[map] = root(&port.after);
        }
        Ok(())
    }

    fn int(&self, id: Id) -> i128 {
        match self.values[id] {
            Some(Value::Int(v)) => v,
            _ => unreachable!("checked when the program was read"),
        }
    }

    fn holds(&self, id: Id) -> bool {
        self.int(id) == 1
    }

    fn key(&self, id: Id) -> Digest {
        match self.values[id] {
            Some(Value::Key(key)) => key,
            _ => unreachable!("checked when the program was read"),
        }
    }

    fn operation(&mut self, op: Op, ty: Option<Type>, map_roots: &[Digest]) -> Result<Option<Value>, Refusal> {
        let truth = |holds: bool| Value::Int(holds.into());
        Ok(Some(match op {
            Op::Const(value) => Value::Int(value),
            Op::Param { word } => Value::Int(self.slot.words[word].into()),
            Op::KeyParam { word } => Value::Key(suite::key(&self.slot.words[word..word + suite::KEY_WORDS])),
            Op::Cell { cell } => self.cells[cell],
            Op::Load { port, field } => self.ports[port].before[field],
            Op::Add(a, b) => Value::Int(self.int(a) + self.int(b)),
            Op::Sub(a, b) => Value::Int(self.int(a) - self.int(b)),
            Op::Mul(a, b) => Value::Int(self.int(a) * self.int(b)),
            // The divisor is positive, so Euclid's quotient is the floor.
            Op::Divmod(a, b) => Value::Int(self.int(a).div_euclid(self.int(b))),
            Op::Remainder(of) => {
                let Op::Divmod(a, b) = self.program.steps[of].op else { unreachable!("checked when the program was read") };
                Value::Int(self.int(a).rem_euclid(self.int(b)))
            }
            Op::Eq(a, b) => truth(self.int(a) == self.int(b)),
            Op::Lt(a, b) => truth(self.int(a) < self.int(b)),
            Op::Select { bit, one, zero } => return Ok(self.values[if self.holds(bit) { one } else { zero }]),
            Op::And(a, b) => truth(self.holds(a) && self.holds(b)),
            Op::Or(a, b) => truth(self.holds(a) || self.holds(b)),
            Op::Not(a) => truth(!self.holds(a)),
            Op::Range(a) => {
                let ty = ty.expect("it gives a value");
                let value = self.int(a);
                if !ty.holds(Type::Int { lo: value, hi: value }) {
                    return Err(Refusal::new(Code::RefusedTransaction, "a value leaves its range").differing(ty, value));
                }
                Value::Int(value)
            }
            Op::Assert(a) => {
                if !self.holds(a) {
                    let message = format!("what the transition requires does not hold: {}", self.explained(a, 0));
                    return Err(Refusal::new(Code::RefusedTransaction, message).differing(1, 0));
                }
                return Ok(None);
            }
            Op::Open { port, enabled, index } => {
                let opened = self.opened(port, enabled, index, map_roots)?;
                self.ports.push(opened);
                return Ok(None);
            }
            Op::Authorize { number, enabled, key, nonce } => {
                let enabled = self.holds(enabled);
                if enabled {
                    self.authorize(number, &self.key(key), self.int(nonce) as u64)?;
                }
                self.authorized.push(enabled);
                return Ok(None);
            }
            Op::Store { port, field, value } => {
                self.ports[port].after[field] = self.values[value].expect("checked when the program was read");
                return Ok(None);
            }
            Op::StoreCell { cell, value } => {
                self.cells_after[cell] = self.values[value].expect("checked when the program was read");
                return Ok(None);
            }
            Op::Output { value, ty } => {
                self.output.extend(encoded(ty, self.int(value)));
                return Ok(None);
            }
        }))
    }

    fn opened(&self, n: usize, enabled: Id, index: Id, map_roots: &[Digest]) -> Result<Port<'a>, Refusal> {
        let map = self.program.ports[n].map;
        let types = &self.program.maps[map].fields;
        if !self.holds(enabled) {
            let zeros: Vec<Value> = types.iter().map(|&ty| Value::zero(ty)).collect();
            return Ok(Port { opened: None, before: zeros.clone(), after: zeros });
        }
        let opening = self.slot.openings[n]
            .as_ref()
            .ok_or_else(|| malformed(format!("opening {n} is empty")).differing("a record and its path", "nothing"))?;
        let index = self.int(index) as u64;
        let first = !iter::zip(&self.ports, &self.program.ports).any(|(port, p)| p.map == map && port.opened.is_some());
        if first {
            // Later ones open what the first leaves, known at the end of the slot only; this one is looked at before the transition's
            // own rules, so that a lie about the state is named as such.
            let (words, keys) = parts(types, &opening.fields);
            leads_to(n, &map_roots[map], &suite::root(suite::leaf(map, &words, &keys), index, &opening.siblings))?;
        }
        Ok(Port { opened: Some((index, opening)), before: opening.fields.clone(), after: opening.fields.clone() })
    }

    fn authorize(&self, n: usize, key: &Digest, nonce: u64) -> Result<(), Refusal> {
        let bad = |message: String| Refusal::new(Code::BadSignature, message);
        let signature = self.slot.signatures[n]
            .as_ref()
            .ok_or_else(|| bad(format!("authorization {n} is empty")).differing("a signature", "nothing"))?;
        suite::verify(key, &self.digest, nonce, signature)
            .map_err(|e| bad(format!("the signature of authorization {n} does not verify: {e}")))
    }

    /// A boolean in terms of the values compared.
    fn explained(&self, id: Id, depth: usize) -> String {
        /// Rules are conditions of a few terms; what is deeper is named by its number.
        const DEPTH: usize = 6;
        let list = |name: &str, ids: &[Id], booleans: bool| {
            let terms = ids.iter().map(|&a| if booleans { self.explained(a, depth + 1) } else { self.int(a).to_string() });
            format!("{name}({})", terms.collect::<Vec<_>>().join(", "))
        };
        let op = self.program.steps[id].op;
        match op {
            _ if depth == DEPTH => format!("operation {id}"),
            Op::Eq(a, b) | Op::Lt(a, b) => list(op.name(), &[a, b], false),
            Op::And(a, b) | Op::Or(a, b) => list(op.name(), &[a, b], true),
            Op::Not(a) => list(op.name(), &[a], true),
            _ => self.int(id).to_string(),
        }
    }
}

fn leads_to(port: usize, expected: &Digest, found: &Digest) -> Result<(), Refusal> {
    if expected == found {
        return Ok(());
    }
    Err(Refusal::new(Code::BadOpening, format!("opening {port} does not lead to its map's root"))
        .differing(hex(&suite::digest_bytes(expected)), hex(&suite::digest_bytes(found))))
}
