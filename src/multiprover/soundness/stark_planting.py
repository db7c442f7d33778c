"""Faults of the stark prover: one build of a patched copy of its sources has them all, a process one."""

from __future__ import annotations

from collections.abc import Mapping

from multiprover.soundness.planting import Patch, Planted, switch, unless

FAULTS: Mapping[str, Patch] = {
    "assertion": unless(
        "src/lowering.rs",
        "assertion",
        "self.b.pin(slot.int(x).wire, Pin::Constant(cells_of(1)));",
        indent=16,
    ),
    "opening": unless(
        "src/lowering.rs",
        "opening",
        "self.b.assert_same_if(port.enabled.wire, self.roots[map], root);",
    ),
    "leaf": Patch(
        "src/lowering.rs",
        "        let words: Vec<Word> = fields.iter().zip(types).flat_map(",
        "        let blank: Vec<Stored> = fields.iter().zip(types).map(|(&field, &ty)| match ty {\n"
        '            Type::Int { lo, .. } if crate::planted("leaf") && tag == self::tag::LEAF => {\n'
        "                Stored::Int(self.b.int_constant(lo))\n"
        "            }\n"
        "            _ => field,\n"
        "        }).collect();\n"
        "        let fields = &blank[..];\n"
        "        let words: Vec<Word> = fields.iter().zip(types).flat_map(",
    ),
    "remainder": unless("src/integers.rs", "remainder", "self.assert_less(remainder, b.wire, true);"),
    "key": unless("src/signature.rs", "key", "self.assert_same_if(enabled.wire, key, root);"),
    "lookup": Patch(
        "src/check.rs",
        "    match buses.into_iter().filter(|(_, count)| *count != F::ZERO)",
        '    let heard = |bus: &str| bus != crate::tables::bus::BYTE || !crate::planted("lookup");\n'
        "    match buses.into_iter().filter(|((bus, _), count)| heard(bus) && *count != F::ZERO)",
    ),
    "challenge": Patch(
        "src/suite.rs",
        "    extension_of(std::array::from_fn(|j| F::from_u32(be32(&seed, 4 * j))))\n",
        '    let drawn = F::from_bool(!crate::planted("challenge"));\n'
        "    extension_of(std::array::from_fn(|j| drawn * F::from_u32(be32(&seed, 4 * j))))\n",
    ),
}
"""By name, what is planted."""

_LIES = (
    Patch(
        "src/lowering.rs",
        "        let (quotient, remainder) = self.b.divmod(a, b, range, most);\n",
        "        crate::STEP.store(id, std::sync::atomic::Ordering::Relaxed);\n"
        "        let (quotient, remainder) = self.b.divmod(a, b, range, most);\n",
    ),
    Patch(
        "src/integers.rs",
        "        let [quotient, remainder] = self.division(a, b, q, r);\n",
        "        let (q, r) = (q - crate::lie(), r + y * crate::lie());\n"
        "        let [quotient, remainder] = self.division(a, b, q, r);\n",
    ),
    # Of a comparison that must hold and does not, the borrow that it asks for: then only a limb is too large.
    Patch(
        "src/builder.rs",
        "        let (f_one, f_zero) = (F::from_bool(expected), F::from_bool(!expected));\n",
        "        let mut main = main;\n"
        '        if expected && main.bit == F::ZERO && std::env::var("MULTIPROVER_LIE").is_ok() {\n'
        "            main.c[DIGEST - 1] += F::from_u32(1 << 16);\n"
        "            (main.k[DIGEST - 1], main.bit) = (F::ONE, F::ONE);\n"
        "        }\n"
        "        let (f_one, f_zero) = (F::from_bool(expected), F::from_bool(!expected));\n",
    ),
)
"""The dishonest witness that no mutant is: quotient and remainder, with all that follows from them."""

STARK = Planted("stark", FAULTS, [switch("pub mod batch;\n"), *_LIES])
stark_tool = STARK.tool
