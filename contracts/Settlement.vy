# pragma version 0.4.3
# pragma optimize codesize
"""
@title Settlement: one program's batches, settled when independent proof types agree (docs/settlement.md)
@notice Claims form a tree under the genesis claim. A proof type vouches for claims one after the other. A claim is final
        at a tier of value when its parent is, and an alternative of that tier's policy holds: all of its types have
        vouched for the claim, and the alternative's delay has passed since. Nobody owns this contract; only Governance,
        under its own rules, changes the policy and the types, and never a claim outside a proven conflict.
"""
import IAdapter
import IBinding
import IBridge
import IGovernance
import ISequencing

MAX_SUITES: constant(uint256) = 4
MAX_TYPES: constant(uint256) = 8
MAX_TIERS: constant(uint256) = 4
MAX_ALTERNATIVES: constant(uint256) = 6  # a tier
MAX_KINDS: constant(uint256) = 32
MAX_SLOT: constant(uint256) = 512       # bytes of one slot's input words
MAX_SLOTS: constant(uint256) = 512
MAX_ENTRIES: constant(uint256) = 64     # transactions from L1 in one batch
MIN_JOURNAL: constant(uint256) = 32     # a binding reads words of 32 bytes
MAX_JOURNAL: constant(uint256) = 16384  # memory for more would cost every posting gas
MAX_PROOF: constant(uint256) = 4096
MAX_PRUNED: constant(uint256) = 16      # bindings in one call
MAX_DELAY: constant(uint256) = 30 * 86400   # of any policy (PolicyCheck)

DOMAIN_TAG: constant(bytes32) = keccak256("multiprover/v1")
ACCEPTED: constant(bytes32) = keccak256("multiprover/vouch/v1")

# Time is counted in epochs since creation, rounded up: a vouch's time is the end of its epoch, so that no delay is ever
# counted short, and a time fits 21 bits (68 years).
EPOCH: constant(uint256) = 1024
EPOCH_MASK: constant(uint256) = 2 ** 21 - 1

# What is kept of a claim, in one word. Zero means that it was not posted.
POSTED: constant(uint256) = 1
PARENT: constant(uint256) = 2               # the inputs of the batch that follows are fixed
CLOSED: constant(uint256) = 4               # it lost a conflict
BIRTH_AT: constant(uint256) = 4             # 6 bits: the parent's generation when it was posted
GENERATION_AT: constant(uint256) = 10       # 6 bits: how often its children were discarded
GENERATIONS: constant(uint256) = 63
FINAL_AT: constant(uint256) = 16            # 4 bits: final at that tier; the top tier is always the last bit
CHILD_AT: constant(uint256) = 20            # 4 bits: some child is
TIERS_MASK: constant(uint256) = 15
TOP: constant(uint256) = 3
NUMBER_AT: constant(uint256) = 24           # 32 bits: batches since genesis
QUEUE_AT: constant(uint256) = 56            # 32 bits: queue entries taken in, up to and with this claim
TIMES_AT: constant(uint256) = 88            # 21 bits a proof type: the epoch of its vouch, 0 if there is none
UINT32: constant(uint256) = 2 ** 32 - 1

# The state of the whole, in one word.
STANDING: constant(uint256) = 23            # bits a proof type: 2 of status, 21 of the epoch since when its vouches count
STATUS_MASK: constant(uint256) = 3
ACTIVE: constant(uint256) = 0
QUARANTINED: constant(uint256) = 1
DISABLED: constant(uint256) = 2
FROZEN_AT: constant(uint256) = 184          # 32 bits: number of the lowest batch in an open conflict, 0 if there is none
TIER_COUNT_AT: constant(uint256) = 216      # 3 bits
HALTED: constant(uint256) = 1 << 219
SMALLEST_AT: constant(uint256) = 220        # 4 bits: the fewest types of an alternative without delay
TYPE_COUNT_AT: constant(uint256) = 224      # 4 bits
FINAL_EPOCH_AT: constant(uint256) = 228     # 21 bits: when final_claim last moved
DISCARDED: constant(uint256) = 1 << 249     # children were discarded, once: before that, no vouch looks at generations

# A proof type, in one word: adapter 160 bits, then
ADDRESS: constant(uint256) = 2 ** 160 - 1
SUITES_AT: constant(uint256) = 160          # 8 bits: bit i: it commits to the root of suite i
BINDS: constant(uint256) = 1 << 168
GAS_AT: constant(uint256) = 176             # 32 bits: the most that its adapter may burn
FROM_AT: constant(uint256) = 208            # 32 bits: batch from which next_type's adapter and gas hold; 0: none

struct Program:
    id: bytes32
    slots: uint256         # a batch
    input_words: uint256   # a slot
    output_words: uint256  # a slot
    cell_words: uint256    # the integer cells, once a batch

struct Suite:
    id: bytes32             # keccak256 of its name
    binding: address
    genesis_root: bytes32

struct ProofType:
    id: bytes32             # keccak256 of its name
    adapter: address
    suites: uint256         # bit i: it commits to the root of suite i
    binds: bool             # its proofs know the journal by (c, z, y); otherwise by the claim itself
    gas: uint256            # the most that its adapter may burn

struct SuiteResult:
    root: bytes32           # after the batch
    commitment: bytes32     # c, z, y: zero for a proof type that does not bind
    challenge: bytes32
    evaluation: bytes32

struct Bound:
    suite: uint256
    commitment: bytes32
    challenge: bytes32
    evaluation: bytes32

struct TypeInfo:
    id: bytes32
    adapter: address
    suites: uint256
    binds: bool
    gas: uint256
    status: uint256         # 0 active, 1 quarantined, 2 disabled
    valid_from: uint256     # Unix seconds: earlier vouches do not count
    next_adapter: address   # the next three: what was last scheduled; it holds if next_from is not 0
    next_gas: uint256
    next_from: uint256      # batch from which they hold; 0: none

struct Claim:
    posted: bool
    parent: bool            # the inputs of the batch that follows are fixed
    closed: bool
    generation: uint256             # its parent's when it was posted; it is void if the parent's moved on
    children_generation: uint256
    final: uint256          # 4 bits; 8 is the top tier
    child_final: uint256
    number: uint256
    queue_end: uint256
    vouched: uint256        # bit i: proof type i
    counting: uint256       # those whose vouch counts now
    times: uint256[MAX_TYPES]  # Unix seconds from which delays count; 0: no vouch

