//! The witness: the program run on a request's slots, and everything in the request checked on the way.
//!
//! Nothing is taken from the request but input words, openings and signatures; journal, roots, `c`, `z` and `y` are computed and
//! compared. The advice comes in the order that `lowering` asks for it, segment by segment where the batch is cut (`segments`).

use crate::field::{F, Field};
use crate::lowering::{PAYEE_WORDS, words_of, zero_words};
use crate::pb::prover as pb;
use crate::program::{Action, Id, Map, Program, Sort, Type, words_for};
use crate::refusal::{Code, Refusal, malformed};
use crate::suite::{self, Digest, Extension, Signature, hex, tag};

/// A witness, and the statement that it proves.
pub struct Witness {
    pub advice: Vec<F>,
    pub suite: pb::SuiteStatement,
}

/// The advice of a batch, by the circuits that it is cut into (`segments`).
pub struct Advice {
    /// Of each leaf.
    pub leaves: Vec<Vec<F>>,
    /// Of the join at the root: the cells and map roots after the batch. Empty without one, and where no cell stands in the journal.
    pub closing: Vec<F>,
}

/// A statement with every field decoded.
pub struct Statement {
    pub chain_id: [u8; 32],
    pub settlement: [u8; 20],
    pub program_id: [u8; 32],
    pub slots: usize,
    pub domain: [u8; 32],
    pub parent_claim: [u8; 32],
    pub claim: [u8; 32],
    pub payee: [u8; 20],
    pub pre_root: Digest,
    pub post_root: Digest,
    pub commitment: Digest,
    pub challenge: Extension,
    pub evaluation: Extension,
}

fn fixed<const N: usize>(name: &str, bytes: &[u8]) -> Result<[u8; N], Refusal> {
    bytes.try_into().map_err(|_| {
        malformed(format!("the statement's {name} has another length"))
            .differing(format!("{N} bytes"), format!("{} bytes", bytes.len()))
    })
}

fn canonical<T>(name: &str, bytes: &[u8], decoded: Result<T, suite::NonCanonical>) -> Result<T, Refusal> {
    decoded.map_err(|e| {
        let code = if bytes.len() == suite::DIGEST_BYTES { Code::NonCanonical } else { Code::Malformed };
        Refusal::new(code, format!("the statement's {name} is no element of the suite's field")).differing(e.expected, e.found)
    })
}

impl Statement {
    /// Decodes a statement: one suite, lengths, canonical elements.
    ///
    /// # Errors
    /// `MALFORMED`, `NON_CANONICAL`, `UNSUPPORTED` (suite).
    pub fn decode(message: Option<&pb::Statement>) -> Result<Self, Refusal> {
        let m = message.ok_or_else(|| malformed("the request has no statement"))?;
        let [s] = &m.suites[..] else {
            return Err(Refusal::new(Code::Unsupported, "this prover proves statements over its one suite")
                .differing(suite::NAME, format!("{} suites", m.suites.len())));
        };
        if s.suite != suite::NAME {
            return Err(Refusal::new(Code::Unsupported, "this prover proves statements over its one suite")
                .differing(suite::NAME, s.suite.clone()));
        }
        Ok(Statement {
            chain_id: fixed("chain id", &m.chain_id)?,
            settlement: fixed("settlement address", &m.settlement)?,
            program_id: fixed("program id", &m.program_id)?,
            slots: m.slots as usize,
            domain: fixed("domain", &m.domain)?,
            parent_claim: fixed("parent claim", &m.parent_claim)?,
            claim: fixed("claim", &m.claim)?,
            payee: fixed("payee", &m.payee)?,
            pre_root: canonical("pre root", &s.pre_root, suite::digest(&s.pre_root))?,
            post_root: canonical("post root", &s.post_root, suite::digest(&s.post_root))?,
            commitment: canonical("commitment", &s.commitment, suite::digest(&s.commitment))?,
            challenge: canonical("challenge", &s.challenge, suite::extension(&s.challenge))?,
            evaluation: canonical("evaluation", &s.evaluation, suite::extension(&s.evaluation))?,
        })
    }

