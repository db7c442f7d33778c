//! What L1 checks of the tables' identities at zeta (contracts/StarkConstraints.sol), and the library's own verdict on it.
//!
//! `constraints solidity` prints contracts/StarkProgram.sol.
//!
//! `constraints vectors COUNT SEED` prints COUNT calls of the contract that hold, in hexadecimal: everything random but the
//! first quotient chunk of each table and what the last table claims for its buses, which are solved for.
//!
//! `constraints verify` reads calls, a line each, and prints 1 for each that holds, else 0.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail, ensure};
use multiprover_stark::batch::Config;
use multiprover_stark::symbolic::{Program, Shape, buses};
use multiprover_stark::tables::{Air, EF, EXTENSION, F, Public};
use p3_air::RowWindow;
use p3_batch_stark::folder::VerifierConstraintFolderWithLookups;
use p3_commit::PolynomialSpace;
use p3_field::coset::TwoAdicMultiplicativeCoset;
use p3_field::{BasedVectorSpace, ExtensionField, Field, PrimeCharacteristicRing, PrimeField32};
use p3_lookup::{Challenges, Kind, LogUpGadget, LookupProtocol};
use p3_matrix::dense::RowMajorMatrixView;
use p3_matrix::stack::VerticalPair;
use p3_uni_stark::{VerifierConstraintFolder, recompose_quotient_from_chunks};

fn main() -> Result<()> {
    let shapes = Shape::all();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["solidity"] => write!(out, "{}", Program::new(&shapes).solidity())?,
        ["vectors", count, seed] => {
            let mut random = Random(seed.parse()?);
            for _ in 0..count.parse::<usize>()? {
                writeln!(out, "{}", hexadecimal(&Call::random(&shapes, &mut random).to_bytes()))?;
            }
        }
        ["verify"] => {
            for line in std::io::stdin().lock().lines() {
                let call = Call::from_bytes(&shapes, &bytes(line?.trim())?)?;
                writeln!(out, "{}", u8::from(call.holds(&shapes)))?;
            }
        }
        _ => bail!("usage: constraints solidity | vectors COUNT SEED | verify"),
    }
    Ok(())
}

/// What the contract is called with.
struct Call {
    lookup_alpha: EF,
    lookup_beta: EF,
    alpha: EF,
    zeta: EF,
    heights: [u8; 8],
    public: Public,
    claims: [EF; 8],
    tables: Vec<Openings>,
}

/// What is opened of a table; coefficients of columns in the extension one by one.
#[derive(Clone, Default)]
struct Openings {
    main: Vec<EF>,
    main_next: Vec<EF>,
    quotient: Vec<EF>,
    preprocessed: Vec<EF>,
    buses: Vec<EF>,
    buses_next: Vec<EF>,
}

impl Openings {
    /// Those of each round, all tables in a row.
    fn rounds(tables: &mut [Self]) -> Vec<&mut Vec<EF>> {
        let mut rounds = [vec![], vec![], vec![], vec![]];
        for table in tables {
            rounds[0].extend([&mut table.main, &mut table.main_next]);
            rounds[1].push(&mut table.quotient);
            rounds[2].push(&mut table.preprocessed);
            rounds[3].extend([&mut table.buses, &mut table.buses_next]);
        }
        rounds.into_iter().flatten().collect()
    }

    fn empty(shape: &Shape) -> Self {
        let zeros = |count| vec![EF::ZERO; count];
        Self {
            main: zeros(shape.main),
            main_next: zeros(if shape.next { shape.main } else { 0 }),
            quotient: zeros(EXTENSION * shape.quotient_chunks),
            preprocessed: zeros(shape.preprocessed),
            buses: zeros(EXTENSION * shape.bus_columns),
            buses_next: zeros(EXTENSION * shape.bus_columns),
        }
    }
}

