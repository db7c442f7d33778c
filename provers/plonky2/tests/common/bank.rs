//! A small transition with every operation in it: accounts that are registered from L1 and pay each other, signed.

use multiprover_plonky2::lowering::words_of;
use multiprover_plonky2::pb::program::{Kind, L1Rule, Map, Message};
use multiprover_plonky2::program::Type;
use multiprover_plonky2::reference::{Access, Assembler, Transaction, Wallet, World, field, key_field, key_words};

pub const DEPTH: u32 = 4;
/// `kind, account, receiver, amount (2), nonce, key of two suites (16)`.
pub const INPUT_WORDS: usize = 22;
const DEBT: i128 = 1 << 40;

/// Fields of an account: balance u64, debt signed, key, nonce u32. Cells: supply u64, level signed, an admin key.
pub fn program() -> Vec<u8> {
    let mut a = Assembler::new(&["bn254", "goldilocks"], INPUT_WORDS as u32);
    let fields = vec![
        field("balance", 0, u64::MAX),
        field("debt", -(1 << 40), 1 << 40),
        key_field("key"),
        field("nonce", 0, u32::MAX.into()),
    ];
    a.program.cells = vec![field("supply", 0, u64::MAX), key_field("admin"), field("level", -1000, 1000)];
    a.program.maps.push(Map { name: "accounts".into(), depth: DEPTH, fields });
    let u32s = |n: &str| field(n, 0, u32::MAX.into());
    let register = Kind {
        name: "register".into(),
        from_l1: true,
        l1: Some(L1Rule { operator_only: true, value_word: Some(3) }),
        params: vec![u32s("account"), u32s("unused"), field("amount", 0, u64::MAX), u32s("nonce"), key_field("key")],
        ports: vec![0],
        ..Default::default()
    };
    let pay = Kind {
        name: "pay".into(),
        params: vec![u32s("from"), u32s("to"), field("amount", 0, u64::MAX), u32s("nonce")],
        ports: vec![0, 1],
        authorizations: vec![0],
        messages: vec![0],
        ..Default::default()
    };
    a.program.kinds.extend([register, pay]);

    let kind = a.param(0);
    let kind = a.range(kind, 0, 2);
    let [one, two] = [a.constant(1), a.constant(2)];
    let (registering, paying) = (a.eq(kind, one), a.eq(kind, two));
    let active = a.or(registering, paying);
    let [p1, p2] = [a.param(1), a.param(2)];
    let last = (1 << DEPTH) - 1;
    let (from, to) = (a.range(p1, 0, last), a.range(p2, 0, last));
    let same = a.eq(from, to);
    let both = a.and(same, paying);
    let distinct = a.not(both);
    a.assert(distinct);
    let [high, low, nonce] = [a.param(3), a.param(4), a.param(5)];
    let base = a.constant(1 << 32);
    let high = a.mul(high, base);
    let amount = a.add(high, low);
    let supply = a.cell(0);
    let level = a.cell(2);

    let first = a.open(active, from, 0);
    let second = a.open(paying, to, 0);
    let (balance, debt, key, count) = (a.load(first, 0, 0), a.load(first, 0, 1), a.load(first, 0, 2), a.load(first, 0, 3));
    let other = a.load(second, 0, 0);
    a.authorize(paying, key, nonce);
    let right_nonce = a.eq(nonce, count);
    let not_paying = a.not(paying);
    let good = a.or(right_nonce, not_paying);
    a.assert(good);

    // Fee: a share of the square of the amount, by a divisor that is not a constant; its remainder moves the debt, either way.
    let small = a.range(amount, 0, 1 << 50);
    let square = a.mul(small, small);
    let offset = a.constant(-(1 << 99));
    let signed = a.add(square, offset);
    let divisor = a.add(supply, one);
    let quotient = a.divmod(signed, divisor);
    let remainder = a.remainder(quotient);
    let thousand = a.constant(1000);
    let part = a.divmod(remainder, thousand);
    let part = a.remainder(part);
    let half = a.constant(500);
    let moved = a.sub(part, half);
    let new_debt = a.add(debt, moved);
    let new_debt = a.select(paying, new_debt, debt);
    let new_debt = a.range(new_debt, -DEBT, DEBT);

    let zero = a.constant(0);
    let enough = a.lt(balance, amount);
    let enough = a.not(enough);
    let fine = a.or(enough, not_paying);
    a.assert(fine);
    let plus = a.add(balance, amount);
    let minus = a.sub(balance, amount);
    let new_balance = a.select(paying, minus, plus);
    let new_balance = a.select(active, new_balance, balance);
    let new_balance = a.range(new_balance, 0, u64::MAX.into());
    let received = a.add(other, amount);
    let received = a.select(paying, received, zero);
    let received = a.range(received, 0, u64::MAX.into());
    let next = a.add(count, paying);
    let next = a.range(next, 0, u32::MAX.into());
    let given = a.key_param(6);
    let new_key = a.select(registering, given, key);
    let minted = a.add(supply, amount);
    let new_supply = a.select(registering, minted, supply);
    let new_supply = a.range(new_supply, 0, u64::MAX.into());
    let lower = a.sub(level, paying);
    let new_level = a.range(lower, -1000, 1000);

    a.store(first, new_balance, 0);
    a.store(first, new_debt, 1);
    a.store(first, new_key, 2);
    a.store(first, next, 3);
    a.store(second, received, 0);
    a.store_cell(new_supply, 0);
    a.store_cell(new_level, 2);

    let ports = &mut a.program.ports;
    ports[0].written = vec![0, 1, 3];
    ports[0].writes_key = true;
    a.output(from, 0, last);
    a.output(new_balance, 0, u64::MAX.into());
    a.output(new_debt, -DEBT, DEBT);
    a.output(next, 0, u32::MAX.into());
    a.program.ports[1].written = vec![0];
    a.program.ports[1].output_offset = a.output_offset();
    a.output(to, 0, last);
    a.output(received, 0, u64::MAX.into());
    a.program.messages.push(Message {
        name: "paid".into(),
        output_offset: a.output_offset(),
        fields: vec![field("debt", -(1 << 40), 1 << 40)],
    });
    a.output(paying, 0, 1);
    a.output(new_debt, -DEBT, DEBT);
    a.encode()
}

