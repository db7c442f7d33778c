//! A batch's constraints, looked at cell by cell.

use std::collections::BTreeMap;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::{Field, PrimeField};
use halo2_axiom::plonk::{ConstraintSystem, Expression};
use multiprover_halo2::builder::{Builder, Cell, Lie, Purpose, Tables, UNUSABLE};
use multiprover_halo2::config::{COLUMNS, Config, FIXED, LIMBS, LOOKUP, PUBLIC, SELECTORS, hash, wire};
use multiprover_halo2::execution::{Advice, PublicInputs};
use multiprover_halo2::lowering;
use multiprover_halo2::program::Program;

/// Rows of the public values that a liar states as its witness has them: post root, `c`, `y`.
const STATED: [usize; 3] = [1, 2, 4];

pub struct Circuit {
    pub program: Program,
    slots: usize,
    k: u32,
    cs: ConstraintSystem<Fr>,
    shape: Tables,
    /// Cells that copies make one, and cells alone; those that no row reads are not among them.
    pub classes: Vec<Vec<Cell>>,
    /// By column and row, the place of a cell's class in `classes`.
    class_of: Vec<Option<usize>>,
}

impl Circuit {
    pub fn new(program: Program, slots: usize) -> anyhow::Result<Self> {
        let k = lowering::fit(&program, slots).ok_or_else(|| anyhow::anyhow!("{slots} slots are too many rows"))?;
        let shape = lowering::shape(&program, slots, k).0;
        let mut cs = ConstraintSystem::default();
        Config::configure(&mut cs);
        let mut circuit = Circuit { program, slots, k, cs, shape, classes: vec![], class_of: vec![None; COLUMNS << k] };
        circuit.classes = circuit.classes_of_cells();
        for (at, cells) in circuit.classes.iter().enumerate() {
            for cell in cells {
                circuit.class_of[((cell.column as usize) << k) + cell.row as usize] = Some(at);
            }
        }
        Ok(circuit)
    }

    pub fn rows(&self) -> usize {
        lowering::rows(&self.program, self.slots, self.k)
    }

    /// Advice and how many new values it has. A lie is told at one of them.
    pub fn walk(&self, advice: &Advice, public: &PublicInputs, lie: Option<Lie>) -> (Tables, usize) {
        let mut builder = match lie {
            Some(lie) => Builder::lying(self.k, Some(lie)),
            None => Builder::new(self.k, Purpose::Advice),
        };
        lowering::lower(&mut builder, &self.program, self.slots, Some((advice, public)));
        let news = builder.news();
        (Tables { fixed: vec![], copies: vec![], ..builder.finish() }, news)
    }

    /// Sets the public values that a liar may choose to what its cells come to.
    pub fn state(&self, tables: &mut Tables, public: &[Fr]) -> Vec<Fr> {
        let mut stated = public.to_vec();
        for n in STATED {
            let own = Cell { column: 2, row: n as u32 };
            let linked = self.shape.copies.iter().find_map(|&(a, b)| {
                if b == own {
                    Some(a)
                } else if a == own {
                    Some(b)
                } else {
                    None
                }
            });
            let linked = linked.expect("a public value is copied");
            stated[n] = tables.advice[linked.column as usize][linked.row as usize];
            tables.advice[2][n] = stated[n];
        }
        stated
    }

    fn classes_of_cells(&self) -> Vec<Vec<Cell>> {
        let n = 1 << self.k;
        let id = |c: &Cell| c.column as usize * n + c.row as usize;
        let mut parent: Vec<usize> = (0..COLUMNS * n).collect();
        fn root(parent: &mut [usize], mut at: usize) -> usize {
            while parent[at] != at {
                parent[at] = parent[parent[at]];
                at = parent[at];
            }
            at
        }
        for (a, b) in &self.shape.copies {
            let (a, b) = (root(&mut parent, id(a)), root(&mut parent, id(b)));
            parent[a] = b;
        }
        let mut classes: BTreeMap<usize, Vec<Cell>> = BTreeMap::new();
        for column in 0..COLUMNS {
            for row in 0..n - UNUSABLE {
                let cell = Cell { column: column as u8, row: row as u32 };
                let at = root(&mut parent, id(&cell));
                // The statement's own cells are not a witness.
                let public = column == 2 && row < PUBLIC;
                if (at != id(&cell) || self.is_read(column, row)) && !public {
                    classes.entry(at).or_default().push(cell);
                }
            }
        }
        classes.into_values().collect()
    }

