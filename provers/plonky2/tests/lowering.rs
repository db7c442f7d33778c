//! A whole program: the circuit takes what the transition does, and refuses every dishonest advice.

#[path = "common/bank.rs"]
mod bank;
mod common;

use bank::Bank;
use common::{Checked, Quiet};
use multiprover_plonky2::config::{FORMAT_VERSION, circuit_config};
use multiprover_plonky2::execution::{Statement, Witness, execute};
use multiprover_plonky2::field::{F, Field, PrimeField64};
use multiprover_plonky2::keys::{Cache, Form};
use multiprover_plonky2::lowering::lower;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::reference::World;
use multiprover_plonky2::refusal::{Code, Refusal};
use multiprover_plonky2::suite::{CHAINS, KEY_HEIGHT, bytes, hex};

fn run(world: &World, request: &pb::ProveRequest) -> Result<Witness, Refusal> {
    let statement = Statement::decode(request.statement.as_ref())?;
    execute(&world.program, request.slots.len(), &statement, request)
}

fn circuit(program: &Program, slots: usize) -> Checked {
    let circuit = lower(program, slots, circuit_config());
    Checked::new(circuit.data, circuit.advice)
}

/// A state with two accounts, and a batch of a payment and an empty slot.
fn payment() -> (Bank, pb::ProveRequest) {
    let mut bank = Bank::new();
    let registrations = [bank.register(5, 0, 1 << 45), bank.register(9, 1, 77)];
    bank.world.batch(&registrations);
    let payments = [bank.pay(5, 9, 123_456_789_012, 0), bank.noop()];
    let request = bank.world.batch(&payments);
    (bank, request)
}

#[test]
fn batches_of_every_kind_are_taken_and_give_the_statement() {
    let mut bank = Bank::new();
    let two = circuit(&bank.world.program, 2);
    let batches = [
        [bank.register(5, 0, 1 << 45), bank.register(9, 1, 77)],
        [bank.pay(5, 9, 123_456_789_012, 0), bank.noop()],
        [bank.pay(9, 5, 78, 1), bank.pay(5, 9, 1, 0)],
        [bank.noop(), bank.noop()],
    ];
    for (n, transactions) in batches.iter().enumerate() {
        let request = bank.world.batch(transactions);
        let witness = run(&bank.world, &request).unwrap_or_else(|e| panic!("batch {n}: {e}"));
        let partition = two.witness(&witness.advice).unwrap_or_else(|e| panic!("batch {n}: {e}"));
        assert!(two.holds(&partition), "batch {n}");
        use plonky2::iop::witness::Witness as _;
        let public: Vec<F> = two.data.prover_only.public_inputs.iter().map(|&t| partition.get_target(t)).collect();
        let statement = Statement::decode(request.statement.as_ref()).unwrap();
        assert_eq!(public, statement.public_inputs(), "batch {n}");
    }
}

/// Where a payment's advice stands: public values, cells, root, then the first slot.
struct Layout {
    words: usize,
    first_open: usize,
    signature: usize,
}

fn layout(world: &World) -> Layout {
    let words = 4 + 5 + 2 + world.program.cell_words() + 4 * world.program.key_cells() + 4;
    // Comparisons and divisions come after the signature.
    let open = 4 + world.program.maps[0].words() + 4 * world.program.maps[0].depth;
    let first_open = words + world.program.input_words;
    Layout { words, first_open, signature: first_open + 2 * open }
}

