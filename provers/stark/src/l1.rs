//! What contracts/StarkAdapter.sol is given: the bytes of a proof, and those of a key (provers/stark/L1.md).

use p3_batch_stark::proof::{BatchCommitments, BatchOpenedValues, OpenedValuesWithLookups};
use p3_batch_stark::{BatchShape, OpenedValues};
use p3_challenger::{CanObserve, CanSampleBits, FieldChallenger, GrindingChallenger};
use p3_field::{BasedVectorSpace, Field, PrimeCharacteristicRing, PrimeField32, RawDataSerializable, TwoAdicField};
use p3_fri::{BatchMultiOpening, CommitPhaseMultiStep, FriProof, FriShape, PcsShape, fold_schedule};
use p3_lookup::LookupTerminal;
use p3_matrix::Dimensions;
use p3_merkle_tree::PrunedMerklePaths;
use p3_symmetric::MerkleCap;
use p3_uni_stark::PreprocessedOpenedValues;

use crate::batch::{self, Commitment, Proof, VerifyingKey};
use crate::config::{ChallengeMmcs, Challenger, Numbers, Parameters, ValMmcs};
use crate::refusal::{Code, Refusal, malformed, non_canonical, unsupported};
use crate::suite::keccak256;
use crate::tables::{EF, EXTENSION, F, Public, Table};

type Digest = [u8; 32];
type Paths = PrunedMerklePaths<u8, 32>;

/// Bytes of one part at most: a node takes no transaction above 2^17 bytes.
pub const MAX_PART: usize = 126_000;

/// Rounds of commitments, in the transcript's order of openings: witness, quotients, preprocessed, buses.
const ROUNDS: usize = 4;

/// Columns of a table that a round commits to, and whether they are opened at the next row, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    pub width: usize,
    pub next: bool,
}

/// The columns of every round and table, in base field elements.
pub fn columns() -> [[Columns; 8]; ROUNDS] {
    let bus = |table| EXTENSION * (batch::lookups(table).len() + 1);
    let of = |width: fn(Table) -> usize, next: fn(Table) -> bool| {
        Table::ALL.map(|table| Columns { width: width(table), next: next(table) })
    };
    [
        of(Table::width, Table::reads_next),
        of(|table| EXTENSION * chunks(table), |_| false),
        of(Table::preprocessed_width, |_| false),
        Table::ALL.map(|table| Columns { width: bus(table), next: true }),
    ]
}

/// Chunks of a table's quotient: its constraints' degree less one.
fn chunks(table: Table) -> usize {
    (batch::degree(table) - 1).next_power_of_two()
}

/// What a key fixes: how large everything in a proof is.
pub struct Plan {
    numbers: Numbers,
    /// Logarithms of the tables' heights.
    logs: [usize; 8],
    columns: [[Columns; 8]; ROUNDS],
    /// Logarithms of the heights of the evaluations, without repetition, the tallest first.
    groups: Vec<usize>,
    /// Logarithm of how many values each folding makes one.
    arities: Vec<usize>,
}

impl Plan {
    fn new(key: &VerifyingKey) -> Self {
        let numbers = key.parameters.numbers();
        let logs = Table::ALL.map(|table| key.heights.log(table));
        let mut groups = logs.map(|log| log + numbers.log_blowup).to_vec();
        groups.sort_unstable_by(|a, b| b.cmp(a));
        groups.dedup();
        let last = numbers.log_blowup + numbers.log_final_poly_len;
        let arities = fold_schedule(&groups, last, numbers.max_log_arity);
        Self { numbers, logs, columns: columns(), groups, arities }
    }

    fn group(&self, table: usize) -> usize {
        let height = self.logs[table] + self.numbers.log_blowup;
        self.groups.iter().position(|group| *group == height).expect("every table has a group")
    }

    /// Tables of a group.
    fn members(&self, group: usize) -> impl Iterator<Item = usize> {
        (0..8).filter(move |table| self.group(*table) == group)
    }

    fn cap_bytes(&self) -> usize {
        32 << self.numbers.cap_height
    }

    /// All openings: (round, table, at the next row).
    fn openings(&self) -> impl Iterator<Item = (usize, usize, bool)> {
        (0..ROUNDS).flat_map(move |round| {
            (0..8).flat_map(move |table| {
                let next = self.columns[round][table].next;
                [Some((round, table, false)), next.then_some((round, table, true))].into_iter().flatten()
            })
        })
    }

    fn num_openings(&self) -> usize {
        self.openings().map(|(round, table, _)| self.columns[round][table].width).sum()
    }

    fn witness_bytes(bits: usize) -> usize {
        if bits == 0 { 0 } else { 4 }
    }

    pub fn head_bytes(&self) -> usize {
        let n = &self.numbers;
        let grinding = [n.lookup_pow_bits, n.ood_pow_bits, n.batch_pow_bits, n.query_pow_bits].map(Self::witness_bytes);
        let layer = self.cap_bytes() + Self::witness_bytes(n.commit_pow_bits);
        let elements = 8 + self.num_openings() + (1 << n.log_final_poly_len);
        3 * self.cap_bytes() + 20 * elements + self.arities.len() * layer + grinding.iter().sum::<usize>()
    }