struct Finality:
    claim: bytes32
    number: uint256
    queue_end: uint256
    time: uint256           # Unix seconds, rounded up to an epoch

struct Tip:
    poster: address
    queue_end: uint256
    number: uint256

event Posted:
    claim: indexed(bytes32)
    parent: indexed(bytes32)
    journal_hash: bytes32
    number: uint256
    queue_end: uint256

event Vouched:
    claim: indexed(bytes32)
    proof_type: indexed(uint256)
    payee: indexed(address)

# A proof type's proof is of `found` where `recorded` was vouched for before.
event RootConflict:
    claim: indexed(bytes32)
    proof_type: indexed(uint256)
    suite: uint256
    recorded: bytes32
    found: bytes32

event Finalised:
    claim: indexed(bytes32)
    number: uint256
    final: uint256          # the claim's bits now; 8: the top tier
    state_root: bytes32     # zero unless final at the top tier

event Frozen:
    number: uint256         # 0: thawed

event Closed:
    claim: indexed(bytes32)

event StatusChanged:
    proof_type: indexed(uint256)
    status: uint256

event TypeChanged:
    proof_type: indexed(uint256)
    adapter: indexed(address)
    gas: uint256
    from_number: uint256    # 0: at once

event PolicySet:
    tiers: uint256

event Lagging:
    proof_type: indexed(uint256)
    head: bytes32
    final_claim: bytes32

event Complained:
    claim: indexed(bytes32)

event Discarded:
    parent: indexed(bytes32)
    generation: uint256

event Halted:
    pass

PROGRAM: immutable(Program)
KINDS: immutable(uint256)
FROM_L1: immutable(uint256)      # bit i: kind i
SUITES: immutable(DynArray[Suite, MAX_SUITES])
SLOT_BYTES: immutable(uint256)
JOURNAL_BYTES: immutable(uint256)
GENESIS: immutable(bytes32)
DEPLOYED: public(immutable(uint256))
PROOF_WINDOW: public(immutable(uint256))
GOVERNANCE: public(immutable(address))
BRIDGE: public(immutable(address))
SEQUENCING: public(immutable(address))

state: uint256
claims: HashMap[bytes32, uint256]
bound: HashMap[bytes32, bool]                               # by keccak256(claim, suite, c, z, y)
root: public(HashMap[bytes32, HashMap[uint256, bytes32]])   # of a claim and a suite
head: public(HashMap[uint256, bytes32])                     # of a proof type
final_claim: public(bytes32)
last_post: uint256                                          # poster, queue end 32 bits, number 32 bits
complained: public(HashMap[bytes32, uint256])               # Unix seconds
types: HashMap[uint256, uint256]
next_type: HashMap[uint256, uint256]
type_id: HashMap[uint256, bytes32]
adapter_since: public(HashMap[uint256, uint256])            # batch from which a type's adapter holds
thawed: public(uint256)                 # epoch in which a conflict last ended; delays count from its end at the earliest
tier_words: uint256[MAX_TIERS]  # 6 alternatives of 40 bits: mask 8, delay 32
limits: uint256                 # of every tier, 64 bits each, in gwei


@deploy
def __init__(
    program: Program,
    kinds: uint256,
    from_l1: uint256,
    suites: DynArray[Suite, MAX_SUITES],
    types: DynArray[ProofType, MAX_TYPES],
    governance: address,
    bridge: address,
    sequencing: address,
    proof_window: uint256,
):
    """
    @param kinds How many the program has; the first is `noop`.
    @param from_l1 Which of them come from L1: bit i is kind i.
    @param suites In suite order.
    @param proof_window How long a batch that nobody proves blocks the chain, and a type may be silent, in seconds.
    """
    slot: uint256 = 4 * program.input_words
    journal: uint256 = program.slots * (slot + 4 * program.output_words) + 4 * program.cell_words
    assert 1 <= program.slots and program.slots <= MAX_SLOTS, "init: slots"
    assert 4 <= slot and slot <= MAX_SLOT, "init: input words"
    assert MIN_JOURNAL <= journal and journal <= MAX_JOURNAL, "init: journal"
    # post reads 32 bytes from the start of the last slot.
    assert (program.slots - 1) * slot + 32 <= journal, "init: journal"
    assert program.id != empty(bytes32), "init: program"
    assert 1 <= kinds and kinds <= MAX_KINDS and from_l1 >> kinds == 0, "init: kinds"
    assert from_l1 & 1 == 0, "init: noop"
    assert governance != empty(address) and bridge != empty(address), "init: contracts"
    assert sequencing != empty(address), "init: contracts"
    assert 1 <= proof_window and proof_window <= UINT32, "init: window"

    assert len(suites) != 0, "init: suites"
    roots: bytes32[MAX_SUITES] = empty(bytes32[MAX_SUITES])
    for i: uint256 in range(len(suites), bound=MAX_SUITES):
        suite: Suite = suites[i]
        assert suite.id != empty(bytes32), "init: suite id"
        assert suite.binding.is_contract, "init: binding"
        assert suite.genesis_root != empty(bytes32), "init: genesis root"
        assert staticcall IBinding(suite.binding).is_canonical(suite.genesis_root), "init: genesis root"
        for j: uint256 in range(i, bound=MAX_SUITES):
            assert suites[j].id != suite.id, "init: suite twice"
        roots[i] = suite.genesis_root

    PROGRAM = program
    KINDS = kinds
    FROM_L1 = from_l1
    SUITES = suites
    SLOT_BYTES = slot
    JOURNAL_BYTES = journal
    DEPLOYED = block.timestamp
    PROOF_WINDOW = proof_window
    GOVERNANCE = governance
    BRIDGE = bridge
    SEQUENCING = sequencing

    state_root: bytes32 = keccak256(slice(abi_encode(roots), 0, 32 * len(suites)))
    GENESIS = keccak256(abi_encode(self._domain(program.id), state_root))
    self.claims[GENESIS] = POSTED | (TIERS_MASK << FINAL_AT)
    self.final_claim = GENESIS
    self.state = 1 << FINAL_EPOCH_AT
    for i: uint256 in range(len(suites), bound=MAX_SUITES):
        self.root[GENESIS][i] = suites[i].genesis_root
    for t: ProofType in types:
        self._add_type(t, len(suites))