impl Call {
    /// Made so that it holds.
    fn random(shapes: &[Shape], random: &mut Random) -> Self {
        let mut tables: Vec<Openings> = shapes.iter().map(Openings::empty).collect();
        Openings::rounds(&mut tables).into_iter().flatten().for_each(|value| *value = random.extension());
        let mut call = Self {
            lookup_alpha: random.extension(),
            lookup_beta: random.extension(),
            alpha: random.extension(),
            zeta: random.extension(),
            heights: std::array::from_fn(|_| 3 + (random.next() % 16) as u8),
            public: Public::from_values(&std::array::from_fn(|_| random.base())),
            claims: std::array::from_fn(|_| random.extension()),
            tables,
        };
        call.claims[7] -= call.claims.iter().copied().sum::<EF>();
        for (t, shape) in shapes.iter().enumerate() {
            // The quotient is linear in the first coefficient of the first chunk.
            let (wanted, [zero, one]) = (
                call.folded(shapes, t) / call.vanishing(t),
                [EF::ZERO, EF::ONE].map(|value| {
                    call.tables[t].quotient[0] = value;
                    call.quotient(shape, t)
                }),
            );
            call.tables[t].quotient[0] = (wanted - zero) / (one - zero);
        }
        call
    }

    fn domain(&self, t: usize) -> TwoAdicMultiplicativeCoset<F> {
        TwoAdicMultiplicativeCoset::new(F::ONE, usize::from(self.heights[t])).expect("within the field's two-adicity")
    }

    fn vanishing(&self, t: usize) -> EF {
        self.domain(t).vanishing_poly_at_point(self.zeta)
    }

    /// As p3_batch_stark's verifier.
    fn quotient(&self, shape: &Shape, t: usize) -> EF {
        let domain = self.domain(t);
        let chunks = domain.create_disjoint_domain(domain.size() * shape.quotient_chunks).split_domains(shape.quotient_chunks);
        let values: Vec<Vec<EF>> = self.tables[t].quotient.chunks_exact(EXTENSION).map(<[EF]>::to_vec).collect();
        recompose_quotient_from_chunks::<Config>(&chunks, &values, self.zeta)
    }

    /// As p3_batch_stark's verifier: the table's constraints and those of its buses, folded.
    fn folded(&self, shapes: &[Shape], t: usize) -> EF {
        let (shape, openings) = (&shapes[t], &self.tables[t]);
        let names = buses(shapes);
        let widest = shapes.iter().map(Shape::widest_message).max().expect("tables");
        let offsets = Challenges::new(self.lookup_alpha, self.lookup_beta, widest, names.len()).bus_prefix;
        let challenges: Vec<EF> = shape
            .lookups
            .iter()
            .flat_map(|lookup| {
                let Kind::Global(name) = &lookup.kind else { unreachable!("no lookups within a table") };
                let bus = names.iter().position(|known| known == name).expect("a known bus");
                [offsets[bus], self.lookup_beta]
            })
            .collect();
        let column = |parts: &[EF]| <EF as ExtensionField<F>>::from_ext_basis_coefficients(parts).expect("five");
        let columns = |parts: &[EF]| parts.chunks_exact(EXTENSION).map(column).collect::<Vec<EF>>();
        let (buses, buses_next) = (columns(&openings.buses), columns(&openings.buses_next));
        let zeros = vec![EF::ZERO; shape.main.max(shape.preprocessed)];
        let next = if shape.next { &openings.main_next } else { &zeros[..shape.main] };
        let pair = |local, next| VerticalPair::new(RowMajorMatrixView::new_row(local), RowMajorMatrixView::new_row(next));
        let (local, after) = (&openings.preprocessed[..], &zeros[..shape.preprocessed]);
        let selectors = self.domain(t).selectors_at_point(self.zeta);
        let public = shape.table.public(&self.public);
        let mut folder = VerifierConstraintFolderWithLookups::<Config> {
            inner: VerifierConstraintFolder {
                main: pair(&openings.main, next),
                preprocessed: pair(local, after),
                preprocessed_window: RowWindow::from_two_rows(local, after),
                periodic_values: &[],
                public_values: &public,
                is_first_row: selectors.is_first_row,
                is_last_row: selectors.is_last_row,
                is_transition: selectors.is_transition,
                alpha: self.alpha,
                accumulator: EF::ZERO,
            },
            permutation: pair(&buses, &buses_next),
            permutation_challenges: &challenges,
            permutation_values: &[self.claims[t]],
        };
        LogUpGadget::new().eval_air_and_lookups(&Air::new(shape.table), &mut folder, &shape.lookups);
        folder.inner.accumulator
    }

