# pragma version 0.4.3
"""
@title Proof type `groth16`: verifies gnark proofs (BN254, one Pedersen commitment on the base beta) of one key
@notice Checks, for public inputs x = (pre_root, post_root, c, z, y, payee, domain) and a proof (A, B, C, D, K):

            e(A, B) = e(alpha, beta) e(L, gamma) e(C, delta)   with  L = ic[0] + sum x_i ic[i] + h ic[8] + D
            e(D, commitment_g_sigma_neg) e(K, commitment_g) = 1

        where h = keccak256(D) mod r: gnark v0.16.3, backend/groth16/bn254/solidity.go, for a key whose commitment
        covers no public input. Both are one pairing product here: the second is raised to rho, the keccak256 of proof
        and public inputs. Were one of them false, the product would be 1 for at most one rho mod r. The commitment's
        base is beta, where gnark's keys have one of their own: so e(alpha, beta) and e(rho K, beta) are one pair, of
        alpha + rho K. Why such keys are as sound is in provers/groth16/README.md.
"""
import IAdapter

implements: IAdapter

ACCEPTED: constant(bytes32) = keccak256("multiprover/vouch/v1")

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208583

PROOF_BYTES: constant(uint256) = 384  # A, B, C, D, K: 12 coordinates, those of B as (x_im, x_re, y_im, y_re)
PAIRING: constant(address) = 0x0000000000000000000000000000000000000008
# EIP-1108: 45,000 + 34,000 a pair. A malformed point burns all that the precompile is given, so it gets no more.
PAIRING_4_GAS: constant(uint256) = 181_000
PAIRING_5_GAS: constant(uint256) = 215_000

DOMAIN: public(immutable(bytes32))
ALPHA: immutable(uint256[2])
BETA: immutable(uint256[4])
GAMMA: immutable(uint256[4])
DELTA: immutable(uint256[4])
COMMITMENT_G_SIGMA_NEG: immutable(uint256[4])
IC_CONSTANT: immutable(uint256[2])  # ic[0] + domain * ic[7]: the domain never changes
IC: immutable(uint256[2][6])     # ic[1] to ic[6]
IC_COMMITMENT: immutable(uint256[2])


@deploy
def __init__(
    alpha: uint256[2],
    beta: uint256[4],
    gamma: uint256[4],
    delta: uint256[4],
    commitment_g: uint256[4],
    commitment_g_sigma_neg: uint256[4],
    ic: DynArray[uint256[2], 16],
    domain: bytes32,
):
    """
    @param beta G2 points are in the order of EIP-197: (x_im, x_re, y_im, y_re).
    @param commitment_g Must be beta.
    @param ic The constant's point, those of the 7 public inputs, that of the commitment's hash.
    @param domain The domain of the one deployment and program that this adapter serves.
    """
    assert len(ic) == 9, "groth16: ic"
    assert self._on_curve(alpha), "groth16: alpha"
    for point: uint256[2] in ic:
        assert self._on_curve(point), "groth16: ic point"

    # Equal or opposite: C could then take the place of L, or K that of D, and anything be proved.
    assert not self._same_x(gamma, delta), "groth16: gamma is delta"
    assert not self._same_x(commitment_g, commitment_g_sigma_neg), "groth16: commitment key"
    for i: uint256 in range(4):
        assert commitment_g[i] == beta[i], "groth16: commitment base"

    # e(0, Q) is 1 for every point Q of the group; the precompile refuses all others.
    pairs: uint256[6][4] = [
        [0, 0, beta[0], beta[1], beta[2], beta[3]],
        [0, 0, gamma[0], gamma[1], gamma[2], gamma[3]],
        [0, 0, delta[0], delta[1], delta[2], delta[3]],
        [
            0,
            0,
            commitment_g_sigma_neg[0],
            commitment_g_sigma_neg[1],
            commitment_g_sigma_neg[2],
            commitment_g_sigma_neg[3],
        ],
    ]
    for pair: uint256[6] in pairs:
        assert (pair[2] | pair[3] | pair[4] | pair[5]) != 0, "groth16: G2 infinity"
    success: bool = False
    response: Bytes[32] = b""
    success, response = raw_call(
        PAIRING, abi_encode(pairs), max_outsize=32, gas=PAIRING_4_GAS, is_static_call=True, revert_on_failure=False
    )
    assert success and len(response) == 32 and convert(response, uint256) == 1, "groth16: G2 point"

    DOMAIN = domain
    ALPHA = alpha
    BETA = beta
    GAMMA = gamma
    DELTA = delta
    COMMITMENT_G_SIGMA_NEG = commitment_g_sigma_neg
    IC_CONSTANT = ecadd(ic[0], ecmul(ic[7], convert(domain, uint256) % R))
    IC = [ic[1], ic[2], ic[3], ic[4], ic[5], ic[6]]
    IC_COMMITMENT = ic[8]