# 1. Post and bind


@external
def post(
    parent: bytes32,
    journal: Bytes[MAX_JOURNAL],
    commitments: DynArray[bytes32, MAX_SUITES],
    origins: DynArray[bytes32, MAX_ENTRIES],
) -> bytes32:
    """
    @notice The sequencer's claim: fixes the inputs of the batch that follows `parent`.
    @param commitments c of every suite, in suite order.
    @param origins Of each leading transaction from L1: its sender's 20 bytes, then 12 of the time when it was queued.
    @return The claim.
    """
    assert staticcall ISequencing(SEQUENCING).may_post(msg.sender), "post: not the sequencer"
    before: uint256 = self.claims[parent]
    assert before != 0, "post: unknown parent"
    assert before & CLOSED == 0, "post: closed"
    assert before & PARENT == 0, "post: inputs are fixed"
    assert len(journal) == JOURNAL_BYTES, "post: journal length"

    queue_end: uint256 = self._queue_end(before)
    queue_hash: bytes32 = empty(bytes32)
    if len(origins) != 0:
        queue_hash = staticcall IBridge(BRIDGE).queue_hash(queue_end)
    taken: uint256 = 0
    leading: bool = True
    offset: uint256 = 0
    for i: uint256 in range(PROGRAM.slots, bound=MAX_SLOTS):
        kind: uint256 = extract32(journal, offset, output_type=uint256) >> 224
        assert kind < KINDS, "post: kind"
        if (FROM_L1 >> kind) & 1 == 1:
            assert leading, "post: L1 transaction after others"
            assert taken < len(origins), "post: origins"
            entry: bytes32 = keccak256(concat(origins[taken], keccak256(slice(journal, offset, SLOT_BYTES))))
            queue_hash = keccak256(concat(queue_hash, entry))
            taken = unsafe_add(taken, 1)
        else:
            leading = False
        offset = unsafe_add(offset, SLOT_BYTES)
    assert taken == len(origins), "post: origins"
    if taken != 0:
        queue_end += taken
        assert staticcall IBridge(BRIDGE).queue_hash(queue_end) == queue_hash, "post: queue entry"

    self.claims[parent] = before | PARENT
    number: uint256 = self._number(before) + 1
    self.last_post = (convert(msg.sender, uint256) << 64) | (queue_end << 32) | number
    claim: bytes32 = self._post(
        parent, keccak256(journal), len(commitments), number, queue_end, self._generation(before)
    )
    for i: uint256 in range(len(SUITES), bound=MAX_SUITES):
        z: bytes32 = self._challenge(claim, i, commitments[i])
        self._bind(claim, i, commitments[i], z, staticcall IBinding(SUITES[i].binding).evaluate(journal, z))
    return claim


@external
def propose(
    parent: bytes32,
    journal: Bytes[MAX_JOURNAL],
    first: Bytes[MAX_JOURNAL],
    commitments: DynArray[bytes32, MAX_SUITES],
) -> bytes32:
    """
    @notice Anyone's claim with the inputs that are fixed and other outputs.
    @param first The journal of a claim already posted on `parent`.
    """
    before: uint256 = self.claims[parent]
    assert before != 0, "propose: unknown parent"
    assert len(journal) == JOURNAL_BYTES and len(first) == JOURNAL_BYTES, "propose: journal length"
    sibling: uint256 = self.claims[keccak256(concat(parent, keccak256(first)))]
    assert sibling != 0, "propose: unknown claim"
    assert self._birth(sibling) == self._generation(before), "propose: discarded"
    inputs: uint256 = PROGRAM.slots * SLOT_BYTES
    assert keccak256(slice(journal, 0, inputs)) == keccak256(slice(first, 0, inputs)), "propose: other inputs"
    claim: bytes32 = self._post(
        parent,
        keccak256(journal),
        len(commitments),
        self._number(sibling),
        self._queue_end(sibling),
        self._birth(sibling),
    )
    for i: uint256 in range(len(SUITES), bound=MAX_SUITES):
        z: bytes32 = self._challenge(claim, i, commitments[i])
        self._bind(claim, i, commitments[i], z, staticcall IBinding(SUITES[i].binding).evaluate(journal, z))
    return claim


@external
def bind(parent: bytes32, journal: Bytes[MAX_JOURNAL], suite: uint256, commitment: bytes32):
    """
    @notice Bind a further commitment of a suite to a posted claim: a wrong one blocks nobody.
    """
    claim: bytes32 = keccak256(concat(parent, keccak256(journal)))
    assert self.claims[claim] != 0, "bind: unknown claim"
    assert suite < len(SUITES), "bind: suite"
    z: bytes32 = self._challenge(claim, suite, commitment)
    self._bind(claim, suite, commitment, z, staticcall IBinding(SUITES[suite].binding).evaluate(journal, z))


# No internal function takes a journal: each would cost another copy of it, and memory for the longest.


@internal
def _post(
    parent: bytes32,
    journal_hash: bytes32,
    commitments: uint256,
    number: uint256,
    queue_end: uint256,
    generation: uint256,
) -> bytes32:
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    word: uint256 = self.claims[claim]
    # A claim that was discarded may be posted again: it lives on, with what was built on it and the tiers that it is
    # final at, but no vouch of before.
    assert word == 0 or self._birth(word) != generation, "post: already posted"
    assert commitments == len(SUITES), "post: commitments"
    kept: uint256 = word & (
        PARENT | (GENERATIONS << GENERATION_AT) | (TIERS_MASK << FINAL_AT) | (TIERS_MASK << CHILD_AT)
    )
    if word != 0:
        # What a tier has released stays so, and its siblings may not release it again.
        self.claims[parent] |= ((word >> FINAL_AT) & TIERS_MASK) << CHILD_AT
    self.claims[claim] = (
        kept | POSTED | (generation << BIRTH_AT) | (number << NUMBER_AT) | (queue_end << QUEUE_AT)
    )
    log Posted(claim=claim, parent=parent, journal_hash=journal_hash, number=number, queue_end=queue_end)
    return claim


