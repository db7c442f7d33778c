"""What L1 and its client refuse, as exceptions that say what was expected and what came."""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, str]] = {
    # Settlement: creation
    "init: program": "the program id is zero",
    "init: slots": "a batch has 1 to 512 slots",
    "init: input words": "a slot has 1 to 128 input words",
    "init: journal": "a journal has 32 to 16384 bytes, 32 or more from its last slot on; change the slots",
    "init: noop": "the first kind must be noop, which is not from L1",
    "init: kind words": "a kind uses 1 word to as many as a slot has",
    "init: kind rule": "only from_l1 kinds may be operator_only or take a value",
    "init: value word": "the two value words must be parameters of the kind",
    "init: suites": "there must be a suite",
    "init: suite id": "a suite id is zero",
    "init: suite twice": "two suites share an id",
    "init: binding": "a suite's binding has no code",
    "init: genesis root": "a genesis root is zero or not canonical in its suite",
    "init: proof type id": "a proof type id is zero",
    "init: proof type twice": "two proof types share an id or an adapter",
    "init: adapter": "an adapter has no code",
    "init: proof type suites": "a proof type must commit to at least one of the suites, and to no others",
    "init: gas": "an adapter's gas is 0",
    "init: operator": "the operator is the zero address",
    # Settlement: queue
    "enqueue: length": "the input words are not those of one slot",
    "enqueue: kind": "there is no such kind",
    "enqueue: kind not from L1": "only from_l1 kinds can be queued",
    "enqueue: not the operator": "only the operator may queue this kind",
    "enqueue: unused word": "a word that the kind does not use is not 0",
    "enqueue: value": "the value paid is not what the value words say",
    "enqueue: halted": "everything has halted for good",
    "enqueue: not the owner": "only the account's owner on L1 may queue this",
    "enqueue: asset": "there is no such asset",
    "enqueue: token": "the token's transferFrom answered false",
    "enqueue: token amount": "not exactly the amount arrived: the token keeps a fee, or moved nothing",
    # Bridge: creation
    "init: message": "a withdrawal's words do not lie within a slot's output words",
    "init: limits": "there must be a limit for each tier",
    "init: escape window": "the escape window is under a day",
    "init: trees": "there must be a tree for each suite",
    "init: tree": "a tree has no code",
    "init: layout": "the map of accounts is none of the maps, or there are over 8 maps or 64 integers",
    "init: exit": "an exit's result is no operation of the formula",
    "init: formula": "an operation is unknown, or uses what does not stand before it",
    # Bridge: what final claims say of the queue
    "entry: journal": "the journal is not of the program's length, or it has no such slot",
    "entry: not final": "the claim is not final at the top tier",
    "entry: not from L1": "the slot's transaction does not come from L1",
    "entry: origin": "the queue's entry has another sender or time",
    "owner: kind": "the slot's kind opens no account",
    "owner: refused": "the transaction had no effect: it opened no account",
    "owner: known": "the account has an owner",
    "refund: not refused": "the transaction took effect",
    "refund: nothing paid": "nothing was paid with it",
    "refund: done": "it is refunded already",
    "refund: not halted": "only when everything has halted; until then a batch will take it in",
    "refund: taken in": "a final claim has taken it in",
    "refund: queue entry": "no such transaction stands there in the queue",
    # Bridge: withdrawals
    "withdraw: journal": "the journal is not of the program's length, or it has no such slot",
    "withdraw: place": "a slot has no such place of a withdrawal",
    "withdraw: nothing": "the slot withdraws nothing there",
    "withdraw: asset": "there is no such asset on L1 yet",
    "withdraw: paid": "it is paid already",
    "withdraw: not final": "the claim is not final at the tier of this value",
    "withdraw: wait": "the tier has released its limit of the day: wait, or for the top tier",
    "withdraw: early limit": "lower tiers have released all they may before the top tier is final",
    "withdraw: rate lapsed": "the token's rate is over a year old: only what is final at the top tier is "
    "paid until it is listed again",
    "withdraw: halted": "after the halt, only of claims that are final at the top tier",
    "absorb: not final": "the claim is not final at the top tier",
    "pay: gas": "the transaction has too little gas for what the recipient may use",
    "collect: nothing": "nothing is kept for the sender in this asset",
    "collect: refused": "the address does not take it either",
    # Bridge: halt and escape
    "halt: known": "everything has halted already",
    "halt: queue entry": "this is not the first transaction that no final claim has taken in",
    "halt: too early": "it has not waited for the escape window, or something became final meanwhile",
    "escape: not halted": "nothing has halted",
    "escape: no owner": "nobody has proven to own the account",
    "escape: no exit": "the transition says of no account what it is worth",
    "escape: layout": "not as many integers, keys or map roots as the state has",
    "escape: openings": "there must be an opening for each suite",
    "escape: record": "the record and its siblings do not lead to the map's root",
    "escape: state": "cells and map roots do not lead to the last final root",
    # Bridge: assets
    "asset: not the operator": "only the operator lists assets",
    "asset: not scheduled": "the operator has not scheduled this",
    "asset: too early": "the timelock has not passed",
    "asset: lapsed": "it could be listed for as long as it had to wait: schedule it again",
    "asset: number": "an asset is the next number, or a listed token's",
    "asset: unit": "a unit is 1 to 2^128 - 1 base units, and 10^9 units are worth 1 to 2^64 - 1 gwei",
    "asset: only the rate": "of a listed asset only the rate may change",
    "asset: token": "the token has no code, or is the bridge",
    "asset: listed": "the token is listed under another number",
    # Trees
    "tree: index": "the index does not fit the siblings, or the map's number 32 bits",
    "tree: integer": "an integer does not fit its words",
    "tree: widths": "there are more widths than integers",
    "tree: digest": "a digest is not canonical in its suite",
    # Settlement: post, propose, bind
    "post: not the sequencer": "only the sequencer posts batches",
    "post: unknown parent": "the parent is not a posted claim",
    "post: inputs are fixed": "a claim with this parent is posted; propose another with the same inputs",
    "post: journal length": "the journal is not of the program's length",
    "post: kind": "a slot has a kind that does not exist",
    "post: L1 transaction after others": "transactions from L1 must stand before all others",
    "post: queue entry": "a transaction from L1 is not the next one in the queue",
    "post: already posted": "this claim is already posted",
    "post: commitments": "there must be one commitment a suite",
    "propose: unknown parent": "the parent is not a posted claim",
    "propose: journal length": "a journal is not of the program's length",
    "propose: unknown claim": "the first journal is not that of a claim posted on this parent",
    "propose: other inputs": "the inputs differ from those that are fixed for this parent",
    "bind: unknown claim": "the journal is not that of a claim posted on this parent",
    "bind: suite": "there is no such suite",
    "bind: commitment": "the commitment is not canonical in its suite",
    # Settlement: vouch
    "vouch: proof type": "there is no such proof type",
    "vouch: not the head": "the parent is not this proof type's head: vouched before, or a batch left out",
    "vouch: unknown claim": "the claim is not posted",
    "vouch: results": "there must be one result for each suite that the proof type commits to",
    "vouch: root": "a root is zero or not canonical in its suite",
    "vouch: not bound": "this (c, z, y) is not bound to the claim; bind the commitment first",
    "vouch: nothing to bind": "this proof type does not bind: commitment, challenge, evaluation must be zero",
    "vouch: adapter": "the adapter did not answer with the word that accepts",
    "conflict: one claim": "a conflict needs two different claims",
    "conflict: not vouched for": "no proof type has vouched for one of the claims",
    "conflict: known": "both claims are already in conflict",
    "state root: unknown": "some suite's root has not been vouched for",
    # Settlement: creation
    "init: kinds": "there are 1 to 32 kinds, from_l1 names none beyond them, and the bridge has the same",
    "init: contracts": "an address of another contract is zero, or has no code yet",
    "init: window": "a window is 0, too long, or shorter than one that it must contain",
    "init: roles": "the operator or the council is the zero address",
    "init: too many types": "there are 8 proof types already",
    # Settlement: post, propose
    "post: closed": "the parent lost a conflict",
    "post: origins": "there must be one origin a leading transaction from L1, at most 64",
    "propose: discarded": "the first journal is that of a claim which was discarded",
    # Settlement: vouch, settle
    "vouch: halted": "the system has halted for good: users leave by the last final roots",
    "vouch: type not active": "the proof type is quarantined or disabled",
    "vouch: not valid yet": "the type's verifier was just replaced; it counts from the next epoch on",
    "vouch: closed": "the claim lost a conflict",
    "vouch: discarded": "the claim was discarded: other inputs took its place",
    "vouch: frozen": "a conflict at a lower batch is open",
    "settle: halted": "the system has halted for good",
    "settle: unknown claim": "the claim is not posted",
    "settle: discarded": "the claim was discarded: other inputs took its place",
    "settle: nothing is due": "no further tier allows it now: types, delay, parent, siblings, open conflict",
    "tier: unknown": "the policy has no such tier",
    # Settlement: liveness
    "complain: known": "a complaint stands already",
    "stuck: nothing posted": "no batch is posted on the last final claim",
    "stuck: frozen": "a conflict is open, or the system has halted",
    "discard: no complaint": "complain first; a complaint lapses after two proof windows and 30 days",
    "discard: too early": "the proof window since the complaint has not passed, and where some type "
    "has proved the batch 30 days more",
    "discard: too often": "a claim's children can be discarded 63 times",
    "catch up: proof type": "there is no such proof type",
    "catch up: type not active": "the proof type is quarantined or disabled",
    "catch up: not behind": "the type's head is not behind the last final claim",
    "catch up: head not final": "the type is on a branch that lost: show the conflict",
    "catch up: not silent": "the type's last vouch is not a proof window old",
    "prune: unknown claim": "the claim is not posted, or already pruned",
    "prune: not left behind": "the last final claim, or an active type's head, is not past it yet",
    "prune: too early": "its last vouch is not a proof window old",
    "prune: evidence": "an active type stands behind a claim that is not final: show the conflict",
    "halt: not the bridge": "only the bridge halts the system, by its own rule",
    "hook: not governance": "only Governance may call this, under its own rules",
    "hook: policy": "a policy has 1 to 4 tiers",
    "hook: batch": "the type has already vouched for the batch from which the new adapter should hold",
    "hook: upgrade pending": "the type has not reached the batch of its last upgrade",
    # PolicyCheck
    "policy: refused": "the policy did not pass its check",
    "policy: tiers": "a policy has a tier",
    "policy: limits": "limits rise, and the last one is 2^64 - 1",
    "policy: alternatives": "a tier has an alternative",
    "policy: alternative twice": "two alternatives of a tier have the same types",
    "policy: types": "an alternative names a type that does not exist, or none",
    "policy: delay": "a delay is over 30 days",
    "policy: suite not covered": "an alternative's types do not commit to every suite",
    "policy: more types and a longer delay": "an alternative waits longer than one with fewer of its types",
    "policy: not monotone in value": "an alternative would not do for the tier below",
    "policy: halts with one type": "a type is in every alternative of a tier, and accepts_halt is not set",
    "policy: weights": "one weight a type, 1 or more, 255 in all, and no two sets of types of equal weight",
    "policy: not tighter": "the policy would release something that the one in force would not; propose it",
    # Governance
    "operator: not the operator": "only the operator proposes",
    "timelock: scheduled": "this very change is already scheduled",
    "timelock: not scheduled": "this very change is not scheduled, was cancelled, or is already applied",
    "timelock: too early": "the timelock has not passed",
    "timelock: lapsed": "it could be applied for as long as it had to wait: announce it again",
    "conflict: not settlement": "only Settlement reports a dissent",
    "conflict: unknown claim": "a claim is not posted",
    "conflict: discarded": "a claim was discarded",
    "conflict: another is open": "a conflict at this batch or a lower one is open; resolve it first",
    "conflict: none is open": "there is no open conflict",
    "conflict: of roots": "the open conflict is of roots: dissenting vouches are its options",
    "conflict: too many options": "a conflict has at most 8 options",
    "conflict: not on the final branch": "the claims' branch lost: show the conflict where it parted",
    "choose: not the council": "only the council chooses",
    "choose: another conflict is open": "the choice was made for another conflict than the open one",
    "choose: too late": "the council's window has passed; anyone resolves",
    "choose: no such option": "there is no such option, or no active type stands behind it",
    "resolve: too early": "the council's window has not passed, and two options have support",
    "convict: other inputs": "the two claims are not posted on one parent with the same inputs",
    "convict: not vouched for": "the type has not vouched for the first claim with its present verifier",
    "convict: other roots before": "the type did not stand behind the parent's roots",
    "convict: other adapter": "another adapter decided on that batch",
    "convict: results": "there must be one result for each suite that the proof type commits to",
    "convict: not bound": "this (c, z, y) is not bound to the claim; bind the commitment first",
    "convict: no contradiction": "the proof says what the type vouched for",
    "convict: proof": "the adapter does not accept the proof",
    "canary: journal": "the journal is not of the program's length",
    "canary: not a noop": "a slot is not a noop",
    "canary: results": "there must be one result for each suite that the proof type commits to",
    "canary: root": "a root is not canonical in its suite",
    "canary: commitment": "a commitment is not canonical in its suite",
    "canary: not false": "the roots are those of genesis: that is true",
    "canary: proof": "the adapter does not accept the proof",
    "bounty: nothing to pay": "nothing is owed to this payee",
    "replace: not the council": "only the council replaces a verifier at once",
    "replace: type is active": "an active type's verifier waits for the timelock: schedule an upgrade",
    "replace: conflict is open": "no verifier is replaced while a conflict is open",
    "type: unknown": "there is no such proof type",
    "type: disabled": "the proof type is already disabled",
    "type: adapter is banned": "the adapter is that of a disabled type",
    "type: adapter in use": "the adapter is already a proof type's",
    # Sequencing
    "seat: bond": "the value paid is not the bond",
    "seat: open": "the seat is already open",
    "seat: taken": "there is a sequencer",
    "seat: not settlement": "only Settlement reports a discarded batch",
    "seat: not the sequencer": "only the sequencer may do this",
    "seat: leaving already": "the sequencer has given notice",
    "seat: notice": "no notice was given, or it has not passed",
    "seat: batch not final": "the sequencer's last batch is not final yet",
    "seat: nothing to pay": "nothing is owed to this payee",
    "overdue: not queued": "this is not what stands at that place in the queue",
    "overdue: in time": "the sequencer's window has not passed",
    "overdue: taken in": "the entry is posted, and final or still in time",
    # Council
    "council: threshold": "the threshold is more than half of the members, and at most all",
    "council: members": "members stand in rising order, each once",
    "council: too late": "the deadline of the action has passed",
    "council: too few signatures": "fewer members signed than the threshold",
    "council: signature length": "a signature has 65 bytes",
    "council: high s": "s is not in the lower half of the group order",
    "council: not a member": "the signer is not a member (or what was signed is another action or nonce)",
    "council: order": "signatures stand by rising address, each once",
    "council: target": "the target has no code",
    "council: not the council": "only the council itself changes its members",
    # Bindings
    "bn254: journal": "a journal has at least 32 bytes, a multiple of 4",
    "bn254: challenge": "the challenge is not below the field's order",
    "goldilocks: journal": "a journal has at least 32 bytes, a multiple of 4",
    "goldilocks: challenge": "the challenge has a coordinate not below p, or its last 16 bytes are not zero",
    "koalabear: journal": "a journal has at least 32 bytes, a multiple of 4",
    "koalabear: challenge": "the challenge has a coordinate not below p, or its last 12 bytes are not zero",
    # Groth16Adapter
    "groth16: ic": "the verifying key must have 9 points: constant, 7 public inputs, the commitment's hash",
    "groth16: alpha": "alpha is not a point of G1 other than infinity",
    "groth16: ic point": "an ic point is not a point of G1 other than infinity",
    "groth16: G2 infinity": "a G2 point of the verifying key is infinity",
    "groth16: G2 point": "a G2 point of the verifying key is not in the group",
    "groth16: gamma is delta": "gamma and delta are equal or opposite: such a key accepts false proofs",
    "groth16: commitment key": "the commitment key's points are equal or opposite: it proves nothing",
    "groth16: commitment base": "the commitment key's base is not beta: not a key of our prover",
    "groth16: proof length": "a proof has 384 bytes",
    "groth16: suites": "the proof type commits to exactly one suite",
    "groth16: domain": "the adapter was created for another deployment, chain or program",
    "groth16: public input": "a public input is not below the field's order",
    "groth16: point": "a point of the proof is not on its curve, not in its group, or not canonical",
    "groth16: proof": "the proof does not verify for this statement",
    # Halo2Adapter
    "halo2: key length": "the verifying key has another length than keys of this circuit",
    "halo2: shape": "the verifying key is one of another circuit: other columns or constraints",
    "halo2: rows": "the verifying key's number of rows is not 2^4 to 2^28",
    "halo2: digest": "the verifying key's digest is not below the field's order",
    "halo2: setup": "the verifying key must say of its setup 0 (ceremony) or 1 (insecure)",
    "halo2: G2 point": "the setup's point is not in the group, or is infinity or the generator",
    "halo2: key point": "a point of the verifying key is not on the curve, or not canonical",
    "halo2: key": "the verifying key could not be stored",
    "halo2: proof length": "a proof has one length, to the byte",
    "halo2: suites": "the proof type commits to exactly one suite",
    "halo2: domain": "the adapter was created for another deployment, chain or program",
    "halo2: public input": "a public input is not below the field's order",
    "halo2: point": "a point of the proof is infinity, not on the curve, or not canonical",
    "halo2: scalar": "a scalar of the proof is not below the field's order",
    "halo2: challenge": "the proof's challenge fell on a point where it proves nothing: prove again",
    "halo2: proof": "the proof does not verify for this statement",
    # Plonky2Adapter
    "plonky2: cap": "the verifier data must have as many digests as the circuit's caps",
    "plonky2: digest": "a word of a digest is not below 2^63",
    "plonky2: suites": "the proof type commits to exactly one suite",
    "plonky2: domain": "the adapter was created for another deployment, chain or program",
    "plonky2: public input": "a public input is not a canonical element of its field",
    "plonky2: proof goes to prove": "a proof comes through the adapter's own entry, prove, not Settlement's",
    "plonky2: not proved": "no proof of this statement was verified in this transaction",
    "plonky2: proof length": "a proof has one length, to the byte",
    "plonky2: element": "an element of the proof is not below p",
    "plonky2: zeta": "the proof's challenge fell on a point where it proves nothing: prove again",
    "plonky2: identity": "the constraints do not hold at zeta: not a proof of this statement and program",
    "plonky2: grinding": "the proof's work is missing",
    "plonky2: constants": "a query's constants are not those of the program and batch size",
    "plonky2: wires": "a query's wires do not belong to their tree",
    "plonky2: products": "a query's products do not belong to their tree",
    "plonky2: quotients": "a query's quotients do not belong to their tree",
    "plonky2: folding": "a query's folding does not belong to its tree",
    "plonky2: final polynomial": "a query does not lead to the final polynomial",
    # StarkAdapter
    "stark: key length": "the verifying key has another length than keys of these tables",
    "stark: shape": "the verifying key is one of other tables, constraints or parameters",
    "stark: height": "a table of the verifying key is too short or too tall",
    "stark: key": "the verifying key could not be stored",
    "stark: suites": "the proof type commits to exactly one suite",
    "stark: domain": "the adapter was created for another deployment, chain or program",
    "stark: public input": "a public input is not a canonical element of its field",
    "stark: proof goes to prove": "a proof comes through the adapter's own entries, not Settlement's",
    "stark: not proved": "no proof of this statement was verified in this transaction",
    "stark: proof length": "what a transaction carries is too short to name its session and part",
    "stark: step": "a part of a proof that is not its session's next",
    "stark: part length": "a part has not the length of its queries",
    "stark: queries": "the last part came before all queries had",
    "stark: context": "a part is not of the proof whose parts came before",
    "stark: statement": "a part came with another statement than those before",
    "stark: element": "an element of the proof is not below p",
    "stark: grinding": "the proof's work is missing",
    "stark: zeta": "the proof's challenge fell on a point where it proves nothing: prove again",
    "stark: identity": "the constraints do not hold at zeta: not a proof of this statement and program",
    "stark: row": "a query's rows do not belong to their tree",
    "stark: coset": "a query's folding does not belong to its tree",
    "stark: last polynomial": "a query does not lead to the last polynomial",
    # SgxAdapter
    "sgx: operator": "the operator is the zero address",
    "sgx: measurement": "the quote's enclave is not the one measured at creation, or none was given",
    "sgx: not the operator": "only the operator registers and revokes keys",
    "sgx: signer": "the signer is the zero address",
    "sgx: key known": "the key is already registered or revoked",
    "sgx: simulated": "this deployment takes no simulated keys",
    "sgx: quote of a simulated key": "a simulated key has no quote",
    "sgx: quote length": "a quote has at least 432 bytes",
    "sgx: quote type": "the quote is not one of SGX",
    "sgx: debug enclave": "the quote is one of an enclave in debug mode",
    "sgx: report data": "the quote's report data is not keccak256(signer), then 32 zero bytes",
    "sgx: signature length": "a signature has 65 bytes",
    "sgx: high s": "s is not in the lower half of the group order",
    "sgx: signature": "no key recovers from the signature",
    "sgx: key unknown": "the key that signed is not registered (or what was signed is another statement)",
    "sgx: key revoked": "the key that signed is revoked",
}
"""Every reason that a contract of ours gives, and what it means."""


