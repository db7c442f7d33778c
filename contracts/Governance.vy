# pragma version 0.4.3
# pragma optimize codesize
"""
@title Governance: what may change, by whom, and when (docs/settlement.md)
@notice The operator proposes, and waits TIMELOCK; only a stricter policy takes effect at once. The council chooses among
        the options of a proven conflict, and replaces the verifier of a type that a proof has put out of service.
        Anyone shows conflicts, convicts, brings a canary, and decides by weight what the council left undecided. There
        is no pause, and no power over state outside a proven conflict.
"""
import IAdapter
import IBinding
import IGovernance
import PolicyCheck
import Settlement

implements: IGovernance

MAX_SUITES: constant(uint256) = 4
MAX_TYPES: constant(uint256) = 8
MAX_OPTIONS: constant(uint256) = 8
MAX_SLOTS: constant(uint256) = 512
MAX_JOURNAL: constant(uint256) = 16384
MAX_PROOF: constant(uint256) = 4096

QUARANTINED: constant(uint256) = 1
DISABLED: constant(uint256) = 2
TOP: constant(uint256) = 8      # the bit of the top tier in a claim's `final`

CLAIMS: constant(uint256) = 1   # claims with one parent and the same inputs
ROOTS: constant(uint256) = 2    # roots of one claim in one suite
NOBODY: constant(uint256) = 255

struct Conflict:
    kind: uint256
    number: uint256                             # of the batch
    parent: bytes32
    claim: bytes32                              # of a conflict of roots; else zero
    suite: uint256
    options: DynArray[bytes32, MAX_OPTIONS]     # claims or roots
    supporters: DynArray[uint256, MAX_OPTIONS]  # bit i: proof type i; of claims, filled in when resolved
    shown: uint256
    deadline: uint256                           # the council's
    resolved: uint256                           # Unix seconds; 0: open
    winner: uint256                             # 255: none, nobody stood behind any
    losers: uint256                             # types quarantined
    disabled: uint256                           # types that stood behind two options
    by_council: bool
    below: uint256                              # place + 1 of the conflict that waits for this one; 0: none

event Scheduled:
    key: indexed(bytes32)
    ready: uint256
    action: Bytes[4096]

event Cancelled:
    key: indexed(bytes32)

event Applied:
    key: indexed(bytes32)

event PolicyTightened:
    pass

event ConflictShown:
    index: indexed(uint256)
    kind: uint256
    number: uint256
    parent: bytes32
    claim: bytes32
    suite: uint256

event OptionAdded:
    index: indexed(uint256)
    option: uint256
    content: bytes32

event ConflictResolved:
    index: indexed(uint256)
    number: uint256
    winner: bytes32
    losers: uint256
    disabled: uint256
    by_council: bool

event Convicted:
    proof_type: indexed(uint256)
    claim: bytes32
    other: bytes32

event CanaryDied:
    proof_type: indexed(uint256)
    payee: indexed(address)
    amount: uint256

event VerifierReplaced:
    proof_type: indexed(uint256)
    adapter: indexed(address)

event Funded:
    amount: uint256

SETTLEMENT: public(immutable(Settlement.__interface__))
POLICY_CHECK: public(immutable(PolicyCheck.__interface__))
OPERATOR: public(immutable(address))
COUNCIL: public(immutable(address))
TIMELOCK: public(immutable(uint256))        # seconds
COUNCIL_WINDOW: public(immutable(uint256))  # seconds
BOUNTY: public(immutable(uint256))          # wei

policy_in_force: PolicyCheck.Policy
ready: public(HashMap[bytes32, uint256])    # Unix seconds; 0: not scheduled
banned: public(HashMap[address, bool])      # adapters of disabled types
conflicts: HashMap[uint256, Conflict]
conflict_count: public(uint256)
open_conflict: public(uint256)              # place + 1; 0: none
credit: public(HashMap[address, uint256])   # wei
credits: uint256


