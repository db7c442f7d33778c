//! Execution of a batch: from a request to the circuit's advice, refusing what docs/prover.md says.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field as _;
use sha3::{Digest, Keccak256};

use crate::pb::prover as pb;
use crate::program::{Field, Id, KEY_WORDS, Op, Program, Range, Type};
use crate::refusal::{Code, Refusal, hex, malformed};
use crate::signature::Signature;
use crate::statement::{Statement, element, sized};
use crate::suite::{self, Typed};

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
        vec![self.pre_root, self.post_root, self.commitment, self.challenge, self.evaluation, self.payee, self.domain]
    }
}

/// What is proven of an executed batch.
#[derive(Debug, Clone)]
pub struct Executed {
    pub advice: Advice,
    pub public: PublicInputs,
}

/// Executes a batch and holds it against its statement. `statement.program_id` and `statement.slots` are taken to be the
/// program's and the keys'.
///
/// # Errors
/// The first thing that is wrong, with the codes of docs/prover.md §4.
pub fn execute(program: &Program, statement: &Statement, request: &pb::ProveRequest) -> Result<Executed, Refusal> {
    statement.check_domain()?;
    if request.slots.len() != statement.slots {
        let refusal = malformed("the request has not as many slots as its statement");
        return Err(refusal.differing(statement.slots, request.slots.len()));
    }
    let state = request.pre_state.as_ref().ok_or_else(|| malformed("the request has no state"))?;
    let mut state = State::decode(program, state)?;
    let (cells, map_roots) = (state.cells.clone(), state.map_roots.clone());
    same(Code::BadOpening, "the state before is not the one of the pre root", statement.pre_root, state.root(program))?;

    let (slots, journal) = run(program, suite::reduce(&statement.domain), &request.slots, &mut state)?;
    check_journal(statement, request, &journal)?;
    same(Code::RootMismatch, "the state after is not the one of the post root", statement.post_root, state.root(program))?;
    same(Code::JournalMismatch, "c does not commit to the journal", statement.commitment, suite::commit(&journal))?;
    let challenge = statement.derived_challenge();
    same(Code::JournalMismatch, "z does not follow from domain, claim and c", statement.challenge, challenge)?;
    let evaluation = suite::evaluate(&journal, challenge);
    same(Code::JournalMismatch, "y is not the journal's evaluation at z", statement.evaluation, evaluation)?;
    Ok(Executed { advice: Advice { cells, map_roots, slots }, public: statement.public_inputs() })
}

/// Takes the slots one after the other; the state is then the one after them. Gives the advice of each, and the journal.
fn run(program: &Program, domain: Fr, messages: &[pb::Slot], state: &mut State) -> Result<(Vec<SlotAdvice>, Vec<u32>), Refusal> {
    let (mut slots, mut journal, mut outputs) = (vec![], vec![], vec![]);
    for (number, message) in messages.iter().enumerate() {
        let run = Run::of(program, domain, message, state).and_then(|run| run.finish(state));
        let (slot, written) = run.map_err(|refusal| refusal.at(number))?;
        journal.extend(&slot.words);
        outputs.extend(written);
        slots.push(slot);
    }
    journal.extend(outputs);
    for (typed, _) in typed_integers(&program.cells, &state.cells) {
        journal.extend(words_of(typed));
    }
    Ok((slots, journal))
}

