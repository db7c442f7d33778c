//! The reference slot as a program, and batches to measure with and to test: no part of the prover.
//!
//! The slot is a trade that reads and writes two accounts of a map of depth 20, under two signatures, with 64 range checks of 64
//! bits, 16 products and 4 divisions. [`trades`] plays the sequencer: accounts, their tree, keys, signatures, requests.

use std::array;
use std::collections::HashMap;

use p3_field::PrimeCharacteristicRing;
use prost::Message;

use crate::execution;
use crate::pb::program as pp;
use crate::pb::prover as pb;
use crate::program::{Program, Type};
use crate::refusal::Refusal;
use crate::suite::{self, CHAINS, Digest, Signature, Sponge, tag};
use crate::tables::F;

/// Accounts of a trade.
pub const SIDES: usize = 2;
/// Of the accounts' tree.
pub const DEPTH: usize = 20;
/// 64-bit integers of an account; a nonce of 32 bits and a key are beside them.
pub const BALANCES: usize = 4;
/// 32-bit amounts of a trade: each is multiplied with a balance.
pub const AMOUNTS: usize = 16;
/// Of the products, as many are divided.
pub const DIVISIONS: usize = 4;
/// A balance grows so many times in a trade, and is held to 64 bits each time.
pub const CHECKS: usize = 64;
/// The sum of the products is below this.
pub const MOST_PRODUCTS: i128 = 1 << 99;
/// Kind, accounts, amounts.
pub const INPUT_WORDS: usize = 1 + SIDES + AMOUNTS;
/// An account's fields: key, balances, nonce.
const KEY: u32 = 0;
const FIRST_BALANCE: u32 = 1;
const NONCE: u32 = FIRST_BALANCE + BALANCES as u32;

const U32: i128 = u32::MAX as i128;
const U64: i128 = u64::MAX as i128;

// PROGRAM

/// A program being written, with the range of each value.
#[derive(Default)]
struct Assembler {
    ops: Vec<pp::Op>,
    ranges: Vec<(i128, i128)>,
}

/// An integer's shortest encoding.
fn shortest(v: i128) -> Vec<u8> {
    let mut bytes = v.to_be_bytes().to_vec();
    while let [first, rest @ ..] = &bytes[..] {
        let sign_stays = rest.first().is_some_and(|next| next >> 7 == first >> 7);
        if !(*first == 0 && (rest.is_empty() || sign_stays) || *first == 0xff && sign_stays) {
            break;
        }
        bytes.remove(0);
    }
    bytes
}

impl Assembler {
    fn op(&mut self, code: pp::Code, args: &[u32], index: &[u32], (lo, hi): (i128, i128)) -> u32 {
        self.ops.push(pp::Op { code: code.into(), args: args.into(), index: index.into(), lo: shortest(lo), hi: shortest(hi) });
        self.ranges.push((lo, hi));
        self.ops.len() as u32 - 1
    }

    /// Of values that are not negative: least with least gives least.
    fn rising(&mut self, code: pp::Code, a: u32, b: u32, value: fn(i128, i128) -> i128) -> u32 {
        let ((a_lo, a_hi), (b_lo, b_hi)) = (self.ranges[a as usize], self.ranges[b as usize]);
        self.op(code, &[a, b], &[], (value(a_lo, b_lo), value(a_hi, b_hi)))
    }

    fn constant(&mut self, v: i128) -> u32 {
        self.op(pp::Code::Const, &[], &[], (v, v))
    }

    fn param(&mut self, word: usize) -> u32 {
        self.op(pp::Code::Param, &[], &[word as u32], (0, U32))
    }

    fn add(&mut self, a: u32, b: u32) -> u32 {
        self.rising(pp::Code::Add, a, b, |a, b| a + b)
    }

    fn mul(&mut self, a: u32, b: u32) -> u32 {
        self.rising(pp::Code::Mul, a, b, |a, b| a * b)
    }

    fn divide(&mut self, a: u32, b: u32) -> u32 {
        let ((a_lo, a_hi), (b_lo, b_hi)) = (self.ranges[a as usize], self.ranges[b as usize]);
        self.op(pp::Code::Divmod, &[a, b], &[], (a_lo / b_hi, a_hi / b_lo))
    }

    fn held(&mut self, v: u32, most: i128) -> u32 {
        self.op(pp::Code::Range, &[v], &[], (0, most))
    }

    fn boolean(&mut self, code: pp::Code, args: &[u32]) -> u32 {
        self.op(code, args, &[], (0, 1))
    }

    fn load(&mut self, open: u32, field: u32, range: (i128, i128)) -> u32 {
        self.op(pp::Code::Load, &[open], &[field], range)
    }

