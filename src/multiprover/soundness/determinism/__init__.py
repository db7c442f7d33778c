"""That the outputs of a gadget are determined by its inputs: proven, not tried (docs/soundness.md).

A prover's tool writes each gadget's constraints as data (:mod:`.systems`). The checker brings them into one
shape (:mod:`.normal`), tells by rules, each a theorem
stated where it is applied, which wires have one value only (:mod:`.rules`, :mod:`.division`,
:mod:`.edwards`), and gives z3 what is left (:mod:`.solver`). It belongs to the harness, not to a
prover: it shares no code with any.
"""
