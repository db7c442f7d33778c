//! Every cell alone: a change of any one wire violates a constraint, and so do the lies that take more than one.

mod common;

use multiprover_plonky2::field::{C, D, F, Field, MODULUS, PrimeField64, element};
use multiprover_plonky2::gates::{Cell, DigestBits, Range32, Row, Select4, Step, Words2};
use plonky2::gates::gate::Gate;
use plonky2::gates::gate_testing::{test_eval_fns, test_low_degree};
use plonky2::hash::hash_types::HashOut;
use plonky2::plonk::vars::EvaluationVarsBaseBatch;

/// The wires of one repetition in its row, the others over zeros.
fn row<T: Cell>(inputs: &[F]) -> Vec<F> {
    let fill = |inputs: &[F]| {
        let (mut outputs, mut advice) = (vec![F::ZERO; T::OUTPUTS], vec![F::ZERO; T::ADVICE]);
        T::fill(inputs, &mut outputs, &mut advice);
        ([inputs.to_vec(), outputs].concat(), advice)
    };
    let others = fill(&vec![F::ZERO; T::INPUTS]);
    let first = fill(inputs);
    let mut wires = first.0.clone();
    (1..T::OPS).for_each(|_| wires.extend(&others.0));
    wires.extend(first.1);
    (1..T::OPS).for_each(|_| wires.extend(&others.1));
    wires
}

fn holds<T: Cell>(wires: &[F]) -> bool {
    let hash = HashOut::<F>::ZERO;
    let vars = EvaluationVarsBaseBatch::new(1, &[], wires, &hash);
    Row::<T>::new().eval_unfiltered_base_batch(vars).iter().all(|v| v.is_zero())
}

/// Indices of the wires of the first repetition: routed, then advice.
fn columns<T: Cell>() -> impl Iterator<Item = usize> {
    let routed = T::INPUTS + T::OUTPUTS;
    (0..routed).chain(T::OPS * routed..T::OPS * routed + T::ADVICE)
}

/// Wires that may be changed alone, by several amounts.
fn free<T: Cell>(inputs: &[F]) -> Vec<usize> {
    let honest = row::<T>(inputs);
    assert!(holds::<T>(&honest), "{} of {inputs:?}", T::NAME);
    columns::<T>()
        .filter(|&c| {
            [1, -1, 4, 1 << 32, -(1 << 32), 1 << 33].into_iter().any(|delta| {
                let mut wires = honest.clone();
                wires[c] += element(delta);
                holds::<T>(&wires)
            })
        })
        .collect()
}

fn sane<T: Cell>() {
    test_eval_fns::<F, C, _, D>(Row::<T>::new()).expect("base, extension and circuit agree");
    test_low_degree::<F, _, D>(Row::<T>::new());
}

#[test]
fn evaluations_agree_and_degrees_are_as_stated() {
    sane::<Range32>();
    sane::<Words2>();
    sane::<Step>();
    sane::<DigestBits>();
    sane::<Select4>();
}

fn e(v: i128) -> F {
    element(v)
}

#[test]
fn range32_takes_32_bits_and_no_more() {
    for v in [0, 1, 0xffff, 0x1_0000, 0xdead_beef, (1 << 32) - 1] {
        assert_eq!(free::<Range32>(&[e(v)]), Vec::<usize>::new(), "{v}");
    }
    for v in [1 << 32, -1, 1 << 40, i128::from(MODULUS) / 2] {
        assert!(!holds::<Range32>(&row::<Range32>(&[e(v)])), "{v}");
    }
}

#[test]
fn words2_is_unique_within_its_carries() {
    let base = 1i128 << 32;
    for (x0, x1) in [(0, 0), (base - 1, base - 1), (-1, 1), (-base, 1), (3 * base - 1, base - 3), (base, 5), (7, 9)] {
        assert_eq!(free::<Words2>(&[e(x0), e(x1)]), Vec::<usize>::new(), "{x0}, {x1}");
    }
    // Negative, or 2^64 and more; a carry past its bounds.
    for (x0, x1) in [(-1, 0), (0, -1), (0, base), (base, base - 1), (3 * base, 0), (-base - 1, 5)] {
        assert!(!holds::<Words2>(&row::<Words2>(&[e(x0), e(x1)])), "{x0}, {x1}");
    }
}

