//! What a proof is about: the request's statement, decoded, and the public values that follow from it (docs/program.md §6).

use halo2_axiom::halo2curves::bn256::Fr;
use sha3::{Digest, Keccak256};

use crate::execution::PublicInputs;
use crate::pb::prover as pb;
use crate::refusal::{Code, Refusal, hex, malformed};
use crate::suite;

/// A statement whose every field can be decoded. Nothing of it is checked against anything else.
#[derive(Debug, Clone)]
pub struct Statement {
    pub program_id: [u8; 32],
    pub slots: usize,
    pub domain: [u8; 32],
    pub parent_claim: [u8; 32],
    pub claim: [u8; 32],
    pub payee: [u8; 20],
    pub chain_id: [u8; 32],
    pub settlement: [u8; 20],
    pub pre_root: Fr,
    pub post_root: Fr,
    pub commitment: Fr,
    pub challenge: Fr,
    pub evaluation: Fr,
}

/// Exactly so many bytes.
pub fn sized<const N: usize>(what: &str, bytes: &[u8]) -> Result<[u8; N], Refusal> {
    let wrong =
        || malformed(format!("{what} is not of its length")).differing(format!("{N} bytes"), format!("{} bytes", bytes.len()));
    bytes.try_into().map_err(|_| wrong())
}

/// An element in its one encoding.
pub fn element(what: &str, bytes: &[u8]) -> Result<Fr, Refusal> {
    let bytes: [u8; 32] = sized(what, bytes)?;
    let wrong = || Refusal::new(Code::NonCanonical, format!("{what} is not below the field's modulus")).differing("", hex(bytes));
    suite::element(&bytes).ok_or_else(wrong)
}

/// The domain of a program's deployment (docs/settlement.md §1).
pub fn domain(chain_id: &[u8; 32], settlement: &[u8; 20], program_id: &[u8; 32]) -> [u8; 32] {
    Keccak256::new()
        .chain_update(Keccak256::digest("multiprover/v1"))
        .chain_update(chain_id)
        .chain_update([0; 12])
        .chain_update(settlement)
        .chain_update(program_id)
        .finalize()
        .into()
}

impl Statement {
    /// # Errors
    /// `MALFORMED` and `NON_CANONICAL` for fields, `UNSUPPORTED` for other suites than this prover's alone.
    pub fn decode(message: Option<&pb::Statement>) -> Result<Self, Refusal> {
        let message = message.ok_or_else(|| malformed("the request has no statement"))?;
        let [suite] = &message.suites[..] else {
            let refusal = malformed("a statement for this prover is over one suite");
            return Err(refusal.differing(suite::NAME, format!("{} suites", message.suites.len())));
        };
        if suite.suite != suite::NAME {
            let refusal = Refusal::new(Code::Unsupported, "the statement is over another suite");
            return Err(refusal.differing(suite::NAME, &suite.suite));
        }
        if message.slots == 0 {
            return Err(malformed("a batch has at least one slot").differing("1 or more", "0"));
        }
        Ok(Statement {
            program_id: sized("the program id", &message.program_id)?,
            slots: message.slots as usize,
            domain: sized("the domain", &message.domain)?,
            parent_claim: sized("the parent claim", &message.parent_claim)?,
            claim: sized("the claim", &message.claim)?,
            payee: sized("the payee", &message.payee)?,
            chain_id: sized("the chain id", &message.chain_id)?,
            settlement: sized("the settlement address", &message.settlement)?,
            pre_root: element("the pre root", &suite.pre_root)?,
            post_root: element("the post root", &suite.post_root)?,
            commitment: element("the commitment c", &suite.commitment)?,
            challenge: element("the challenge z", &suite.challenge)?,
            evaluation: element("the evaluation y", &suite.evaluation)?,
        })
    }

    /// That the domain is the one of chain, contract and program (docs/settlement.md §1).
    ///
    /// # Errors
    /// `WRONG_STATEMENT`.
    pub fn check_domain(&self) -> Result<(), Refusal> {
        let domain = domain(&self.chain_id, &self.settlement, &self.program_id);
        if domain == self.domain {
            return Ok(());
        }
        Err(Refusal::new(Code::WrongStatement, "the domain is not that of the statement's chain, contract and program")
            .differing(hex(self.domain), hex(domain)))
    }

    /// `z` as it follows from domain, claim and `c`.
    pub fn derived_challenge(&self) -> Fr {
        suite::reduce(&suite::challenge_seed(&self.domain, &self.claim, &suite::encode(&self.commitment)))
    }

    /// That `z` follows from domain, claim and `c`.
    ///
    /// # Errors
    /// `WRONG_STATEMENT`.
    pub fn check_challenge(&self) -> Result<(), Refusal> {
        let derived = self.derived_challenge();
        if derived == self.challenge {
            return Ok(());
        }
        Err(Refusal::new(Code::WrongStatement, "the challenge z does not follow from the domain, the claim and c")
            .differing(hex(suite::encode(&self.challenge)), hex(suite::encode(&derived))))
    }

    pub fn public_inputs(&self) -> PublicInputs {
        let mut payee = [0; 32];
        payee[12..].copy_from_slice(&self.payee);
        PublicInputs {
            pre_root: self.pre_root,
            post_root: self.post_root,
            commitment: self.commitment,
            challenge: self.challenge,
            evaluation: self.evaluation,
            payee: suite::reduce(&payee),
            domain: suite::reduce(&self.domain),
        }
    }

    /// What a proof says that it proves.
    pub fn suite(&self) -> pb::SuiteStatement {
        let bytes = |e: &Fr| suite::encode(e).to_vec();
        pb::SuiteStatement {
            suite: suite::NAME.into(),
            pre_root: bytes(&self.pre_root),
            post_root: bytes(&self.post_root),
            commitment: bytes(&self.commitment),
            challenge: bytes(&self.challenge),
            evaluation: bytes(&self.evaluation),
        }
    }
}