    fn holds(&self, shapes: &[Shape]) -> bool {
        self.claims.iter().copied().sum::<EF>() == EF::ZERO
            && shapes.iter().enumerate().all(|(t, shape)| {
                let vanishing = self.vanishing(t);
                vanishing != EF::ZERO && self.folded(shapes, t) == self.quotient(shape, t) * vanishing
            })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![];
        for challenge in [self.lookup_alpha, self.lookup_beta, self.alpha, self.zeta] {
            bytes.extend([0; 12]);
            bytes.extend(coefficients(challenge).iter().rev().flat_map(|c| c.as_canonical_u32().to_be_bytes()));
        }
        bytes.extend([0; 24]);
        bytes.extend(self.heights.iter().rev());
        bytes.extend(self.public.to_vec().iter().flat_map(|value| value.as_canonical_u32().to_be_bytes()));
        let mut tables = self.tables.clone();
        let openings = Openings::rounds(&mut tables).into_iter().flat_map(|values| values.iter().copied());
        for value in self.claims.into_iter().chain(openings) {
            // Montgomery form.
            bytes.extend(coefficients(value).iter().flat_map(|&c| (c * F::TWO.exp_u64(32)).as_canonical_u32().to_le_bytes()));
        }
        bytes
    }

    fn from_bytes(shapes: &[Shape], bytes: &[u8]) -> Result<Self> {
        let mut rest = bytes;
        let mut take = |count: usize| -> Result<&[u8]> {
            let (part, after) = rest.split_at_checked(count).context("the call is too short")?;
            rest = after;
            Ok(part)
        };
        let big = |part: &[u8]| canonical(u32::from_be_bytes(part.try_into().expect("four bytes")));
        let mut challenge = || -> Result<EF> {
            let word = take(32)?;
            let parts: Vec<F> = word[12..].rchunks_exact(4).map(big).collect::<Result<_>>()?;
            Ok(extension(&parts))
        };
        let [lookup_alpha, lookup_beta, alpha, zeta] = [challenge()?, challenge()?, challenge()?, challenge()?];
        let mut heights: [u8; 8] = take(32)?[24..].try_into()?;
        heights.reverse();
        ensure!(heights.iter().all(|&height| height < 23), "heights: {heights:?}");
        let values: Vec<F> = take(4 * Public::LEN)?.chunks_exact(4).map(big).collect::<Result<_>>()?;
        let public = Public::from_values(values[..].try_into()?);
        let mut opening = || -> Result<EF> {
            let little = |part: &[u8]| canonical(u32::from_le_bytes(part.try_into().expect("four bytes")));
            let parts: Vec<F> = take(4 * EXTENSION)?.chunks_exact(4).map(little).collect::<Result<_>>()?;
            Ok(extension(&parts) * F::TWO.exp_u64(32).inverse())
        };
        let mut claims = [EF::ZERO; 8];
        for claim in &mut claims {
            *claim = opening()?;
        }
        let mut tables: Vec<Openings> = shapes.iter().map(Openings::empty).collect();
        for value in Openings::rounds(&mut tables).into_iter().flatten() {
            *value = opening()?;
        }
        ensure!(rest.is_empty(), "the call is too long");
        Ok(Self { lookup_alpha, lookup_beta, alpha, zeta, heights, public, claims, tables })
    }
}

fn coefficients(value: EF) -> Vec<F> {
    value.as_basis_coefficients_slice().to_vec()
}

fn extension(coefficients: &[F]) -> EF {
    EF::from_basis_coefficients_slice(coefficients).expect("five")
}

fn canonical(value: u32) -> Result<F> {
    ensure!(value < F::ORDER_U32, "{value} is not below p");
    Ok(F::from_u32(value))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    let digit = |place: usize| text.get(place..place + 2).context("an odd number of digits");
    (0..text.len()).step_by(2).map(|place| Ok(u8::from_str_radix(digit(place)?, 16)?)).collect()
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn base(&mut self) -> F {
        F::from_u64(self.next())
    }

    fn extension(&mut self) -> EF {
        extension(&std::array::from_fn::<F, EXTENSION, _>(|_| self.base()))
    }
}