    fn none(&mut self, code: pp::Code, args: &[u32], index: &[u32]) {
        self.op(code, args, index, (0, 0));
    }

    fn output(&mut self, v: u32, most: i128) {
        self.op(pp::Code::Output, &[v], &[], (0, most));
    }
}

/// The canonical bytes.
pub fn program() -> Vec<u8> {
    let integer = |name: String, most: i128| pp::Field { name, hi: most as u64, ..Default::default() };
    let last = (1 << DEPTH) - 1;
    let mut a = Assembler::default();
    let kind = a.param(0);
    let enabled = a.held(kind, 1);

    // ACCOUNTS
    let indices: [u32; SIDES] = array::from_fn(|side| {
        let word = a.param(1 + side);
        a.held(word, last)
    });
    let same = a.boolean(pp::Code::Eq, &indices);
    let both = a.boolean(pp::Code::And, &[enabled, same]);
    let distinct = a.boolean(pp::Code::Not, &[both]);
    a.none(pp::Code::Assert, &[distinct], &[]);
    let opens = indices.map(|index| a.op(pp::Code::Open, &[enabled, index], &[0], (0, 0)));
    let nonces = opens.map(|open| {
        let (key, nonce) = (a.load(open, KEY, (0, 0)), a.load(open, NONCE, (0, U32)));
        a.none(pp::Code::Authorize, &[enabled, key, nonce], &[]);
        nonce
    });
    let mut balances: Vec<u32> =
        (0..SIDES * BALANCES).map(|n| a.load(opens[n / BALANCES], FIRST_BALANCE + (n % BALANCES) as u32, (0, U64))).collect();

    // ARITHMETIC
    let amounts: Vec<u32> = (0..AMOUNTS).map(|n| a.param(1 + SIDES + n)).collect();
    let products: Vec<u32> = (0..AMOUNTS).map(|n| a.mul(balances[n % balances.len()], amounts[n])).collect();
    let total = products[1..].iter().fold(products[0], |sum, &product| a.add(sum, product));
    let most = a.constant(MOST_PRODUCTS);
    let fits = a.boolean(pp::Code::Lt, &[total, most]);
    a.none(pp::Code::Assert, &[fits], &[]);
    let one = a.constant(1);
    for n in 0..CHECKS {
        let term = if n < DIVISIONS {
            let divisor = a.add(amounts[AMOUNTS - 1 - n], one);
            a.divide(products[n], divisor)
        } else {
            amounts[n % AMOUNTS]
        };
        let at = n % balances.len();
        let sum = a.add(balances[at], term);
        balances[at] = a.held(sum, U64);
    }

    // RECORDS
    let words_a_side = 1 + 2 * BALANCES as u32 + 1;
    for side in 0..SIDES {
        a.output(indices[side], last);
        for n in 0..BALANCES {
            let balance = balances[side * BALANCES + n];
            a.none(pp::Code::Store, &[opens[side], balance], &[FIRST_BALANCE + n as u32]);
            a.output(balance, U64);
        }
        let sum = a.add(nonces[side], one);
        let nonce = a.held(sum, U32);
        a.none(pp::Code::Store, &[opens[side], nonce], &[NONCE]);
        a.output(nonce, U32);
    }

    let mut fields = vec![pp::Field { name: "key".into(), key: true, ..Default::default() }];
    fields.extend((0..BALANCES).map(|n| integer(format!("balance{n}"), U64)));
    fields.push(integer("nonce".into(), U32));
    let mut params: Vec<pp::Field> = (0..SIDES).map(|n| integer(format!("account{n}"), last)).collect();
    params.extend((0..AMOUNTS).map(|n| integer(format!("amount{n}"), U32)));
    let port =
        |side| pp::Port { written: (FIRST_BALANCE..=NONCE).collect(), output_offset: side * words_a_side, ..Default::default() };
    pp::Program {
        version: 1,
        name: "reference".into(),
        suites: vec![suite::NAME.into()],
        maps: vec![pp::Map { name: "accounts".into(), depth: DEPTH as u32, fields }],
        kinds: vec![
            pp::Kind { name: "noop".into(), ..Default::default() },
            pp::Kind { name: "trade".into(), params, ports: vec![0, 1], authorizations: vec![0, 1], ..Default::default() },
        ],
        input_words: INPUT_WORDS as u32,
        output_words: SIDES as u32 * words_a_side,
        ports: (0..SIDES as u32).map(port).collect(),
        authorizations: SIDES as u32,
        ops: a.ops,
        ..Default::default()
    }
    .encode_to_vec()
}

// STATE AND KEYS