/// Writes what follows from a request's slots and state into it: the journal, the claim, and the suite's part of the statement. It
/// has program, domain, parent and payee already.
///
/// # Errors
/// As [`execute`].
pub fn complete(program: &Program, request: &mut pb::ProveRequest) -> Result<(), Refusal> {
    let stated = request.statement.as_mut().ok_or_else(|| malformed("the request has no statement"))?;
    let domain = sized("the domain", &stated.domain)?;
    let state = request.pre_state.as_ref().ok_or_else(|| malformed("the request has no state"))?;
    let mut state = State::decode(program, state)?;
    let pre_root = state.root(program);
    let (_, journal) = run(program, suite::reduce(&domain), &request.slots, &mut state)?;
    request.journal = journal.iter().flat_map(|w| w.to_be_bytes()).collect();
    stated.claim =
        Keccak256::new().chain_update(&stated.parent_claim).chain_update(Keccak256::digest(&request.journal)).finalize().to_vec();
    let commitment = suite::encode(&suite::commit(&journal));
    let claim = sized("the claim", &stated.claim)?;
    let challenge = suite::reduce(&suite::challenge_seed(&domain, &claim, &commitment));
    let bytes = |e: Fr| suite::encode(&e).to_vec();
    stated.suites = vec![pb::SuiteStatement {
        suite: suite::NAME.into(),
        pre_root: bytes(pre_root),
        post_root: bytes(state.root(program)),
        commitment: commitment.to_vec(),
        challenge: bytes(challenge),
        evaluation: bytes(suite::evaluate(&journal, challenge)),
    }];
    Ok(())
}

/// The values of every step in a slot of these input words, for a program without state or signatures.
///
/// # Errors
/// The slot is refused, or the program needs more.
pub fn trace(program: &Program, words: &[u32]) -> Result<Vec<Value>, Refusal> {
    let message = pb::Slot { words: words.iter().flat_map(|w| w.to_be_bytes()).collect(), ..Default::default() };
    let state = State { cells: vec![], map_roots: vec![] };
    Run::of(program, Fr::ZERO, &message, &state).map(|run| run.slot.values)
}

fn same(code: Code, message: &str, stated: Fr, computed: Fr) -> Result<(), Refusal> {
    if stated == computed {
        return Ok(());
    }
    Err(Refusal::new(code, message).differing(hex(suite::encode(&stated)), hex(suite::encode(&computed))))
}

fn check_journal(statement: &Statement, request: &pb::ProveRequest, journal: &[u32]) -> Result<(), Refusal> {
    let bytes: Vec<u8> = journal.iter().flat_map(|w| w.to_be_bytes()).collect();
    if bytes.len() != request.journal.len() {
        let refusal = Refusal::new(Code::JournalMismatch, "the claim's journal is of another length than the one computed");
        return Err(refusal.differing(format!("{} bytes", request.journal.len()), format!("{} bytes", bytes.len())));
    }
    if let Some(word) = bytes.chunks(4).zip(request.journal.chunks(4)).position(|(computed, stated)| computed != stated) {
        let refusal = Refusal::new(Code::JournalMismatch, format!("word {word} of the journal is not the one computed"));
        return Err(refusal.differing(hex(&request.journal[4 * word..4 * word + 4]), hex(&bytes[4 * word..4 * word + 4])));
    }
    let claim = Keccak256::new().chain_update(statement.parent_claim).chain_update(Keccak256::digest(&bytes)).finalize();
    if claim[..] != statement.claim {
        let refusal = Refusal::new(Code::JournalMismatch, "the claim is not that of its parent and the journal");
        return Err(refusal.differing(hex(statement.claim), hex(claim)));
    }
    Ok(())
}

/// 32-bit words, big-endian; `None` if the bytes do not come out even.
fn words(bytes: &[u8]) -> Option<Vec<u32>> {
    let (words, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| words.iter().map(|w| u32::from_be_bytes(*w)).collect())
}

fn words_of(typed: Typed) -> impl Iterator<Item = u32> {
    (0..typed.words).rev().map(move |i| (typed.encoded >> (32 * i)) as u32)
}

/// A value typed with a range of at most 64 bits.
fn encode(range: Range, v: i128) -> Typed {
    Typed { encoded: (v - range.lo) as u64, words: range.words() }
}

/// The integers among values of such fields, typed, each with its position.
fn typed_integers(fields: &[Field], values: &[Value]) -> Vec<(Typed, usize)> {
    let typed = fields.iter().zip(values).enumerate().filter_map(|(at, (field, value))| match (field.ty, value) {
        (Type::Integer(range), Value::Integer(v)) => Some((encode(range, *v), at)),
        _ => None,
    });
    typed.collect()
}