@deploy
@payable
def __init__(
    settlement: address,
    policy_check: address,
    operator: address,
    council: address,
    timelock: uint256,
    council_window: uint256,
    bounty: uint256,
    policy: PolicyCheck.Policy,
):
    """
    @param timelock Seconds from a proposal to its effect.
    @param council_window Seconds that the council has to choose.
    @param bounty Wei that a canary earns, as far as there is that much.
    """
    assert settlement.is_contract and policy_check.is_contract, "init: contracts"
    assert operator != empty(address) and council != empty(address), "init: roles"
    SETTLEMENT = Settlement.__interface__(settlement)
    POLICY_CHECK = PolicyCheck.__interface__(policy_check)
    OPERATOR = operator
    COUNCIL = council
    TIMELOCK = timelock
    COUNCIL_WINDOW = council_window
    BOUNTY = bounty
    s: Settlement.__interface__ = Settlement.__interface__(settlement)
    p: PolicyCheck.__interface__ = PolicyCheck.__interface__(policy_check)
    self._check(s, p, policy)
    self._set(s, p, policy)


# 1. Changes, announced


@external
def propose_policy(policy: PolicyCheck.Policy) -> bytes32:
    """
    @notice Checked when it is applied: it may name a type that is scheduled.
    """
    return self._schedule(abi_encode("policy", policy))


@external
def apply_policy(policy: PolicyCheck.Policy):
    self._apply(abi_encode("policy", policy))
    self._check(SETTLEMENT, POLICY_CHECK, policy)
    self._set(SETTLEMENT, POLICY_CHECK, policy)


@external
def tighten_policy(policy: PolicyCheck.Policy):
    """
    @notice At once, if it releases nothing that the policy in force would not, and needs no type that this one can do
            without.
    """
    self._only_operator()
    self._check(SETTLEMENT, POLICY_CHECK, policy)
    active: uint256 = self._active()
    assert staticcall POLICY_CHECK.tightens(self.policy_in_force, policy, active), "policy: not tighter"
    self._set(SETTLEMENT, POLICY_CHECK, policy)
    log PolicyTightened()


@external
def schedule_upgrade(proof_type: uint256, adapter: address, gas_cap: uint256, from_number: uint256) -> bytes32:
    """
    @param from_number The first batch that the new adapter decides.
    """
    return self._schedule(abi_encode("upgrade", proof_type, adapter, gas_cap, from_number))


@external
def apply_upgrade(proof_type: uint256, adapter: address, gas_cap: uint256, from_number: uint256):
    self._apply(abi_encode("upgrade", proof_type, adapter, gas_cap, from_number))
    self._only_type(proof_type)
    self._only_new(adapter)
    extcall SETTLEMENT.set_next(proof_type, adapter, gas_cap, from_number)


@external
def schedule_type(t: Settlement.ProofType, weight: uint256) -> bytes32:
    """
    @param weight In conflicts; the policy has to name the type before it counts for finality.
    """
    return self._schedule(abi_encode("type", t, weight))


@external
def apply_type(t: Settlement.ProofType, weight: uint256):
    self._apply(abi_encode("type", t, weight))
    self._only_new(t.adapter)
    extcall SETTLEMENT.add_type(t)
    self.policy_in_force.weights.append(weight)
    self._check(SETTLEMENT, POLICY_CHECK, self.policy_in_force)


@external
def cancel(key: bytes32):
    self._only_operator()
    assert self.ready[key] != 0, "timelock: not scheduled"
    self.ready[key] = 0
    log Cancelled(key=key)


@internal
def _schedule(action: Bytes[4096]) -> bytes32:
    self._only_operator()
    key: bytes32 = keccak256(action)
    at: uint256 = self.ready[key]
    assert at == 0 or block.timestamp > at + TIMELOCK, "timelock: scheduled"
    self.ready[key] = block.timestamp + TIMELOCK
    log Scheduled(key=key, ready=block.timestamp + TIMELOCK, action=action)
    return key


@internal
def _apply(action: Bytes[4096]):
    key: bytes32 = keccak256(action)
    at: uint256 = self.ready[key]
    assert at != 0, "timelock: not scheduled"
    assert block.timestamp >= at, "timelock: too early"
    # What was announced is not kept for a better time.
    assert block.timestamp <= at + TIMELOCK, "timelock: lapsed"
    self.ready[key] = 0
    log Applied(key=key)


@internal
@view
def _check(s: Settlement.__interface__, p: PolicyCheck.__interface__, policy: PolicyCheck.Policy):
    suites: DynArray[uint256, MAX_TYPES] = []
    for i: uint256 in range(staticcall s.type_count(), bound=MAX_TYPES):
        suites.append((staticcall s.proof_type(i)).suites)
    sound: bool = staticcall p.check(policy, suites, len(staticcall s.suites()))
    assert sound, "policy: refused"