    pub fn query_bytes(&self) -> usize {
        let cap = self.numbers.cap_height;
        let rows: usize = self.columns.iter().flatten().map(|columns| 4 * columns.width).sum();
        let paths = ROUNDS * 32 * (self.groups[0] - cap);
        let mut height = self.groups[0];
        let layers = self.arities.iter().map(|arity| {
            height -= arity;
            20 * ((1 << arity) - 1) + 32 * (height - cap)
        });
        rows + paths + layers.sum::<usize>()
    }

    pub fn context_bytes(&self) -> usize {
        let words = 3 + 2 * self.groups.len() + self.arities.len() + self.numbers.num_queries.div_ceil(8);
        32 * words + (3 + self.arities.len()) * self.cap_bytes() + (20 << self.numbers.log_final_poly_len)
    }

    /// How many queries each part has.
    pub fn parts(&self) -> Vec<usize> {
        let mut left = self.numbers.num_queries;
        let mut parts = vec![];
        let mut before = self.head_bytes();
        while left > 0 {
            let count = left.min((MAX_PART - before) / self.query_bytes());
            parts.push(count);
            left -= count;
            before = self.context_bytes();
        }
        parts
    }

    /// Bytes that the transcript starts with, those of the opening argument and of the low-degree test.
    fn seeds(&self) -> [Vec<u8>; 3] {
        let n = &self.numbers;
        let shape = BatchShape {
            trace_widths: Table::ALL.map(Table::width).into(),
            public_value_counts: Table::ALL.map(|table| table.public(&Public::default()).len()).into(),
            preprocessed_widths: Table::ALL.map(Table::preprocessed_width).into(),
            has_preprocessed_commitment: true,
            num_lookup_instances: 8,
            lookup_pow_bits: n.lookup_pow_bits,
            has_randomization_commitment: false,
            ood_pow_bits: n.ood_pow_bits,
        };
        let mut first = Recorder::default();
        shape.domain_separator::<F, EF>().seed(&mut first);
        for log in self.logs {
            first.extension(EF::from(F::from_usize(log)));
        }
        let counts = |round: usize| {
            let of = |table: Table| {
                let Columns { width, next } = self.columns[round][table as usize];
                if round == 1 { vec![vec![EXTENSION]; width / EXTENSION] } else { vec![vec![width; 1 + usize::from(next)]] }
            };
            Table::ALL.into_iter().flat_map(of).collect()
        };
        let pcs = PcsShape { claimed_evaluation_counts: (0..ROUNDS).map(counts).collect(), batch_pow_bits: n.batch_pow_bits };
        let mut second = Recorder::default();
        pcs.domain_separator::<F, EF>().seed(&mut second);
        let fri = FriShape {
            log_arities: self.arities.clone(),
            final_poly_len: 1 << n.log_final_poly_len,
            commit_pow_bits: n.commit_pow_bits,
            query_pow_bits: n.query_pow_bits,
            num_queries: n.num_queries,
            index_bits: self.groups[0],
            log_blowup: n.log_blowup,
            max_log_arity: n.max_log_arity,
        };
        let mut third = Recorder::default();
        fri.domain_separator::<F, EF>().seed(&mut third);
        [first.0, second.0, third.0]
    }

    fn dimensions(&self, round: usize) -> Vec<Dimensions> {
        let of = |table: usize| {
            let columns = self.columns[round][table];
            let height = 1 << (self.logs[table] + self.numbers.log_blowup);
            let (width, count) = if round == 1 { (EXTENSION, columns.width / EXTENSION) } else { (columns.width, 1) };
            vec![Dimensions { width, height }; count]
        };
        (0..8).flat_map(of).collect()
    }

    /// Logarithms of the heights of the foldings' trees, with the arity that leads there.
    fn layers(&self) -> impl Iterator<Item = (usize, usize)> {
        self.arities.iter().scan(self.groups[0], |height, arity| {
            *height -= arity;
            Some((*height, *arity))
        })
    }
}

/// Takes down what a transcript absorbs.
#[derive(Default)]
struct Recorder(Vec<u8>);

impl Recorder {
    fn extension(&mut self, value: EF) {
        for coefficient in coefficients(&value) {
            self.observe(*coefficient);
        }
    }
}

impl CanObserve<F> for Recorder {
    fn observe(&mut self, value: F) {
        self.0.extend(value.into_bytes());
    }
}

/// The artefact `l1_verifier`: everything of a key that the contract is made with.
///
/// # Panics
/// For a key of other parameters than those of L1.
pub fn artefact(key: &VerifyingKey) -> Vec<u8> {
    assert_eq!(key.parameters, Parameters::L1, "only proofs for L1 have a contract");
    let plan = Plan::new(key);
    let seeds = plan.seeds();
    let mut bytes = shape().to_vec();
    bytes.extend(plan.logs.map(|log| log as u8));
    for seed in &seeds {
        bytes.extend((seed.len() as u16).to_be_bytes());
    }
    bytes.extend([0; 2]);
    bytes.extend(key.preprocessed.roots().iter().flatten());
    bytes.extend(seeds.into_iter().flatten());
    bytes
}

