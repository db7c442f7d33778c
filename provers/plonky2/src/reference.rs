//! Programs and batches made by hand, for the benchmark and the tests: no part of the prover.
//!
//! [`Assembler`] writes a program the way a tracer would; [`World`] is a sequencer's side: state, keys and requests.

use std::collections::BTreeMap;

use prost::Message;

use crate::execution::domain;
use crate::field::{F, Field, PrimeField64};
use crate::pb::program as ppb;
use crate::pb::prover as pb;
use crate::program::{Action, Program, Type, range_of};
use crate::suite::{self, CHAINS, Digest, KEY_HEIGHT, Signature, tag};

/// A field of a state or message.
pub fn field(name: &str, lo: i64, hi: u64) -> ppb::Field {
    ppb::Field { name: name.into(), lo, hi, key: false }
}

/// A key field.
pub fn key_field(name: &str) -> ppb::Field {
    ppb::Field { name: name.into(), lo: 0, hi: 0, key: true }
}

/// Writes operations, with their ranges.
#[derive(Default)]
pub struct Assembler {
    pub program: ppb::Program,
    outputs: u32,
}

fn signed_bytes(v: i128) -> Vec<u8> {
    if v == 0 {
        return vec![];
    }
    let bytes = v.to_be_bytes();
    let fill = if v < 0 { 0xff } else { 0 };
    let spare = (0..15).take_while(|&i| bytes[i] == fill && (bytes[i + 1] ^ fill) & 0x80 == 0).count();
    bytes[spare..].to_vec()
}