@internal
def _set(s: Settlement.__interface__, p: PolicyCheck.__interface__, policy: PolicyCheck.Policy):
    self.policy_in_force = policy
    smallest: uint256 = 0
    words: uint256[5] = empty(uint256[5])
    smallest, words = staticcall p.pack(policy)
    extcall s.set_policy(len(policy.tiers), smallest, words)


# 2. Conflicts


@external
def show_conflict(parent: bytes32, journal_hash: bytes32, other_journal_hash: bytes32):
    """
    @notice Two claims on one parent, of the same inputs, that types stand behind: one is a lie. Nothing from their batch
            on becomes final until it is resolved.
    """
    assert journal_hash != other_journal_hash, "conflict: one claim"
    number: uint256 = 0
    losers: uint256 = 0
    options: DynArray[bytes32, MAX_OPTIONS] = []
    decided: uint256 = self._final_number()
    winner: uint256 = NOBODY
    for hash: bytes32 in [journal_hash, other_journal_hash]:
        id: bytes32 = keccak256(concat(parent, hash))
        c: Settlement.Claim = self._vouched_for(parent, id)
        number = c.number
        if c.final & TOP != 0:
            winner = len(options)
        else:
            losers |= c.counting
        options.append(id)
    if number > decided:
        self._open(CLAIMS, number, parent, empty(bytes32), 0, options, [0, 0])
        return
    # The batch is final: what differs from it has lost.
    assert self._claim(parent).final & TOP != 0, "conflict: not on the final branch"
    for i: uint256 in range(2):
        if i != winner:
            extcall SETTLEMENT.close(options[i])
    self._settled(CLAIMS, number, parent, empty(bytes32), 0, options, [0, 0], winner, losers)


@external
def add_branch(journal_hash: bytes32):
    """
    @notice A further claim of the open conflict that types stand behind.
    """
    index: uint256 = self._open_index()
    parent: bytes32 = self.conflicts[index].parent
    assert self.conflicts[index].kind == CLAIMS, "conflict: of roots"
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    self._vouched_for(parent, claim)
    for option: bytes32 in self.conflicts[index].options:
        assert option != claim, "conflict: known"
    self._add(index, claim, 0)


@external
def dissent(
    proof_type: uint256, parent: bytes32, claim: bytes32, suite: uint256, recorded: bytes32, found: bytes32
):
    """
    @notice From Settlement: the type's proof is of another root than the one that types stand behind.
    """
    assert msg.sender == SETTLEMENT.address, "conflict: not settlement"
    c: Settlement.Claim = self._claim(claim)
    supporter: uint256 = 1 << proof_type
    options: DynArray[bytes32, MAX_OPTIONS] = [recorded, found]
    if c.final & TOP != 0:
        self._settled(ROOTS, c.number, parent, claim, suite, options, [0, supporter], 0, supporter)
        return
    assert c.number > self._final_number(), "conflict: not on the final branch"
    if self.open_conflict != 0:
        # What this vouch says of the open conflict counts there; of its own it can be shown after that.
        index: uint256 = self.open_conflict - 1
        other: uint256 = self.conflicts[index].suite
        option: bytes32 = empty(bytes32)
        if self.conflicts[index].kind == CLAIMS:
            option = claim
        elif self.conflicts[index].claim == claim:
            if other == suite:
                option = found
            elif other < suite and self._backers(other, c.counting) != 0:
                # It agrees with what is recorded of all suites before the first that it disputes.
                if (self._type(proof_type).suites >> other) & 1 == 1:
                    option = self._root(claim, other)
        if option != empty(bytes32):
            for i: uint256 in range(len(self.conflicts[index].options), bound=MAX_OPTIONS):
                if self.conflicts[index].options[i] == option:
                    self.conflicts[index].supporters[i] |= supporter
                    return
            if option == found:
                self._add(index, found, supporter)
                return
    self._open(ROOTS, c.number, parent, claim, suite, options, [0, supporter])


@external
def choose(index: uint256, option: uint256):
    """
    @notice The council's one choice: among the options of the open conflict that types stand behind.
    @param index Of the conflict: what was signed for one says nothing of another that came first.
    """
    assert msg.sender == COUNCIL, "choose: not the council"
    assert index == self._open_index(), "choose: another conflict is open"
    assert block.timestamp < self.conflicts[index].deadline, "choose: too late"
    masks: uint256[MAX_OPTIONS] = self._support(index)
    assert option < MAX_OPTIONS and masks[option] != 0, "choose: no such option"
    self._decide(index, option, masks, True)