/// What a key fixes, as JSON: for people.
pub fn describe(key: &VerifyingKey) -> serde_json::Value {
    let plan = Plan::new(key);
    serde_json::json!({
        "log_heights": plan.logs,
        "log_evaluations": plan.groups,
        "log_arities": plan.arities,
        "columns": plan.columns.map(|round| round.map(|columns| (columns.width, columns.next))),
        "queries_of_parts": plan.parts(),
        "head_bytes": plan.head_bytes(),
        "query_bytes": plan.query_bytes(),
        "context_bytes": plan.context_bytes(),
        "proof_bytes": plan.head_bytes()
            + plan.numbers.num_queries * plan.query_bytes()
            + (plan.parts().len() - 1) * plan.context_bytes(),
    })
}

/// What the contract's constants follow from: parameters and columns.
pub fn shape() -> Digest {
    keccak256(constants().as_bytes())
}

/// contracts/StarkShape.sol.
pub fn solidity() -> String {
    let digest: String = shape().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\n\n\
         // Made from the tables and the parameters for L1 by `make contracts` (provers/stark/src/l1.rs): do not edit.\n\n\
         {}bytes32 constant SHAPE = 0x{digest}; // keccak256 of the lines above\n",
        constants()
    )
}

fn constants() -> String {
    let n = Parameters::L1.numbers();
    let columns = columns();
    let mut text = String::new();
    let widths: Vec<String> = columns
        .iter()
        .map(|round| round.iter().map(|c| format!("{:04x}", c.width | usize::from(c.next) << 15)).collect())
        .collect();
    let openings: usize = columns.iter().flatten().map(|c| c.width * (1 + usize::from(c.next))).sum();
    let rows: usize = columns.iter().flatten().map(|c| c.width).sum();
    let mut line = |name: &str, value: usize, what: &str| {
        text += &format!("uint256 constant {name} = {value};{}{what}\n", if what.is_empty() { "" } else { " // " });
    };
    line("LOG_BLOWUP", n.log_blowup, "");
    line("NUM_QUERIES", n.num_queries, "");
    line("FINAL_BITS", n.log_final_poly_len, "logarithm of the last polynomial's length");
    line("MAX_ARITY_BITS", n.max_log_arity, "of a folding");
    line("CAP_HEIGHT", n.cap_height, "of every tree");
    line("LOOKUP_GRINDING", n.lookup_pow_bits, "bits");
    line("OOD_GRINDING", n.ood_pow_bits, "");
    line("BATCH_GRINDING", n.batch_pow_bits, "");
    line("COMMIT_GRINDING", n.commit_pow_bits, "");
    line("QUERY_GRINDING", n.query_pow_bits, "");
    line("NUM_OPENINGS", openings, "elements of the extension");
    line("ROW_ELEMENTS", rows, "elements of the field in a query's rows");
    text += "// Columns of a table, two bytes each by table, with 2^15 if they are opened at the next row, too.\n";
    for (name, widths) in ["MAIN", "QUOTIENT", "PREPROCESSED", "BUS"].iter().zip(widths) {
        text += &format!("uint256 constant {name}_COLUMNS = 0x{widths};\n");
    }
    text
}

/// The L1 form of a proof that verifies: `n`, the parts' lengths (4 bytes each, big-endian), the parts.
///
/// # Errors
/// `UNSUPPORTED` for a key of other parameters, `MALFORMED` for a proof of another form than the key's.
pub fn encode(key: &VerifyingKey, public: &Public, proof: &[u8]) -> Result<Vec<u8>, Refusal> {
    if key.parameters != Parameters::L1 {
        return Err(unsupported("only proofs for L1 have an L1 form"));
    }
    Ok(framed(&parts(key, public, &batch::decode(proof)?)?))
}

fn framed(parts: &[Vec<u8>]) -> Vec<u8> {
    let number = |n: usize| (n as u32).to_be_bytes();
    let mut bytes = number(parts.len()).to_vec();
    bytes.extend(parts.iter().flat_map(|part| number(part.len())));
    bytes.extend(parts.iter().flatten());
    bytes
}

fn unframed(bytes: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let short = || malformed("l1 proof: it ends early");
    let mut rest = bytes;
    let mut number = || {
        let (word, after) = rest.split_first_chunk().ok_or_else(short)?;
        rest = after;
        Ok::<_, Refusal>(u32::from_be_bytes(*word) as usize)
    };
    let count = number()?;
    if count > 64 {
        return Err(malformed("l1 proof: its number of parts").differing("at most 64", count));
    }
    let lengths = (0..count).map(|_| number()).collect::<Result<Vec<_>, _>>()?;
    let parts = lengths.into_iter().map(|length| {
        let (part, after) = rest.split_at_checked(length).ok_or_else(short)?;
        rest = after;
        Ok(part)
    });
    let parts = parts.collect::<Result<Vec<_>, Refusal>>()?;
    if rest.is_empty() { Ok(parts) } else { Err(malformed("l1 proof: it goes on after its end")) }
}