    /// Checks that the domain is the one of chain, contract and program.
    ///
    /// # Errors
    /// `WRONG_STATEMENT`.
    pub fn check_domain(&self) -> Result<(), Refusal> {
        let domain = domain(&self.chain_id, &self.settlement, &self.program_id);
        if domain == self.domain {
            return Ok(());
        }
        Err(Refusal::new(Code::WrongStatement, "the statement's domain is not that of its chain, contract and program")
            .differing(hex(&self.domain), hex(&domain)))
    }

    /// Checks that `z` is the one of domain, claim and `c`.
    ///
    /// # Errors
    /// `WRONG_STATEMENT`.
    pub fn check_challenge(&self) -> Result<(), Refusal> {
        let z = suite::challenge(&self.domain, &self.claim, &self.commitment);
        if z == self.challenge {
            return Ok(());
        }
        Err(differing(Code::WrongStatement, "challenge", &suite::extension_bytes(self.challenge), &suite::extension_bytes(z)))
    }

    /// The public inputs of a proof of it, in the order of docs/suites.md §9.
    pub fn public_inputs(&self) -> Vec<F> {
        use plonky2::field::extension::FieldExtension;
        let extension = |v: Extension| -> [F; 2] { v.to_basefield_array() };
        [
            &self.pre_root[..],
            &self.post_root,
            &self.commitment,
            &extension(self.challenge),
            &extension(self.evaluation),
            &payee_words(&self.payee),
            &suite::reduced(&self.domain),
        ]
        .concat()
    }
}

/// `keccak256(abi.encode(keccak256("multiprover/v1"), chain id, settlement, program id))` (docs/settlement.md §1).
pub fn domain(chain_id: &[u8; 32], settlement: &[u8; 20], program_id: &[u8; 32]) -> [u8; 32] {
    suite::keccak(&[&suite::keccak(&[b"multiprover/v1"]), chain_id, &[0; 12], settlement, program_id])
}

fn payee_words(payee: &[u8; 20]) -> [F; PAYEE_WORDS] {
    std::array::from_fn(|i| F::from_canonical_u32(u32::from_be_bytes(payee[4 * i..4 * i + 4].try_into().expect("four bytes"))))
}

fn differing(code: Code, name: &str, expected: &[u8], found: &[u8]) -> Refusal {
    Refusal::new(code, format!("the statement's {name} is not what the slots give")).differing(hex(expected), hex(found))
}

/// Words of bytes, 4 bytes each, big-endian.
fn words(what: &str, bytes: &[u8], expected: usize) -> Result<Vec<u32>, Refusal> {
    if bytes.len() != 4 * expected {
        return Err(malformed(format!("{what}: another number of words"))
            .differing(format!("{expected} words of 4 bytes"), format!("{} bytes", bytes.len())));
    }
    Ok(bytes.chunks_exact(4).map(|w| u32::from_be_bytes(w.try_into().expect("four bytes"))).collect())
}

fn keys(what: &str, parts: &[Vec<u8>], expected: usize) -> Result<Vec<Digest>, Refusal> {
    if parts.len() != expected || parts.iter().any(|p| p.len() != suite::DIGEST_BYTES) {
        return Err(malformed(format!("{what}: other keys than the program's")).differing(
            format!("{expected} of 32 bytes"),
            format!("{} of {:?} bytes", parts.len(), parts.iter().map(Vec::len).collect::<Vec<_>>()),
        ));
    }
    Ok(parts.iter().map(|p| suite::reduced(p.as_slice().try_into().expect("32 bytes"))).collect())
}

/// A record or the cells: each field a value.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Nothing,
    Int(i128),
    Key(Digest),
}

