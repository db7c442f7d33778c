"""Faults of the halo2 prover: one build of a patched copy of its sources has them all, a process one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from multiprover.soundness.checkers import CheckerError, Tool
from multiprover.soundness.planting import Patch, build_rust

PLANTED = "MULTIPROVER_PLANTED"
"""The variable that says which fault a process has."""

LIE = "MULTIPROVER_LIE"
"""The variable that says of which division the witness has one less for the quotient."""


def _unless(file: str, fault: str, statement: str) -> Patch:
    """A statement that the fault leaves out."""
    return Patch(file, f"        {statement}\n", f'        if !crate::planted("{fault}") {{ {statement} }}\n')


FAULTS: Mapping[str, Patch] = {
    "assertion": _unless(
        "src/lowering.rs",
        "assertion",
        "self.batch.builder.equals_constant(&self.int(v).affine, Fr::ONE);",
    ),
    "opening": _unless(
        "src/lowering.rs",
        "opening",
        "self.builder.bilinear_zero(&enabled, &other, [Fr::ZERO, Fr::ZERO, Fr::ONE, Fr::ZERO]);",
    ),
    "leaf": Patch(
        "src/lowering.rs",
        "        let (integers, keys) = integers_and_keys(&self.program.maps[map].fields, values);\n",
        "        let fields = &self.program.maps[map].fields;\n"
        "        let blank: Vec<Val> = zeros(fields).into_iter().zip(values).map(|(zero, v)| match zero {\n"
        '            Value::Integer(zero) if crate::planted("leaf") => Val::Int(Int::constant(zero)),\n'
        "            _ => *v,\n"
        "        }).collect();\n"
        "        let (integers, keys) = integers_and_keys(fields, &blank);\n",
    ),
    "remainder": _unless(
        "src/integers.rs", "remainder", "    self.hold_bits(&room, value, bits(gap(rest.hi, 0)));"
    ),
    "ranges": _unless("src/config.rs", "ranges", "config.limbs(cs);"),
    "key": _unless("src/edwards.rs", "key", "self.bilinear_zero(enabled, &other, [zero, zero, one, zero]);"),
    "equation": _unless("src/edwards.rs", "equation", "self.equal(h.all, hashed);"),
    "base": Patch(
        "src/edwards.rs",
        "        let c = self.base_less(a);\n",
        '        let a = if crate::planted("base") { self.point(Point::NEUTRAL) } else { a };\n'
        "        let c = self.base_less(a);\n",
    ),
    "curve": _unless(
        "src/edwards.rs",
        "curve",
        "self.bilinear_zero(&xx, &yy, [suite::curve_a(), one, -suite::curve_d(), -one]);",
    ),
    "challenge": Patch(
        "src/suite.rs",
        "pub fn challenge_seed(domain: &[u8; 32], claim: &[u8; 32], commitment: &[u8; 32]) -> [u8; 32] {\n",
        "pub fn challenge_seed(domain: &[u8; 32], claim: &[u8; 32], commitment: &[u8; 32]) -> [u8; 32] {\n"
        '    if crate::planted("challenge") {\n        return [0; 32];\n    }\n',
    ),
}
"""By name, what is planted."""

_SWITCH = Patch(
    "src/lib.rs",
    "pub mod builder;\n",
    "pub mod builder;\n\n/// Whether the process has a planted fault.\n"
    "pub fn planted(name: &str) -> bool {\n"
    f'    std::env::var("{PLANTED}").is_ok_and(|fault| fault == name)\n'
    "}\n\n"
    "/// The operation that is being lowered.\n"
    "pub static STEP: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);\n\n"
    "/// What the witness has less than the quotient.\n"
    "pub fn lie() -> i128 {\n"
    "    let step = STEP.load(std::sync::atomic::Ordering::Relaxed).to_string();\n"
    f'    i128::from(std::env::var("{LIE}").is_ok_and(|at| at == step))\n'
    "}\n\n",
)

_LIES = (
    Patch(
        "src/lowering.rs",
        "        let (q, r) = self.batch.builder.divmod(&a, &b, range);\n",
        "        crate::STEP.store(id, std::sync::atomic::Ordering::Relaxed);\n"
        "        let (q, r) = self.batch.builder.divmod(&a, &b, range);\n",
    ),
    Patch(
        "src/integers.rs",
        "        let quotient = floor(a.value, b.value);\n",
        "        let quotient = floor(a.value, b.value) - crate::lie();\n",
    ),
)
"""The dishonest witness that no mutant is: quotient and remainder, with all of the remainder's limbs."""


@cache
def _built() -> tuple[TemporaryDirectory[str], Path]:
    folder = TemporaryDirectory(prefix="multiprover-fault-")
    return folder, build_rust([_SWITCH, *_LIES, *FAULTS.values()], Path(folder.name), prover="halo2")


@contextlib.contextmanager
def halo2_tool(fault: str = "", lie: int | None = None) -> Iterator[Tool]:
    """The constraint checker of the halo2 prover with a fault, or with none.

    Args:
        fault: one of :data:`FAULTS`, or nothing.
        lie: the division of which the witness has one less for the quotient, and the divisor more for the
            remainder.

    Raises:
        CheckerError: there is no such fault, or it cannot be planted.
    """
    if fault and fault not in FAULTS:
        raise CheckerError(f"{fault}: expected one of {', '.join(FAULTS)}")
    env = {PLANTED: fault} | ({} if lie is None else {LIE: str(lie)})
    tool = Tool("halo2", _built()[1], env)
    try:
        yield tool
    finally:
        tool.close()