@external
def resolve():
    """
    @notice After the council's window: the option of most weight. Before it only where no more than one is left that
            types stand behind.
    """
    index: uint256 = self._open_index()
    masks: uint256[MAX_OPTIONS] = self._support(index)
    two: uint256 = self._twice(masks)
    winner: uint256 = NOBODY
    heaviest: uint256 = 0
    left: uint256 = 0
    for i: uint256 in range(MAX_OPTIONS):
        weight: uint256 = 0
        for t: uint256 in range(len(self.policy_in_force.weights), bound=MAX_TYPES):
            if ((masks[i] & ~two) >> t) & 1 == 1:
                weight += self.policy_in_force.weights[t]
        if weight != 0:
            left += 1
        if weight > heaviest:
            heaviest = weight
            winner = i
    assert left <= 1 or block.timestamp >= self.conflicts[index].deadline, "resolve: too early"
    self._decide(index, winner, masks, False)


@internal
@view
def _open_index() -> uint256:
    assert self.open_conflict != 0, "conflict: none is open"
    return self.open_conflict - 1


@internal
@view
def _vouched_for(parent: bytes32, claim: bytes32) -> Settlement.Claim:
    c: Settlement.Claim = self._claim(claim)
    assert c.posted, "conflict: unknown claim"
    assert not c.closed, "conflict: known"
    assert c.generation == self._claim(parent).children_generation, "conflict: discarded"
    # What is final needs no witness any more.
    assert c.counting != 0 or c.final & TOP != 0, "conflict: not vouched for"
    return c


@internal
def _add(index: uint256, option: bytes32, supporters: uint256):
    place: uint256 = len(self.conflicts[index].options)
    assert place < MAX_OPTIONS, "conflict: too many options"
    self.conflicts[index].options.append(option)
    self.conflicts[index].supporters.append(supporters)
    log OptionAdded(index=index, option=place, content=option)


@internal
def _open(
    kind: uint256,
    number: uint256,
    parent: bytes32,
    claim: bytes32,
    suite: uint256,
    options: DynArray[bytes32, MAX_OPTIONS],
    supporters: DynArray[uint256, MAX_OPTIONS],
):
    if self.open_conflict != 0:
        # The lowest comes first, claims before their roots; the other waits for it.
        o: uint256 = self.open_conflict - 1
        level: uint256 = self._level(
            self.conflicts[o].kind, self.conflicts[o].number, self.conflicts[o].suite
        )
        assert self._level(kind, number, suite) < level, "conflict: another is open"
    index: uint256 = self._record(kind, number, parent, claim, suite, options, supporters)
    self.conflicts[index].deadline = block.timestamp + COUNCIL_WINDOW
    self.conflicts[index].winner = NOBODY
    self.conflicts[index].below = self.open_conflict
    self.open_conflict = index + 1
    extcall SETTLEMENT.freeze(number)


@internal
@pure
def _level(kind: uint256, number: uint256, suite: uint256) -> uint256:
    return (number << 8) | (kind << 4) | suite


@internal
def _settled(
    kind: uint256,
    number: uint256,
    parent: bytes32,
    claim: bytes32,
    suite: uint256,
    options: DynArray[bytes32, MAX_OPTIONS],
    supporters: DynArray[uint256, MAX_OPTIONS],
    winner: uint256,
    losers: uint256,
):
    """
    @dev A conflict with a batch that is final: a record, and the types that lost it.
    """
    index: uint256 = self._record(kind, number, parent, claim, suite, options, supporters)
    value: bytes32 = empty(bytes32)
    if winner != NOBODY:
        value = options[winner]
    self._close(index, winner, value, losers, 0, False)


@internal
def _record(
    kind: uint256,
    number: uint256,
    parent: bytes32,
    claim: bytes32,
    suite: uint256,
    options: DynArray[bytes32, MAX_OPTIONS],
    supporters: DynArray[uint256, MAX_OPTIONS],
) -> uint256:
    index: uint256 = self.conflict_count
    self.conflict_count = index + 1
    self.conflicts[index].kind = kind
    self.conflicts[index].number = number
    self.conflicts[index].parent = parent
    self.conflicts[index].claim = claim
    self.conflicts[index].suite = suite
    self.conflicts[index].options = options
    self.conflicts[index].supporters = supporters
    self.conflicts[index].shown = block.timestamp
    log ConflictShown(index=index, kind=kind, number=number, parent=parent, claim=claim, suite=suite)
    return index