/// Verifies the L1 form of a proof, by the library: the bytes must be those that its proof gives.
///
/// # Errors
/// As [`batch::verify`].
pub fn verify(key: &VerifyingKey, public: &Public, l1_proof: &[u8]) -> Result<(), Refusal> {
    let plan = Plan::new(key);
    let given = unframed(l1_proof)?;
    let counts = plan.parts();
    if given.len() != counts.len() {
        return Err(malformed("l1 proof: its number of parts").differing(counts.len(), given.len()));
    }
    let mut head: &[u8] = &[];
    let mut queries = vec![];
    for (i, (part, count)) in given.iter().zip(counts).enumerate() {
        let before = if i == 0 { plan.head_bytes() } else { plan.context_bytes() };
        let expected = before + count * plan.query_bytes();
        if part.len() != expected {
            return Err(malformed("l1 proof: the length of a part").differing(expected, part.len()));
        }
        if i == 0 {
            head = &part[..before];
        }
        queries.extend(part[before..].chunks_exact(plan.query_bytes()));
    }
    let proof = decoded(&plan, key, public, head, &queries)?;
    batch::verify_decoded(key, public, &proof)?;
    if framed(&parts(key, public, &proof)?) != l1_proof {
        return Err(Refusal::new(Code::InvalidProof, "l1 proof: paths or results are not those of its proof"));
    }
    Ok(())
}

// From the library's proof

/// The caps of the rounds.
fn caps<'a>(key: &'a VerifyingKey, proof: &'a Proof) -> Result<[&'a Commitment; ROUNDS], Refusal> {
    let buses = proof.commitments.permutation.as_ref().ok_or_else(|| malformed("proof: no commitment to buses"))?;
    Ok([&proof.commitments.main, &proof.commitments.quotient_chunks, &key.preprocessed, buses])
}

/// The openings, as [`Plan::openings`] goes through them.
fn opened(plan: &Plan, proof: &Proof) -> Result<Vec<Vec<EF>>, Refusal> {
    let missing = || malformed("proof: an opening is missing");
    let of = |(round, table, next): (usize, usize, bool)| {
        let instance = proof.opened_values.instances.get(table).ok_or_else(missing)?;
        let base = &instance.base_opened_values;
        let values = match (round, next) {
            (0, false) => base.trace_local.clone(),
            (0, true) => base.trace_next.clone().ok_or_else(missing)?,
            (1, _) => base.quotient_chunks.concat(),
            (2, _) => base.preprocessed.as_ref().ok_or_else(missing)?.local.clone(),
            (_, false) => instance.permutation_local.clone(),
            (_, true) => instance.permutation_next.clone(),
        };
        let expected = plan.columns[round][table].width;
        if values.len() != expected {
            return Err(malformed("proof: number of openings").differing(expected, values.len()));
        }
        Ok(values)
    };
    plan.openings().map(of).collect()
}

/// All results of the transcript that queries are checked with.
struct Context {
    alpha: EF,
    zeta: EF,
    betas: Vec<EF>,
    indices: Vec<usize>,
    /// Of each group at zeta and at the next point, reduced by powers of alpha.
    sums: Vec<[EF; 2]>,
}

/// What a proof says before its queries.
struct Head<'a> {
    caps: [&'a Commitment; ROUNDS],
    lookup_witness: F,
    terminals: Vec<EF>,
    ood_witness: F,
    openings: Vec<Vec<EF>>,
    fri: Folding<'a>,
}

/// What it says of the foldings.
struct Folding<'a> {
    batch_witness: F,
    layers: Vec<(&'a Commitment, F)>,
    last: &'a [EF],
    query_witness: F,
}

fn head<'a>(plan: &Plan, key: &'a VerifyingKey, proof: &'a Proof) -> Result<Head<'a>, Refusal> {
    let fri = &proof.opening_proof;
    let terminals = proof.lookup_terminals.iter().flatten().map(|terminal| terminal.0).collect::<Vec<_>>();
    let layers = fri.commit_phase_commits.iter().zip(fri.commit_pow_witnesses.iter().copied()).collect::<Vec<_>>();
    let counts = [terminals.len(), layers.len(), fri.final_poly.len()];
    let expected = [8, plan.arities.len(), 1 << plan.numbers.log_final_poly_len];
    if counts != expected {
        let message = "proof: number of claims of buses, of foldings, of the last polynomial's coefficients";
        return Err(malformed(message).differing(format!("{expected:?}"), format!("{counts:?}")));
    }
    let caps = caps(key, proof)?;
    for cap in caps.into_iter().chain(layers.iter().map(|layer| layer.0)) {
        if cap.num_roots() != 1 << plan.numbers.cap_height {
            return Err(malformed("proof: digests of a cap").differing(1 << plan.numbers.cap_height, cap.num_roots()));
        }
    }
    Ok(Head {
        caps,
        lookup_witness: proof.lookup_pow_witness.unwrap_or_default(),
        terminals,
        ood_witness: proof.ood_pow_witness,
        openings: opened(plan, proof)?,
        fri: Folding {
            batch_witness: fri.batch_pow_witness,
            layers,
            last: &fri.final_poly,
            query_witness: fri.query_pow_witness,
        },
    })
}

/// In the field.
fn coefficients(value: &EF) -> &[F] {
    value.as_basis_coefficients_slice()
}

/// Bytes of elements, as they are absorbed.
fn put(bytes: &mut Vec<u8>, values: &[EF]) {
    for value in values {
        for coefficient in coefficients(value) {
            bytes.extend(coefficient.into_bytes());
        }
    }
}