/// The fields' values from words and keys.
///
/// # Errors
/// A value outside its type: it was never stored.
fn record(what: &str, types: &[Type], words: &[u32], keys: &[Digest]) -> Result<Vec<Value>, Refusal> {
    let (mut words, mut keys) = (words.iter(), keys.iter());
    types
        .iter()
        .map(|t| {
            if t.key {
                return Ok(Value::Key(*keys.next().expect("counted")));
            }
            let encoded = words.by_ref().take(t.words()).fold(0u64, |v, &w| v << 32 | u64::from(w));
            let value = t.lo + i128::from(encoded);
            if value > t.hi {
                return Err(Refusal::new(Code::BadOpening, format!("{what}: a value outside its type was never stored"))
                    .differing(format!("[{}, {}]", t.lo, t.hi), value.to_string()));
            }
            Ok(Value::Int(value))
        })
        .collect()
}

fn split(types: &[Type], values: &[Value]) -> (Vec<u32>, Vec<Digest>) {
    let (mut words, mut keys) = (vec![], vec![]);
    for (t, v) in types.iter().zip(values) {
        match v {
            Value::Int(v) => words.extend(words_of(*v, *t)),
            Value::Key(k) => keys.push(*k),
            Value::Nothing => unreachable!("fields have values"),
        }
    }
    (words, keys)
}

/// The advice of a record's fields, in field order.
fn push_fields(advice: &mut Vec<F>, types: &[Type], values: &[Value]) {
    for (t, v) in types.iter().zip(values) {
        match v {
            Value::Int(v) => advice.extend(words_of(*v, *t).into_iter().map(F::from_canonical_u32)),
            Value::Key(k) => advice.extend(k),
            Value::Nothing => unreachable!("fields have values"),
        }
    }
}

fn zeros(types: &[Type]) -> Vec<Value> {
    types.iter().map(|t| if t.key { Value::Key([F::ZERO; 4]) } else { Value::Int(0) }).collect()
}

struct Port {
    enabled: bool,
    index: u64,
    map: usize,
    before: Vec<Value>,
    after: Vec<Value>,
    siblings: Vec<Digest>,
}

impl Port {
    fn root(&self, program: &Program, record: &[Value]) -> Digest {
        let (words, keys) = split(&program.maps[self.map].fields, record);
        let leaf = suite::leaf(self.map as u64, &words, &keys);
        suite::root_from_path(tag::NODE, &leaf, self.index, &self.siblings)
    }
}

struct Executor<'a> {
    program: &'a Program,
    domain: Digest,
    cells: Vec<Value>,
    roots: Vec<Digest>,
    /// Of the segment under way.
    advice: Vec<F>,
}

/// Where `z` stands in the advice of a leaf: after `domain` and `payee`.
const PUBLIC_Z: usize = 4 + PAYEE_WORDS;

/// Runs a request.
///
/// # Errors
/// A refusal, with the first thing that is not right: `MALFORMED`, `NON_CANONICAL`, `BAD_OPENING`, `BAD_SIGNATURE`, `REFUSED_TRANSACTION`,
/// `JOURNAL_MISMATCH`, `ROOT_MISMATCH` or `WRONG_STATEMENT`.
pub fn execute(program: &Program, slots: usize, statement: &Statement, request: &pb::ProveRequest) -> Result<Witness, Refusal> {
    let mut executed = run(program, &[slots], statement, request)?;
    let suite = executed.conclude(statement, request)?;
    Ok(Witness { advice: executed.leaves.remove(0), suite })
}

/// The same for a batch that is cut into segments of so many slots.
///
/// # Errors
/// As `execute`.
pub fn execute_segments(
    program: &Program,
    slots: &[usize],
    statement: &Statement,
    request: &pb::ProveRequest,
) -> Result<(Advice, pb::SuiteStatement), Refusal> {
    let mut executed = run(program, slots, statement, request)?;
    let suite = executed.conclude(statement, request)?;
    Ok((executed.segmented(slots), suite))
}