@internal
@view
def _support(index: uint256) -> uint256[MAX_OPTIONS]:
    """
    @dev The active types that stand behind each option now.
    """
    masks: uint256[MAX_OPTIONS] = empty(uint256[MAX_OPTIONS])
    claim: bytes32 = self.conflicts[index].claim
    suite: uint256 = self.conflicts[index].suite
    active: uint256 = self._active()
    for i: uint256 in range(len(self.conflicts[index].options), bound=MAX_OPTIONS):
        option: bytes32 = self.conflicts[index].options[i]
        masks[i] = self.conflicts[index].supporters[i] & active
        if self.conflicts[index].kind == CLAIMS:
            masks[i] |= self._claim(option).counting
        elif option == self._root(claim, suite):
            masks[i] |= self._backers(suite, self._claim(claim).counting)
    return masks


@internal
@view
def _backers(suite: uint256, types: uint256) -> uint256:
    """
    @dev Those of the types that commit to a suite.
    """
    mask: uint256 = 0
    for t: uint256 in range(MAX_TYPES):
        if (types >> t) & 1 == 1:
            mask |= ((self._type(t).suites >> suite) & 1) << t
    return mask


@internal
@pure
def _twice(masks: uint256[MAX_OPTIONS]) -> uint256:
    """
    @dev The types behind more than one option.
    """
    seen: uint256 = 0
    two: uint256 = 0
    for mask: uint256 in masks:
        two |= seen & mask
        seen |= mask
    return two


@internal
def _decide(index: uint256, winner: uint256, masks: uint256[MAX_OPTIONS], by_council: bool):
    two: uint256 = self._twice(masks)
    losers: uint256 = 0
    value: bytes32 = empty(bytes32)
    if winner != NOBODY:
        value = self.conflicts[index].options[winner]
        parent: bytes32 = self.conflicts[index].parent
        for i: uint256 in range(len(self.conflicts[index].options), bound=MAX_OPTIONS):
            self.conflicts[index].supporters[i] = masks[i]
            if i != winner:
                losers |= masks[i] & ~two
                if self.conflicts[index].kind == CLAIMS:
                    extcall SETTLEMENT.close(self.conflicts[index].options[i])
        if self.conflicts[index].kind == CLAIMS:
            extcall SETTLEMENT.elect(parent, value)
        else:
            claim: bytes32 = self.conflicts[index].claim
            suite: uint256 = self.conflicts[index].suite
            if self._root(claim, suite) != value:
                # All that vouched for the other root, those that are out of service too.
                extcall SETTLEMENT.set_root(claim, suite, value, self._backers(suite, 2 ** MAX_TYPES - 1))
    below: uint256 = self.conflicts[index].below
    self.open_conflict = below
    number: uint256 = 0
    if below != 0:
        number = self.conflicts[below - 1].number
        self.conflicts[below - 1].deadline = block.timestamp + COUNCIL_WINDOW
    self._close(index, winner, value, losers, two, by_council)
    extcall SETTLEMENT.freeze(number)


@internal
def _close(index: uint256, winner: uint256, chosen: bytes32, losers: uint256, two: uint256, by_council: bool):
    self.conflicts[index].resolved = block.timestamp
    self.conflicts[index].winner = winner
    self.conflicts[index].losers = losers
    self.conflicts[index].disabled = two
    self.conflicts[index].by_council = by_council
    extcall SETTLEMENT.set_status(losers, QUARANTINED)
    for t: uint256 in range(MAX_TYPES):
        if (two >> t) & 1 == 1:
            self._disable(t, self._adapter_at(self._type(t), self.conflicts[index].number))
    log ConflictResolved(
        index=index,
        number=self.conflicts[index].number,
        winner=chosen,
        losers=losers,
        disabled=two,
        by_council=by_council,
    )


# 3. Proofs against a type