/// An account as the model keeps it.
#[derive(Clone, Default)]
struct Account {
    balance: u64,
    debt: i128,
    nonce: u32,
    key: [u8; 32],
}

/// The transition itself, written plainly.
pub struct Bank {
    pub world: World,
    accounts: Vec<Account>,
    supply: u64,
    level: i128,
}

fn u64_words(v: u64) -> [u32; 2] {
    [(v >> 32) as u32, v as u32]
}

impl Bank {
    pub fn new() -> Self {
        let world = World::new(&program(), vec![Wallet::new(1, 3), Wallet::new(2, 3)]);
        Bank { world, accounts: vec![Account::default(); 1 << DEPTH], supply: 0, level: 0 }
    }

    fn cells(&self) -> Vec<u32> {
        let mut words = u64_words(self.supply).to_vec();
        words.extend(words_of(self.level, Type::int(-1000, 1000)));
        words
    }

    fn access(&self, index: usize) -> Access {
        let a = &self.accounts[index];
        let mut words = u64_words(a.balance).to_vec();
        words.extend(words_of(a.debt, Type::int(-DEBT, DEBT)));
        words.push(a.nonce);
        Access { index: index as u64, after: (words, vec![a.key]) }
    }

    /// Moves by the fee of an amount.
    fn moved(&self, amount: u64) -> i128 {
        let signed = i128::from(amount) * i128::from(amount) - (1 << 99);
        signed.rem_euclid(i128::from(self.supply) + 1) % 1000 - 500
    }

    fn output(&self, from: usize, second: Option<(usize, u64)>, paying: bool) -> Vec<u32> {
        let a = &self.accounts[from];
        let debt = words_of(a.debt, Type::int(-DEBT, DEBT));
        let mut out = vec![from as u32];
        out.extend(u64_words(a.balance));
        out.extend(&debt);
        out.push(a.nonce);
        let (to, received) = second.unwrap_or((0, 0));
        out.push(to as u32);
        out.extend(u64_words(received));
        out.push(paying.into());
        out.extend(debt);
        out
    }

    pub fn noop(&mut self) -> Transaction {
        // A port that is not enabled loads zeros; what the slot writes there goes nowhere, but stands in the outputs.
        let idle = self.accounts[0].clone();
        self.accounts[0] = Account::default();
        let output = self.output(0, None, false);
        self.accounts[0] = idle;
        Transaction { words: vec![0; INPUT_WORDS], accesses: vec![None, None], signers: vec![None], output, cells: self.cells() }
    }

    pub fn register(&mut self, account: usize, wallet: usize, amount: u64) -> Transaction {
        let key = self.world.wallets[wallet].public_key();
        let mut words = vec![1, account as u32, 0];
        words.extend(u64_words(amount));
        words.push(0);
        // The other suite's part stands first, and means nothing here.
        words.extend([0xffff_ffff; 8]);
        words.extend(key_words(&key));
        self.accounts[account].key = multiprover_plonky2::suite::bytes(&key);
        self.accounts[account].balance += amount;
        self.supply += amount;
        Transaction {
            words,
            accesses: vec![Some(self.access(account)), None],
            signers: vec![None],
            output: self.output(account, None, false),
            cells: self.cells(),
        }
    }

    pub fn pay(&mut self, from: usize, to: usize, amount: u64, wallet: usize) -> Transaction {
        let nonce = self.accounts[from].nonce;
        let mut words = vec![2, from as u32, to as u32];
        words.extend(u64_words(amount));
        words.push(nonce);
        words.extend([0; 16]);
        let moved = self.moved(amount);
        self.accounts[from].debt += moved;
        self.accounts[from].balance -= amount;
        self.accounts[from].nonce += 1;
        self.accounts[to].balance += amount;
        self.level -= 1;
        Transaction {
            words,
            accesses: vec![Some(self.access(from)), Some(self.access(to))],
            signers: vec![Some((wallet, nonce.into()))],
            output: self.output(from, Some((to, self.accounts[to].balance)), true),
            cells: self.cells(),
        }
    }
}