@internal
@view
def _challenge(claim: bytes32, suite: uint256, commitment: bytes32) -> bytes32:
    """
    @dev z follows from c, so c was fixed before z was known: that is what makes the evaluation binding.
    """
    binding: IBinding = IBinding(SUITES[suite].binding)
    assert staticcall binding.is_canonical(commitment), "bind: commitment"
    return staticcall binding.challenge(
        keccak256(abi_encode(self._domain(PROGRAM.id), SUITES[suite].id, claim, commitment))
    )


@internal
def _bind(claim: bytes32, suite: uint256, c: bytes32, z: bytes32, y: bytes32):
    self.bound[self._binding_key(claim, suite, c, z, y)] = True


# 2. Vouch, agree, settle


@external
def vouch(
    proof_type: uint256,
    parent: bytes32,
    journal_hash: bytes32,
    results: DynArray[SuiteResult, MAX_SUITES],
    payee: address,
    proof: Bytes[MAX_PROOF],
):
    """
    @notice Bring a proof of one type for the claim of `parent` and `journal_hash`.
    @param proof_type Its place in proof_types().
    @param results For each suite that the type commits to, in suite order.
    @param payee Who earns the reward; bound by the proof.
    """
    state: uint256 = self.state
    assert proof_type < self._type_count(state), "vouch: proof type"
    assert self.head[proof_type] == parent, "vouch: not the head"
    assert state & HALTED == 0, "vouch: halted"
    standing: uint256 = state >> unsafe_mul(STANDING, proof_type)
    assert standing & STATUS_MASK == ACTIVE, "vouch: type not active"
    epoch: uint256 = self._epoch()
    assert (standing >> 2) & EPOCH_MASK <= epoch, "vouch: not valid yet"

    claim: bytes32 = keccak256(concat(parent, journal_hash))
    word: uint256 = self.claims[claim]
    assert word != 0, "vouch: unknown claim"
    assert word & CLOSED == 0, "vouch: closed"
    if state & DISCARDED != 0:
        assert self._birth(word) == self._generation(self.claims[parent]), "vouch: discarded"
    number: uint256 = self._number(word)
    frozen: uint256 = (state >> FROZEN_AT) & UINT32
    assert frozen == 0 or number <= frozen, "vouch: frozen"

    t: uint256 = self._type_at(proof_type, number)
    suites: uint256 = (t >> SUITES_AT) & 255
    statement: IAdapter.Vouch = IAdapter.Vouch(domain=self._domain(PROGRAM.id), claim=claim, payee=payee, suites=[])
    fresh: uint256 = 0     # bit i: suite i has no root yet, or one that nobody stands behind
    disputed: uint256 = MAX_SUITES
    n: uint256 = 0
    for suite: uint256 in range(len(SUITES), bound=MAX_SUITES):
        if (suites >> suite) & 1 == 0:
            continue
        assert n < len(results), "vouch: results"
        result: SuiteResult = results[n]
        assert result.root != empty(bytes32), "vouch: root"
        if t & BINDS != 0:
            assert self.bound[
                self._binding_key(claim, suite, result.commitment, result.challenge, result.evaluation)
            ], "vouch: not bound"
        else:
            assert staticcall IBinding(SUITES[suite].binding).is_canonical(result.root), "vouch: root"
            assert (
                result.commitment == empty(bytes32)
                and result.challenge == empty(bytes32)
                and result.evaluation == empty(bytes32)
            ), "vouch: nothing to bind"
        statement.suites.append(
            IAdapter.SuiteVouch(
                pre_root=self.root[parent][suite],
                post_root=result.root,
                commitment=result.commitment,
                challenge=result.challenge,
                evaluation=result.evaluation,
            )
        )
        recorded: bytes32 = self.root[claim][suite]
        if recorded == empty(bytes32):
            fresh |= 1 << suite
        elif recorded != result.root:
            backers: uint256 = self._committed(suite, self._type_count(state))
            if (word >> (FINAL_AT + TOP)) & 1 == 1 or self._counting(word, state) & backers != 0:
                disputed = min(disputed, suite)
            else:
                fresh |= 1 << suite
                # What they vouched for is no longer recorded.
                word = self._forget(word, backers)
        n = unsafe_add(n, 1)
    assert n == len(results), "vouch: results"

    response: Bytes[32] = raw_call(
        convert(t & ADDRESS, address),
        abi_encode(
            statement,
            proof,
            method_id=method_id(
                "verify((bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[]),bytes)"
            ),
        ),
        max_outsize=32,
        gas=(t >> GAS_AT) & UINT32,
        is_static_call=True,
    )
    assert len(response) == 32 and convert(response, bytes32) == ACCEPTED, "vouch: adapter"
    log Vouched(claim=claim, proof_type=proof_type, payee=payee)

    n = 0
    if disputed != MAX_SUITES:
        # The head stays, and nothing is recorded here: Governance opens a conflict, and calls back to freeze.
        for suite: uint256 in range(disputed, bound=MAX_SUITES):
            n += (suites >> suite) & 1
        found: bytes32 = results[n].root
        known: bytes32 = self.root[claim][disputed]
        log RootConflict(claim=claim, proof_type=proof_type, suite=disputed, recorded=known, found=found)
        extcall IGovernance(GOVERNANCE).dissent(proof_type, parent, claim, disputed, known, found)
        return

    for suite: uint256 in range(len(SUITES), bound=MAX_SUITES):
        if (suites >> suite) & 1 == 1:
            if (fresh >> suite) & 1 == 1:
                self.root[claim][suite] = results[n].root
            n = unsafe_add(n, 1)
    self.head[proof_type] = claim
    others: bool = word >> TIMES_AT != 0
    at: uint256 = unsafe_add(TIMES_AT, unsafe_mul(21, proof_type))
    word = (word & ~(EPOCH_MASK << at)) | (epoch << at)
    # No alternative with a delay can come true here: the last of its vouches is of this epoch.
    smallest: uint256 = (state >> SMALLEST_AT) & 15
    if smallest != 0 and (smallest == 1 or others) and self._ones(self._counting(word, state)) >= smallest:
        word = self._advance(claim, parent, word, state)
    self.claims[claim] = word


