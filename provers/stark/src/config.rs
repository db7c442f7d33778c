//! Field, hashes, commitments and parameters of the low-degree test.
//!
//! All hashing is keccak256: of a row's elements (each the 4 bytes, little-endian, of its Montgomery form `x·2^32 mod p`, which is
//! what the library holds), of two digests, and of the transcript (`SerializingChallenger32`), which starts empty.

use p3_challenger::{HashChallenger, SerializingChallenger32};
use p3_commit::ExtensionMmcs;
use p3_dft::Radix2DitParallel;
use p3_fri::{FriParameters, TwoAdicFriPcs};
use p3_keccak::Keccak256Hash;
use p3_merkle_tree::MerkleTreeMmcs;
use p3_symmetric::{CompressionFunctionFromHasher, SerializingHasher};
use p3_uni_stark::StarkConfig;

use crate::tables::{EF, F, Heights, Layout};

type FieldHash = SerializingHasher<Keccak256Hash>;
type Compress = CompressionFunctionFromHasher<Keccak256Hash, 2, 32>;
pub type ValMmcs = MerkleTreeMmcs<F, u8, FieldHash, Compress, 2, 32>;
pub type ChallengeMmcs = ExtensionMmcs<F, EF, ValMmcs>;
pub type Challenger = SerializingChallenger32<F, HashChallenger<u8, Keccak256Hash, 32>>;
pub type Pcs = TwoAdicFriPcs<F, Radix2DitParallel<F>, ValMmcs, ChallengeMmcs>;
pub type Config = StarkConfig<Pcs, EF, Challenger>;

/// What a proof is for; a key is made for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameters {
    /// Many queries of a short code: quick to make.
    Batch,
    /// Few queries of a long code: cheap for L1's contract.
    L1,
}

/// The numbers behind [`Parameters`]. `*_pow_bits` are bits of proof of work before a challenge is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub log_blowup: usize,
    pub num_queries: usize,
    /// Logarithm of the length of the polynomial that folding ends with.
    pub log_final_poly_len: usize,
    /// Logarithm of the most values folded into one.
    pub max_log_arity: usize,
    /// All Merkle trees are cut off this many levels below the root.
    pub cap_height: usize,
    /// Before the queries.
    pub query_pow_bits: usize,
    /// Before each folding challenge.
    pub commit_pow_bits: usize,
    /// Before the challenge that combines the openings.
    pub batch_pow_bits: usize,
    /// Before the buses' challenges.
    pub lookup_pow_bits: usize,
    /// Before the point at which the tables are opened.
    pub ood_pow_bits: usize,
}

impl Parameters {
    pub const ALL: [Self; 2] = [Self::Batch, Self::L1];

    pub const fn numbers(self) -> Numbers {
        match self {
            Self::Batch => Numbers {
                log_blowup: 3,
                num_queries: 54,
                log_final_poly_len: 5,
                max_log_arity: 3,
                cap_height: 4,
                query_pow_bits: 20,
                commit_pow_bits: 12,
                batch_pow_bits: 18,
                lookup_pow_bits: 8,
                ood_pow_bits: 8,
            },
            Self::L1 => Numbers {
                log_blowup: 7,
                num_queries: 22,
                log_final_poly_len: 5,
                max_log_arity: 3,
                cap_height: 4,
                query_pow_bits: 24,
                commit_pow_bits: 12,
                batch_pow_bits: 18,
                lookup_pow_bits: 8,
                ood_pow_bits: 8,
            },
        }
    }

    /// The heights of a layout's tables: for L1, where each step of folding costs gas, some are raised.
    pub fn heights(self, layout: &Layout) -> Heights {
        match self {
            Self::Batch => Heights::of(layout),
            Self::L1 => Heights::of(layout).aligned(self.numbers().max_log_arity),
        }
    }

    /// The library's configuration.
    pub fn config(self) -> Config {
        let n = self.numbers();
        assert!(n.log_final_poly_len < usize::from(Heights::MIN), "a table would be shorter than the last polynomial");
        let mmcs = ValMmcs::new(FieldHash::new(Keccak256Hash), Compress::new(Keccak256Hash), n.cap_height);
        let fri = FriParameters {
            log_blowup: n.log_blowup,
            log_final_poly_len: n.log_final_poly_len,
            max_log_arity: n.max_log_arity,
            num_queries: n.num_queries,
            batch_proof_of_work_bits: n.batch_pow_bits,
            commit_proof_of_work_bits: n.commit_pow_bits,
            query_proof_of_work_bits: n.query_pow_bits,
            mmcs: ChallengeMmcs::new(mmcs.clone()),
        };
        Config::new(Pcs::new(Radix2DitParallel::default(), mmcs, fri), Challenger::from_hasher(vec![], Keccak256Hash))
            .with_lookup_proof_of_work_bits(n.lookup_pow_bits)
            .with_ood_proof_of_work_bits(n.ood_pow_bits)
    }
}