impl Head<'_> {
    fn to_bytes(&self, plan: &Plan) -> Vec<u8> {
        let mut bytes = vec![];
        let n = &plan.numbers;
        let cap = |bytes: &mut Vec<u8>, cap: &Commitment| bytes.extend(cap.roots().iter().flatten());
        let grinding = |bytes: &mut Vec<u8>, bits: usize, witness: F| {
            if bits > 0 {
                bytes.extend(witness.into_bytes());
            }
        };
        cap(&mut bytes, self.caps[0]);
        grinding(&mut bytes, n.lookup_pow_bits, self.lookup_witness);
        cap(&mut bytes, self.caps[3]);
        put(&mut bytes, &self.terminals);
        cap(&mut bytes, self.caps[1]);
        grinding(&mut bytes, n.ood_pow_bits, self.ood_witness);
        for values in &self.openings {
            put(&mut bytes, values);
        }
        grinding(&mut bytes, n.batch_pow_bits, self.fri.batch_witness);
        for (layer, witness) in &self.fri.layers {
            cap(&mut bytes, layer);
            grinding(&mut bytes, n.commit_pow_bits, *witness);
        }
        put(&mut bytes, self.fri.last);
        grinding(&mut bytes, n.query_pow_bits, self.fri.query_witness);
        bytes
    }

    /// The transcript, played with the library's challenger.
    fn context(&self, plan: &Plan, public: &Public) -> Result<Context, Refusal> {
        let n = &plan.numbers;
        let mut challenger = plan_challenger();
        let seeds = plan.seeds();
        let element = |challenger: &mut Challenger, value: F| challenger.observe(value);
        let raw = |challenger: &mut Challenger, bytes: &[u8]| {
            for word in bytes.chunks_exact(4) {
                element(challenger, from_bytes(word).expect("a seed is of elements"));
            }
        };
        let extension = |challenger: &mut Challenger, values: &[EF]| {
            for value in values {
                challenger.observe_algebra_element(*value);
            }
        };
        let weak = || Refusal::new(Code::InvalidProof, "proof: grinding");
        raw(&mut challenger, &seeds[0]);
        challenger.observe(self.caps[0].clone());
        for table in Table::ALL {
            for value in table.public(public) {
                element(&mut challenger, value);
            }
        }
        challenger.observe(self.caps[2].clone());
        if !challenger.check_witness(n.lookup_pow_bits, self.lookup_witness) {
            return Err(weak());
        }
        let _: [EF; 2] = [challenger.sample_algebra_element(), challenger.sample_algebra_element()];
        challenger.observe(self.caps[3].clone());
        extension(&mut challenger, &self.terminals);
        let _: EF = challenger.sample_algebra_element();
        challenger.observe(self.caps[1].clone());
        if !challenger.check_witness(n.ood_pow_bits, self.ood_witness) {
            return Err(weak());
        }
        let zeta: EF = challenger.sample_algebra_element();
        raw(&mut challenger, &seeds[1]);
        for values in &self.openings {
            extension(&mut challenger, values);
        }
        if !challenger.check_witness(n.batch_pow_bits, self.fri.batch_witness) {
            return Err(weak());
        }
        let alpha: EF = challenger.sample_algebra_element();
        raw(&mut challenger, &seeds[2]);
        let mut betas = vec![];
        for (cap, witness) in &self.fri.layers {
            challenger.observe((*cap).clone());
            if !challenger.check_witness(n.commit_pow_bits, *witness) {
                return Err(weak());
            }
            betas.push(challenger.sample_algebra_element());
        }
        extension(&mut challenger, self.fri.last);
        if !challenger.check_witness(n.query_pow_bits, self.fri.query_witness) {
            return Err(weak());
        }
        let indices = (0..n.num_queries).map(|_| challenger.sample_bits(plan.groups[0])).collect();

        let mut sums = vec![[EF::ZERO; 2]; plan.groups.len()];
        let mut powers = vec![EF::ONE; plan.groups.len()];
        for ((_, table, next), values) in plan.openings().zip(&self.openings) {
            let group = plan.group(table);
            for value in values {
                sums[group][usize::from(next)] += powers[group] * *value;
                powers[group] *= alpha;
            }
        }
        Ok(Context { alpha, zeta, betas, indices, sums })
    }
}

fn plan_challenger() -> Challenger {
    Challenger::from_hasher(vec![], p3_keccak::Keccak256Hash)
}

impl Context {
    /// As the contract keeps it.
    fn to_bytes(&self, plan: &Plan, head: &Head<'_>, public: &Public) -> Vec<u8> {
        let mut bytes = keccak256(&publics(public)).to_vec();
        bytes.extend(packed(self.alpha));
        bytes.extend(packed(self.zeta));
        // What rows are made of is times 2^32 mod p, and so are the sums.
        let montgomery = F::from_u64(1 << 32);
        for sums in &self.sums {
            bytes.extend(sums.iter().flat_map(|sum| packed(*sum * montgomery)));
        }
        bytes.extend(self.betas.iter().flat_map(|beta| packed(*beta)));
        let mut indices: Vec<u8> = self.indices.iter().flat_map(|index| (*index as u32).to_be_bytes()).collect();
        indices.resize(32 * plan.numbers.num_queries.div_ceil(8), 0);
        bytes.extend(indices);
        let [main, quotient, _, buses] = head.caps;
        for cap in [main, quotient, buses].into_iter().chain(head.fri.layers.iter().map(|layer| layer.0)) {
            bytes.extend(cap.roots().iter().flatten());
        }
        put(&mut bytes, head.fri.last);
        bytes
    }
}

