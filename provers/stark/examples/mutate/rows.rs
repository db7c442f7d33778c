//! The tables of one batch: an honest witness, what each row of it says, and lies about it.

use std::collections::{BTreeMap, HashMap};

use multiprover_stark::check::{Message, RowReport, Tables};
use multiprover_stark::tables::{
    Columns, F, Layout, Public, Row, Table, Witness, alu, block, bus, hash, logic, mul, range, sign, values,
};
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};

/// A row of a table.
pub type Place = (Table, usize);

/// A wire, a word or a place in a chain: what is said of it is said to whoever else speaks of it.
type Subject = (&'static str, Vec<F>);

fn subject((bus, message, _): &Message) -> Subject {
    let length = match *bus {
        bus::WIRE | bus::WORD => 1,
        bus::CHAIN => 3,
        _ => message.len(),
    };
    (bus, message[..length].to_vec())
}

/// Whether RANGE has a row for a message, however often it is asked for.
fn is_in_table((bus, message, _): &Message) -> bool {
    *bus == bus::BYTE && message[0].as_canonical_u32() >> 8 == 0
}

/// A batch whose honest witness violates nothing.
pub struct Honest {
    pub tables: Tables,
    /// Rows of each table that the layout fills.
    pub counts: [usize; 8],
    /// Half-words of the journal that are input words.
    inputs: usize,
    /// By what they speak of, all rows but RANGE's.
    speakers: HashMap<Subject, Vec<Place>>,
}

impl Honest {
    /// # Errors
    /// The first violation.
    pub fn new(layout: &Layout, witness: &Witness, public: &Public, input_words: usize) -> anyhow::Result<Self> {
        let tables = Tables::new(layout, witness, public)?;
        tables.check()?;
        let mut honest = Honest { tables, counts: layout.counts(), inputs: 2 * input_words, speakers: HashMap::new() };
        for table in Table::ALL.into_iter().filter(|&t| t != Table::Range) {
            for row in 0..honest.counts[table as usize] {
                for message in honest.said((table, row)).messages {
                    let speakers = honest.speakers.entry(subject(&message)).or_default();
                    if speakers.last() != Some(&(table, row)) {
                        speakers.push((table, row));
                    }
                }
            }
        }
        Ok(honest)
    }

    pub fn cells(&self) -> usize {
        Table::ALL.iter().map(|&t| self.counts[t as usize] * t.width()).sum()
    }

    pub fn row(&self, (table, row): Place) -> &[F] {
        let all = &self.tables.main[table as usize];
        &all.values[row * all.width..][..all.width]
    }

    fn said(&self, place: Place) -> RowReport {
        Lie::new(self).said(place)
    }

    pub fn height(&self, table: Table) -> usize {
        self.tables.heights.rows(table)
    }
}

/// What does not hold.
#[derive(Clone)]
pub enum Broken {
    Constraint {
        place: Place,
        number: usize,
    },
    /// Left over.
    Message(Message),
}

/// A witness that differs from the honest one in some rows.
#[derive(Clone)]
pub struct Lie<'a> {
    honest: &'a Honest,
    pub changed: BTreeMap<Place, Vec<F>>,
    /// The cells that were changed, in order.
    pub cells: Vec<(Place, usize)>,
    pub public: Public,
}

/// The name of a column.
pub fn column(table: Table, column: usize) -> String {
    let name = |names: &[&[(&str, usize)]], mut at: usize| {
        for (name, length) in names.iter().copied().flatten() {
            if at < *length {
                return if *length == 1 { (*name).into() } else { format!("{name}[{at}]") };
            }
            at -= length;
        }
        unreachable!("a column of the table")
    };
    match table {
        Table::Hash if column < PERMUTATION => format!("permutation {column}"),
        Table::Hash => name(&[hash::Tail::<F>::NAMES], column - PERMUTATION),
        Table::Alu => name(&[alu::Main::<F>::NAMES, alu::Low::<F>::NAMES], column),
        Table::Mul => name(&[mul::Main::<F>::NAMES, mul::Low::<F>::NAMES], column),
        Table::Logic => name(&[logic::Main::<F>::NAMES], column),
        Table::Block => name(&[block::Main::<F>::NAMES], column),
        Table::Sign => name(&[sign::Main::<F>::NAMES, sign::Low::<F>::NAMES], column),
        Table::Values => name(&[values::Main::<F>::NAMES], column),
        Table::Range => name(&[range::Main::<F>::NAMES], column),
    }
}