fn integers_and_keys(fields: &[Field], values: &[Value]) -> (Vec<Typed>, Vec<Fr>) {
    let keys = values.iter().filter_map(|v| match v {
        Value::Key(key) => Some(*key),
        _ => None,
    });
    (typed_integers(fields, values).into_iter().map(|(typed, _)| typed).collect(), keys.collect())
}

/// The values of fields, from the words of the integers and 32 bytes a key; they lie in their types.
fn decode_fields(what: &str, fields: &[Field], integers: &[u8], keys: &[Vec<u8>]) -> Result<Vec<Value>, Refusal> {
    let expected: usize = fields.iter().filter_map(|f| f.ty.range()).map(|r| r.words()).sum();
    let mut words = words(integers).filter(|w| w.len() == expected).map(Vec::into_iter).ok_or_else(|| {
        malformed(format!("{what}: the integers are not of their length"))
            .differing(format!("{} bytes", 4 * expected), format!("{} bytes", integers.len()))
    })?;
    let count = fields.iter().filter(|f| f.ty == Type::Key).count();
    if keys.len() != count {
        return Err(malformed(format!("{what}: it has not as many keys as it should")).differing(count, keys.len()));
    }
    let mut keys = keys.iter();
    let value = |field: &Field| match field.ty {
        Type::Key => Ok(Value::Key(suite::reduce(&sized("a key", keys.next().expect("counted"))?))),
        Type::Integer(range) => {
            let encoded = words.by_ref().take(range.words()).fold(0, |sum, w| sum << 32 | u64::from(w));
            if u128::from(encoded) > range.span() {
                let refusal = Refusal::new(Code::BadOpening, format!("{what}: {} is not within its type", field.name));
                return Err(refusal.differing(range, i128::from(encoded) + range.lo));
            }
            Ok(Value::Integer(i128::from(encoded) + range.lo))
        }
    };
    fields.iter().map(value).collect()
}

/// Of this suite, among as many as the program has.
fn own<'a, T>(program: &Program, what: &str, suites: &'a [T]) -> Result<&'a T, Refusal> {
    if suites.len() != program.suites.len() {
        let refusal = malformed(format!("{what}: it has not as many suites as the program"));
        return Err(refusal.differing(program.suites.len(), suites.len()));
    }
    Ok(&suites[program.suite])
}

/// The state between slots.
struct State {
    cells: Vec<Value>,
    map_roots: Vec<Fr>,
}

impl State {
    fn decode(program: &Program, message: &pb::PreState) -> Result<State, Refusal> {
        let suite = own(program, "the state", &message.suites)?;
        if suite.map_roots.len() != program.maps.len() {
            let refusal = malformed("the state has not as many map roots as the program has maps");
            return Err(refusal.differing(program.maps.len(), suite.map_roots.len()));
        }
        Ok(State {
            cells: decode_fields("the state", &program.cells, &message.cells, &suite.key_cells)?,
            map_roots: suite.map_roots.iter().map(|root| element("a map's root", root)).collect::<Result<_, _>>()?,
        })
    }

    fn root(&self, program: &Program) -> Fr {
        let (integers, keys) = integers_and_keys(&program.cells, &self.cells);
        suite::state_root(&integers, &keys, &self.map_roots)
    }
}

/// A slot whose steps were all taken; the state is still the one before.
struct Run<'a> {
    program: &'a Program,
    slot: SlotAdvice,
    /// Index of each enabled port.
    opened: Vec<Option<u64>>,
    /// The record after, a port.
    after: Vec<Vec<Value>>,
    cells_after: Vec<Value>,
    outputs: Vec<u32>,
}