    /// Whether a constraint reads the cell: of its row, or of the one before.
    fn is_read(&self, column: usize, row: usize) -> bool {
        self.columns_read(row, 0).contains(&column) || (row > 0 && self.columns_read(row - 1, 1).contains(&column))
    }

    /// The columns that a row's constraints read, in the row itself or in the next one (`config`'s table).
    fn columns_read(&self, row: usize, rotation: usize) -> Vec<usize> {
        let fixed = |at: usize| self.shape.fixed[at][row];
        let is = |at: usize, value: u64| fixed(at) == Fr::from(value);
        let any = |at: &[usize]| at.iter().any(|q| fixed(*q) != Fr::ZERO);
        let (s0, s1, s2) = (SELECTORS, SELECTORS + 1, SELECTORS + 2);
        let mut read = vec![];
        let mut when = |condition: bool, here: &[usize], next: &[usize]| {
            if condition {
                read.extend(if rotation == 0 { here } else { next });
            }
        };
        when(is(s0, hash::FULL), &[0, 1, 2, 3, 4, 5], &[0, 1, 2]);
        when(is(s0, hash::PARTIAL), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[0, 1, 2]);
        when(is(s0, hash::END), &[0, 1, 2, 3, 4, 5], &[8]);
        when(is(s0, hash::ABSORB), &[0, 1, 2, 3, 4, 5], &[0, 1, 2, 6, 7]);
        when(is(s1, wire::FRESH), &[0, 1, 2, 6, 7], &[]);
        when(is(s1, wire::MERKLE), &[0, 1, 2, 6, 7, 8], &[]);
        when(is(s1, wire::PAIR), &[2], &[]);
        let arithmetic = is(s1, wire::PAIR) || is(s1, wire::WIDE);
        when(arithmetic, &[8], &[]);
        when(arithmetic && any(&[0, 2]), &[0], &[]);
        when(arithmetic && any(&[1, 2]), &[1], &[]);
        when(arithmetic && any(&[4, 6]), &[6], &[]);
        when(arithmetic && any(&[5, 6]), &[7], &[]);
        when(any(&[s2]), &[0, 1, 2, 3, 4, 5, 6, 7, 8], &[0, 1, 2, 6, 7, 8]);
        when(any(&[LIMBS]), &[LOOKUP], &[]);
        when(any(&[LIMBS + 1]), &[], &[LOOKUP]);
        read
    }

    fn evaluate(&self, e: &Expression<Fr>, tables: &Tables, public: &[Fr], row: usize) -> Fr {
        let at = |rotation: i32| (row as i64 + i64::from(rotation)) as usize;
        e.evaluate(
            &|c| c,
            &|_| unreachable!("no selectors of the library's"),
            &|q| self.shape.fixed[q.column_index()][at(q.rotation().0)],
            &|q| tables.advice[q.column_index()][at(q.rotation().0)],
            &|q| public.get(at(q.rotation().0)).copied().unwrap_or(Fr::ZERO),
            &|_| unreachable!("no challenges"),
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, f| a * f,
        )
    }

    /// Writes a value into every cell of a class.
    pub fn set(&self, tables: &mut Tables, class: usize, value: Fr) {
        for cell in &self.classes[class] {
            tables.advice[cell.column as usize][cell.row as usize] = value;
        }
    }