/// The advice of a request whose statement is right in its domain and pre root only, with `z = 0`: for measuring a circuit, whose cost is the same.
///
/// # Errors
/// As `execute`, but for what it compares at the end.
pub fn rehearse(program: &Program, slots: usize, statement: &Statement, request: &pb::ProveRequest) -> Result<Vec<F>, Refusal> {
    Ok(run(program, &[slots], statement, request)?.leaves.remove(0))
}

/// The same for segments.
///
/// # Errors
/// As `rehearse`.
pub fn rehearse_segments(
    program: &Program,
    slots: &[usize],
    statement: &Statement,
    request: &pb::ProveRequest,
) -> Result<Advice, Refusal> {
    Ok(run(program, slots, statement, request)?.segmented(slots))
}

/// A batch that was executed, not yet compared with its statement.
struct Executed<'a> {
    executor: Executor<'a>,
    /// The advice of each leaf, with `z = 0`.
    leaves: Vec<Vec<F>>,
    journal: Vec<u32>,
    pre_root: Digest,
}

/// `leaves` are the slots of each leaf, in their order.
fn run<'a>(
    program: &'a Program,
    leaves: &[usize],
    statement: &Statement,
    request: &pb::ProveRequest,
) -> Result<Executed<'a>, Refusal> {
    let slots = leaves.iter().sum::<usize>();
    if request.slots.len() != slots {
        return Err(malformed("the request has another number of slots than the batch")
            .differing(slots.to_string(), request.slots.len().to_string()));
    }
    statement.check_domain()?;
    let pre = request.pre_state.as_ref().ok_or_else(|| malformed("the request has no pre-state"))?;
    let cell_words = words("pre-state cells", &pre.cells, program.cell_words())?;
    let own = own_suite(program, "pre-state", &pre.suites)?;
    let key_cells = keys("pre-state", &own.key_cells, program.key_cells())?;
    if own.map_roots.len() != program.maps.len() {
        return Err(malformed("the pre-state has another number of map roots than the program maps")
            .differing(program.maps.len().to_string(), own.map_roots.len().to_string()));
    }
    let roots = (own.map_roots.iter())
        .map(|r| {
            suite::digest(r)
                .map_err(|e| Refusal::new(Code::NonCanonical, "a map root is no digest").differing(e.expected, e.found))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let cells = record("pre-state cells", &program.cells, &cell_words, &key_cells)?;
    let domain = suite::reduced(&statement.domain);
    let mut e = Executor { program, domain, cells, roots, advice: vec![] };
    let pre_root = e.state_root();
    if pre_root != statement.pre_root {
        return Err(Refusal::new(Code::BadOpening, "the pre-state does not lead to the statement's pre root")
            .differing(hex(&suite::bytes(&statement.pre_root)), hex(&suite::bytes(&pre_root))));
    }

    let mut journal = vec![];
    let mut outputs = vec![];
    let mut advice = vec![];
    let mut numbered = request.slots.iter().enumerate();
    for &slots in leaves {
        e.advice.extend(domain);
        e.advice.extend(payee_words(&statement.payee));
        e.advice.extend([F::ZERO; 2]);
        e.push_state();
        for (n, slot) in numbered.by_ref().take(slots) {
            let input = words("input", &slot.words, program.input_words).map_err(|r| r.at(n))?;
            let output = e.slot(&input, slot).map_err(|r| r.at(n))?;
            journal.extend(input);
            outputs.extend(output);
        }
        advice.push(std::mem::take(&mut e.advice));
    }
    journal.extend(outputs);
    journal.extend(split(&program.cells, &e.cells).0);
    Ok(Executed { executor: e, leaves: advice, journal, pre_root })
}

impl Executed<'_> {
    /// Compares what was computed with the statement, and puts `z` into the advice.
    fn conclude(&mut self, statement: &Statement, request: &pb::ProveRequest) -> Result<pb::SuiteStatement, Refusal> {
        use plonky2::field::extension::FieldExtension;
        let Executed { executor, journal, pre_root, .. } = &*self;
        let bytes: Vec<u8> = journal.iter().flat_map(|w| w.to_be_bytes()).collect();
        if bytes != request.journal {
            return Err(journal_mismatch(&request.journal, &bytes));
        }
        let claim = suite::keccak(&[&statement.parent_claim, &suite::keccak(&[&bytes])]);
        if claim != statement.claim {
            return Err(Refusal::new(Code::JournalMismatch, "the claim is not that of the parent claim and the journal")
                .differing(hex(&statement.claim), hex(&claim)));
        }
        let post_root = executor.state_root();
        if post_root != statement.post_root {
            return Err(differing(
                Code::RootMismatch,
                "post root",
                &suite::bytes(&statement.post_root),
                &suite::bytes(&post_root),
            ));
        }
        let commitment = suite::commit(journal);
        if commitment != statement.commitment {
            return Err(differing(
                Code::WrongStatement,
                "commitment",
                &suite::bytes(&statement.commitment),
                &suite::bytes(&commitment),
            ));
        }
        statement.check_challenge()?;
        let z = statement.challenge;
        let evaluation = suite::evaluate(journal, z);
        if evaluation != statement.evaluation {
            return Err(differing(
                Code::WrongStatement,
                "evaluation",
                &suite::extension_bytes(statement.evaluation),
                &suite::extension_bytes(evaluation),
            ));
        }
        let suite = pb::SuiteStatement {
            suite: suite::NAME.into(),
            pre_root: suite::bytes(pre_root).into(),
            post_root: suite::bytes(&post_root).into(),
            commitment: suite::bytes(&commitment).into(),
            challenge: suite::extension_bytes(z).into(),
            evaluation: suite::extension_bytes(evaluation).into(),
        };
        let z_elements: [F; 2] = z.to_basefield_array();
        for advice in &mut self.leaves {
            advice[PUBLIC_Z..PUBLIC_Z + 2].copy_from_slice(&z_elements);
        }
        Ok(suite)
    }

    /// With what segments are told beside: the journal's hash where their inputs and their outputs start.
    fn segmented(mut self, slots: &[usize]) -> Advice {
        let program = self.executor.program;
        let mut words = self.journal.iter();
        let mut sponge = Sponge::new(self.journal.len());
        for section in [program.input_words, program.output_words] {
            for (advice, slots) in self.leaves.iter_mut().zip(slots) {
                sponge.push(advice);
                words.by_ref().take(slots * section).for_each(|&w| sponge.absorb(w));
            }
        }
        if program.cell_words() > 0 {
            self.executor.push_state();
        }
        Advice { leaves: self.leaves, closing: self.executor.advice }
    }
}