/// Fills in what follows from the columns of a witness, if one of these was changed.
fn follow<C: Columns<F> + Row>(row: &mut [F], column: usize) {
    if column < <C as Columns<F>>::WIDTH {
        C::read(row).fill(row);
    }
}

impl<'a> Lie<'a> {
    pub fn new(honest: &'a Honest) -> Self {
        Lie { honest, changed: BTreeMap::new(), cells: vec![], public: honest.tables.public }
    }

    /// The lie that another witness of the same layout is.
    pub fn of_witness(honest: &'a Honest, layout: &Layout, witness: &Witness) -> anyhow::Result<Self> {
        let other = Tables::new(layout, witness, &honest.tables.public)?;
        let mut lie = Lie::new(honest);
        for table in Table::ALL.into_iter().filter(|&t| t != Table::Range) {
            for row in 0..honest.height(table) {
                let width = table.width();
                let cells = &other.main[table as usize].values[row * width..][..width];
                if cells != honest.row((table, row)) {
                    lie.changed.insert((table, row), cells.to_vec());
                }
            }
        }
        Ok(lie)
    }

    pub fn row(&self, place: Place) -> &[F] {
        match self.changed.get(&place) {
            Some(row) => row,
            None => self.honest.row(place),
        }
    }

    pub fn set(&mut self, place: Place, column: usize, value: F) {
        let honest = self.honest;
        let row = self.changed.entry(place).or_insert_with(|| honest.row(place).to_vec());
        row[column] = value;
        // The bytes of what is held to a range follow from it.
        match place.0 {
            Table::Alu => follow::<alu::Main<F>>(row, column),
            Table::Mul => follow::<mul::Main<F>>(row, column),
            Table::Sign => follow::<sign::Main<F>>(row, column),
            _ => {}
        }
        if !self.cells.contains(&(place, column)) {
            self.cells.push((place, column));
        }
    }

    /// Fills a row of HASH anew, from an element of its permutation's input, its bit or its index.
    pub fn set_and_permute(&mut self, row: usize, column: usize, value: F) {
        let place = (Table::Hash, row);
        self.set(place, column, value);
        let cells = self.row(place);
        let tail = hash::Tail::read(&cells[hash::WIDTH - <hash::Tail<F> as Columns<F>>::WIDTH..]);
        let witness =
            hash::Witness { input: cells[..16].try_into().expect("sixteen"), bit: tail.bit, acc: tail.acc, rest: tail.rest };
        self.changed.insert(place, witness.columns());
    }

    fn said(&self, (table, row): Place) -> RowReport {
        let next = (table, (row + 1) % self.honest.height(table));
        let rows = [self.row((table, row)), self.row(next)];
        self.honest.tables.evaluate(table, row, rows, &table.public(&self.public))
    }

    /// Post root, `c` and `y` are the liar's to state: what the witness comes to.
    pub fn state(&mut self) {
        let pre = &self.honest.tables.preprocessed[Table::Values as usize];
        for row in 0..self.honest.counts[Table::Values as usize] {
            let flags = values::Pre::<F>::read(&pre.values[row * pre.width..]);
            let x = || self.row((Table::Values, row))[..8].try_into().expect("eight");
            if flags.f_post == F::ONE {
                self.public.post_root = x();
            } else if flags.f_commitment == F::ONE {
                self.public.commitment = x();
            }
        }
        let last = (Table::Block, self.honest.height(Table::Block) - 1);
        self.public.y = block::Main::read(self.row(last)).y;
    }

    /// Whether the input words are others: they are given.
    pub fn has_other_words(&self) -> bool {
        let words = |row: &dyn Fn(Place) -> Vec<F>| -> Vec<F> {
            let pre = &self.honest.tables.preprocessed[Table::Block as usize];
            let journal = (0..self.honest.counts[Table::Block as usize])
                .rev()
                .filter(|row| block::Pre::<F>::read(&pre.values[row * pre.width..]).f_journal == F::ONE);
            journal.flat_map(|r| row((Table::Block, r))[..8].to_vec()).take(self.honest.inputs).collect()
        };
        self.changed.keys().any(|(table, _)| *table == Table::Block)
            && words(&|place| self.row(place).to_vec()) != words(&|place| self.honest.row(place).to_vec())
    }