    /// Mends a constraint that a change of `class` broke by another class that it reads, if it is linear in that; which one.
    /// A limb that is too large becomes `small`.
    pub fn mend(
        &self,
        tables: &mut Tables,
        public: &[Fr],
        class: usize,
        spare: &[usize],
        small: Fr,
        choose: &mut dyn FnMut(usize) -> usize,
    ) -> Option<usize> {
        let usable = (1 << self.k) - UNUSABLE;
        let cells = &self.classes[class];
        let cell = cells[choose(cells.len())];
        let row = (cell.row as usize).saturating_sub(choose(2)).min(usable - 1);
        let lookups = self.cs.lookups().iter().map(|l| (&l.input_expressions()[0], small));
        let gates = self.cs.gates().iter().flat_map(|g| g.polynomials()).map(|p| (p, Fr::ZERO));
        let broken: Vec<(&Expression<Fr>, Fr)> = gates
            .filter(|(p, _)| self.evaluate(p, tables, public, row) != Fr::ZERO)
            .chain(lookups.filter(|(p, _)| !self.is_limb(&self.evaluate(p, tables, public, row))))
            .collect();
        if broken.is_empty() {
            return None;
        }
        let (constraint, target) = broken[choose(broken.len())];
        let read = (0..COLUMNS).flat_map(|c| [(c, row), (c, row + 1)]);
        let others: Vec<usize> =
            read.filter_map(|(c, r)| self.class_of[(c << self.k) + r]).filter(|at| *at != class && !spare.contains(at)).collect();
        // A constraint reads few of a row's cells: from a random one on, the first in which it is linear.
        let start = choose(others.len().max(1));
        for at in others.iter().cycle().skip(start).take(others.len()) {
            let cell = self.classes[*at][0];
            let before = tables.advice[cell.column as usize][cell.row as usize];
            let [zero, one, two] = [0, 1, 2].map(|v| {
                self.set(tables, *at, Fr::from(v));
                self.evaluate(constraint, tables, public, row)
            });
            let slope = one - zero;
            if slope != Fr::ZERO && two - one == slope {
                self.set(tables, *at, (target - zero) * slope.invert().expect("not zero"));
                return Some(*at);
            }
            self.set(tables, *at, before);
        }
        None
    }

    /// The constraints that do not hold; with honest tables, only rows that differ from them are looked at.
    pub fn violated(&self, tables: &Tables, public: &[Fr], honest: Option<&Tables>) -> Vec<String> {
        let usable = (1 << self.k) - UNUSABLE;
        let differs = |row: usize| honest.is_none_or(|h| (0..COLUMNS).any(|c| h.advice[c][row] != tables.advice[c][row]));
        let different: Vec<bool> = (0..=usable).map(differs).collect();
        let mut violated = vec![];
        for (a, b) in &self.shape.copies {
            if tables.advice[a.column as usize][a.row as usize] != tables.advice[b.column as usize][b.row as usize] {
                violated.push(format!("copy of column {}, row {} in column {}, row {}", b.column, b.row, a.column, a.row));
            }
        }
        for row in (0..usable).filter(|&r| different[r] || different[r + 1]) {
            let marks: [bool; FIXED - SELECTORS] = std::array::from_fn(|i| self.shape.fixed[SELECTORS + i][row] != Fr::ZERO);
            if marks[..3].contains(&true) {
                for gate in self.cs.gates() {
                    let broken = gate.polynomials().iter().any(|p| self.evaluate(p, tables, public, row) != Fr::ZERO);
                    if broken {
                        violated.push(format!("{} in row {row}", gate.name()));
                    }
                }
            }
            for lookup in self.cs.lookups() {
                if !self.is_limb(&self.evaluate(&lookup.input_expressions()[0], tables, public, row)) {
                    violated.push(format!("limb in row {row}"));
                }
            }
        }
        violated
    }

    /// Whether the table has it.
    fn is_limb(&self, v: &Fr) -> bool {
        let bytes = v.to_repr();
        bytes[4..].iter().all(|b| *b == 0) && u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) < 1 << self.limb()
    }

    pub fn limb(&self) -> u32 {
        Builder::new(self.k, Purpose::Count).limb
    }
}
