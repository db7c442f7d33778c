"""What this proof type is and rests on: the answer to ``Describe``."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover_sgx import FORMAT_VERSION, PROOF_TYPE, VERSION
from multiprover_sgx.attestation import Enclave

SIMULATED = (
    "simulation: this prover is an ordinary process, not an enclave. Its key proves nothing about the "
    "code that used it: whoever controls the machine can sign any result. Use it for development only."
)
ANY_SOURCE = (
    "no measured sources: this prover runs whatever transition it is prepared with, in the process that "
    "holds its signing key."
)


def manifest(enclave: Enclave, *, measured: bool) -> pb.Manifest:
    """``measured``: whether only the sources measured with the enclave may run."""
    warnings = [] if enclave.hardware else [SIMULATED]
    if not measured:
        warnings.append(ANY_SOURCE)
    return pb.Manifest(
        proof_type=PROOF_TYPE,
        version=VERSION,
        format_version=FORMAT_VERSION,
        suites=[],  # every suite of the statement
        components=_components(enclave),
        security=_security(),
        warnings=warnings,
        simulated=not enclave.hardware,
        reads_source=True,
    )


def _components(enclave: Enclave) -> Sequence[pb.Component]:
    own = version("multiprover")
    components = [
        ("specification", "multiprover-specification", own, "the documents in docs/"),
        ("specification", "transition-source", "", "the user's Python; others run its trace"),
        ("tracer", "multiprover-layout", own, "where values stand in the journal"),
        ("executor", "multiprover-ledger", own, "runs a slot; so does the sequencer"),
        ("executor", "cpython", platform.python_version(), "interpreter and standard library"),
        ("hash", "multiprover-native", version("multiprover-native"), "hashes and signatures of all suites"),
        ("hash", "keccak256", version("pycryptodome"), "claims and state roots; pycryptodome's"),
        ("signer", "sgx-signing-key", str(FORMAT_VERSION), "made in the enclave; one derived key a program"),
        ("signer", "curve-secp256k1", version("eth-keys"), "ECDSA in pure Python, not constant in time"),
        ("l1-verifier", "sgx-adapter", str(FORMAT_VERSION), "EIP-712 digest and ecrecover"),
    ]
    if enclave.measurement:
        components += [
            ("vendor", "intel-sgx", "", f"isolation, sealing; MRENCLAVE {enclave.measurement.hex()}"),
            ("vendor", "intel-dcap", "", "attestation: quoting enclave, certificates, TCB status"),
            ("vendor", "gramine", "", "library OS in the enclave; its version is part of MRENCLAVE"),
        ]
    if not enclave.hardware:
        components.append(("operator", "sgx-operator", "", "whoever runs the process can read its key"))
    return [pb.Component(layer=layer, id=i, version=v, note=note) for layer, i, v, note in components]


def _security() -> Sequence[pb.SecurityTerm]:
    return [
        pb.SecurityTerm(
            name="vouch: ECDSA on secp256k1",
            proven_bits=127,
            conjectured_bits=127,
            source="generic group model (Brown 2005); Pollard rho on a 256-bit order",
        ),
        pb.SecurityTerm(
            name="claim and state root: keccak256 collisions",
            proven_bits=128,
            conjectured_bits=128,
            source="sponge indifferentiability (Bertoni et al. 2008), 256-bit output",
        ),
    ]