fn signed(bytes: &[u8]) -> i128 {
    let fill = if bytes.first().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [fill; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    i128::from_be_bytes(wide)
}

impl Assembler {
    pub fn new(suites: &[&str], input_words: u32) -> Self {
        let program = ppb::Program {
            version: 1,
            name: "reference".into(),
            suites: suites.iter().map(ToString::to_string).collect(),
            kinds: vec![ppb::Kind { name: "noop".into(), ..Default::default() }],
            input_words,
            ..Default::default()
        };
        Assembler { program, outputs: 0 }
    }

    fn push(&mut self, code: ppb::Code, args: &[u32], index: &[u32], (lo, hi): (i128, i128)) -> u32 {
        self.program.ops.push(ppb::Op {
            code: code.into(),
            args: args.to_vec(),
            index: index.to_vec(),
            lo: signed_bytes(lo),
            hi: signed_bytes(hi),
        });
        self.program.ops.len() as u32 - 1
    }

    /// Range of a value.
    pub fn range_of(&self, id: u32) -> (i128, i128) {
        let op = &self.program.ops[id as usize];
        (signed(&op.lo), signed(&op.hi))
    }

    fn computed(&mut self, code: ppb::Code, action: Action, args: &[u32]) -> u32 {
        let ranges: Vec<_> = args.iter().map(|&a| self.range_of(a)).collect();
        let range = range_of(action, &ranges).expect("within ±2^127");
        self.push(code, args, &[], range)
    }

    pub fn constant(&mut self, v: i128) -> u32 {
        self.push(ppb::Code::Const, &[], &[], (v, v))
    }
    pub fn param(&mut self, j: u32) -> u32 {
        self.push(ppb::Code::Param, &[], &[j], (0, u32::MAX.into()))
    }
    pub fn key_param(&mut self, j: u32) -> u32 {
        self.push(ppb::Code::KeyParam, &[], &[j], (0, 0))
    }
    pub fn cell(&mut self, c: u32) -> u32 {
        let f = &self.program.cells[c as usize];
        let range = (f.lo.into(), f.hi.into());
        self.push(ppb::Code::Cell, &[], &[c], range)
    }
    pub fn open(&mut self, enabled: u32, index: u32, map: u32) -> u32 {
        self.program.ports.push(ppb::Port { map, ..Default::default() });
        self.push(ppb::Code::Open, &[enabled, index], &[map], (0, 0))
    }
    pub fn load(&mut self, open: u32, map: u32, f: u32) -> u32 {
        let t = &self.program.maps[map as usize].fields[f as usize];
        let range = (t.lo.into(), t.hi.into());
        self.push(ppb::Code::Load, &[open], &[f], range)
    }
    pub fn add(&mut self, a: u32, b: u32) -> u32 {
        self.computed(ppb::Code::Add, Action::Add(0, 0), &[a, b])
    }
    pub fn sub(&mut self, a: u32, b: u32) -> u32 {
        self.computed(ppb::Code::Sub, Action::Sub(0, 0), &[a, b])
    }
    pub fn mul(&mut self, a: u32, b: u32) -> u32 {
        self.computed(ppb::Code::Mul, Action::Mul(0, 0), &[a, b])
    }
    pub fn divmod(&mut self, a: u32, b: u32) -> u32 {
        self.computed(ppb::Code::Divmod, Action::Divmod(0, 0), &[a, b])
    }
    pub fn remainder(&mut self, d: u32) -> u32 {
        let args = self.program.ops[d as usize].args.clone();
        let ranges: Vec<_> = args.iter().map(|&a| self.range_of(a)).collect();
        let range = range_of(Action::Remainder(0), &ranges).expect("within ±2^127");
        self.push(ppb::Code::Remainder, &[d], &[], range)
    }
    pub fn eq(&mut self, a: u32, b: u32) -> u32 {
        self.push(ppb::Code::Eq, &[a, b], &[], (0, 1))
    }
    pub fn lt(&mut self, a: u32, b: u32) -> u32 {
        self.push(ppb::Code::Lt, &[a, b], &[], (0, 1))
    }
    pub fn select(&mut self, c: u32, a: u32, b: u32) -> u32 {
        self.computed(ppb::Code::Select, Action::Select(0, 0, 0), &[c, a, b])
    }
    pub fn and(&mut self, a: u32, b: u32) -> u32 {
        self.push(ppb::Code::And, &[a, b], &[], (0, 1))
    }
    pub fn or(&mut self, a: u32, b: u32) -> u32 {
        self.push(ppb::Code::Or, &[a, b], &[], (0, 1))
    }
    pub fn not(&mut self, a: u32) -> u32 {
        self.push(ppb::Code::Not, &[a], &[], (0, 1))
    }
    pub fn range(&mut self, a: u32, lo: i128, hi: i128) -> u32 {
        self.push(ppb::Code::Range, &[a], &[], (lo, hi))
    }
    pub fn assert(&mut self, a: u32) {
        self.push(ppb::Code::Assert, &[a], &[], (0, 0));
    }
    pub fn authorize(&mut self, enabled: u32, key: u32, nonce: u32) {
        self.program.authorizations += 1;
        self.push(ppb::Code::Authorize, &[enabled, key, nonce], &[], (0, 0));
    }
    pub fn store(&mut self, open: u32, value: u32, f: u32) {
        self.push(ppb::Code::Store, &[open, value], &[f], (0, 0));
    }
    pub fn store_cell(&mut self, value: u32, c: u32) {
        self.push(ppb::Code::StoreCell, &[value], &[c], (0, 0));
    }
    pub fn output(&mut self, a: u32, lo: i128, hi: i128) {
        self.outputs += Type::int(lo, hi).words() as u32;
        self.push(ppb::Code::Output, &[a], &[], (lo, hi));
    }

    /// Words of output so far: the offset of the port or message that comes next.
    pub fn output_offset(&self) -> u32 {
        self.outputs
    }

    /// The canonical bytes.
    pub fn encode(mut self) -> Vec<u8> {
        self.program.output_words = self.outputs;
        self.program.encode_to_vec()
    }
}

/// The reference slot: one trade between two accounts of a map of depth 20, both read and written, both signing: 64 range checks
/// of 64 bits, 16 products and 4 divisions in all.
///
/// Input: kind, two indices, two nonces, and twelve amounts of two words.
pub fn reference_program(suites: &[&str]) -> Vec<u8> {
    const DEPTH: u32 = 20;
    const FIELDS: u32 = 8;
    const AMOUNTS: u32 = 12;
    let most = i128::from(u64::MAX);
    let mut a = Assembler::new(suites, 5 + 2 * AMOUNTS);
    let mut fields: Vec<_> = (0..FIELDS).map(|i| field(&format!("balance{i}"), 0, u64::MAX)).collect();
    fields.extend([field("nonce", 0, u32::MAX.into()), key_field("key")]);
    a.program.maps.push(ppb::Map { name: "accounts".into(), depth: DEPTH, fields });
    a.program.kinds.push(ppb::Kind {
        name: "trade".into(),
        params: (0..4)
            .map(|i| field(&format!("small{i}"), 0, u32::MAX.into()))
            .chain((0..AMOUNTS).map(|i| field(&format!("amount{i}"), 0, u64::MAX)))
            .collect(),
        ports: vec![0, 1],
        authorizations: vec![0, 1],
        ..Default::default()
    });
    let kind = a.param(0);
    let enabled = a.range(kind, 0, 1);
    let indices = [1, 2].map(|j| {
        let p = a.param(j);
        a.range(p, 0, (1 << DEPTH) - 1)
    });
    let same = a.eq(indices[0], indices[1]);
    let both = a.and(same, enabled);
    let distinct = a.not(both);
    a.assert(distinct);
    let shift = a.constant(1 << 32);
    let amounts: Vec<u32> = (0..AMOUNTS)
        .map(|i| {
            let (high, low) = (a.param(5 + 2 * i), a.param(6 + 2 * i));
            let high = a.mul(high, shift);
            a.add(high, low)
        })
        .collect();
    let opens = indices.map(|i| a.open(enabled, i, 0));
    let mut stored = vec![];
    for (side, &open) in opens.iter().enumerate() {
        let nonce = a.load(open, 0, FIELDS);
        let given = a.param(3 + side as u32);
        let equal = a.eq(nonce, given);
        let off = a.not(enabled);
        let good = a.or(equal, off);
        a.assert(good);
        let key = a.load(open, 0, FIELDS + 1);
        a.authorize(enabled, key, given);
        let next = a.add(nonce, enabled);
        let next = a.range(next, 0, u32::MAX.into());
        for f in 0..FIELDS {
            // 16 products, 4 divisions, 16 range checks.
            let balance = a.load(open, 0, f);
            let amount = amounts[((side as u32 * FIELDS + f) % AMOUNTS) as usize];
            let price = a.param(5 + 2 * f);
            let mut value = a.mul(balance, price);
            if f % 4 == 0 {
                let one = a.constant(1);
                let divisor = a.add(amount, one);
                value = a.divmod(value, divisor);
            }
            let after = a.add(balance, amount);
            let after = a.sub(after, value);
            let after = a.range(after, 0, most);
            stored.push((open, after, f));
        }
        stored.push((open, next, FIELDS));
    }
    for n in 0..48 {
        // 48 more range checks, no two of one value.
        let sum = a.add(amounts[n % 12], amounts[(n + 1 + n / 12) % 12]);
        a.range(sum, 0, most);
    }
    for &(open, value, f) in &stored {
        a.store(open, value, f);
    }
    for (port, &open) in opens.iter().enumerate() {
        a.program.ports[port].written = (0..=FIELDS).collect();
        a.program.ports[port].output_offset = a.output_offset();
        a.output(indices[port], 0, (1 << DEPTH) - 1);
        for &(_, value, f) in stored.iter().filter(|(o, _, _)| *o == open) {
            a.output(value, 0, if f == FIELDS { u32::MAX.into() } else { most });
        }
    }
    a.encode()
}

/// A wallet's signing key with its first one-time keys.
pub struct Wallet {
    secrets: Vec<Vec<Digest>>,
    /// Levels of the tree, from the leaves up; what is missing at a level has the digest of a subtree of four zeros.
    levels: Vec<Vec<Digest>>,
    empty: Vec<Digest>,
}

impl Wallet {
    /// `count` one-time keys from a seed. (Not the wallets' derivation of docs/suites.md §8: only they rely on it.)
    pub fn new(seed: u8, count: usize) -> Self {
        let secrets: Vec<Vec<Digest>> = (0..count)
            .map(|n| {
                (0..CHAINS)
                    .map(|i| suite::reduced(&suite::keccak(&[&[seed], &(n as u32).to_be_bytes(), &(i as u16).to_be_bytes()])))
                    .collect()
            })
            .collect();
        let leaves = secrets.iter().map(|x| {
            let ends: Vec<F> = x.iter().enumerate().flat_map(|(i, x)| suite::chain_end(i, x)).collect();
            suite::hash(tag::ONE_TIME_KEY, 0, &ends)
        });
        let mut levels = vec![leaves.collect::<Vec<_>>()];
        let mut empty = vec![[F::ZERO; 4]];
        for level in 0..KEY_HEIGHT {
            let nodes = levels[level]
                .chunks(2)
                .map(|pair| suite::pair(tag::KEY_NODE, &pair[0], pair.get(1).unwrap_or(&empty[level])))
                .collect();
            levels.push(nodes);
            empty.push(suite::pair(tag::KEY_NODE, &empty[level], &empty[level]));
        }
        Wallet { secrets, levels, empty }
    }

    pub fn public_key(&self) -> Digest {
        self.levels[KEY_HEIGHT][0]
    }

    /// A signature over `(digest, nonce)`; panics where there is no such one-time key.
    pub fn sign(&self, digest: &Digest, nonce: u64) -> Signature {
        let pk = self.public_key();
        let (salt, bits) = (0..)
            .map(F::from_canonical_u64)
            .map(|salt| (salt, suite::message_bits(digest, nonce, salt, &pk)))
            .find(|(_, bits)| bits.iter().filter(|&&b| b).count() == suite::TARGET_SUM)
            .expect("about one salt in 14");
        let chains = (self.secrets[nonce as usize].iter().zip(bits).enumerate())
            .map(|(i, (x, walk))| if walk { *x } else { suite::chain_end(i, x) })
            .collect();
        let siblings = (0..KEY_HEIGHT)
            .map(|level| *self.levels[level].get((nonce as usize >> level) ^ 1).unwrap_or(&self.empty[level]))
            .collect();
        Signature { salt, chains, siblings }
    }
}

/// One sparse tree of a map.
#[derive(Clone)]
struct Tree {
    depth: usize,
    nodes: BTreeMap<(usize, u64), Digest>,
    empty: Vec<Digest>,
}

impl Tree {
    fn new(depth: usize, default: Digest) -> Self {
        let mut empty = vec![default];
        for level in 0..depth {
            empty.push(suite::pair(tag::NODE, &empty[level], &empty[level]));
        }
        Tree { depth, nodes: BTreeMap::new(), empty }
    }

    fn node(&self, level: usize, at: u64) -> Digest {
        *self.nodes.get(&(level, at)).unwrap_or(&self.empty[level])
    }

    fn root(&self) -> Digest {
        self.node(self.depth, 0)
    }

    fn siblings(&self, index: u64) -> Vec<u8> {
        (0..self.depth).flat_map(|l| suite::bytes(&self.node(l, (index >> l) ^ 1))).collect()
    }

    fn set(&mut self, index: u64, leaf: Digest) {
        self.nodes.insert((0, index), leaf);
        for level in 0..self.depth {
            let at = index >> (level + 1);
            let node = suite::pair(tag::NODE, &self.node(level, 2 * at), &self.node(level, 2 * at + 1));
            self.nodes.insert((level + 1, at), node);
        }
    }
}

/// A record: words of its integers, and its keys as 32 bytes.
pub type Record = (Vec<u32>, Vec<[u8; 32]>);

/// One access of a transaction: what the opened record becomes.
pub struct Access {
    pub index: u64,
    pub after: Record,
}

/// A transaction as a batch takes it: input words, accesses by port, signers by authorization, output words, cells after.
pub struct Transaction {
    pub words: Vec<u32>,
    pub accesses: Vec<Option<Access>>,
    /// `(wallet, nonce)`.
    pub signers: Vec<Option<(usize, u64)>>,
    pub output: Vec<u32>,
    pub cells: Vec<u32>,
}

/// State and wallets; it makes requests that are right in everything.
pub struct World {
    pub program: Program,
    pub wallets: Vec<Wallet>,
    trees: Vec<Tree>,
    records: Vec<BTreeMap<u64, Record>>,
    cells: Vec<u32>,
}

pub const CHAIN_ID: [u8; 32] = {
    let mut c = [0; 32];
    c[31] = 7;
    c
};
pub const SETTLEMENT: [u8; 20] = [0x33; 20];
pub const PAYEE: [u8; 20] = [0x44; 20];

impl World {
    /// A state never written.
    pub fn new(program: &[u8], wallets: Vec<Wallet>) -> Self {
        let program = Program::decode(program).expect("a program");
        let cells = program.cells.iter().filter(|t| !t.key).flat_map(|&t| crate::lowering::zero_words(t)).collect();
        let trees = program.maps.iter().enumerate().map(|(m, map)| {
            let keys = vec![[F::ZERO; 4]; map.keys()];
            Tree::new(map.depth, suite::leaf(m as u64, &crate::execution::default_record_words(map), &keys))
        });
        World { trees: trees.collect(), records: vec![BTreeMap::new(); program.maps.len()], cells, wallets, program }
    }

    pub fn record(&self, map: usize, index: u64) -> Record {
        let m = &self.program.maps[map];
        self.records[map]
            .get(&index)
            .cloned()
            .unwrap_or_else(|| (crate::execution::default_record_words(m), vec![[0; 32]; m.keys()]))
    }

    /// Writes a record outside any batch.
    pub fn write(&mut self, map: usize, index: u64, record: Record) {
        let keys: Vec<Digest> = record.1.iter().map(suite::reduced).collect();
        self.trees[map].set(index, suite::leaf(map as u64, &record.0, &keys));
        self.records[map].insert(index, record);
    }

    fn root(&self) -> Digest {
        let roots: Vec<Digest> = self.trees.iter().map(Tree::root).collect();
        suite::state_root(&self.cells, &vec![[F::ZERO; 4]; self.program.key_cells()], &roots)
    }

    /// Words of the integer cells.
    pub fn cells(&self) -> &[u32] {
        &self.cells
    }

    pub fn domain(&self) -> [u8; 32] {
        domain(&CHAIN_ID, &SETTLEMENT, &self.program.id)
    }

    fn every_suite<T: Default>(&self, own: T) -> Vec<T> {
        let mut all: Vec<T> = self.program.suites.iter().map(|_| T::default()).collect();
        all[self.program.suite] = own;
        all
    }

    /// Applies a batch: the request for it, without `key_id`.
    pub fn batch(&mut self, transactions: &[Transaction]) -> pb::ProveRequest {
        let domain = self.domain();
        let pre_root = self.root();
        let pre_state = pb::PreState {
            cells: self.cells.iter().flat_map(|w| w.to_be_bytes()).collect(),
            suites: self.every_suite(pb::SuitePreState {
                key_cells: vec![vec![0; 32]; self.program.key_cells()],
                map_roots: self.trees.iter().map(|t| suite::bytes(&t.root()).to_vec()).collect(),
            }),
        };
        let mut slots = vec![];
        let (mut inputs, mut outputs) = (vec![], vec![]);
        for t in transactions {
            let digest = suite::tx_digest(&suite::reduced(&domain), &t.words);
            let mut openings = vec![];
            for (port, access) in t.accesses.iter().enumerate() {
                let map = self.program.ports[port];
                let Some(access) = access else {
                    openings.push(pb::Opening::default());
                    continue;
                };
                let before = self.record(map, access.index);
                openings.push(pb::Opening {
                    fields: before.0.iter().flat_map(|w| w.to_be_bytes()).collect(),
                    suites: self.every_suite(pb::SuiteOpening {
                        keys: before.1.iter().map(|k| k.to_vec()).collect(),
                        siblings: self.trees[map].siblings(access.index),
                    }),
                });
                self.write(map, access.index, access.after.clone());
            }
            let authorizations = (t.signers.iter())
                .map(|signer| match signer {
                    None => pb::Authorization::default(),
                    Some((wallet, nonce)) => {
                        pb::Authorization { signatures: self.every_suite(self.wallets[*wallet].sign(&digest, *nonce).encode()) }
                    }
                })
                .collect();
            slots.push(pb::Slot { words: t.words.iter().flat_map(|w| w.to_be_bytes()).collect(), openings, authorizations });
            inputs.extend(&t.words);
            outputs.extend(&t.output);
            self.cells = t.cells.clone();
        }
        let journal: Vec<u32> = inputs.into_iter().chain(outputs).chain(self.cells.clone()).collect();
        let journal_bytes: Vec<u8> = journal.iter().flat_map(|w| w.to_be_bytes()).collect();
        let parent_claim = [0x55; 32];
        let claim = suite::keccak(&[&parent_claim, &suite::keccak(&[&journal_bytes])]);
        let commitment = suite::commit(&journal);
        let z = suite::challenge(&domain, &claim, &commitment);
        let statement = pb::Statement {
            program_id: self.program.id.into(),
            slots: transactions.len() as u32,
            domain: domain.into(),
            parent_claim: parent_claim.into(),
            claim: claim.into(),
            payee: PAYEE.into(),
            suites: vec![pb::SuiteStatement {
                suite: suite::NAME.into(),
                pre_root: suite::bytes(&pre_root).into(),
                post_root: suite::bytes(&self.root()).into(),
                commitment: suite::bytes(&commitment).into(),
                challenge: suite::extension_bytes(z).into(),
                evaluation: suite::extension_bytes(suite::evaluate(&journal, z)).into(),
            }],
            chain_id: CHAIN_ID.into(),
            settlement: SETTLEMENT.into(),
        };
        pb::ProveRequest { statement: Some(statement), journal: journal_bytes, pre_state: Some(pre_state), slots, key_id: vec![] }
    }
}

/// The 32 bytes of a key part, as words of a journal.
pub fn key_words(key: &Digest) -> Vec<u32> {
    key.iter().flat_map(|e| [(e.to_canonical_u64() >> 32) as u32, e.to_canonical_u64() as u32]).collect()
}