@external
def settle(parent: bytes32, journal_hash: bytes32):
    """
    @notice Make a claim final at every tier whose delay has passed, or whose parent has become final.
    """
    state: uint256 = self.state
    assert state & HALTED == 0, "settle: halted"
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    word: uint256 = self.claims[claim]
    assert word != 0, "settle: unknown claim"
    assert self._birth(word) == self._generation(self.claims[parent]), "settle: discarded"
    after: uint256 = self._advance(claim, parent, word, state)
    assert after != word, "settle: nothing is due"
    self.claims[claim] = after


@internal
def _advance(claim: bytes32, parent: bytes32, word: uint256, state: uint256) -> uint256:
    """
    @dev The only place that makes claims final. Gives the claim's word with its new bits; writes all the rest.
    """
    number: uint256 = self._number(word)
    frozen: uint256 = (state >> FROZEN_AT) & UINT32
    if word & CLOSED != 0 or (frozen != 0 and number >= frozen):
        return word
    before: uint256 = self.claims[parent]
    final: uint256 = (word >> FINAL_AT) & TIERS_MASK
    above: uint256 = (before >> FINAL_AT) & TIERS_MASK
    taken: uint256 = (before >> CHILD_AT) & TIERS_MASK
    counting: uint256 = self._counting(word, state)
    tiers: uint256 = (state >> TIER_COUNT_AT) & 7
    for i: uint256 in range(tiers, bound=MAX_TIERS):
        tier: uint256 = unsafe_sub(unsafe_sub(tiers, 1), i)
        bit: uint256 = tier
        if i == 0:
            bit = TOP
        # A tier stands for all below it, in the claim and in its parent.
        if final >> bit != 0:
            break
        if above >> bit == 0 or (taken >> bit) & 1 == 1:
            continue
        if self._holds(self.tier_words[tier], word, counting):
            fresh: uint256 = ((2 << bit) - 1) & ~taken & ~final
            final |= fresh
            self.claims[parent] = before | (fresh << CHILD_AT)
            state_root: bytes32 = empty(bytes32)
            if bit == TOP:
                # The parent is final_claim: it is final at the top tier, and had no child that is.
                self.final_claim = claim
                self.state = (state & ~(EPOCH_MASK << FINAL_EPOCH_AT)) | (self._epoch() << FINAL_EPOCH_AT)
                state_root = self._state_root(claim)
            log Finalised(claim=claim, number=number, final=final, state_root=state_root)
            break
    return word | (final << FINAL_AT)


@internal
@view
def _holds(alternatives: uint256, word: uint256, counting: uint256) -> bool:
    """
    @dev The only place that knows the policy: whether these vouches suffice now.
    """
    for i: uint256 in range(MAX_ALTERNATIVES):
        alternative: uint256 = alternatives >> unsafe_mul(40, i)
        mask: uint256 = alternative & 255
        if mask == 0:
            break
        if mask & ~counting != 0:
            continue
        delay: uint256 = (alternative >> 8) & UINT32
        if delay == 0:
            return True
        # While a batch was frozen, nobody could contradict a vouch for one after it.
        latest: uint256 = self.thawed
        for j: uint256 in range(MAX_TYPES):
            if (mask >> j) & 1 == 1:
                latest = max(latest, self._time(word, j))
        if block.timestamp >= self._end(latest) + delay:
            return True
    return False


# 3. Liveness


@external
def complain():
    """
    @notice Nothing posted on final_claim becomes final: what is posted there can be discarded after a window that starts
            now. A complaint lapses.
    """
    claim: bytes32 = self.final_claim
    self._stuck(self.claims[claim])
    assert block.timestamp > self._lapse(self.complained[claim]), "complain: known"
    self.complained[claim] = block.timestamp
    log Complained(claim=claim)


@external
def discard():
    """
    @notice Void the batch posted on final_claim, which nobody proved for PROOF_WINDOW; or which some types did, but not
            those that its finality wants, for MAX_DELAY more, as inputs that only a liar could prove never would be.
            Other inputs may be posted in its place, and these types go on from final_claim. What a tier below the top
            has released stays so.
    """
    claim: bytes32 = self.final_claim
    word: uint256 = self.claims[claim]
    self._stuck(word)
    proved: bool = (word >> CHILD_AT) & TIERS_MASK != 0
    for i: uint256 in range(self._type_count(self.state), bound=MAX_TYPES):
        if self._status(self.state, i) == ACTIVE and self._number(self.claims[self.head[i]]) > self._number(word):
            proved = True
            self._restart(i, 1)
    last: uint256 = self.complained[claim]
    assert block.timestamp <= self._lapse(last), "discard: no complaint"
    reporter: address = msg.sender
    if proved:
        last = unsafe_add(last, MAX_DELAY)
        reporter = empty(address)
    assert block.timestamp >= unsafe_add(last, PROOF_WINDOW), "discard: too early"
    generation: uint256 = unsafe_add(self._generation(word), 1)
    assert generation <= GENERATIONS, "discard: too often"
    # As after a conflict, what the void claim had become final at is open to its successor.
    cleared: uint256 = word & ~(PARENT | (GENERATIONS << GENERATION_AT) | (TIERS_MASK << CHILD_AT))
    self.claims[claim] = cleared | (generation << GENERATION_AT)
    self.complained[claim] = 0
    self.state |= DISCARDED
    poster: address = convert(self.last_post >> 64, address)
    self.last_post = (self._queue_end(word) << 32) | self._number(word)
    log Discarded(parent=claim, generation=generation)
    extcall ISequencing(SEQUENCING).discarded(poster, reporter)


@internal
@view
def _stuck(word: uint256):
    """
    @dev Refused unless a batch is posted on this claim, the last final one.
    """
    assert word & PARENT != 0, "stuck: nothing posted"
    assert self.state & (HALTED | (UINT32 << FROZEN_AT)) == 0, "stuck: frozen"


@internal
@view
def _lapse(complaint: uint256) -> uint256:
    return unsafe_add(complaint, unsafe_add(unsafe_mul(2, PROOF_WINDOW), MAX_DELAY))