    /// All that does not hold; at most the first of it where only that is asked for.
    pub fn broken(&self, only_first: bool) -> Vec<Broken> {
        let mut places: Vec<Place> = vec![];
        for &(table, row) in self.changed.keys() {
            // The row before it reads it.
            let height = self.honest.height(table);
            places.extend(table.reads_next().then_some((table, (row + height - 1) % height)));
            places.push((table, row));
        }
        if self.public != self.honest.tables.public {
            // Those that read public values.
            places.extend((0..self.honest.counts[Table::Values as usize]).map(|row| (Table::Values, row)));
            places.push((Table::Block, self.honest.height(Table::Block) - 1));
        }
        places.sort_unstable();
        places.dedup();
        let mut broken = vec![];
        let mut balance: HashMap<(&'static str, Vec<F>), F> = HashMap::new();
        for &place in &places {
            let said = self.said(place);
            for (number, value) in said.constraints.iter().enumerate() {
                if *value != F::ZERO {
                    broken.push(Broken::Constraint { place, number });
                    if only_first {
                        return broken;
                    }
                }
            }
            for (bus, message, count) in said.messages {
                *balance.entry((bus, message)).or_default() += count;
            }
            for (bus, message, count) in self.honest.said(place).messages {
                *balance.entry((bus, message)).or_default() -= count;
            }
        }
        // RANGE's counts follow, unless it is they that lie.
        let counts_lie = self.changed.keys().any(|(table, _)| *table == Table::Range);
        let left =
            balance.into_iter().filter(|(_, count)| *count != F::ZERO).map(|((bus, message), count)| (bus, message, count));
        let mut left: Vec<Message> = left.filter(|message| counts_lie || !is_in_table(message)).collect();
        left.sort_unstable();
        broken.extend(left.into_iter().map(Broken::Message));
        broken
    }

    /// Changes one more cell so that something broken holds. False if it does not come to that.
    pub fn mend(&mut self, broken: &Broken, below: &mut dyn FnMut(usize) -> usize) -> bool {
        match broken {
            Broken::Constraint { place, number } => {
                let (table, row) = *place;
                let next = (table, (row + 1) % self.honest.height(table));
                for _ in 0..24 {
                    let other = if table.reads_next() && below(3) == 0 { next } else { *place };
                    let column = pick(table, below);
                    if self.solve(other, column, &|lie| lie.said(*place).constraints[*number], F::ZERO) {
                        return true;
                    }
                }
                false
            }
            Broken::Message(message) => {
                let Some(speakers) = self.honest.speakers.get(&subject(message)) else { return false };
                // Whoever has said something else till now says it, too.
                let place = speakers[below(speakers.len())];
                let of = subject(message);
                let said = |lie: &Self| lie.said(place).messages.into_iter().find(|m| subject(m) == of).map(|m| m.1);
                let Some(now) = said(self) else { return false };
                let mut mended = false;
                for at in (0..now.len()).filter(|&at| now[at] != message.1[at]) {
                    let part = |lie: &Self| said(lie).map_or(F::ZERO, |m| m[at]);
                    mended |= (0..place.0.width())
                        .filter(|&column| place.0 != Table::Hash || !(16..PERMUTATION).contains(&column))
                        .any(|column| self.solve(place, column, &part, message.1[at]));
                }
                mended
            }
        }
    }

    /// Sets a cell that nobody has changed so that `form`, which is linear in it, becomes `value`.
    fn solve(&mut self, place: Place, column: usize, form: &dyn Fn(&Self) -> F, value: F) -> bool {
        if self.cells.contains(&(place, column)) {
            return false;
        }
        let before = self.row(place)[column];
        let kept = self.clone();
        let at = |lie: &mut Self, x: F| {
            // A row of HASH whose input changes is another permutation.
            if place.0 == Table::Hash && !(16..PERMUTATION + 8).contains(&column) {
                lie.set_and_permute(place.1, column, x);
            } else {
                lie.set(place, column, x);
            }
            form(lie)
        };
        let y = [F::ZERO, F::ONE, F::TWO].map(|step| at(self, before + step));
        let slope = y[1] - y[0];
        if slope == F::ZERO || y[2] - y[1] != slope || at(self, before + (value - y[0]) * slope.inverse()) != value {
            *self = kept;
            return false;
        }
        true
    }
}

/// Where the columns after a permutation's begin.
const PERMUTATION: usize = hash::WIDTH - 11;

/// A column; of HASH rather one of those that are its own.
pub fn pick(table: Table, below: &mut dyn FnMut(usize) -> usize) -> usize {
    match table {
        Table::Hash => match below(8) {
            0 => below(hash::WIDTH),
            1..=3 => below(16),
            _ => PERMUTATION + below(11),
        },
        table => below(table.width()),
    }
}