/// The public values, canonical, 4 bytes each, big-endian.
fn publics(public: &Public) -> Vec<u8> {
    public.to_vec().into_iter().flat_map(|value| value.as_canonical_u32().to_be_bytes()).collect()
}

/// A word of five lanes of 51 bits, the first coefficient lowest.
fn packed(value: EF) -> Digest {
    let mut word = [0u8; 32];
    for (i, coefficient) in coefficients(&value).iter().enumerate() {
        let coefficient = coefficient.as_canonical_u32();
        for bit in (0..31).filter(|bit| coefficient >> bit & 1 == 1) {
            let at = 51 * i + bit;
            word[31 - at / 8] |= 1 << (at % 8);
        }
    }
    word
}

fn parts(key: &VerifyingKey, public: &Public, proof: &Proof) -> Result<Vec<Vec<u8>>, Refusal> {
    let plan = Plan::new(key);
    let head = head(&plan, key, proof)?;
    let context = head.context(&plan, public)?;
    let queries = queries(&plan, &context, proof)?;
    let kept = context.to_bytes(&plan, &head, public);
    let mut queries = queries.into_iter();
    let part = |(i, count): (usize, usize)| {
        let mut bytes = if i == 0 { head.to_bytes(&plan) } else { kept.clone() };
        bytes.extend(queries.by_ref().take(count).flatten());
        bytes
    };
    Ok(plan.parts().into_iter().enumerate().map(part).collect())
}

/// The bytes of every query: rows and paths of the rounds, then cosets and paths of the foldings.
fn queries(plan: &Plan, context: &Context, proof: &Proof) -> Result<Vec<Vec<u8>>, Refusal> {
    let fri = &proof.opening_proof;
    let mmcs = merkle(&plan.numbers);
    let broken = |e: String| malformed(format!("proof: paths: {e}"));
    let mut queries = vec![vec![]; context.indices.len()];
    if fri.input_openings.len() != ROUNDS || fri.commit_phase_openings.len() != plan.arities.len() {
        return Err(malformed("proof: number of openings of trees"));
    }
    for (round, opening) in fri.input_openings.iter().enumerate() {
        let restored = mmcs
            .restore_and_recompute_paths(
                &plan.dimensions(round),
                &context.indices,
                &opening.opened_values,
                &opening.opening_proof,
            )
            .map_err(|e| broken(e.to_string()))?;
        let matrices = |table: usize| if round == 1 { plan.columns[1][table].width / EXTENSION } else { 1 };
        for ((query, rows), path) in queries.iter_mut().zip(&opening.opened_values).zip(restored) {
            for group in 0..plan.groups.len() {
                for table in plan.members(group) {
                    let before: usize = (0..table).map(matrices).sum();
                    for value in rows[before..before + matrices(table)].iter().flatten() {
                        query.extend(value.into_bytes());
                    }
                }
            }
            query.extend(path.siblings.iter().flatten());
        }
    }
    // A folded value is known to who folds: the coset without it is in the proof, its leaf is needed for the path.
    let mut folded = Folded::new(plan, context, proof);
    for (layer, (height, arity)) in plan.layers().enumerate() {
        let opening = &fri.commit_phase_openings[layer];
        let rows = folded.cosets(layer, arity, opening)?;
        let indices: Vec<usize> = folded.indices.clone();
        let flat: Vec<Vec<Vec<F>>> =
            rows.iter().map(|row| vec![row.iter().flat_map(|value| coefficients(value).to_vec()).collect()]).collect();
        let dimensions = [Dimensions { width: EXTENSION << arity, height: 1 << height }];
        let restored = mmcs
            .restore_and_recompute_paths(&dimensions, &indices, &flat, &opening.opening_proof)
            .map_err(|e| broken(e.to_string()))?;
        for ((query, siblings), path) in queries.iter_mut().zip(&opening.sibling_values).zip(restored) {
            put(query, siblings);
            query.extend(path.siblings.iter().flatten());
        }
    }
    Ok(queries)
}

fn merkle(numbers: &Numbers) -> ValMmcs {
    use p3_keccak::Keccak256Hash;
    use p3_symmetric::{CompressionFunctionFromHasher, SerializingHasher};
    ValMmcs::new(SerializingHasher::new(Keccak256Hash), CompressionFunctionFromHasher::new(Keccak256Hash), numbers.cap_height)
}

/// The values that the queries fold to, layer by layer.
struct Folded<'a> {
    plan: &'a Plan,
    context: &'a Context,
    /// Combined openings of each query, one a group.
    reduced: Vec<Vec<EF>>,
    indices: Vec<usize>,
    values: Vec<EF>,
    height: usize,
}

impl<'a> Folded<'a> {
    fn new(plan: &'a Plan, context: &'a Context, proof: &Proof) -> Self {
        let queries = 0..context.indices.len();
        let reduced: Vec<Vec<EF>> = queries.map(|query| Self::reduced(plan, context, proof, query)).collect();
        let values = reduced.iter().map(|groups| groups[0]).collect();
        Self { plan, context, reduced, indices: context.indices.clone(), values, height: plan.groups[0] }
    }