@external
def catch_up(proof_type: uint256):
    """
    @notice Report a type that was silent for PROOF_WINDOW while others went on, and let it go on from final_claim.
    """
    state: uint256 = self.state
    assert proof_type < self._type_count(state), "catch up: proof type"
    standing: uint256 = state >> (STANDING * proof_type)
    assert standing & STATUS_MASK == ACTIVE, "catch up: type not active"
    head: bytes32 = self.head[proof_type]
    claim: bytes32 = self.final_claim
    word: uint256 = self.claims[head]
    assert self._number(word) < self._number(self.claims[claim]), "catch up: not behind"
    # On a branch that lost, only a conflict that is shown moves it.
    assert (word >> (FINAL_AT + TOP)) & 1 == 1, "catch up: head not final"
    last: uint256 = max(self._time(word, proof_type), (standing >> 2) & EPOCH_MASK)
    assert block.timestamp >= self._end(last) + PROOF_WINDOW, "catch up: not silent"
    self._restart(proof_type, 0)
    log Lagging(proof_type=proof_type, head=head, final_claim=claim)


@external
def prune(parent: bytes32, journal_hash: bytes32, bindings: DynArray[Bound, MAX_PRUNED]):
    """
    @notice Delete what only proofs need of a claim that final_claim and every active type have left behind for
            PROOF_WINDOW: its roots, and the bindings named. Of a claim final at no tier, everything goes; else its word
            stays, one slot a batch, for withdrawals.
    """
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    word: uint256 = self.claims[claim]
    state: uint256 = self.state
    assert word != 0, "prune: unknown claim"
    number: uint256 = self._number(word)
    assert number < self._number(self.claims[self.final_claim]), "prune: not left behind"
    latest: uint256 = 0
    for i: uint256 in range(self._type_count(state), bound=MAX_TYPES):
        latest = max(latest, self._time(word, i))
        if self._status(state, i) == ACTIVE:
            assert self._number(self.claims[self.head[i]]) > number, "prune: not left behind"
    assert block.timestamp >= self._end(latest) + PROOF_WINDOW, "prune: too early"
    if (word >> (FINAL_AT + TOP)) & 1 == 0:
        # A vouch for a claim that is not final is evidence against a type that is still active.
        assert self._counting(word, state) == 0, "prune: evidence"
        if (word >> FINAL_AT) & TIERS_MASK == 0:
            self.claims[claim] = 0
    for i: uint256 in range(len(SUITES), bound=MAX_SUITES):
        self.root[claim][i] = empty(bytes32)
    for b: Bound in bindings:
        self.bound[self._binding_key(claim, b.suite, b.commitment, b.challenge, b.evaluation)] = False
    self.complained[claim] = 0


@external
def halt():
    """
    @notice For good: no claim becomes final any more, so that users leave by the roots of final_claim.
    """
    assert msg.sender == BRIDGE, "halt: not the bridge"
    self.state |= HALTED
    log Halted()


# 4. What Governance may do


@external
def set_policy(tiers: uint256, smallest: uint256, words: uint256[5]):
    """
    @param smallest The fewest types of an alternative without delay, 0 if there is none.
    @param words One a tier, then the limits: PolicyCheck.pack.
    """
    self._only_governance()
    assert 1 <= tiers and tiers <= MAX_TIERS and smallest <= MAX_TYPES, "hook: policy"
    for i: uint256 in range(MAX_TIERS):
        self.tier_words[i] = words[i]
    self.limits = words[4]
    cleared: uint256 = self.state & ~((7 << TIER_COUNT_AT) | (15 << SMALLEST_AT))
    self.state = cleared | (tiers << TIER_COUNT_AT) | (smallest << SMALLEST_AT)
    log PolicySet(tiers=tiers)


@external
def add_type(t: ProofType) -> uint256:
    self._only_governance()
    return self._add_type(t, len(SUITES))


@external
def set_next(proof_type: uint256, adapter: address, gas_cap: uint256, from_number: uint256):
    """
    @notice Another adapter for the batches from `from_number` on, none of which the type has vouched for.
    """
    self._only_governance()
    t: uint256 = self.types[proof_type]
    head: uint256 = self._number(self.claims[self.head[proof_type]])
    assert from_number > head and from_number <= UINT32, "hook: batch"
    since: uint256 = (t >> FROM_AT) & UINT32
    if since != 0:
        assert head + 1 >= since, "hook: upgrade pending"
        t = self._replaced(t, self.next_type[proof_type])
        self.adapter_since[proof_type] = since
    self.types[proof_type] = t | (from_number << FROM_AT)
    self.next_type[proof_type] = self._replaced(t, self._adapter_word(adapter, gas_cap))
    log TypeChanged(proof_type=proof_type, adapter=adapter, gas=gas_cap, from_number=from_number)


@external
def reinstate(proof_type: uint256, adapter: address, gas_cap: uint256):
    """
    @notice A type with another adapter starts anew at final_claim; what it vouched for before does not count.
    """
    self._only_governance()
    self.types[proof_type] = self._replaced(self.types[proof_type], self._adapter_word(adapter, gas_cap))
    self._restart(proof_type, 1)
    log TypeChanged(proof_type=proof_type, adapter=adapter, gas=gas_cap, from_number=0)


@external
def set_status(mask: uint256, status: uint256):
    """
    @param mask Bit i: proof type i.
    @param status 1 quarantined, 2 disabled.
    """
    self._only_governance()
    for i: uint256 in range(MAX_TYPES):
        if (mask >> i) & 1 == 1:
            self._set_standing(i, status, (self.state >> (STANDING * i + 2)) & EPOCH_MASK)


@external
def freeze(number: uint256):
    """
    @param number Nothing from this batch on becomes final; 0 thaws.
    """
    self._only_governance()
    frozen: uint256 = (self.state >> FROZEN_AT) & UINT32
    # Less is frozen than before. (Nothing frozen, 0, stands above all numbers.)
    if unsafe_sub(frozen, 1) < unsafe_sub(number, 1):
        self.thawed = self._epoch()
    self.state = (self.state & ~(UINT32 << FROZEN_AT)) | (number << FROZEN_AT)
    log Frozen(number=number)


@external
def close(claim: bytes32):
    """
    @notice A claim that lost a conflict: nothing vouches for it, and it becomes final at no further tier.
    """
    self._only_governance()
    self.claims[claim] |= CLOSED
    log Closed(claim=claim)


