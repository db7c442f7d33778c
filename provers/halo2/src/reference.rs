//! The reference slot as a program, and batches to measure with: no part of the prover.
//!
//! One trade that reads and writes two accounts at depth 20, with two signatures, 64 range checks of 64 bits, 16 products and 4
//! divisions. [`Book`] is a sequencer's side: the accounts of one map, their tree, and requests that write them.

use std::collections::BTreeMap;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field as _;
use num_bigint::BigUint;
use prost::Message;

use crate::execution;
use crate::pb::program as pp;
use crate::pb::prover as pb;
use crate::program::{KEY_WORDS, Program, Type};
use crate::refusal::Refusal;
use crate::signature::Point;
use crate::statement;
use crate::suite::{self, Tag, Typed};

/// Accounts of a trade.
pub const SIDES: usize = 2;
/// 32-bit amounts of a trade; each is multiplied with a balance.
pub const AMOUNTS: usize = 16;
/// 64-bit integers of an account, beside its key and nonce.
pub const BALANCES: usize = 4;
/// 64-bit range checks of balances.
pub const CHECKS: usize = 64;
/// Of the range checks, how many add a quotient.
pub const DIVISIONS: usize = 4;
/// Of the accounts' tree.
pub const DEPTH: u32 = 20;
/// The products must sum to less than this.
pub const MOST_PRODUCTS: i128 = 1 << 99;
/// Kind, the two accounts, the amounts.
pub const INPUT_WORDS: usize = 1 + SIDES + AMOUNTS;

/// Writes operations with the ranges that the rules give.
struct Writer {
    program: pp::Program,
    /// By id; `None` for keys and what has no value.
    ranges: Vec<Option<(i128, i128)>>,
}

type Id = u32;

fn shortest(v: i128) -> Vec<u8> {
    let bytes = v.to_be_bytes();
    let sign = if v < 0 { 0xff } else { 0 };
    match (0..16).find(|&i| bytes[i] != sign || (i < 15 && (bytes[i + 1] ^ sign) & 0x80 != 0)) {
        Some(from) => bytes[from..].to_vec(),
        None if v < 0 => vec![0xff],
        None => vec![],
    }
}

impl Writer {
    fn push(&mut self, code: pp::Code, args: &[Id], index: &[usize], range: Option<(i128, i128)>) -> Id {
        let (lo, hi) = range.unwrap_or_default();
        let index = index.iter().map(|&i| i as u32).collect();
        self.program.ops.push(pp::Op { code: code.into(), args: args.to_vec(), index, lo: shortest(lo), hi: shortest(hi) });
        self.ranges.push(range.filter(|_| code != pp::Code::Output));
        self.ranges.len() as Id - 1
    }

    fn range(&self, id: Id) -> (i128, i128) {
        self.ranges[id as usize].expect("an integer")
    }

    fn constant(&mut self, v: i128) -> Id {
        self.push(pp::Code::Const, &[], &[], Some((v, v)))
    }

    fn param(&mut self, word: usize) -> Id {
        self.push(pp::Code::Param, &[], &[word], Some((0, u32::MAX.into())))
    }

    fn ranged(&mut self, v: Id, lo: i128, hi: i128) -> Id {
        self.push(pp::Code::Range, &[v], &[], Some((lo, hi)))
    }

    fn load(&mut self, open: Id, field: usize) -> Id {
        let f = &self.program.maps[0].fields[field];
        let range = (!f.key).then_some((f.lo.into(), f.hi.into()));
        self.push(pp::Code::Load, &[open], &[field], range)
    }

    fn add(&mut self, a: Id, b: Id) -> Id {
        let ((alo, ahi), (blo, bhi)) = (self.range(a), self.range(b));
        self.push(pp::Code::Add, &[a, b], &[], Some((alo + blo, ahi + bhi)))
    }

    /// Of numbers that are not negative.
    fn mul(&mut self, a: Id, b: Id) -> Id {
        let ((alo, ahi), (blo, bhi)) = (self.range(a), self.range(b));
        self.push(pp::Code::Mul, &[a, b], &[], Some((alo * blo, ahi * bhi)))
    }

    /// Of numbers that are not negative.
    fn divide(&mut self, a: Id, b: Id) -> Id {
        let ((alo, ahi), (blo, bhi)) = (self.range(a), self.range(b));
        self.push(pp::Code::Divmod, &[a, b], &[], Some((alo / bhi, ahi / blo)))
    }

    fn boolean(&mut self, code: pp::Code, args: &[Id]) -> Id {
        self.push(code, args, &[], Some((0, 1)))
    }

    fn assert(&mut self, condition: Id) {
        self.push(pp::Code::Assert, &[condition], &[], None);
    }