@external
def convict(
    proof_type: uint256,
    parent: bytes32,
    journal_hash: bytes32,
    first_journal_hash: bytes32,
    results: DynArray[Settlement.SuiteResult, MAX_SUITES],
    payee: address,
    proof: Bytes[MAX_PROOF],
):
    """
    @notice A type that vouched for a claim, and whose adapter now accepts a proof of a sibling, or of other roots of the
            same claim, is disabled for good.
    @param journal_hash Of the claim that the proof is of; it must be posted (`propose`).
    @param first_journal_hash Of the claim that the type vouched for.
    """
    t: Settlement.TypeInfo = self._standing(proof_type)
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    first: bytes32 = keccak256(concat(parent, first_journal_hash))
    c: Settlement.Claim = self._claim(claim)
    f: Settlement.Claim = self._claim(first)
    p: Settlement.Claim = self._claim(parent)
    assert c.posted and f.posted and c.generation == f.generation, "convict: other inputs"
    # By the adapter that is asked now, and from roots that the type itself stood behind.
    assert f.times[proof_type] > t.valid_from, "convict: not vouched for"
    assert p.times[proof_type] != 0 or p.final & TOP != 0, "convict: other roots before"
    assert f.number >= staticcall SETTLEMENT.adapter_since(proof_type), "convict: other adapter"

    statement: IAdapter.Vouch = IAdapter.Vouch(
        domain=staticcall SETTLEMENT.domain(), claim=claim, payee=payee, suites=[]
    )
    differs: bool = claim != first
    n: uint256 = 0
    for suite: uint256 in range(MAX_SUITES):
        if (t.suites >> suite) & 1 == 0:
            continue
        assert n < len(results), "convict: results"
        r: Settlement.SuiteResult = results[n]
        if t.binds:
            assert staticcall SETTLEMENT.is_bound(
                claim, suite, r.commitment, r.challenge, r.evaluation
            ), "convict: not bound"
        # Roots that were pruned contradict nothing.
        known: bytes32 = self._root(claim, suite)
        if known != empty(bytes32) and r.root != known:
            differs = True
        statement.suites.append(
            IAdapter.SuiteVouch(
                pre_root=self._root(parent, suite),
                post_root=r.root,
                commitment=r.commitment,
                challenge=r.challenge,
                evaluation=r.evaluation,
            )
        )
        n += 1
    assert n == len(results), "convict: results"
    assert differs, "convict: no contradiction"
    assert staticcall SETTLEMENT.accepts(proof_type, c.number, statement, proof), "convict: proof"
    self._disable(proof_type, self._adapter_at(t, c.number))
    log Convicted(proof_type=proof_type, claim=claim, other=first)


@external
def canary(
    proof_type: uint256,
    journal: Bytes[MAX_JOURNAL],
    results: DynArray[Settlement.SuiteResult, MAX_SUITES],
    payee: address,
    proof: Bytes[MAX_PROOF],
):
    """
    @notice A proof that a batch of noops on genesis changes a root is false, whoever made it: its type is disabled for
            good, and the proof's payee earns the bounty.
    @param results Of each suite the root and the commitment; the challenge and the evaluation are computed here.
    """
    t: Settlement.TypeInfo = self._standing(proof_type)
    program: Settlement.Program = staticcall SETTLEMENT.program()
    size: uint256 = program.slots * (program.input_words + program.output_words) + program.cell_words
    assert len(journal) == 4 * size, "canary: journal"
    for i: uint256 in range(program.slots, bound=MAX_SLOTS):
        kind: uint256 = extract32(journal, 4 * i * program.input_words, output_type=uint256) >> 224
        assert kind == 0, "canary: not a noop"

    claim: bytes32 = keccak256(concat(staticcall SETTLEMENT.genesis_claim(), keccak256(journal)))
    domain: bytes32 = staticcall SETTLEMENT.domain()
    suites: DynArray[Settlement.Suite, MAX_SUITES] = staticcall SETTLEMENT.suites()
    statement: IAdapter.Vouch = IAdapter.Vouch(domain=domain, claim=claim, payee=payee, suites=[])
    differs: bool = False
    n: uint256 = 0
    for i: uint256 in range(len(suites), bound=MAX_SUITES):
        if (t.suites >> i) & 1 == 0:
            continue
        assert n < len(results), "canary: results"
        s: Settlement.Suite = suites[i]
        binding: IBinding = IBinding(s.binding)
        root: bytes32 = results[n].root
        # Another encoding of the same root would be no lie.
        assert staticcall binding.is_canonical(root), "canary: root"
        if root != s.genesis_root:
            differs = True
        c: bytes32 = empty(bytes32)
        z: bytes32 = empty(bytes32)
        y: bytes32 = empty(bytes32)
        if t.binds:
            c = results[n].commitment
            assert staticcall binding.is_canonical(c), "canary: commitment"
            z = staticcall binding.challenge(keccak256(abi_encode(domain, s.id, claim, c)))
            y = staticcall binding.evaluate(journal, z)
        statement.suites.append(
            IAdapter.SuiteVouch(pre_root=s.genesis_root, post_root=root, commitment=c, challenge=z, evaluation=y)
        )
        n += 1
    assert n == len(results), "canary: results"
    assert differs, "canary: not false"
    number: uint256 = self._final_number() + 1
    assert staticcall SETTLEMENT.accepts(proof_type, number, statement, proof), "canary: proof"
    self._disable(proof_type, self._adapter_at(t, number))
    amount: uint256 = min(BOUNTY, self.balance - self.credits)
    self.credit[payee] += amount
    self.credits += amount
    log CanaryDied(proof_type=proof_type, payee=payee, amount=amount)