@external
def elect(parent: bytes32, claim: bytes32):
    """
    @notice Of `parent`'s children, this one won: what a loser had become final at is open to it again.
    """
    self._only_governance()
    final: uint256 = (self.claims[claim] >> FINAL_AT) & TIERS_MASK
    self.claims[parent] = (self.claims[parent] & ~(TIERS_MASK << CHILD_AT)) | (final << CHILD_AT)


@external
def set_root(claim: bytes32, suite: uint256, root: bytes32, losers: uint256):
    """
    @param losers Types that vouched for another root: their vouches are forgotten.
    """
    self._only_governance()
    self.root[claim][suite] = root
    self.claims[claim] = self._forget(self.claims[claim], losers)


@internal
@view
def _only_governance():
    assert msg.sender == GOVERNANCE, "hook: not governance"


@internal
def _add_type(t: ProofType, suites: uint256) -> uint256:
    state: uint256 = self.state
    index: uint256 = self._type_count(state)
    assert index < MAX_TYPES, "init: too many types"
    assert t.id != empty(bytes32), "init: proof type id"
    assert t.suites != 0 and t.suites >> suites == 0, "init: proof type suites"
    for i: uint256 in range(index, bound=MAX_TYPES):
        assert self.type_id[i] != t.id, "init: proof type twice"
        assert self.types[i] & ADDRESS != convert(t.adapter, uint256), "init: proof type twice"
    word: uint256 = self._adapter_word(t.adapter, t.gas) | (t.suites << SUITES_AT)
    if t.binds:
        word |= BINDS
    self.type_id[index] = t.id
    self.types[index] = word
    self.head[index] = self.final_claim
    self.state = state + (1 << TYPE_COUNT_AT)
    self._set_standing(index, ACTIVE, self._epoch())
    log TypeChanged(proof_type=index, adapter=t.adapter, gas=t.gas, from_number=0)
    return index


@internal
@view
def _adapter_word(adapter: address, gas_cap: uint256) -> uint256:
    assert adapter.is_contract, "init: adapter"
    assert gas_cap != 0 and gas_cap <= UINT32, "init: gas"
    return convert(adapter, uint256) | (gas_cap << GAS_AT)


@internal
@pure
def _replaced(t: uint256, adapter_word: uint256) -> uint256:
    """
    @dev A type's word with another adapter and gas, and no upgrade.
    """
    own: uint256 = BINDS | (255 << SUITES_AT)
    return (t & own) | (adapter_word & ~own)


@internal
def _restart(proof_type: uint256, delay: uint256):
    """
    @dev A type goes on from final_claim; what it vouched for before does not count.
    @param delay Epochs until its vouches do: 1 where one of this epoch could be among them.
    """
    self.head[proof_type] = self.final_claim
    self._set_standing(proof_type, ACTIVE, unsafe_add(self._epoch(), delay))


@internal
def _set_standing(proof_type: uint256, status: uint256, valid_from: uint256):
    at: uint256 = STANDING * proof_type
    cleared: uint256 = self.state & ~((2 ** STANDING - 1) << at)
    self.state = cleared | ((status | (valid_from << 2)) << at)
    log StatusChanged(proof_type=proof_type, status=status)


# 5. Views


@external
@view
def accepts(proof_type: uint256, number: uint256, statement: IAdapter.Vouch, proof: Bytes[MAX_PROOF]) -> bool:
    """
    @notice Whether the type's adapter for batch `number` accepts a proof of a statement, whatever it is of; a refusal
            mostly reverts, with the adapter's reason. The adapter sees Settlement as its caller.
    """
    t: uint256 = self._type_at(proof_type, number)
    response: Bytes[32] = raw_call(
        convert(t & ADDRESS, address),
        abi_encode(
            statement,
            proof,
            method_id=method_id(
                "verify((bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[]),bytes)"
            ),
        ),
        max_outsize=32,
        gas=(t >> GAS_AT) & UINT32,
        is_static_call=True,
    )
    return len(response) == 32 and convert(response, bytes32) == ACCEPTED


@external
@view
def domain() -> bytes32:
    return self._domain(PROGRAM.id)


@external
@view
def genesis_claim() -> bytes32:
    return GENESIS


@external
@view
def program() -> Program:
    return PROGRAM


@external
@view
def kinds() -> (uint256, uint256):
    """
    @return How many, and which come from L1.
    """
    return KINDS, FROM_L1


@external
@view
def suites() -> DynArray[Suite, MAX_SUITES]:
    return SUITES


@external
@view
def type_count() -> uint256:
    return self._type_count(self.state)


@external
@view
def proof_type(index: uint256) -> TypeInfo:
    t: uint256 = self.types[index]
    following: uint256 = self.next_type[index]
    standing: uint256 = self.state >> unsafe_mul(STANDING, index)
    return TypeInfo(
        id=self.type_id[index],
        adapter=convert(t & ADDRESS, address),
        suites=(t >> SUITES_AT) & 255,
        binds=t & BINDS != 0,
        gas=(t >> GAS_AT) & UINT32,
        status=standing & STATUS_MASK,
        valid_from=self._end(max((standing >> 2) & EPOCH_MASK, 1) - 1),
        next_adapter=convert(following & ADDRESS, address),
        next_gas=(following >> GAS_AT) & UINT32,
        next_from=(t >> FROM_AT) & UINT32,
    )


@external
@view
def claim(id: bytes32) -> Claim:
    word: uint256 = self.claims[id]
    result: Claim = Claim(
        posted=word != 0,
        parent=word & PARENT != 0,
        closed=word & CLOSED != 0,
        generation=self._birth(word),
        children_generation=self._generation(word),
        final=(word >> FINAL_AT) & TIERS_MASK,
        child_final=(word >> CHILD_AT) & TIERS_MASK,
        number=self._number(word),
        queue_end=self._queue_end(word),
        vouched=0,
        counting=self._counting(word, self.state),
        times=empty(uint256[MAX_TYPES]),
    )
    for i: uint256 in range(MAX_TYPES):
        time: uint256 = self._time(word, i)
        if time != 0:
            result.vouched |= 1 << i
            result.times[i] = self._end(time)
    return result