@external
@view
def verify(vouch: IAdapter.Vouch, proof: Bytes[4096]) -> bytes32:
    assert len(proof) == PROOF_BYTES, "groth16: proof length"
    assert len(vouch.suites) == 1, "groth16: suites"
    assert vouch.domain == DOMAIN, "groth16: domain"

    x: uint256[6] = [
        convert(vouch.suites[0].pre_root, uint256),
        convert(vouch.suites[0].post_root, uint256),
        convert(vouch.suites[0].commitment, uint256),
        convert(vouch.suites[0].challenge, uint256),
        convert(vouch.suites[0].evaluation, uint256),
        convert(vouch.payee, uint256),
    ]
    # ecmul takes any scalar: x and x + r would pass for the same statement.
    assert x[0] < R and x[1] < R and x[2] < R and x[3] < R and x[4] < R, "groth16: public input"

    p: uint256[12] = abi_decode(proof, uint256[12])
    commitment: uint256[2] = [p[8], p[9]]
    knowledge: uint256[2] = [p[10], p[11]]
    # The pairing checks A, B, C; a bad point given to ecmul or ecadd would burn all gas.
    assert p[1] < P and self._on_curve_or_zero(commitment) and self._on_curve_or_zero(knowledge), "groth16: point"

    l: uint256[2] = ecadd(IC_CONSTANT, commitment)
    l = ecadd(l, ecmul(IC[0], x[0]))
    l = ecadd(l, ecmul(IC[1], x[1]))
    l = ecadd(l, ecmul(IC[2], x[2]))
    l = ecadd(l, ecmul(IC[3], x[3]))
    l = ecadd(l, ecmul(IC[4], x[4]))
    l = ecadd(l, ecmul(IC[5], x[5]))
    l = ecadd(l, ecmul(IC_COMMITMENT, convert(keccak256(abi_encode(commitment)), uint256) % R))

    rho: uint256 = convert(keccak256(abi_encode(p, x)), uint256)
    alpha: uint256[2] = ecadd(ALPHA, ecmul(knowledge, rho))
    # e(-A, B) e(alpha + rho K, beta) e(L, gamma) e(C, delta) e(rho D, commitment_g_sigma_neg) = 1
    pairs: Bytes[960] = abi_encode(
        p[0], (P - p[1]) % P, p[2], p[3], p[4], p[5],
        alpha, BETA,
        l, GAMMA,
        p[6], p[7], DELTA,
        ecmul(commitment, rho), COMMITMENT_G_SIGMA_NEG,
    )
    success: bool = False
    response: Bytes[32] = b""
    success, response = raw_call(
        PAIRING, pairs, max_outsize=32, gas=PAIRING_5_GAS, is_static_call=True, revert_on_failure=False
    )
    assert success and len(response) == 32, "groth16: point"
    assert convert(response, uint256) == 1, "groth16: proof"
    return ACCEPTED


@internal
@pure
def _on_curve(point: uint256[2]) -> bool:
    """
    @dev A point of G1 other than infinity, in coordinates below P. Its cofactor is 1: the curve is the group.
    """
    x: uint256 = point[0]
    y: uint256 = point[1]
    if x >= P or y >= P:
        return False
    return uint256_mulmod(y, y, P) == uint256_addmod(uint256_mulmod(uint256_mulmod(x, x, P), x, P), 3, P)


@internal
@pure
def _on_curve_or_zero(point: uint256[2]) -> bool:
    return (point[0] | point[1]) == 0 or self._on_curve(point)


@internal
@pure
def _same_x(a: uint256[4], b: uint256[4]) -> bool:
    return a[0] == b[0] and a[1] == b[1]