    /// (sum at z - sum at x) / (z - x), over both points of each group.
    fn reduced(plan: &Plan, context: &Context, proof: &Proof, query: usize) -> Vec<EF> {
        let group = |(group, height): (usize, &usize)| {
            let index = context.indices[query] >> (plan.groups[0] - height);
            let x = F::GENERATOR * F::two_adic_generator(*height).exp_u64(p3_util::reverse_bits_len(index, *height) as u64);
            let mut sums = context.sums[group];
            let mut power = EF::ONE;
            for (round, opening) in proof.opening_proof.input_openings.iter().enumerate() {
                let matrices = |table: usize| if round == 1 { plan.columns[1][table].width / EXTENSION } else { 1 };
                for table in plan.members(group) {
                    let before: usize = (0..table).map(matrices).sum();
                    let row: Vec<F> = opening.opened_values[query][before..before + matrices(table)].concat();
                    for sum in &mut sums[..1 + usize::from(plan.columns[round][table].next)] {
                        for value in &row {
                            *sum -= power * *value;
                            power *= context.alpha;
                        }
                    }
                }
            }
            let step = F::two_adic_generator(height - plan.numbers.log_blowup);
            sums[0] / (context.zeta - x) + sums[1] / (context.zeta * step - x)
        };
        plan.groups.iter().enumerate().map(group).collect()
    }

    /// The whole coset of each query, which folds to its next value.
    fn cosets(
        &mut self,
        layer: usize,
        arity: usize,
        opening: &CommitPhaseMultiStep<EF, ChallengeMmcs>,
    ) -> Result<Vec<Vec<EF>>, Refusal> {
        if opening.sibling_values.len() != self.indices.len() {
            return Err(malformed("proof: number of cosets"));
        }
        let mut rows = vec![];
        for (query, siblings) in opening.sibling_values.iter().enumerate() {
            if siblings.len() + 1 != 1 << arity {
                return Err(malformed("proof: values of a coset").differing((1 << arity) - 1, siblings.len()));
            }
            let mut row = siblings.clone();
            row.insert(self.indices[query] & ((1 << arity) - 1), self.values[query]);
            let index = self.indices[query] >> arity;
            let height = self.height - arity;
            let start = F::two_adic_generator(self.height).exp_u64(p3_util::reverse_bits_len(index, height) as u64);
            self.values[query] = fold(&row, start, self.context.betas[layer]);
            self.indices[query] = index;
            if let Some(group) = self.plan.groups.iter().skip(1).position(|group| *group == height) {
                let beta = self.context.betas[layer].exp_power_of_2(arity);
                self.values[query] += beta * self.reduced[query][group + 1];
            }
            rows.push(row);
        }
        self.height -= arity;
        Ok(rows)
    }
}

/// The polynomial through values on a coset (in bit-reversed order, `start` the first point) at `beta`.
fn fold(values: &[EF], start: F, beta: EF) -> EF {
    let [first, .., _] = values else { return values[0] };
    if values.len() == 2 {
        let half = F::TWO.inverse();
        return (*first + values[1]) * half + (*first - values[1]) * beta * (start.inverse() * half);
    }
    let root = F::two_adic_generator(values.len().ilog2() as usize);
    let pairs = values.chunks_exact(2).enumerate().map(|(i, pair)| {
        let place = p3_util::reverse_bits_len(i, values.len().ilog2() as usize - 1) as u64;
        fold(pair, start * root.exp_u64(place), beta)
    });
    fold(&pairs.collect::<Vec<_>>(), start.square(), beta.square())
}

// To the library's proof

/// Reads elements and digests.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes
    }

    fn cap(&mut self, plan: &Plan) -> Commitment {
        MerkleCap::new(self.digests(1 << plan.numbers.cap_height))
    }

    fn digests(&mut self, count: usize) -> Vec<Digest> {
        self.bytes(32 * count).chunks_exact(32).map(|digest| digest.try_into().expect("of 32 bytes")).collect()
    }

    fn element(&mut self) -> Result<F, Refusal> {
        from_bytes(self.bytes(4)).ok_or_else(|| non_canonical("l1 proof: an element is not below the field's order"))
    }

    fn elements(&mut self, count: usize) -> Result<Vec<F>, Refusal> {
        (0..count).map(|_| self.element()).collect()
    }

    fn extensions(&mut self, count: usize) -> Result<Vec<EF>, Refusal> {
        let one = |_| {
            let coefficients = self.elements(EXTENSION)?;
            Ok(EF::from_basis_coefficients_slice(&coefficients).expect("five of them"))
        };
        (0..count).map(one).collect()
    }

    fn witness(&mut self, bits: usize) -> Result<F, Refusal> {
        if bits == 0 { Ok(F::ZERO) } else { self.element() }
    }
}

/// An element from its Montgomery form.
fn from_bytes(bytes: &[u8]) -> Option<F> {
    let word = u32::from_le_bytes(bytes.try_into().ok()?);
    (word < F::ORDER_U32).then(|| F::from_u32(word) * F::from_u64(1 << 32).inverse())
}