@external
@view
def is_final(claim: bytes32, tier: uint256) -> bool:
    """
    @notice Whether a claim is final at a tier, or a higher one. Once true, always true.
    """
    tiers: uint256 = self._tier_count()
    assert tier < tiers, "tier: unknown"
    bit: uint256 = tier
    if tier + 1 == tiers:
        bit = TOP
    return ((self.claims[claim] >> FINAL_AT) & TIERS_MASK) >> bit != 0


@external
@view
def tier_of(amount: uint256) -> uint256:
    """
    @param amount Gwei.
    @return The lowest tier that releases it.
    """
    tiers: uint256 = self._tier_count()
    for i: uint256 in range(tiers, bound=MAX_TIERS):
        if amount <= (self.limits >> (64 * i)) & (2 ** 64 - 1):
            return i
    return tiers - 1


@external
@view
def tier_count() -> uint256:
    return self._tier_count()


@external
@view
def finality() -> Finality:
    claim: bytes32 = self.final_claim
    word: uint256 = self.claims[claim]
    return Finality(
        claim=claim,
        number=self._number(word),
        queue_end=self._queue_end(word),
        time=self._end((self.state >> FINAL_EPOCH_AT) & EPOCH_MASK),
    )


@external
@view
def tip() -> Tip:
    """
    @notice Of what was last posted.
    """
    word: uint256 = self.last_post
    return Tip(poster=convert(word >> 64, address), queue_end=(word >> 32) & UINT32, number=word & UINT32)


@external
@view
def frozen_from() -> uint256:
    return (self.state >> FROZEN_AT) & UINT32


@external
@view
def halted() -> bool:
    return self.state & HALTED != 0


@external
@view
def is_bound(claim: bytes32, suite: uint256, commitment: bytes32, challenge: bytes32, evaluation: bytes32) -> bool:
    return self.bound[self._binding_key(claim, suite, commitment, challenge, evaluation)]


@external
@view
def state_root(claim: bytes32) -> bytes32:
    """
    @notice Of a claim whose roots have all been vouched for.
    """
    return self._state_root(claim)


@internal
@view
def _state_root(claim: bytes32) -> bytes32:
    roots: bytes32[MAX_SUITES] = empty(bytes32[MAX_SUITES])
    for i: uint256 in range(len(SUITES), bound=MAX_SUITES):
        roots[i] = self.root[claim][i]
        assert roots[i] != empty(bytes32), "state root: unknown"
    return keccak256(slice(abi_encode(roots), 0, 32 * len(SUITES)))


@internal
@view
def _domain(program_id: bytes32) -> bytes32:
    """
    @dev Taken anew each time: after a fork of the chain, what is signed or proved on one side is void on the other.
    """
    return keccak256(abi_encode(DOMAIN_TAG, chain.id, self, program_id))


@internal
@view
def _epoch() -> uint256:
    return unsafe_add(unsafe_div(unsafe_sub(block.timestamp, DEPLOYED), EPOCH), 1)


@internal
@view
def _end(epoch: uint256) -> uint256:
    """
    @return Unix seconds at which an epoch ends.
    """
    return unsafe_add(DEPLOYED, unsafe_mul(EPOCH, epoch))


@internal
@view
def _type_at(proof_type: uint256, number: uint256) -> uint256:
    t: uint256 = self.types[proof_type]
    since: uint256 = (t >> FROM_AT) & UINT32
    if since != 0 and number >= since:
        return self.next_type[proof_type]
    return t


@internal
@view
def _committed(suite: uint256, count: uint256) -> uint256:
    """
    @dev The types that commit to a suite.
    """
    mask: uint256 = 0
    for i: uint256 in range(count, bound=MAX_TYPES):
        mask |= ((self.types[i] >> (SUITES_AT + suite)) & 1) << i
    return mask


@internal
@pure
def _counting(word: uint256, state: uint256) -> uint256:
    """
    @dev The types whose vouch for the claim counts: they are active, and it is of their present adapter.
    """
    mask: uint256 = 0
    for i: uint256 in range(self._type_count(state), bound=MAX_TYPES):
        time: uint256 = self._time(word, i)
        if time != 0:
            standing: uint256 = state >> unsafe_mul(STANDING, i)
            if standing & STATUS_MASK == ACTIVE and (standing >> 2) & EPOCH_MASK <= time:
                mask |= 1 << i
    return mask


@internal
@pure
def _forget(word: uint256, types: uint256) -> uint256:
    """
    @dev A claim's word without the vouches of these types.
    """
    result: uint256 = word
    for i: uint256 in range(MAX_TYPES):
        if (types >> i) & 1 == 1:
            result &= ~(EPOCH_MASK << (TIMES_AT + 21 * i))
    return result


@internal
@pure
def _ones(mask: uint256) -> uint256:
    n: uint256 = 0
    rest: uint256 = mask
    for i: uint256 in range(MAX_TYPES):
        if rest == 0:
            break
        rest &= unsafe_sub(rest, 1)
        n = unsafe_add(n, 1)
    return n


@internal
@pure
def _time(word: uint256, proof_type: uint256) -> uint256:
    return (word >> unsafe_add(TIMES_AT, unsafe_mul(21, proof_type))) & EPOCH_MASK


@internal
@pure
def _number(word: uint256) -> uint256:
    return (word >> NUMBER_AT) & UINT32


@internal
@pure
def _queue_end(word: uint256) -> uint256:
    return (word >> QUEUE_AT) & UINT32


@internal
@pure
def _birth(word: uint256) -> uint256:
    return (word >> BIRTH_AT) & GENERATIONS


@internal
@pure
def _generation(word: uint256) -> uint256:
    return (word >> GENERATION_AT) & GENERATIONS


@internal
@pure
def _status(state: uint256, proof_type: uint256) -> uint256:
    return (state >> unsafe_mul(STANDING, proof_type)) & STATUS_MASK


@internal
@pure
def _type_count(state: uint256) -> uint256:
    return (state >> TYPE_COUNT_AT) & 15


@internal
@view
def _tier_count() -> uint256:
    return (self.state >> TIER_COUNT_AT) & 7


@internal
@pure
def _binding_key(claim: bytes32, suite: uint256, c: bytes32, z: bytes32, y: bytes32) -> bytes32:
    return keccak256(abi_encode(claim, suite, c, z, y))