/// The journal's hash after some of its words.
struct Sponge {
    /// After the groups of eight that are full.
    state: [F; 12],
    /// The words after them, then zeros.
    pending: [F; 7],
    fill: usize,
}

impl Sponge {
    /// Before the first of `journal_words` words.
    fn new(journal_words: usize) -> Self {
        let mut state = [F::ZERO; 12];
        state[8] = F::from_canonical_u64(tag::JOURNAL);
        state[10] = F::from_canonical_usize(journal_words);
        Sponge { state, pending: [F::ZERO; 7], fill: 0 }
    }

    fn absorb(&mut self, word: u32) {
        use plonky2::hash::poseidon::Poseidon;
        let word = F::from_canonical_u32(word);
        if self.fill < 7 {
            self.pending[self.fill] = word;
            self.fill += 1;
            return;
        }
        self.state[..7].copy_from_slice(&self.pending);
        self.state[7] = word;
        *self = Sponge { state: F::poseidon(self.state), pending: [F::ZERO; 7], fill: 0 };
    }

    fn push(&self, advice: &mut Vec<F>) {
        advice.extend(self.state);
        advice.extend(self.pending);
        advice.push(F::from_canonical_usize(self.fill));
    }
}

impl Executor<'_> {
    fn state_root(&self) -> Digest {
        let (words, keys) = split(&self.program.cells, &self.cells);
        suite::state_root(&words, &keys, &self.roots)
    }

    /// The advice of cells and map roots as they are now.
    fn push_state(&mut self) {
        push_fields(&mut self.advice, &self.program.cells, &self.cells);
        self.advice.extend(self.roots.iter().flatten());
    }

    fn slot(&mut self, input: &[u32], slot: &pb::Slot) -> Result<Vec<u32>, Refusal> {
        let program = self.program;
        if slot.openings.len() != program.ports.len() || slot.authorizations.len() != program.authorizations {
            return Err(malformed("the slot has other openings or authorizations than the program's").differing(
                format!("{} and {}", program.ports.len(), program.authorizations),
                format!("{} and {}", slot.openings.len(), slot.authorizations.len()),
            ));
        }
        self.advice.extend(input.iter().map(|&w| F::from_canonical_u32(w)));
        let digest = suite::tx_digest(&self.domain, input);
        let mut run =
            Run { input, digest, slot, values: vec![], ports: vec![], authorizations: 0, output: vec![], remainders: vec![] };
        let mut cells_after = self.cells.clone();
        for id in 0..program.ops.len() {
            match self.operation(&mut run, &mut cells_after, id) {
                Ok(value) => run.values.push(value),
                Err(refusal) => {
                    // A lie about the state shows first as a broken rule: say which opening is wrong, if one is.
                    self.check_first_ports(&run.ports)?;
                    return Err(refusal);
                }
            }
        }
        for (n, port) in run.ports.iter().enumerate().filter(|(_, p)| p.enabled) {
            let found = port.root(program, &port.before);
            if found != self.roots[port.map] {
                return Err(bad_opening(n, &self.roots[port.map], &found));
            }
            self.roots[port.map] = port.root(program, &port.after);
        }
        self.cells = cells_after;
        Ok(run.output)
    }

    fn check_first_ports(&self, ports: &[Port]) -> Result<(), Refusal> {
        for (map, root) in self.roots.iter().enumerate() {
            if let Some((n, port)) = ports.iter().enumerate().find(|(_, p)| p.enabled && p.map == map) {
                let found = port.root(self.program, &port.before);
                if found != *root {
                    return Err(bad_opening(n, root, &found));
                }
            }
        }
        Ok(())
    }

    fn operation(&mut self, run: &mut Run, cells_after: &mut [Value], id: Id) -> Result<Value, Refusal> {
        let op = &self.program.ops[id];
        let int = |v: i128| Ok(Value::Int(v));
        let flag = |v: bool| Ok(Value::Int(v.into()));
        match op.action {
            Action::Const => int(op.lo),
            Action::Param(j) => int(run.input[j].into()),
            Action::KeyParam(j) => {
                let at = self.program.key_word(j);
                Ok(Value::Key(suite::key_of_words(&run.input[at..at + suite::KEY_WORDS])))
            }
            Action::Cell(c) => Ok(self.cells[c].clone()),
            Action::Open { enabled, index, map, port } => {
                let (enabled, index) = (run.int(enabled) == 1, run.int(index) as u64);
                let port = self
                    .open(enabled, index, map, &run.slot.openings[port])
                    .map_err(|r| Refusal { message: format!("opening {port}: {}", r.message), ..r })?;
                run.ports.push(port);
                Ok(Value::Nothing)
            }
            Action::Load { port, field } => Ok(run.ports[port].before[field].clone()),
            Action::Add(a, b) => int(run.int(a) + run.int(b)),
            Action::Sub(a, b) => int(run.int(a) - run.int(b)),
            Action::Mul(a, b) => int(run.int(a) * run.int(b)),
            Action::Divmod(a, b) => {
                let (x, y) = (run.int(a), run.int(b));
                let (quotient, remainder) = (x.div_euclid(y), x.rem_euclid(y));
                let (alo, ahi, bhi) = (self.program.ops[a].lo, self.program.ops[a].hi, self.program.ops[b].hi);
                let most = if alo >= 0 { ahi.min(bhi - 1) } else { bhi - 1 };
                self.push_words(quotient - op.lo, words_for(op.lo, op.hi));
                self.push_words(remainder, words_for(0, most));
                run.remainders.push((id, remainder));
                int(quotient)
            }
            Action::Remainder(d) => int(run.remainders.iter().find(|(id, _)| *id == d).expect("its DIVMOD came before").1),
            Action::Eq(a, b) => flag(run.int(a) == run.int(b)),
            Action::Lt(a, b) => {
                let less = run.int(a) < run.int(b);
                self.advice.push(F::from_bool(less));
                flag(less)
            }
            Action::Select(c, a, b) => {
                let chosen = if run.int(c) == 1 { a } else { b };
                debug_assert!(op.sort != Sort::Nothing);
                Ok(run.values[chosen].clone())
            }
            Action::And(a, b) => flag(run.int(a) + run.int(b) == 2),
            Action::Or(a, b) => flag(run.int(a) + run.int(b) > 0),
            Action::Not(a) => flag(run.int(a) == 0),
            Action::Range(a) => {
                let v = run.int(a);
                if !(op.lo..=op.hi).contains(&v) {
                    return Err(Refusal::new(Code::RefusedTransaction, format!("operation {id}: a value leaves its range"))
                        .differing(format!("[{}, {}]", op.lo, op.hi), v.to_string()));
                }
                int(v)
            }
            Action::Assert(a) => {
                if run.int(a) != 1 {
                    return Err(Refusal::new(
                        Code::RefusedTransaction,
                        format!("operation {id}: what the transition requires does not hold"),
                    )
                    .differing("1", "0"));
                }
                Ok(Value::Nothing)
            }
            Action::Authorize { enabled, key, nonce } => {
                self.authorize(run, run.int(enabled) == 1, run.key(key), run.int(nonce) as u64)?;
                Ok(Value::Nothing)
            }
            Action::Store { port, value, field } => {
                run.ports[port].after[field] = run.values[value].clone();
                Ok(Value::Nothing)
            }
            Action::StoreCell { value, cell } => {
                cells_after[cell] = run.values[value].clone();
                Ok(Value::Nothing)
            }
            Action::Output(a) => {
                run.output.extend(words_of(run.int(a), op.ty()));
                Ok(Value::Nothing)
            }
        }
    }

    /// The words of a natural number, least significant first.
    fn push_words(&mut self, v: i128, count: usize) {
        self.advice.extend((0..count).map(|j| F::from_canonical_u32((v as u128 >> (32 * j)) as u32)));
    }

    fn open(&mut self, enabled: bool, index: u64, map: usize, opening: &pb::Opening) -> Result<Port, Refusal> {
        let Map { depth, fields } = &self.program.maps[map];
        let (before, siblings) = if enabled {
            let field_words = words("fields", &opening.fields, self.program.maps[map].words())?;
            let own = own_suite(self.program, "opening", &opening.suites)?;
            let keys = keys("opening", &own.keys, self.program.maps[map].keys())?;
            if own.siblings.len() != suite::DIGEST_BYTES * depth {
                return Err(malformed("another number of siblings than the map is deep")
                    .differing(depth.to_string(), format!("{} bytes", own.siblings.len())));
            }
            let siblings = (own.siblings.chunks_exact(suite::DIGEST_BYTES))
                .map(|s| {
                    suite::digest(s)
                        .map_err(|e| Refusal::new(Code::NonCanonical, "a sibling is no digest").differing(e.expected, e.found))
                })
                .collect::<Result<Vec<_>, _>>()?;
            (record("opened fields", fields, &field_words, &keys)?, siblings)
        } else {
            (zeros(fields), vec![[F::ZERO; 4]; *depth])
        };
        push_fields(&mut self.advice, fields, &before);
        self.advice.extend(siblings.iter().flatten());
        Ok(Port { enabled, index, map, after: before.clone(), before, siblings })
    }

    fn authorize(&mut self, run: &mut Run, enabled: bool, key: Digest, nonce: u64) -> Result<(), Refusal> {
        let n = run.authorizations;
        run.authorizations += 1;
        let (nonce, signature) = if enabled {
            let given = &run.slot.authorizations[n].signatures;
            // No signatures at all are as one of no bytes.
            let bytes = if given.len() == self.program.suites.len() { given[self.program.suite].as_slice() } else { &[] };
            let signature = Signature::decode(bytes).map_err(|e| {
                let code = if bytes.len() == suite::SIGNATURE_BYTES { Code::NonCanonical } else { Code::BadSignature };
                Refusal::new(code, format!("authorization {n}: no signature of the suite")).differing(e.expected, e.found)
            })?;
            suite::verify(&key, &run.digest, nonce, &signature)
                .map_err(|e| Refusal::new(Code::BadSignature, format!("authorization {n}: {e}")))?;
            (nonce, signature)
        } else {
            (0, Signature::empty())
        };
        self.advice.extend([F::from_canonical_u64(nonce), signature.salt]);
        self.advice.extend(signature.chains.iter().chain(&signature.siblings).flatten());
        Ok(())
    }
}