@external
def claim_bounty(payee: address):
    """
    @notice Pays what a canary earned.
    """
    amount: uint256 = self.credit[payee]
    assert amount != 0, "bounty: nothing to pay"
    self.credit[payee] = 0
    self.credits -= amount
    raw_call(payee, b"", value=amount)


@external
@payable
def fund():
    """
    @notice Adds to what canaries are paid from.
    """
    log Funded(amount=msg.value)


@external
def replace_verifier(proof_type: uint256, adapter: address, gas_cap: uint256):
    """
    @notice The council's: another adapter for a type that a proof has put out of service, from final_claim on.
    """
    assert msg.sender == COUNCIL, "replace: not the council"
    self._only_type(proof_type)
    assert self._type(proof_type).status != 0, "replace: type is active"
    assert self.open_conflict == 0, "replace: conflict is open"
    self._only_new(adapter)
    extcall SETTLEMENT.reinstate(proof_type, adapter, gas_cap)
    log VerifierReplaced(proof_type=proof_type, adapter=adapter)


# Each of these is one copy of the code that reads an answer.


@internal
@view
def _claim(id: bytes32) -> Settlement.Claim:
    return staticcall SETTLEMENT.claim(id)


@internal
@view
def _type(proof_type: uint256) -> Settlement.TypeInfo:
    return staticcall SETTLEMENT.proof_type(proof_type)


@internal
@view
def _active() -> uint256:
    """
    @dev The types that are in service.
    """
    mask: uint256 = 0
    for t: uint256 in range(staticcall SETTLEMENT.type_count(), bound=MAX_TYPES):
        if self._type(t).status == 0:
            mask |= 1 << t
    return mask


@internal
@view
def _final_number() -> uint256:
    return (staticcall SETTLEMENT.finality()).number


@internal
@view
def _root(claim: bytes32, suite: uint256) -> bytes32:
    return staticcall SETTLEMENT.root(claim, suite)


@internal
@view
def _standing(proof_type: uint256) -> Settlement.TypeInfo:
    self._only_type(proof_type)
    t: Settlement.TypeInfo = self._type(proof_type)
    assert t.status != DISABLED, "type: disabled"
    return t


@internal
@pure
def _adapter_at(t: Settlement.TypeInfo, number: uint256) -> address:
    if t.next_from != 0 and number >= t.next_from:
        return t.next_adapter
    return t.adapter


@internal
def _disable(proof_type: uint256, adapter: address):
    self.banned[adapter] = True
    extcall SETTLEMENT.set_status(1 << proof_type, DISABLED)


@internal
@view
def _only_type(proof_type: uint256):
    assert proof_type < staticcall SETTLEMENT.type_count(), "type: unknown"


@internal
@view
def _only_new(adapter: address):
    assert not self.banned[adapter], "type: adapter is banned"
    for i: uint256 in range(staticcall SETTLEMENT.type_count(), bound=MAX_TYPES):
        t: Settlement.TypeInfo = self._type(i)
        assert t.adapter != adapter, "type: adapter in use"
        assert t.next_from == 0 or t.next_adapter != adapter, "type: adapter in use"


@internal
@view
def _only_operator():
    assert msg.sender == OPERATOR, "operator: not the operator"


# 4. Views


@external
@view
def policy() -> PolicyCheck.Policy:
    return self.policy_in_force


@external
@view
def conflict(index: uint256) -> Conflict:
    return self.conflicts[index]


@external
@view
def support() -> uint256[MAX_OPTIONS]:
    """
    @return The active types that stand behind each option of the open conflict.
    """
    return self._support(self._open_index())