#[test]
fn every_single_lie_in_the_advice_is_refused() {
    let (bank, request) = payment();
    let circuit = circuit(&bank.world.program, 2);
    let honest = run(&bank.world, &request).unwrap().advice;
    assert!(circuit.accepts(&honest));
    let layout = layout(&bank.world);
    let signature = layout.signature..layout.signature + 2 + 4 * (CHAINS + KEY_HEIGHT);
    // The public inputs must stay the statement's: a lie that only makes another statement is none.
    let public = |advice: &[F]| -> Option<Vec<F>> {
        use plonky2::iop::witness::Witness as _;
        let witness = circuit.witness(advice).ok()?;
        circuit.holds(&witness).then(|| circuit.data.prover_only.public_inputs.iter().map(|&t| witness.get_target(t)).collect())
    };
    let stated = public(&honest).expect("holds");
    // The empty slot's signature and siblings lead nowhere: their advice is free, and no other.
    let second = layout.words + (honest.len() - layout.words) / 2;
    let unused = second + (layout.signature - layout.words)..second + (signature.end - layout.words);
    // Every word, sibling, quotient, bit and salt; of the chains, which are alike, every fifth element.
    let places = (0..honest.len()).filter(|i| !signature.contains(i) || (i - signature.start) % 5 == 0);
    let record = bank.world.program.maps[0].words() + 4;
    let siblings = 4 * bank.world.program.maps[0].depth;
    let closed = second + (layout.first_open - layout.words);
    let expected: Vec<usize> =
        [closed + record, closed + 2 * record + siblings].into_iter().flat_map(|at| at..at + siblings).collect();
    let mut free = vec![];
    for i in places.filter(|i| !unused.contains(i)) {
        let mut lie = honest.clone();
        lie[i] += F::ONE;
        if public(&lie).as_ref() == Some(&stated) {
            free.push(i);
        }
    }
    assert_eq!(free, expected);
}

#[test]
fn another_signature_or_opening_is_refused_by_the_circuit() {
    let (bank, request) = payment();
    let circuit = circuit(&bank.world.program, 2);
    let honest = run(&bank.world, &request).unwrap().advice;
    let at = layout(&bank.world).signature;
    let mut lies = vec![];
    // A chain stepped once too often, or not at all: each end in place of its chain.
    for i in [0, 1, 65, 131] {
        let chain = at + 2 + 4 * i;
        let mut lie = honest.clone();
        let secret: [F; 4] = honest[chain..chain + 4].try_into().unwrap();
        lie[chain..chain + 4].copy_from_slice(&multiprover_plonky2::suite::chain_end(i, &secret));
        lies.push(lie);
    }
    // Another leaf of the key's tree with its sibling swapped in.
    let mut other_leaf = honest.clone();
    other_leaf[at] += F::ONE;
    lies.push(other_leaf);
    // A nonce with more than 16 bits, the same in its lower ones.
    let mut large = honest.clone();
    large[at] += F::from_canonical_u64(1 << 16);
    lies.push(large);
    // A salt whose bits sum to something else.
    let mut salt = honest.clone();
    salt[at + 1] = F::from_canonical_u64(honest[at + 1].to_canonical_u64() + 12345);
    lies.push(salt);
    for (n, lie) in lies.iter().enumerate() {
        assert!(!circuit.accepts(lie), "lie {n}");
    }
}

#[test]
fn a_closed_port_loads_zeros_only() {
    // In an empty slot, a record that is not zero for a port that is not enabled.
    let mut bank = Bank::new();
    let registrations = [bank.register(5, 0, 1 << 45), bank.register(9, 1, 77)];
    bank.world.batch(&registrations);
    let noop = [bank.noop()];
    let request = bank.world.batch(&noop);
    let one = circuit(&bank.world.program, 1);
    let honest = run(&bank.world, &request).unwrap().advice;
    assert!(one.accepts(&honest));
    let open = layout(&bank.world).first_open;
    for i in 0..bank.world.program.maps[0].words() + 4 {
        let mut lie = honest.clone();
        lie[open + i] += F::ONE;
        assert!(!one.accepts(&lie), "element {i} of the record");
    }
}

type Change = fn(&mut pb::ProveRequest);