/// A tree of which few leaves are not `empty`'s.
struct Tree {
    /// By level, a node with nothing under it.
    empty: Vec<Digest>,
    nodes: HashMap<(usize, usize), Digest>,
}

impl Tree {
    fn new(leaf: Digest, depth: usize) -> Self {
        let empty = std::iter::successors(Some(leaf), |n| Some(suite::node(n, n))).take(depth + 1).collect();
        Tree { empty, nodes: HashMap::new() }
    }

    fn at(&self, level: usize, place: usize) -> &Digest {
        self.nodes.get(&(level, place)).unwrap_or(&self.empty[level])
    }

    fn root(&self) -> Digest {
        *self.at(self.empty.len() - 1, 0)
    }

    fn write(&mut self, index: usize, leaf: Digest) {
        self.nodes.insert((0, index), leaf);
        for level in 1..self.empty.len() {
            let place = index >> level;
            let node = suite::node(self.at(level - 1, 2 * place), self.at(level - 1, 2 * place + 1));
            self.nodes.insert((level, place), node);
        }
    }

    fn siblings(&self, index: usize) -> Vec<u8> {
        (0..self.empty.len() - 1).flat_map(|level| suite::digest_bytes(self.at(level, (index >> level) ^ 1))).collect()
    }
}

/// A signer of one one-time key, for nonce 0 (docs/suites.md §11). Anybody can compute its secrets.
struct Signer {
    secrets: [Digest; CHAINS],
    tree: Tree,
}

/// The first `count` steps of chain `i`.
fn walk(i: usize, count: usize, x: Digest) -> Digest {
    (0..count).fold(x, |x, k| suite::step(i, k, &x))
}

impl Signer {
    fn new(number: usize) -> Self {
        let secrets: [Digest; CHAINS] = array::from_fn(|i| {
            let mut sponge = Sponge::new(tag::CHAIN, 0, 2);
            sponge.absorb([number, i].map(F::from_usize));
            sponge.digest()
        });
        let mut tree = Tree::new([F::ZERO; 8], suite::KEY_HEIGHT);
        tree.write(0, suite::one_time_key(&array::from_fn(|i| walk(i, suite::STEPS, secrets[i]))));
        Signer { secrets, tree }
    }

    fn key(&self) -> Digest {
        self.tree.root()
    }

    fn sign(&self, digest: &Digest) -> Vec<u8> {
        let mut signature = Signature::none();
        let digits = loop {
            let digits = suite::digits(&suite::message(digest, 0, &signature.randomizer, &self.key()));
            if digits.iter().map(|&d| usize::from(d)).sum::<usize>() == suite::TARGET_SUM {
                break digits;
            }
            signature.randomizer[suite::RANDOMIZER - 1] += F::ONE;
        };
        signature.chains = array::from_fn(|i| walk(i, digits[i].into(), self.secrets[i]));
        signature.siblings = array::from_fn(|level| *self.tree.at(level, 1));
        signature.encode()
    }
}

#[derive(Clone)]
struct Account {
    key: Digest,
    balances: [u64; BALANCES],
    nonce: u32,
}

impl Account {
    fn words(&self) -> Vec<u32> {
        let balances = self.balances.iter().flat_map(|&b| [(b >> 32) as u32, b as u32]);
        balances.chain([self.nonce]).collect()
    }

    fn leaf(&self) -> Digest {
        suite::leaf(0, &self.words(), &[self.key])
    }
}

// BATCHES

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).collect()
}

/// A request of which only the slots and the state are missing.
fn request(program: &Program, slots: usize) -> pb::ProveRequest {
    let (chain_id, settlement) = ([0; 32], [0x11; 20]);
    let statement = pb::Statement {
        program_id: program.id.into(),
        slots: slots as u32,
        domain: execution::domain(&chain_id, &settlement, &program.id).into(),
        parent_claim: vec![0x22; 32],
        payee: vec![0x33; 20],
        chain_id: chain_id.into(),
        settlement: settlement.into(),
        ..Default::default()
    };
    pb::ProveRequest { statement: Some(statement), ..Default::default() }
}