fn decoded(plan: &Plan, key: &VerifyingKey, public: &Public, head_bytes: &[u8], queries: &[&[u8]]) -> Result<Proof, Refusal> {
    let n = &plan.numbers;
    let mut reader = Reader(head_bytes);
    let main = reader.cap(plan);
    let lookup_witness = reader.witness(n.lookup_pow_bits)?;
    let buses = reader.cap(plan);
    let terminals = reader.extensions(8)?;
    let quotient = reader.cap(plan);
    let ood_witness = reader.witness(n.ood_pow_bits)?;
    let mut openings = vec![];
    for (round, table, next) in plan.openings() {
        openings.push(((round, table, next), reader.extensions(plan.columns[round][table].width)?));
    }
    let batch_witness = reader.witness(n.batch_pow_bits)?;
    let mut layers = vec![];
    for _ in &plan.arities {
        layers.push((reader.cap(plan), reader.witness(n.commit_pow_bits)?));
    }
    let last = reader.extensions(1 << n.log_final_poly_len)?;
    let query_witness = reader.witness(n.query_pow_bits)?;
    let indices = {
        let head = Head {
            caps: [&main, &quotient, &key.preprocessed, &buses],
            lookup_witness,
            terminals: terminals.clone(),
            ood_witness,
            openings: openings.iter().map(|opening| opening.1.clone()).collect(),
            fri: Folding {
                batch_witness,
                layers: layers.iter().map(|(cap, witness)| (cap, *witness)).collect(),
                last: &last,
                query_witness,
            },
        };
        head.context(plan, public)?.indices
    };

    let mut readers: Vec<Reader<'_>> = queries.iter().map(|query| Reader(query)).collect();
    let mut input_openings = vec![];
    for round in 0..ROUNDS {
        let mut opened_values = vec![];
        let mut paths = vec![];
        for reader in &mut readers {
            let mut rows: [Vec<Vec<F>>; 8] = Default::default();
            for group in 0..plan.groups.len() {
                for table in plan.members(group) {
                    let width = plan.columns[round][table].width;
                    let row = reader.elements(width)?;
                    let step = if round == 1 { EXTENSION } else { width };
                    rows[table] = row.chunks_exact(step).map(<[F]>::to_vec).collect();
                }
            }
            opened_values.push(rows.concat());
            paths.push(reader.digests(plan.groups[0] - n.cap_height));
        }
        input_openings.push(BatchMultiOpening { opened_values, opening_proof: pruned(&indices, &paths) });
    }
    let mut commit_phase_openings = vec![];
    let mut places = indices;
    for (height, arity) in plan.layers() {
        let mut sibling_values = vec![];
        let mut paths = vec![];
        for reader in &mut readers {
            sibling_values.push(reader.extensions((1 << arity) - 1)?);
            paths.push(reader.digests(height - n.cap_height));
        }
        places.iter_mut().for_each(|place| *place >>= arity);
        commit_phase_openings.push(CommitPhaseMultiStep { sibling_values, opening_proof: pruned(&places, &paths) });
    }

    let take = |round: usize, table: usize, next: bool| {
        openings.iter().find(|opening| opening.0 == (round, table, next)).map(|opening| opening.1.clone())
    };
    let instance = |table: usize| {
        let all = |round, next| take(round, table, next).unwrap_or_default();
        OpenedValuesWithLookups {
            base_opened_values: OpenedValues {
                trace_local: all(0, false),
                trace_next: take(0, table, true),
                preprocessed: Some(PreprocessedOpenedValues { local: all(2, false), next: None }),
                quotient_chunks: all(1, false).chunks_exact(EXTENSION).map(<[EF]>::to_vec).collect(),
                random: None,
            },
            permutation_local: all(3, false),
            permutation_next: all(3, true),
        }
    };
    let (commits, witnesses) = layers.into_iter().unzip();
    Ok(Proof {
        commitments: BatchCommitments { main, permutation: Some(buses), quotient_chunks: quotient, random: None },
        opened_values: BatchOpenedValues { instances: (0..8).map(instance).collect() },
        opening_proof: FriProof {
            batch_pow_witness: batch_witness,
            commit_phase_commits: commits,
            commit_pow_witnesses: witnesses,
            input_openings,
            commit_phase_openings,
            final_poly: last,
            query_pow_witness: query_witness,
        },
        lookup_terminals: terminals.into_iter().map(|terminal| Some(LookupTerminal(terminal))).collect(),
        degree_bits: plan.logs.to_vec(),
        lookup_pow_witness: Some(lookup_witness),
        ood_pow_witness: ood_witness,
    })
}

/// The siblings that the library's proof has: level by level, of each pair of which one is known, the other.
fn pruned(indices: &[usize], paths: &[Vec<Digest>]) -> Paths {
    let mut known: Vec<(usize, usize)> = indices.iter().copied().zip(0..).collect();
    known.sort_unstable();
    known.dedup_by_key(|node| node.0);
    let mut sibling_hashes = vec![];
    let levels = paths.first().map_or(0, Vec::len);
    #[expect(clippy::needless_range_loop, reason = "a level of every path")]
    for level in 0..levels {
        let mut parents: Vec<(usize, usize)> = vec![];
        let mut nodes = known.iter().peekable();
        while let Some((index, path)) = nodes.next() {
            if nodes.next_if(|next| next.0 == index ^ 1 && index & 1 == 0).is_none() {
                sibling_hashes.push(paths[*path][level]);
            }
            parents.push((index >> 1, *path));
        }
        known = parents;
    }
    Paths { sibling_hashes }
}