impl<'a> Run<'a> {
    fn of(program: &'a Program, domain: Fr, message: &pb::Slot, state: &State) -> Result<Self, Refusal> {
        let words = words(&message.words).filter(|w| w.len() == program.input_words).ok_or_else(|| {
            malformed("the slot's input words are not of their length")
                .differing(format!("{} bytes", 4 * program.input_words), format!("{} bytes", message.words.len()))
        })?;
        if message.openings.len() != program.ports.len() {
            let refusal = malformed("the slot has not as many openings as the program has ports");
            return Err(refusal.differing(program.ports.len(), message.openings.len()));
        }
        if message.authorizations.len() != program.authorizations {
            let refusal = malformed("the slot has not as many authorizations as the program");
            return Err(refusal.differing(program.authorizations, message.authorizations.len()));
        }
        let mut run = Run {
            program,
            slot: SlotAdvice { words, accesses: vec![], signatures: vec![], values: Vec::with_capacity(program.steps.len()) },
            opened: vec![],
            after: vec![],
            cells_after: state.cells.clone(),
            outputs: Vec::with_capacity(program.output_words),
        };
        let digest = suite::tx_digest(domain, &run.slot.words);
        for id in 0..program.steps.len() {
            let value = run.step(id, message, digest, state)?;
            run.slot.values.push(value);
        }
        Ok(run)
    }

    fn integer(&self, id: Id) -> i128 {
        match self.slot.values[id] {
            Value::Integer(v) => v,
            other => unreachable!("a checked program has an integer at {id}, not {other:?}"),
        }
    }

    fn is_set(&self, id: Id) -> bool {
        self.integer(id) == 1
    }

    fn step(&mut self, id: Id, message: &pb::Slot, digest: Fr, state: &State) -> Result<Value, Refusal> {
        let step = self.program.steps[id];
        let refused = || Refusal::new(Code::RefusedTransaction, format!("the transaction is refused at operation {id}"));
        let v = |id| self.integer(id);
        let b = |condition: bool| Value::Integer(condition.into());
        Ok(match step.op {
            Op::Const(c) => Value::Integer(c),
            Op::Param { word } => Value::Integer(self.slot.words[word].into()),
            Op::KeyParam { word } => {
                let mut bytes = [0; 32];
                for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(&self.slot.words[word..word + KEY_WORDS]) {
                    *to = word.to_be_bytes();
                }
                Value::Key(suite::reduce(&bytes))
            }
            Op::Cell { cell } => state.cells[cell],
            Op::Open { enabled, index, port } => {
                let (enabled, index) = (self.is_set(enabled), v(index) as u64);
                let access = Access::decode(self.program, port, enabled.then_some(&message.openings[port]))?;
                self.after.push(access.fields.clone());
                self.opened.push(enabled.then_some(index));
                self.slot.accesses.push(access);
                Value::None
            }
            Op::Load { port, field } => self.slot.accesses[port].fields[field],
            // Ranges were checked to stay within i128.
            Op::Add(x, y) => Value::Integer(v(x) + v(y)),
            Op::Sub(x, y) => Value::Integer(v(x) - v(y)),
            Op::Mul(x, y) => Value::Integer(v(x) * v(y)),
            // The divisor is positive, for which Euclid's division is the floor's.
            Op::Divmod(x, y) => Value::Integer(v(x).div_euclid(v(y))),
            Op::Remainder(divmod) => match self.program.steps[divmod].op {
                Op::Divmod(x, y) => Value::Integer(v(x).rem_euclid(v(y))),
                other => unreachable!("a checked program has a division at {divmod}, not {other:?}"),
            },
            Op::Eq(x, y) => b(v(x) == v(y)),
            Op::Lt(x, y) => b(v(x) < v(y)),
            Op::Select { condition, yes, no } => self.slot.values[if self.is_set(condition) { yes } else { no }],
            Op::And(x, y) => b(self.is_set(x) && self.is_set(y)),
            Op::Or(x, y) => b(self.is_set(x) || self.is_set(y)),
            Op::Not(x) => b(!self.is_set(x)),
            Op::Range(x) => {
                let range = self.program.range(id);
                if !range.contains(v(x)) {
                    return Err(refused().differing(range, v(x)));
                }
                Value::Integer(v(x))
            }
            Op::Assert(x) => {
                if !self.is_set(x) {
                    return Err(refused());
                }
                Value::None
            }
            Op::Authorize { enabled, key, nonce, authorization } => {
                let mut signature = Signature::NONE;
                if self.is_set(enabled) {
                    let Value::Key(key) = self.slot.values[key] else { unreachable!("a checked program has a key at {key}") };
                    signature =
                        self.signature(&message.authorizations[authorization], key, digest, v(nonce) as u64).map_err(|why| {
                            Refusal { message: format!("signature {authorization} does not verify: {}", why.message), ..why }
                        })?;
                }
                self.slot.signatures.push(signature);
                Value::None
            }
            Op::Store { port, value, field } => {
                self.after[port][field] = self.slot.values[value];
                Value::None
            }
            Op::StoreCell { value, cell } => {
                self.cells_after[cell] = self.slot.values[value];
                Value::None
            }
            Op::Output { value, range } => {
                let typed = encode(range, v(value));
                self.outputs.extend(words_of(typed));
                Value::None
            }
        })
    }