    fn output(&mut self, v: Id, lo: i128, hi: i128) {
        self.push(pp::Code::Output, &[v], &[], Some((lo, hi)));
        self.program.output_words += if hi - lo > u32::MAX.into() { 2 } else { 1 };
    }
}

fn integer(name: impl Into<String>, hi: u64) -> pp::Field {
    pp::Field { name: name.into(), lo: 0, hi, key: false }
}

/// The reference slot's canonical bytes.
pub fn program() -> Vec<u8> {
    const LAST: i128 = (1 << DEPTH) - 1;
    const NONCE: usize = 1 + BALANCES;
    let mut fields = vec![pp::Field { name: "key".into(), key: true, ..Default::default() }];
    fields.extend(["balance", "margin", "entry", "funding"].map(|name| integer(name, u64::MAX)));
    fields.push(integer("nonce", u32::MAX.into()));
    let mut params = ["maker", "taker"].map(|name| integer(name, LAST as u64)).to_vec();
    params.extend((0..AMOUNTS).map(|i| integer(format!("amount{i}"), u32::MAX.into())));
    let kind = |name: &str| pp::Kind { name: name.into(), ..Default::default() };
    let trade = pp::Kind { params, ports: vec![0, 1], authorizations: vec![0, 1], ..kind("trade") };
    let mut w = Writer {
        program: pp::Program {
            version: 1,
            name: "reference".into(),
            suites: vec![suite::NAME.into()],
            maps: vec![pp::Map { name: "accounts".into(), depth: DEPTH, fields }],
            kinds: vec![kind("noop"), trade],
            input_words: INPUT_WORDS as u32,
            authorizations: SIDES as u32,
            ..Default::default()
        },
        ranges: vec![],
    };

    // INPUTS
    let word = w.param(0);
    let enabled = w.ranged(word, 0, 1);
    let amounts: Vec<Id> = (0..AMOUNTS).map(|i| w.param(1 + SIDES + i)).collect();

    // ACCOUNTS
    let (mut indices, mut opens, mut nonces, mut balances) = (vec![], vec![], vec![], vec![]);
    for side in 0..SIDES {
        let word = w.param(1 + side);
        let index = w.ranged(word, 0, LAST);
        let open = w.push(pp::Code::Open, &[enabled, index], &[0], None);
        let (key, nonce) = (w.load(open, 0), w.load(open, NONCE));
        w.push(pp::Code::Authorize, &[enabled, key, nonce], &[], None);
        balances.extend((0..BALANCES).map(|i| w.load(open, 1 + i)));
        indices.push(index);
        opens.push(open);
        nonces.push(nonce);
    }
    let same = w.boolean(pp::Code::Eq, &indices);
    let wrong = w.boolean(pp::Code::And, &[enabled, same]);
    let right = w.boolean(pp::Code::Not, &[wrong]);
    w.assert(right);

    // ARITHMETIC
    let mut total = w.constant(0);
    let mut products = vec![];
    for (i, &amount) in amounts.iter().enumerate() {
        let product = w.mul(balances[i % balances.len()], amount);
        total = w.add(total, product);
        products.push(product);
    }
    let most = w.constant(MOST_PRODUCTS);
    let fits = w.boolean(pp::Code::Lt, &[total, most]);
    w.assert(fits);
    for i in 0..CHECKS {
        let mut term = amounts[i % AMOUNTS];
        if i < DIVISIONS {
            let one = w.constant(1);
            let divisor = w.add(amounts[AMOUNTS - 1 - i], one);
            term = w.divide(products[i], divisor);
        }
        let at = i % balances.len();
        let sum = w.add(balances[at], term);
        balances[at] = w.ranged(sum, 0, u64::MAX.into());
    }

    // STORES
    for side in 0..SIDES {
        let mut port = pp::Port { output_offset: w.program.output_words, ..Default::default() };
        w.output(indices[side], 0, LAST);
        for i in 0..BALANCES {
            let v = balances[side * BALANCES + i];
            w.push(pp::Code::Store, &[opens[side], v], &[1 + i], None);
            w.output(v, 0, u64::MAX.into());
            port.written.push(1 + i as u32);
        }
        let one = w.constant(1);
        let next = w.add(nonces[side], one);
        let nonce = w.ranged(next, 0, u32::MAX.into());
        w.push(pp::Code::Store, &[opens[side], nonce], &[NONCE], None);
        w.output(nonce, 0, u32::MAX.into());
        port.written.push(NONCE as u32);
        w.program.ports.push(port);
    }
    w.program.encode_to_vec()
}

/// A wallet: a secret scalar and its public key.
struct Signer {
    secret: Fr,
    a: Point,
    key: Fr,
}