fn flip(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

#[test]
fn requests_that_lie_are_refused_with_the_code_of_the_lie() {
    let (bank, request) = payment();
    assert!(run(&bank.world, &request).is_ok());
    let changes: [(&str, Code, Change); 19] = [
        ("claim", Code::JournalMismatch, |r| flip(&mut r.statement.as_mut().unwrap().claim)),
        ("parent", Code::JournalMismatch, |r| flip(&mut r.statement.as_mut().unwrap().parent_claim)),
        ("domain", Code::WrongStatement, |r| flip(&mut r.statement.as_mut().unwrap().domain)),
        ("chain", Code::WrongStatement, |r| flip(&mut r.statement.as_mut().unwrap().chain_id)),
        ("journal", Code::JournalMismatch, |r| flip(&mut r.journal)),
        ("pre root", Code::BadOpening, |r| flip(&mut r.statement.as_mut().unwrap().suites[0].pre_root)),
        ("post root", Code::RootMismatch, |r| flip(&mut r.statement.as_mut().unwrap().suites[0].post_root)),
        ("commitment", Code::WrongStatement, |r| flip(&mut r.statement.as_mut().unwrap().suites[0].commitment)),
        ("evaluation", Code::WrongStatement, |r| r.statement.as_mut().unwrap().suites[0].evaluation[15] ^= 1),
        ("challenge", Code::WrongStatement, |r| r.statement.as_mut().unwrap().suites[0].challenge[15] ^= 1),
        ("challenge's zeros", Code::NonCanonical, |r| flip(&mut r.statement.as_mut().unwrap().suites[0].challenge)),
        ("root past p", Code::NonCanonical, |r| r.statement.as_mut().unwrap().suites[0].pre_root = vec![0xff; 32]),
        ("suite", Code::Unsupported, |r| r.statement.as_mut().unwrap().suites[0].suite.push('x')),
        ("cells", Code::BadOpening, |r| flip(&mut r.pre_state.as_mut().unwrap().cells)),
        ("field", Code::BadOpening, |r| flip(&mut r.slots[0].openings[0].fields)),
        ("sibling", Code::BadOpening, |r| flip(&mut r.slots[0].openings[1].suites[1].siblings)),
        ("sibling past p", Code::NonCanonical, |r| r.slots[0].openings[1].suites[1].siblings[..8].fill(0xff)),
        ("signature", Code::BadSignature, |r| flip(&mut r.slots[0].authorizations[0].signatures[1])),
        ("signature's length", Code::BadSignature, |r| r.slots[0].authorizations[0].signatures[1].truncate(4743)),
    ];
    for (name, code, change) in changes {
        let mut lie = request.clone();
        change(&mut lie);
        match run(&bank.world, &lie) {
            Ok(_) => panic!("{name}: taken"),
            Err(refusal) => assert_eq!(refusal.code, code, "{name}: {refusal}"),
        }
    }
    // What the transition itself refuses: more than the balance.
    let mut lie = request.clone();
    lie.slots[0].words[13..16].fill(0xff);
    assert_eq!(run(&bank.world, &lie).err().unwrap().code, Code::BadSignature);
    let mut lie = request;
    lie.slots[0].words[0..4].copy_from_slice(&9u32.to_be_bytes());
    let refusal = run(&bank.world, &lie).err().unwrap();
    assert_eq!((refusal.code, refusal.slot), (Code::RefusedTransaction, Some(0)));
}

#[test]
fn a_proof_verifies_for_its_statement_alone() {
    use multiprover_plonky2::keys::KeysError;
    use multiprover_plonky2::prover::{prepare, prove, verify};
    let folder = std::env::temp_dir().join(format!("multiprover-plonky2-test-{}", std::process::id()));
    let cache = Cache { folder, form: Form::Native };
    let mut bank = Bank::new();
    let registration = [bank.register(5, 0, 1 << 45)];
    let mut request = bank.world.batch(&registration);
    let prepare_request = pb::PrepareRequest { program: bank::program(), slots: 1, ..Default::default() };
    let prepared = prepare(&cache, &prepare_request, &Quiet).unwrap();
    assert!(!prepared.cached);
    let again = prepare(&cache, &prepare_request, &Quiet).unwrap();
    assert!(again.cached && again.key_id == prepared.key_id && again.artefacts == prepared.artefacts);
    assert!(again.figures["conjectured_bits"] >= 100.0);
    request.key_id = prepared.key_id.clone();
    let proof = prove(&cache, &request, &Quiet).unwrap();
    let offered = pb::VerifyRequest { statement: request.statement.clone(), proof: Some(proof.clone()) };
    verify(&cache, &offered).unwrap();

    let code = |request: &pb::VerifyRequest| match verify(&cache, request) {
        Err(KeysError::Refused(refusal)) => Some(refusal.code),
        Ok(()) => None,
        Err(error) => panic!("{error}"),
    };
    let length = proof.proof.len();
    let changed = |change: &dyn Fn(&mut pb::VerifyRequest)| {
        let mut lie = offered.clone();
        change(&mut lie);
        code(&lie)
    };
    let proof_bytes = |change: &dyn Fn(&mut Vec<u8>)| changed(&|r| change(&mut r.proof.as_mut().unwrap().proof));
    assert_eq!(changed(&|r| flip(&mut r.statement.as_mut().unwrap().payee)), Some(Code::InvalidProof));
    assert_eq!(changed(&|r| flip(&mut r.statement.as_mut().unwrap().claim)), Some(Code::WrongStatement));
    assert_eq!(changed(&|r| r.statement.as_mut().unwrap().slots = 2), Some(Code::NotPrepared));
    assert_eq!(
        changed(&|r| {
            flip(&mut r.statement.as_mut().unwrap().suites[0].post_root);
            flip(&mut r.proof.as_mut().unwrap().suites[0].post_root);
        }),
        Some(Code::InvalidProof)
    );
    assert_eq!(proof_bytes(&|p| p.truncate(length - 1)), Some(Code::Malformed));
    assert_eq!(proof_bytes(&|p| p.push(0)), Some(Code::Malformed));
    assert_eq!(proof_bytes(&|p| p.clear()), Some(Code::Malformed));
    // L1 is given nothing that was not verified.
    let l1_bytes = |change: &dyn Fn(&mut Vec<u8>)| changed(&|r| change(&mut r.proof.as_mut().unwrap().l1_proof));
    assert_eq!(l1_bytes(&|p| p[length / 2] ^= 1), Some(Code::NonCanonical));
    assert_eq!(l1_bytes(&|p| p.clear()), Some(Code::NonCanonical));
    // The first eight bytes are an element of the first cap, little-endian.
    assert_eq!(proof_bytes(&|p| p[..8].fill(0xff)), Some(Code::NonCanonical));
    for at in (0..length).step_by(length / 150) {
        let verdict = proof_bytes(&|p| p[at] ^= 1);
        assert!(matches!(verdict, Some(Code::InvalidProof | Code::Malformed | Code::NonCanonical)), "byte {at}: {verdict:?}");
    }

    // Keys of another circuit in place of these: found out by their hash.
    let folder = std::fs::read_dir(&cache.folder).unwrap().next().unwrap().unwrap().path();
    let verifier = folder.join("verifier");
    let mut stored = std::fs::read(&verifier).unwrap();
    flip(&mut stored);
    std::fs::write(&verifier, stored).unwrap();
    assert_eq!(code(&offered), Some(Code::CorruptKeys));
    std::fs::remove_dir_all(&cache.folder).unwrap();
}

#[test]
fn building_twice_gives_the_same_circuit_and_today_the_one_of_this_format() {
    let program = Bank::new().world.program;
    let digest = || lower(&program, 1, circuit_config()).data.verifier_only.circuit_digest;
    assert_eq!(digest(), digest());
    // Keys and proofs made before must still be good: whoever changes this raises FORMAT_VERSION.
    assert_eq!(
        (FORMAT_VERSION, hex(&bytes(&digest().elements)).as_str()),
        (1, "7ceef91f451c9d3bd8f52241ae2ac458cf7f7e99802b0235b09376bb5ea5d3a7")
    );
}