class L1Error(Exception):
    """L1 did not do what was asked."""


class RefusedError(L1Error):
    """A contract reverted.

    Attributes:
        reason: the contract's own words, a key of :data:`REASONS`; empty if it gave none (out of gas, or a
            call that does not fit its interface).
        expected: what the contract would have taken, where the client can tell.
        found: what came instead.
    """

    def __init__(self, reason: str, expected: str = "", found: str = "") -> None:
        meaning = REASONS.get(reason, "it gave no reason of ours")
        detail = f": expected {expected}, got {found}" if expected or found else ""
        super().__init__(f"{reason or 'reverted'}: {meaning}{detail}")
        self.reason = reason
        self.expected = expected
        self.found = found


class CreationRefusedError(RefusedError):
    """A contract refused its configuration."""


class EnqueueRefusedError(RefusedError):
    """The queue refused a transaction."""


class BridgeRefusedError(RefusedError):
    """The bridge does not pay, or an opening is not of the state."""


class PostRefusedError(RefusedError):
    """A claim or a binding was refused."""


class VouchRefusedError(RefusedError):
    """A vouch does not fit the claims on L1."""


class LivenessRefusedError(RefusedError):
    """Nothing is to be done: the claim, the type or the system is not where that could be needed."""


class GovernanceRefusedError(RefusedError):
    """A change of policy, type or verifier, or a step in a conflict, that the rules do not allow."""


