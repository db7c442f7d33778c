//! Keys, proofs and their verification.

use std::sync::Arc;

use p3_batch_stark::common::{GlobalPreprocessed, PreprocessedInstanceMeta};
use p3_batch_stark::{BatchProof, CommonData, ProverData, ProverOnlyData, StarkInstance, prove_batch, verify_batch};
use p3_commit::{Pcs, UnivariateStarkPcs};
use p3_lookup::logup::LogUpGadget;
use p3_lookup::{LookupProtocol, Lookups};
use p3_matrix::dense::RowMajorMatrix;
use p3_symmetric::MerkleCap;
use p3_uni_stark::StarkGenericConfig;

use crate::check;
pub use crate::check::{Violation, check};
use crate::config::{self, Challenger};
pub use crate::config::{Config, Parameters};
use crate::refusal::{Code, Refusal, malformed, non_canonical, unsupported};
use crate::tables::{self, Air, EF, F, Heights, Layout, Public, Table, Witness};

/// A proof as the library has it.
pub type Proof = BatchProof<Config>;

/// The commitment to all preprocessed columns.
pub type Commitment = MerkleCap<F, [u8; 32]>;

/// Bytes of the longest proof that is read.
pub const MAX_PROOF: usize = 4 << 20;

/// The two-adicity of the field, which bounds the height of a table times the blow-up.
const TWO_ADICITY: usize = 24;

/// The highest degree of a table's constraints, those of its buses included: messages on one bus share a column up to it.
/// A degree of `2^k + 1` costs `2^k` chunks of quotient, each five columns; a column of a bus costs five, too.
pub const fn degree(table: Table) -> usize {
    match table {
        Table::Values | Table::Range => 2,
        Table::Hash | Table::Logic | Table::Block | Table::Sign => 3,
        Table::Alu => 5,
        Table::Mul => 9,
    }
}

/// A table's buses, as columns.
pub fn lookups(table: Table) -> Lookups<F> {
    let gadget = LogUpGadget::new();
    Lookups::from_air::<EF, _>(&Air::new(table))
        .pack_same_bus_with_degree(degree(table), |lookup| gadget.constraint_degree(lookup))
}

/// What a proof is verified against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    pub parameters: Parameters,
    pub heights: Heights,
    /// To all preprocessed columns, in the tables' order.
    pub preprocessed: Commitment,
}

impl VerifyingKey {
    /// Parameters (a byte), heights (a byte each), then the cap's digests.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.parameters as u8];
        bytes.extend(self.heights.0);
        bytes.extend(self.preprocessed.roots().iter().flatten());
        bytes
    }

    /// # Errors
    /// `MALFORMED` for another length, `UNSUPPORTED` for unknown parameters or heights.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let [parameters, rest @ ..] = bytes else {
            return Err(malformed("verifying key: it is empty"));
        };
        let known = Parameters::ALL.into_iter().find(|known| *known as u8 == *parameters);
        let parameters = known.ok_or_else(|| unsupported(format!("verifying key: unknown parameters {parameters}")))?;
        let digests = 1 << parameters.numbers().cap_height;
        let expected = Table::ALL.len() + 32 * digests;
        if rest.len() != expected {
            return Err(malformed("verifying key: its length").differing(1 + expected, bytes.len()));
        }
        let (heights, roots) = rest.split_at(Table::ALL.len());
        let heights = Heights(heights.try_into().expect("split at its length"));
        supported(heights, parameters)?;
        let roots = roots.chunks_exact(32).map(|digest| digest.try_into().expect("of 32 bytes")).collect();
        Ok(Self { parameters, heights, preprocessed: MerkleCap::new(roots) })
    }

    /// What prover and verifier have in common: the commitment and the buses.
    fn common(&self) -> CommonData<Config> {
        let meta = |table: Table| {
            Some(PreprocessedInstanceMeta {
                matrix_index: table as usize,
                width: table.preprocessed_width(),
                degree_bits: self.heights.log(table),
            })
        };
        let preprocessed = GlobalPreprocessed {
            commitment: self.preprocessed.clone(),
            instances: Table::ALL.map(meta).into(),
            matrix_to_instance: (0..Table::ALL.len()).collect(),
        };
        CommonData::new(Some(preprocessed), Table::ALL.map(lookups).into())
    }
}

/// Whether tables of these heights can be proven.
fn supported(heights: Heights, parameters: Parameters) -> Result<(), Refusal> {
    let most = TWO_ADICITY - parameters.numbers().log_blowup;
    for table in Table::ALL {
        let log = heights.log(table);
        if log < usize::from(Heights::MIN) || log > most {
            let what = format!("{table}: logarithm of its height");
            return Err(unsupported(what).differing(format!("{} to {most}", Heights::MIN), log));
        }
    }
    if heights.rows(Table::Range) < tables::range::ROWS {
        let what = "RANGE: its height";
        return Err(unsupported(what).differing(format!("at least {}", tables::range::ROWS), heights.rows(Table::Range)));
    }
    Ok(())
}

/// What proofs are made with: the padded preprocessed columns and their extension to the evaluation domain.
pub struct ProvingKey {
    pub verifying: VerifyingKey,
    config: Config,
    airs: [Air; 8],
    preprocessed: [Arc<RowMajorMatrix<F>>; 8],
    data: ProverData<Config>,
    /// Rows that a witness must have.
    rows: [usize; 8],
}