/// `slots` trades of the reference program, each between two accounts of its own.
///
/// # Errors
/// The execution's, which there are none of.
pub fn trades(program: &Program, slots: usize) -> Result<pb::ProveRequest, Refusal> {
    let mut request = request(program, slots);
    let statement = request.statement.as_ref().expect("made with one");
    let domain = suite::reduced(statement.domain[..].try_into().expect("32 bytes"));
    // Spread over the tree, no two at one place: the factor is odd.
    let index = |n: usize| (n + 1) * 2_654_435_761 % (1 << DEPTH);
    let signers: Vec<Signer> = (0..SIDES * slots).map(Signer::new).collect();
    let mut accounts: Vec<Account> = (signers.iter().enumerate())
        .map(|(n, signer)| {
            let balances = array::from_fn(|i| 1_000_000 + (1000 * n + i) as u64);
            Account { key: signer.key(), balances, nonce: 0 }
        })
        .collect();
    let never = Account { key: [F::ZERO; 8], balances: [0; BALANCES], nonce: 0 };
    let mut tree = Tree::new(never.leaf(), DEPTH);
    accounts.iter().enumerate().for_each(|(n, account)| tree.write(index(n), account.leaf()));
    let map_roots = vec![suite::digest_bytes(&tree.root()).to_vec()];
    request.pre_state = Some(pb::PreState { cells: vec![], suites: vec![pb::SuitePreState { map_roots, ..Default::default() }] });
    for slot in 0..slots {
        let sides: [usize; SIDES] = array::from_fn(|side| SIDES * slot + side);
        let amounts: [u32; AMOUNTS] = array::from_fn(|n| (100 * slot + n) as u32);
        let words: Vec<u32> = [1].into_iter().chain(sides.map(|n| index(n) as u32)).chain(amounts).collect();
        let digest = suite::tx_digest(&domain, &words);
        let after = trade(sides.map(|n| &accounts[n]), &amounts);
        let mut message = pb::Slot { words: bytes(&words), ..Default::default() };
        for (n, after) in sides.into_iter().zip(after) {
            let keys = vec![suite::digest_bytes(&accounts[n].key).to_vec()];
            let suites = vec![pb::SuiteOpening { keys, siblings: tree.siblings(index(n)) }];
            message.openings.push(pb::Opening { fields: bytes(&accounts[n].words()), suites });
            message.authorizations.push(pb::Authorization { signatures: vec![signers[n].sign(&digest)] });
            // The second opening is of the tree with the first record written.
            tree.write(index(n), after.leaf());
            accounts[n] = after;
        }
        request.slots.push(message);
    }
    execution::complete(program, &mut request)?;
    Ok(request)
}

/// The two accounts after a trade.
fn trade(sides: [&Account; SIDES], amounts: &[u32; AMOUNTS]) -> [Account; SIDES] {
    let mut balances: Vec<u64> = sides.iter().flat_map(|account| account.balances).collect();
    let quotients: [u64; DIVISIONS] =
        array::from_fn(|n| balances[n] * u64::from(amounts[n]) / (u64::from(amounts[AMOUNTS - 1 - n]) + 1));
    for n in 0..CHECKS {
        let at = n % balances.len();
        balances[at] += quotients.get(n).copied().unwrap_or(amounts[n % AMOUNTS].into());
    }
    array::from_fn(|side| Account {
        key: sides[side].key,
        balances: array::from_fn(|n| balances[side * BALANCES + n]),
        nonce: sides[side].nonce + 1,
    })
}

/// `slots` empty slots of any program, over a state that was never written.
///
/// # Errors
/// The program refuses empty slots.
pub fn noops(program: &Program, slots: usize) -> Result<pb::ProveRequest, Refusal> {
    let mut request = request(program, slots);
    // 0 as it is encoded: less the type's least value.
    let zeros = |types: &[Type]| -> Vec<u32> {
        let encoded = types.iter().filter_map(|ty| match ty {
            Type::Int { lo, .. } => Some(((-lo) as u64, ty.words())),
            Type::Key => None,
        });
        encoded.flat_map(|(v, words)| (0..words).rev().map(move |n| (v >> (32 * n)) as u32)).collect()
    };
    let keys = |types: &[Type]| types.iter().filter(|ty| ty.is_key()).count();
    let map_roots = (program.maps.iter().enumerate())
        .map(|(n, map)| {
            let leaf = suite::leaf(n, &zeros(&map.fields), &vec![[F::ZERO; 8]; keys(&map.fields)]);
            suite::digest_bytes(&Tree::new(leaf, map.depth).root()).to_vec()
        })
        .collect();
    let own = pb::SuitePreState { key_cells: vec![vec![0; 32]; keys(&program.cells)], map_roots };
    let suites = vec![own; program.suites.len()];
    request.pre_state = Some(pb::PreState { cells: bytes(&zeros(&program.cells)), suites });
    let slot = pb::Slot {
        words: vec![0; 4 * program.input_words],
        openings: vec![pb::Opening::default(); program.ports.len()],
        authorizations: vec![pb::Authorization::default(); program.authorizations],
    };
    request.slots = vec![slot; slots];
    execution::complete(program, &mut request)?;
    Ok(request)
}