class SequencingRefusedError(RefusedError):
    """The sequencer's seat is not to be had, opened or left that way."""


class CouncilRefusedError(RefusedError):
    """An action that the council did not approve."""


class ProofRefusedError(RefusedError):
    """An adapter refused a proof, a key or a signature."""


_BY_PREFIX: Final[dict[str, type[RefusedError]]] = {
    "init": CreationRefusedError,
    "enqueue": EnqueueRefusedError,
    **dict.fromkeys(
        (
            "entry",
            "owner",
            "refund",
            "withdraw",
            "absorb",
            "pay",
            "collect",
            "halt",
            "escape",
            "asset",
            "tree",
        ),
        BridgeRefusedError,
    ),
    "post": PostRefusedError,
    "propose": PostRefusedError,
    "bind": PostRefusedError,
    "vouch": VouchRefusedError,
    **dict.fromkeys(
        ("settle", "tier", "complain", "stuck", "discard", "prune", "hook"), LivenessRefusedError
    ),
    "catch up": LivenessRefusedError,
    **dict.fromkeys(
        (
            "policy",
            "timelock",
            "operator",
            "conflict",
            "choose",
            "resolve",
            "convict",
            "canary",
            "bounty",
            "replace",
            "type",
        ),
        GovernanceRefusedError,
    ),
    "seat": SequencingRefusedError,
    "overdue": SequencingRefusedError,
    "council": CouncilRefusedError,
    "bn254": PostRefusedError,
    "goldilocks": PostRefusedError,
    "koalabear": PostRefusedError,
    "groth16": ProofRefusedError,
    "halo2": ProofRefusedError,
    "plonky2": ProofRefusedError,
    "stark": ProofRefusedError,
    "sgx": ProofRefusedError,
}


def refused(reason: str, expected: str = "", found: str = "") -> RefusedError:
    """The exception for a contract's reason."""
    return _BY_PREFIX.get(reason.partition(":")[0], RefusedError)(reason, expected, found)


class GasRangeError(L1Error):
    """A transaction that L1 would never mine: gas under the floor (EIP-7623) or over the cap (EIP-7825)."""

    def __init__(self, rule: str, expected: str, found: int) -> None:
        super().__init__(f"{rule}: expected {expected} gas, got {found}")
        self.expected = expected
        self.found = found


class ReceiptTimeoutError(L1Error):
    """A transaction was sent and not mined in time; it may still be."""

    def __init__(self, tx_hash: bytes, seconds: float) -> None:
        super().__init__(
            f"transaction 0x{tx_hash.hex()} is not mined after {seconds:g} s: expected a receipt, got none; "
            "look whether its fee is enough, and send again with the same nonce"
        )
        self.tx_hash = tx_hash


class NotSettlementError(L1Error):
    """The address has no Settlement contract."""