/// Makes the keys of a layout, which comes from our lowering: nothing here is done against a layout that lies
/// ([`crate::check::audit`] is what finds one).
///
/// # Errors
/// `UNSUPPORTED` if a table is too tall for the parameters.
pub fn keys(layout: &Layout, parameters: Parameters) -> Result<(ProvingKey, VerifyingKey), Refusal> {
    let heights = parameters.heights(layout);
    supported(heights, parameters)?;
    let config = parameters.config();
    let preprocessed = Table::ALL.map(|table| Arc::new(tables::preprocessed(table, layout, heights)));
    let airs = Table::ALL.map(|table| Air::with_preprocessed(table, preprocessed[table as usize].clone()));
    let columns = Table::ALL.map(|table| {
        let domain = <config::Pcs as Pcs<EF, Challenger>>::natural_domain_for_degree(config.pcs(), heights.rows(table));
        (domain, RowMajorMatrix::clone(&preprocessed[table as usize]))
    });
    let (commitment, data) = <config::Pcs as UnivariateStarkPcs<EF, Challenger>>::commit_preprocessing(config.pcs(), columns)
        .map_err(|e| unsupported(format!("preprocessed columns: {e:?}")))?;
    let verifying = VerifyingKey { parameters, heights, preprocessed: commitment };
    let data = ProverData { common: verifying.common(), prover_only: ProverOnlyData { preprocessed_prover_data: Some(data) } };
    let key = ProvingKey { verifying: verifying.clone(), config, airs, preprocessed, data, rows: layout.counts() };
    Ok((key, verifying))
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The witness does not have the layout's rows.
    #[error(transparent)]
    Rows(#[from] Violation),
    #[error("the proving library failed: {0}")]
    Library(String),
}

/// Proves. A witness that breaks a constraint or a bus is not noticed here: its proof is one that [`verify`] refuses.
///
/// # Errors
/// [`Error::Rows`] for a witness of other rows than the key's layout.
pub fn prove(key: &ProvingKey, witness: Witness, public: &Public) -> Result<Proof, Error> {
    check::same_rows(key.rows, witness.counts())?;
    let preprocessed = key.preprocessed.each_ref().map(|rows| &**rows);
    let main = tables::main(preprocessed, &witness, public, key.verifying.heights);
    drop(witness);
    prove_tables(key, &main, public)
}

/// Proves from filled tables, of the key's heights.
///
/// # Errors
/// [`Error::Library`].
pub fn prove_tables(key: &ProvingKey, main: &[RowMajorMatrix<F>; 8], public: &Public) -> Result<Proof, Error> {
    let instances = Table::ALL.map(|table| StarkInstance {
        air: &key.airs[table as usize],
        trace: &main[table as usize],
        public_values: table.public(public),
    });
    prove_batch(&key.config, &instances, &key.data).map_err(|e| Error::Library(format!("{e:?}")))
}

/// A proof's bytes: the library's structure in postcard, field elements as 4 bytes, little-endian, in Montgomery form.
pub fn encode(proof: &Proof) -> Vec<u8> {
    postcard::to_allocvec(proof).expect("a proof has no length that is unknown")
}

/// # Errors
/// `MALFORMED`, and `NON_CANONICAL` for bytes that are not those that [`encode`] gives.
pub fn decode(bytes: &[u8]) -> Result<Proof, Refusal> {
    if bytes.len() > MAX_PROOF {
        return Err(malformed("proof: its length").differing(format!("at most {MAX_PROOF}"), bytes.len()));
    }
    let proof: Proof = postcard::from_bytes(bytes).map_err(|e| match e {
        postcard::Error::SerdeDeCustom => non_canonical("proof: an element is not below the field's order"),
        e => malformed(format!("proof: {e}")),
    })?;
    if encode(&proof) != bytes {
        return Err(non_canonical("proof: it is not the encoding of what it encodes, or goes on after its end"));
    }
    Ok(proof)
}

/// Verifies a proof's bytes.
///
/// # Errors
/// The encoding's code ([`decode`]); `INVALID_PROOF` for anything that does not verify, tables of other heights than the key's
/// included.
pub fn verify(key: &VerifyingKey, public: &Public, proof: &[u8]) -> Result<(), Refusal> {
    verify_decoded(key, public, &decode(proof)?)
}

/// [`verify`] of a proof that is decoded.
///
/// # Errors
/// `INVALID_PROOF`.
pub fn verify_decoded(key: &VerifyingKey, public: &Public, proof: &Proof) -> Result<(), Refusal> {
    let invalid = |what: String| Refusal::new(Code::InvalidProof, what);
    let heights = Table::ALL.map(|table| key.heights.log(table));
    if proof.degree_bits != heights {
        let refusal = invalid("logarithms of the tables' heights".into());
        return Err(refusal.differing(format!("{heights:?}"), format!("{:?}", proof.degree_bits)));
    }
    let public = Table::ALL.map(|table| table.public(public));
    verify_batch(&key.parameters.config(), &Air::all(), proof, &public, &key.common()).map_err(|e| invalid(e.to_string()))
}
