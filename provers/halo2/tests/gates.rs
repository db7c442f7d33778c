//! Every chip against its native meaning, and against witnesses that lie.

mod mock;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use mock::{accepts, every_lie_is_refused};
use multiprover_halo2::builder::{Builder, Place};
use multiprover_halo2::suite::{self, Tag};

#[test]
fn sponges_are_the_suites() {
    for count in [0, 1, 2, 3, 4, 5] {
        let elements: Vec<Fr> = (0..count).map(|i| Fr::from(7 + i)).collect();
        let mut b = mock::builder(9);
        let wires: Vec<_> = elements.iter().map(|e| b.constant(*e)).collect();
        let digest = b.hash(Tag::Leaf, 3, &wires);
        assert_eq!(digest.value, suite::hash(Tag::Leaf, 3, &elements));
        accepts(b);
    }
}

#[test]
fn paths_are_the_suites() {
    let siblings: Vec<Fr> = (0..3).map(|i| Fr::from(100 + i)).collect();
    for index in 0..8 {
        let mut b = mock::builder(9);
        let element = b.constant(Fr::from(5));
        let leaf = b.hash(Tag::Leaf, 0, &[element]);
        let rights: Vec<_> = (0..3).map(|i| b.constant(Fr::from(index >> i & 1))).collect();
        let places: Vec<_> = siblings.iter().map(|s| Place::New(*s)).collect();
        let (root, _) = b.path(leaf, &rights, &places);
        assert_eq!(root.value, suite::path(leaf.value, index, &siblings));
        accepts(b);
    }
}

#[test]
fn every_cell_of_a_permutation_is_determined() {
    every_lie_is_refused(9, |b| {
        let elements = [1, 2, 3].map(|v| b.constant(Fr::from(v)));
        let digest = b.hash(Tag::Challenge, 0, &elements);
        let known = b.constant(suite::hash(Tag::Challenge, 0, &[1, 2, 3].map(Fr::from)));
        b.equal(digest, known);
    });
}

#[test]
fn every_cell_of_a_path_is_determined() {
    let siblings = [Fr::from(11), Fr::from(12)];
    let leaf = suite::hash(Tag::Leaf, 0, &[Fr::from(5)]);
    every_lie_is_refused(9, |b| {
        let element = b.constant(Fr::from(5));
        let leaf_wire = b.hash(Tag::Leaf, 0, &[element]);
        let rights = [Fr::ONE, Fr::ZERO].map(|v| b.constant(v));
        let known = siblings.map(|s| b.constant(s));
        let (root, _) = b.path(leaf_wire, &rights, &known.map(Place::Copy));
        let expected = b.constant(suite::path(leaf, 1, &siblings));
        b.equal(root, expected);
    });
}

/// The other side: child and sibling swapped give another root.
#[test]
fn a_swapped_side_is_another_root() {
    let siblings = [Fr::from(11)];
    let root = |side: u64| {
        let mut b = mock::builder(9);
        let element = b.constant(Fr::from(5));
        let leaf = b.hash(Tag::Leaf, 0, &[element]);
        let right = b.constant(Fr::from(side));
        let (root, _) = b.path(leaf, &[right], &siblings.map(Place::New));
        let claimed = b.constant(suite::path(leaf.value, 0, &siblings));
        b.equal(root, claimed);
        mock::refused(b)
    };
    assert_eq!([root(0), root(1)], [false, true]);
}

#[test]
fn linear_combinations() {
    for count in 0..12_u64 {
        let mut b: Builder = mock::builder(9);
        let terms: Vec<_> = (0..count).map(|i| (b.constant(Fr::from(i + 2)), Fr::from(10 * i + 1))).collect();
        let sum = b.linear(&terms, Fr::from(9));
        let expected = (0..count).fold(Fr::from(9), |s, i| s + Fr::from((i + 2) * (10 * i + 1)));
        assert_eq!(sum.value, expected);
        accepts(b);
    }
    every_lie_is_refused(9, |b| {
        let terms: Vec<_> = (0..11_u64).map(|i| (b.constant(Fr::from(i + 2)), Fr::from(i + 1))).collect();
        let sum = b.linear(&terms, Fr::ONE);
        let known = b.constant(Fr::from((0..11).fold(1, |s, i| s + (i + 2) * (i + 1))));
        b.equal(sum, known);
    });
}

/// The library's number of rows that it keeps, and the shape's degree, are what the builder counts on.
#[test]
fn the_shape_is_what_the_builder_counts_on() {
    use halo2_axiom::plonk::ConstraintSystem;
    use multiprover_halo2::builder::UNUSABLE;
    use multiprover_halo2::config::Config;
    let mut cs = ConstraintSystem::<Fr>::default();
    Config::configure(&mut cs);
    assert_eq!((cs.degree(), cs.blinding_factors() + 1), (9, UNUSABLE));
}