struct Run<'a> {
    input: &'a [u32],
    digest: Digest,
    slot: &'a pb::Slot,
    values: Vec<Value>,
    ports: Vec<Port>,
    authorizations: usize,
    output: Vec<u32>,
    remainders: Vec<(Id, i128)>,
}

impl Run<'_> {
    fn int(&self, id: Id) -> i128 {
        match self.values[id] {
            Value::Int(v) => v,
            _ => unreachable!("checked when the program was decoded"),
        }
    }

    fn key(&self, id: Id) -> Digest {
        match self.values[id] {
            Value::Key(k) => k,
            _ => unreachable!("checked when the program was decoded"),
        }
    }
}

fn bad_opening(port: usize, expected: &Digest, found: &Digest) -> Refusal {
    Refusal::new(Code::BadOpening, format!("opening {port} does not lead to the map's root"))
        .differing(hex(&suite::bytes(expected)), hex(&suite::bytes(found)))
}

fn journal_mismatch(expected: &[u8], found: &[u8]) -> Refusal {
    let refusal = |message: String| Refusal::new(Code::JournalMismatch, message);
    if expected.len() != found.len() {
        return refusal("the request's journal has another length than the slots give".into())
            .differing(format!("{} bytes", expected.len()), format!("{} bytes", found.len()));
    }
    let words = || expected.chunks(4).zip(found.chunks(4));
    let at = words().position(|(a, b)| a != b).expect("they differ");
    let (a, b) = words().nth(at).expect("in range");
    refusal(format!("the request's journal is not what the slots give: word {at} differs")).differing(hex(a), hex(b))
}

/// This suite's entry of a list with one entry a suite of the program.
fn own_suite<'a, T>(program: &Program, what: &str, suites: &'a [T]) -> Result<&'a T, Refusal> {
    if suites.len() != program.suites.len() {
        return Err(malformed(format!("{what}: expected one entry for each suite of the program"))
            .differing(program.suites.len().to_string(), suites.len().to_string()));
    }
    Ok(&suites[program.suite])
}

/// The words of a record of zeros, for tests and first states.
pub fn default_record_words(map: &Map) -> Vec<u32> {
    map.fields.iter().filter(|t| !t.key).flat_map(|&t| zero_words(t)).collect()
}
