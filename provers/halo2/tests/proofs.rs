//! The library's prover on witnesses that lie: what `MockProver` refuses, no proof of it verifies either.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use halo2_axiom::plonk::keygen_pk2;
use multiprover_halo2::builder::{Builder, Cell, Place, Purpose, Tabled, Tables};
use multiprover_halo2::config::{LOOKUP, PUBLIC};
use multiprover_halo2::execution::PublicInputs;
use multiprover_halo2::keys::Prover;
use multiprover_halo2::l1::{Key, Verifier};
use multiprover_halo2::prover::prove_columns;
use multiprover_halo2::setup::Setup;

const K: u32 = 8;

/// The public values, a copy without a gate, a product, a range check; their cells.
fn circuit() -> (Tables, [Cell; 4]) {
    let mut b = Builder::new(K, Purpose::All);
    let public: Vec<_> = (0..PUBLIC).map(|n| b.public(n, Fr::from(n as u64 + 1))).collect();
    let free = b.free(Fr::from(30));
    let zero = Fr::ZERO;
    let copied = b.constrain(Place::Copy(free), Place::Empty, [zero; 4], Place::Empty)[0].unwrap();
    let product = [zero, zero, Fr::ONE, zero];
    let product = b.constrain(Place::Copy(public[1]), Place::Copy(public[2]), product, Place::New(Fr::from(6)))[2].unwrap();
    let narrow = b.limbs(Place::New(Fr::from(100)), 100.into(), 7);
    (b.finish(), [free, copied, product, narrow].map(|w| w.cell))
}

#[test]
fn a_proof_holds_copies_gates_lookups_and_public_values() {
    let (tables, [free, copied, product, narrow]) = circuit();
    assert_eq!(narrow.column as usize, LOOKUP);
    let parameters = Setup::Local.parameters(K).unwrap();
    let shape = Tables { advice: vec![], ..tables.clone() };
    let key = keygen_pk2(&parameters, &Tabled(shape), false).unwrap();
    let artefact = Key::new(key.get_vk(), &parameters, true).unwrap();
    let verifier = Verifier::new::<Tabled>(artefact.artefact()).unwrap();
    let prover = Prover { parameters, key };

    let [pre_root, post_root, commitment, challenge, evaluation, payee, domain] = [1, 2, 3, 4, 5, 6, 7].map(Fr::from);
    let honest = PublicInputs { pre_root, post_root, commitment, challenge, evaluation, payee, domain };
    // A prover that notices a lie has no proof of it.
    let proven = |lies: &[(Cell, u64)], public: PublicInputs| {
        let mut advice = tables.advice.clone();
        for (cell, value) in lies {
            advice[cell.column as usize][cell.row as usize] = Fr::from(*value);
        }
        let proof = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            prove_columns(&prover, artefact.seed(), advice, &public).ok()
        }));
        proof.ok().flatten().is_some_and(|proof| verifier.verify(&public.to_vec().try_into().unwrap(), &proof).is_ok())
    };
    assert!(proven(&[], honest));
    // Both cells of the copy may hold anything, and no gate reads either.
    assert!(proven(&[(free, 31), (copied, 31)], honest));
    assert!(!proven(&[(free, 31)], honest), "copy");
    assert!(!proven(&[(copied, 31)], honest), "copy");
    assert!(!proven(&[(product, 7)], honest), "gate");
    assert!(proven(&[(narrow, 127)], honest));
    assert!(!proven(&[(narrow, 128)], honest), "lookup");
    assert!(!proven(&[], PublicInputs { payee: Fr::ONE, ..honest }), "public value");
    let payee = Cell { column: 2, row: 5 };
    assert!(proven(&[(payee, 9)], PublicInputs { payee: Fr::from(9), ..honest }));
}