    fn signature(&self, message: &pb::Authorization, key: Fr, digest: Fr, nonce: u64) -> Result<Signature, Refusal> {
        let bad = |why: &str| Refusal::new(Code::BadSignature, why);
        if message.signatures.is_empty() {
            return Err(bad("it is missing"));
        }
        let signature = Signature::decode(own(self.program, "an authorization", &message.signatures)?).map_err(bad)?;
        signature.verify(key, digest, nonce).map_err(bad)?;
        Ok(signature)
    }

    /// Opens and writes the ports in their order: the state is then the one after the slot.
    fn finish(self, state: &mut State) -> Result<(SlotAdvice, Vec<u32>), Refusal> {
        for (number, port) in self.program.ports.iter().enumerate() {
            let Some(index) = self.opened[number] else { continue };
            let (fields, access) = (&self.program.maps[port.map].fields, &self.slot.accesses[number]);
            let root = |values: &[Value]| {
                let (integers, keys) = integers_and_keys(fields, values);
                suite::path(suite::leaf(port.map, &integers, &keys), index, &access.siblings)
            };
            let what = format!("the opening of port {number} does not lead to its map's root");
            same(Code::BadOpening, &what, state.map_roots[port.map], root(&access.fields))?;
            state.map_roots[port.map] = root(&self.after[number]);
        }
        state.cells = self.cells_after;
        Ok((self.slot, self.outputs))
    }
}

impl Access {
    /// Of a port's opening; of zeros, if the port is not enabled.
    fn decode(program: &Program, port: usize, opening: Option<&pb::Opening>) -> Result<Access, Refusal> {
        let map = &program.maps[program.ports[port].map];
        let Some(opening) = opening else {
            let zero = |field: &Field| if field.ty == Type::Key { Value::Key(Fr::ZERO) } else { Value::Integer(0) };
            return Ok(Access { fields: map.fields.iter().map(zero).collect(), siblings: vec![Fr::ZERO; map.depth] });
        };
        let what = format!("the opening of port {port}");
        if opening.suites.is_empty() {
            return Err(Refusal::new(Code::BadOpening, format!("{what} is missing")));
        }
        let suite = own(program, &what, &opening.suites)?;
        if suite.siblings.len() != 32 * map.depth {
            return Err(malformed(format!("{what}: the siblings are not of their length"))
                .differing(format!("{} bytes", 32 * map.depth), format!("{} bytes", suite.siblings.len())));
        }
        Ok(Access {
            fields: decode_fields(&what, &map.fields, &opening.fields, &suite.keys)?,
            siblings: suite.siblings.chunks(32).map(|s| element(&what, s)).collect::<Result<_, _>>()?,
        })
    }
}