fn base() -> Point {
    let (x, y) = suite::base();
    Point { x, y }
}

fn number(e: &Fr) -> BigUint {
    BigUint::from_bytes_be(&suite::encode(e))
}

/// Reduced by the order of the base point.
fn scalar(n: BigUint) -> Fr {
    let mut bytes = [0; 32];
    let digits = (n % number(&suite::order())).to_bytes_be();
    bytes[32 - digits.len()..].copy_from_slice(&digits);
    suite::reduce(&bytes)
}

impl Signer {
    /// For tests and measurements: anybody knows its secret.
    fn new(number_: u64) -> Signer {
        let secret = scalar(number(&suite::hash(Tag::PublicKey, 0, &[Fr::from(number_)])));
        let a = base().mul(&secret);
        Signer { secret, a, key: suite::hash(Tag::PublicKey, 0, &[a.x, a.y]) }
    }

    fn sign(&self, digest: Fr, nonce: u64) -> Vec<u8> {
        let rho = scalar(number(&suite::hash(Tag::Challenge, 0, &[self.secret, digest, Fr::from(nonce)])));
        let r = base().mul(&rho);
        let h = suite::hash(Tag::Challenge, 0, &[r.x, r.y, self.key, digest, Fr::from(nonce)]);
        let s = scalar(number(&rho) + number(&h) * number(&self.secret));
        [self.a.x, self.a.y, r.x, r.y, s].iter().flat_map(suite::encode).collect()
    }
}

/// A map's tree in which most leaves were never written.
struct Tree {
    /// Of a level: what a node is under which nothing was written.
    empty: Vec<Fr>,
    written: BTreeMap<(usize, u64), Fr>,
}

impl Tree {
    fn new(leaf: Fr, depth: usize) -> Tree {
        let empty = std::iter::successors(Some(leaf), |n| Some(suite::node(*n, *n))).take(depth + 1).collect();
        Tree { empty, written: BTreeMap::new() }
    }

    fn node(&self, level: usize, at: u64) -> Fr {
        *self.written.get(&(level, at)).unwrap_or(&self.empty[level])
    }

    fn depth(&self) -> usize {
        self.empty.len() - 1
    }

    fn root(&self) -> Fr {
        self.node(self.depth(), 0)
    }

    fn set(&mut self, index: u64, leaf: Fr) {
        self.written.insert((0, index), leaf);
        for level in 1..=self.depth() {
            let at = index >> level;
            let parent = suite::node(self.node(level - 1, 2 * at), self.node(level - 1, 2 * at + 1));
            self.written.insert((level, at), parent);
        }
    }

    fn siblings(&self, index: u64) -> Vec<u8> {
        (0..self.depth()).flat_map(|level| suite::encode(&self.node(level, index >> level ^ 1))).collect()
    }
}

/// A record of the reference program's map.
#[derive(Clone)]
struct Account {
    key: Fr,
    balances: [u64; BALANCES],
    nonce: u32,
}

impl Account {
    fn leaf(&self) -> Fr {
        let mut integers: Vec<Typed> = self.balances.iter().map(|&b| Typed { encoded: b, words: 2 }).collect();
        integers.push(Typed { encoded: self.nonce.into(), words: 1 });
        suite::leaf(0, &integers, &[self.key])
    }

    fn words(&self) -> Vec<u8> {
        let balances = self.balances.iter().flat_map(|b| b.to_be_bytes());
        balances.chain(self.nonce.to_be_bytes()).collect()
    }
}

