"""Faults of the halo2 prover: one build of a patched copy of its sources has them all, a process one."""

from __future__ import annotations

from collections.abc import Mapping

from multiprover.soundness.planting import Patch, Planted, switch
from multiprover.soundness.planting import unless as _unless

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

HALO2 = Planted("halo2", FAULTS, [switch("pub mod builder;\n"), *_LIES])
halo2_tool = HALO2.tool