#[test]
fn words2_refuses_a_carry_moved_between_words() {
    // w0 + 2^32 and one carry less; the sum of both equations is as before.
    let honest = row::<Words2>(&[e(5 + (1 << 32)), e(7)]);
    for (w0, w1, carry) in [(1i128 << 32, -1, -1), (-(1i128 << 32), 1, 1)] {
        let mut wires = honest.clone();
        wires[2] += e(w0);
        wires[4] += e(w1);
        let at = Words2::OPS * 6 + 32;
        wires[at] += e(carry);
        assert!(!holds::<Words2>(&wires));
    }
}

#[test]
fn step_is_unique_over_its_whole_domain() {
    for (x, carry) in [(0, 0), (1 << 60, 5), (-(1i128 << 60), -7), (-1, 0), ((1 << 32) - 1, 1), (-(1i128 << 60) - (1 << 32), 0)] {
        assert_eq!(free::<Step>(&[e(x), e(carry)]), Vec::<usize>::new(), "{x}, {carry}");
    }
    assert!(!holds::<Step>(&row::<Step>(&[e(1 << 61), e(0)])), "a carry past 2^29");
    assert!(!holds::<Step>(&row::<Step>(&[e(-(1i128 << 61) - 1), e(0)])));
}

#[test]
fn step_refuses_the_solution_that_is_p_away() {
    // x = w + 2^32·c - p with c 32 bits wide: why carries have 30 bits. The words: p = 1 + 2^32·(2^32 - 1).
    let honest = row::<Step>(&[e(-1), e(0)]);
    let mut wires = honest.clone();
    wires[2] = F::ZERO;
    wires[3] = F::ZERO;
    wires[4] = e((1 << 32) - 1);
    for limb in 0..Step::ADVICE {
        wires[Step::OPS * 5 + limb] = F::ZERO;
    }
    let carry = u64::from(u32::MAX) + (1 << 29);
    for i in 0..15 {
        wires[Step::OPS * 5 + 16 + i] = F::from_canonical_u64(if i == 14 { carry >> 28 } else { carry >> (2 * i) & 3 });
    }
    // The equation itself holds: only the limb's range refuses.
    assert_eq!(wires[0] + wires[1], wires[2] + wires[4] * e(1 << 32));
    assert!(!holds::<Step>(&wires));
}

#[test]
fn digest_bits_are_those_of_the_canonical_integer() {
    // The inverse is free where the lower half is 0 or `upper` is all ones: it proves nothing there.
    let inverse = DigestBits::OPS * 35 + 16;
    for h in [1, 0x1_2345_6789, MODULUS - 2, 0xffff_fffe_0000_0001, 1 << 33, u64::from(u32::MAX) - 1] {
        let free: Vec<usize> = free::<DigestBits>(&[F::from_canonical_u64(h)]);
        assert!(free.iter().all(|&c| c == inverse && (h & 0xffff_ffff == 0 || h >> 32 == 0xffff_ffff)), "{h:x}: {free:?}");
        let wires = row::<DigestBits>(&[F::from_canonical_u64(h)]);
        let sum: u64 = (0..33).map(|i| wires[1 + i].to_canonical_u64()).sum();
        assert_eq!(sum, u64::from((h & 0x1_ffff_ffff).count_ones()));
    }
}

#[test]
fn digest_bits_refuses_the_integer_that_is_p_larger() {
    for h in [0u64, 1, 77, u64::from(u32::MAX) - 2] {
        let second = h + MODULUS;
        let mut wires = row::<DigestBits>(&[F::from_canonical_u64(h)]);
        for i in 0..33 {
            wires[1 + i] = F::from_canonical_u64(second >> i & 1);
        }
        wires[34] = F::from_canonical_u32((second & 0x1_ffff_ffff).count_ones());
        let advice = DigestBits::OPS * 35;
        for i in 0..15 {
            wires[advice + i] = F::from_canonical_u64(second >> (33 + 2 * i) & 3);
        }
        wires[advice + 15] = F::from_canonical_u64(second >> 63);
        for inverse in [F::ZERO, F::ONE, F::from_canonical_u64(1 << 40)] {
            wires[advice + 16] = inverse;
            assert!(!holds::<DigestBits>(&wires), "{h}");
        }
    }
}

#[test]
fn select_takes_one_side() {
    let values: Vec<F> = (0..8).map(|i| F::from_canonical_u64(100 + i)).collect();
    for bit in [F::ZERO, F::ONE] {
        let inputs = [&[bit][..], &values].concat();
        // The side not taken is free here; it is another cell's output.
        let other = if bit.is_zero() { 1..5 } else { 5..9 };
        assert_eq!(free::<Select4>(&inputs), other.collect::<Vec<_>>());
    }
}