fn empty_request(program: &Program, slots: usize) -> pb::ProveRequest {
    let (chain_id, settlement) = ([0; 32], [0x11; 20]);
    pb::ProveRequest {
        statement: Some(pb::Statement {
            program_id: program.id.to_vec(),
            slots: slots as u32,
            domain: statement::domain(&chain_id, &settlement, &program.id).to_vec(),
            parent_claim: vec![0x22; 32],
            payee: vec![0x33; 20],
            chain_id: chain_id.to_vec(),
            settlement: settlement.to_vec(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A request of `slots` trades of the reference program, each between two accounts of its own.
pub fn trades(program: &Program, slots: usize) -> Result<pb::ProveRequest, Refusal> {
    let mut request = empty_request(program, slots);
    let statement = request.statement.as_ref().expect("made with one");
    let domain = suite::reduce(&statement::sized("the domain", &statement.domain)?);
    let empty = Account { key: Fr::ZERO, balances: [0; BALANCES], nonce: 0 };
    let mut tree = Tree::new(empty.leaf(), DEPTH as usize);
    // Spread over the tree, each its own: the factor is odd.
    let index = |n: usize| (n as u64 + 1) * 2_654_435_761 % (1 << DEPTH);
    let signers: Vec<Signer> = (0..SIDES * slots).map(|n| Signer::new(n as u64)).collect();
    let mut accounts = vec![];
    for (n, signer) in signers.iter().enumerate() {
        let balances = std::array::from_fn(|i| 1_000_000 + 1_000 * n as u64 + i as u64);
        accounts.push(Account { key: signer.key, balances, nonce: n as u32 });
        tree.set(index(n), accounts[n].leaf());
    }
    let roots = vec![suite::encode(&tree.root()).to_vec()];
    request.pre_state =
        Some(pb::PreState { cells: vec![], suites: vec![pb::SuitePreState { key_cells: vec![], map_roots: roots }] });
    for slot in 0..slots {
        let sides = [SIDES * slot, SIDES * slot + 1];
        let amounts: [u32; AMOUNTS] = std::array::from_fn(|i| (100 * slot + i) as u32);
        let words: Vec<u32> = [1].into_iter().chain(sides.map(|n| index(n) as u32)).chain(amounts).collect();
        let digest = suite::tx_digest(domain, &words);
        let after = traded(sides.map(|n| &accounts[n]), &amounts);
        let mut message = pb::Slot { words: words.iter().flat_map(|w| w.to_be_bytes()).collect(), ..Default::default() };
        for (n, after) in sides.into_iter().zip(after) {
            let (account, key) = (&accounts[n], suite::encode(&accounts[n].key).to_vec());
            let suites = vec![pb::SuiteOpening { keys: vec![key], siblings: tree.siblings(index(n)) }];
            message.openings.push(pb::Opening { fields: account.words(), suites });
            let signatures = vec![signers[n].sign(digest, account.nonce.into())];
            message.authorizations.push(pb::Authorization { signatures });
            // The next opening is against the tree with this record written.
            tree.set(index(n), after.leaf());
            accounts[n] = after;
        }
        request.slots.push(message);
    }
    execution::complete(program, &mut request)?;
    Ok(request)
}

/// The accounts after a trade.
fn traded(sides: [&Account; SIDES], amounts: &[u32; AMOUNTS]) -> [Account; SIDES] {
    let mut balances: Vec<u64> = sides.iter().flat_map(|a| a.balances).collect();
    let products: Vec<u64> = (0..DIVISIONS).map(|i| balances[i] * u64::from(amounts[i])).collect();
    for i in 0..CHECKS {
        let at = i % balances.len();
        balances[at] += match products.get(i) {
            Some(product) => product / (u64::from(amounts[AMOUNTS - 1 - i]) + 1),
            None => amounts[i % AMOUNTS].into(),
        };
    }
    std::array::from_fn(|side| Account {
        key: sides[side].key,
        balances: balances[side * BALANCES..][..BALANCES].try_into().expect("so many"),
        nonce: sides[side].nonce + 1,
    })
}

/// A request of `slots` empty slots over a state that was never written, of any program that takes them.
pub fn noops(program: &Program, slots: usize) -> Result<pb::ProveRequest, Refusal> {
    let mut request = empty_request(program, slots);
    let integers: Vec<Typed> =
        program.cells.iter().filter_map(|c| c.ty.range()).map(|r| Typed { encoded: (-r.lo) as u64, words: r.words() }).collect();
    let roots = program.maps.iter().enumerate().map(|(at, map)| {
        let zeros = map.fields.iter().filter_map(|f| f.ty.range()).map(|r| Typed { encoded: (-r.lo) as u64, words: r.words() });
        let keys = map.fields.iter().filter(|f| f.ty == Type::Key).map(|_| Fr::ZERO);
        let leaf = suite::leaf(at, &zeros.collect::<Vec<_>>(), &keys.collect::<Vec<_>>());
        suite::encode(&Tree::new(leaf, map.depth).root()).to_vec()
    });
    let own = pb::SuitePreState {
        key_cells: program.cells.iter().filter(|c| c.ty == Type::Key).map(|_| vec![0; 4 * KEY_WORDS]).collect(),
        map_roots: roots.collect(),
    };
    let cells = integers.iter().flat_map(|t| (0..t.words).rev().flat_map(|i| ((t.encoded >> (32 * i)) as u32).to_be_bytes()));
    request.pre_state = Some(pb::PreState { cells: cells.collect(), suites: vec![own; program.suites.len()] });
    let slot = pb::Slot {
        words: vec![0; 4 * program.input_words],
        openings: vec![pb::Opening::default(); program.ports.len()],
        authorizations: vec![pb::Authorization::default(); program.authorizations],
    };
    request.slots = vec![slot; slots];
    execution::complete(program, &mut request)?;
    Ok(request)
}
