# pragma version 0.4.3
"""
@title Settlement: one program's batches, settled when independent proof types agree (docs/settlement.md)
@notice Claims form a tree under the genesis claim. A proof type vouches for claims one after the other; a claim is final
        when its parent is, every type of the policy has vouched for it, and no conflict was shown.
"""
import IAdapter
import IBinding

MAX_SUITES: constant(uint256) = 4
MAX_TYPES: constant(uint256) = 8
MAX_KINDS: constant(uint256) = 32
MAX_SLOT: constant(uint256) = 512       # bytes of one slot's input words
MAX_SLOTS: constant(uint256) = 512
MIN_JOURNAL: constant(uint256) = 32     # a binding reads words of 32 bytes
MAX_JOURNAL: constant(uint256) = 16384  # memory for more would cost every posting gas
MAX_PROOF: constant(uint256) = 4096

DOMAIN_TAG: constant(bytes32) = keccak256("multiprover/v1")
ACCEPTED: constant(bytes32) = keccak256("multiprover/vouch/v1")

# What is kept of a claim, in one word. Zero means that it was not posted.
VOUCHED: constant(uint256) = 2 ** MAX_TYPES - 1  # a bit for each proof type that has vouched for it
POSTED: constant(uint256) = 1 << 16
PARENT: constant(uint256) = 1 << 17              # a claim was posted on it
CONFLICT: constant(uint256) = 1 << 18
FINAL: constant(uint256) = 1 << 19
NUMBER_AT: constant(uint256) = 64                # 64 bits: batches since genesis
QUEUE_AT: constant(uint256) = 128                # the rest: queue entries taken in, up to and with this claim
UINT64: constant(uint256) = 2 ** 64 - 1

struct Program:
    id: bytes32
    slots: uint256         # a batch
    input_words: uint256   # a slot
    output_words: uint256  # a slot
    cell_words: uint256    # the integer cells, once a batch

struct Kind:
    words: uint256          # input words that it uses, the kind itself included; the others are 0
    from_l1: bool
    operator_only: bool     # the next two hold for from_l1 kinds only
    value_word: uint256     # first of the two words that must equal the value paid, in gwei; 0: nothing may be paid

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

struct Claim:
    posted: bool
    conflict: bool
    final: bool
    number: uint256
    queue_end: uint256
    vouched: uint256        # bit i: proof type i

event Enqueued:
    index: indexed(uint256)
    sender: indexed(address)
    words: Bytes[MAX_SLOT]

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

# A proof type vouched for `found` where `recorded` was vouched for before.
event RootConflict:
    claim: indexed(bytes32)
    proof_type: indexed(uint256)
    suite: uint256
    recorded: bytes32
    found: bytes32

event ClaimConflict:
    parent: indexed(bytes32)
    claim: bytes32
    other: bytes32

event Finalised:
    claim: indexed(bytes32)
    number: uint256
    state_root: bytes32

PROGRAM: immutable(Program)
KINDS: immutable(DynArray[Kind, MAX_KINDS])
SUITES: immutable(DynArray[Suite, MAX_SUITES])
TYPES: immutable(DynArray[ProofType, MAX_TYPES])
FROM_L1: immutable(uint256)      # bit i: kind i
SLOT_BYTES: immutable(uint256)
JOURNAL_BYTES: immutable(uint256)
GENESIS: immutable(bytes32)
REQUIRED: public(immutable(uint256))  # the policy: bit i: proof type i must have vouched
SEQUENCER: public(immutable(address))
OPERATOR: public(immutable(address))

queue_length: public(uint256)
queue: public(HashMap[uint256, bytes32])                    # keccak256 of a slot's input words
claims: HashMap[bytes32, uint256]
bound: HashMap[bytes32, bool]                               # by keccak256(claim, suite, c, z, y)
root: public(HashMap[bytes32, HashMap[uint256, bytes32]])   # of a claim and a suite, as first vouched for
head: public(HashMap[uint256, bytes32])                     # of a proof type
final_claim: public(bytes32)


@deploy
def __init__(
    program: Program,
    kinds: DynArray[Kind, MAX_KINDS],
    suites: DynArray[Suite, MAX_SUITES],
    types: DynArray[ProofType, MAX_TYPES],
    required: uint256,
    sequencer: address,
    operator: address,
):
    """
    @param kinds In the program's order; the first is `noop`.
    @param suites In suite order.
    @param required Which proof types a claim needs to be final: bit i is types[i].
    @param sequencer Posts batches.
    @param operator May enqueue transactions of operator_only kinds.
    """
    slot: uint256 = 4 * program.input_words
    journal: uint256 = program.slots * (slot + 4 * program.output_words) + 4 * program.cell_words
    assert 1 <= program.slots and program.slots <= MAX_SLOTS, "init: slots"
    assert 4 <= slot and slot <= MAX_SLOT, "init: input words"
    assert MIN_JOURNAL <= journal and journal <= MAX_JOURNAL, "init: journal"
    # post reads 32 bytes from the start of the last slot.
    assert (program.slots - 1) * slot + 32 <= journal, "init: journal"
    assert program.id != empty(bytes32), "init: program"

    from_l1: uint256 = 0
    index: uint256 = 0
    assert len(kinds) != 0 and not kinds[0].from_l1, "init: noop"
    for kind: Kind in kinds:
        assert 1 <= kind.words and kind.words <= program.input_words, "init: kind words"
        assert kind.from_l1 or (kind.value_word == 0 and not kind.operator_only), "init: kind rule"
        assert kind.value_word == 0 or kind.value_word + 2 <= kind.words, "init: value word"
        if kind.from_l1:
            from_l1 |= 1 << index
        index += 1

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

    covered: uint256 = 0
    for i: uint256 in range(len(types), bound=MAX_TYPES):
        t: ProofType = types[i]
        assert t.id != empty(bytes32), "init: proof type id"
        assert t.adapter.is_contract, "init: adapter"
        assert t.suites != 0 and t.suites >> len(suites) == 0, "init: proof type suites"
        assert t.gas != 0, "init: gas"
        for j: uint256 in range(i, bound=MAX_TYPES):
            assert types[j].id != t.id and types[j].adapter != t.adapter, "init: proof type twice"
        if (required >> i) & 1 == 1:
            covered |= t.suites
    assert required != 0 and required >> len(types) == 0, "init: policy"
    assert covered == (1 << len(suites)) - 1, "init: suite not covered"
    assert sequencer != empty(address), "init: sequencer"
    assert operator != empty(address), "init: operator"

    PROGRAM = program
    KINDS = kinds
    SUITES = suites
    TYPES = types
    FROM_L1 = from_l1
    SLOT_BYTES = slot
    JOURNAL_BYTES = journal
    REQUIRED = required
    SEQUENCER = sequencer
    OPERATOR = operator

    state_root: bytes32 = keccak256(slice(abi_encode(roots), 0, 32 * len(suites)))
    GENESIS = keccak256(abi_encode(self._domain(program.id), state_root))
    self.claims[GENESIS] = POSTED | FINAL | VOUCHED
    self.final_claim = GENESIS
    for i: uint256 in range(len(suites), bound=MAX_SUITES):
        self.root[GENESIS][i] = suites[i].genesis_root
    for i: uint256 in range(len(types), bound=MAX_TYPES):
        self.head[i] = GENESIS


# 1. Queue


@external
@payable
def enqueue(words: Bytes[MAX_SLOT]) -> uint256:
    """
    @notice Put a transaction of a from_l1 kind into the queue: a batch must take it in before any other transaction
            that is queued later.
    @param words The slot's input words: the kind, its parameters, then zeros.
    @return Its place in the queue.
    """
    assert len(words) == SLOT_BYTES, "enqueue: length"
    number: uint256 = self._word(words, 0)
    assert number < len(KINDS), "enqueue: kind"
    kind: Kind = KINDS[number]
    assert kind.from_l1, "enqueue: kind not from L1"
    assert not kind.operator_only or msg.sender == OPERATOR, "enqueue: not the operator"
    # The program holds unused words at 0: an entry with others could never be proved, and would block the queue.
    for i: uint256 in range(kind.words, PROGRAM.input_words, bound=MAX_SLOT // 4):
        assert self._word(words, i) == 0, "enqueue: unused word"
    value: uint256 = 0
    if kind.value_word != 0:
        value = (self._word(words, kind.value_word) << 32) | self._word(words, kind.value_word + 1)
    assert msg.value == value * 10 ** 9, "enqueue: value"

    index: uint256 = self.queue_length
    self.queue[index] = keccak256(words)
    self.queue_length = index + 1
    log Enqueued(index=index, sender=msg.sender, words=words)
    return index


# 2. Post and bind


@external
def post(parent: bytes32, journal: Bytes[MAX_JOURNAL], commitments: DynArray[bytes32, MAX_SUITES]) -> bytes32:
    """
    @notice The sequencer's claim: fixes the inputs of the batch that follows `parent`.
    @param commitments c of every suite, in suite order.
    @return The claim.
    """
    assert msg.sender == SEQUENCER, "post: not the sequencer"
    before: uint256 = self.claims[parent]
    assert before != 0, "post: unknown parent"
    assert before & PARENT == 0, "post: inputs are fixed"
    assert len(journal) == JOURNAL_BYTES, "post: journal length"

    queue_end: uint256 = self._queue_end(before)
    offset: uint256 = 0
    leading: bool = True
    for i: uint256 in range(PROGRAM.slots, bound=MAX_SLOTS):
        kind: uint256 = extract32(journal, offset, output_type=uint256) >> 224
        assert kind < len(KINDS), "post: kind"
        if (FROM_L1 >> kind) & 1 == 1:
            assert leading, "post: L1 transaction after others"
            entry: bytes32 = self.queue[queue_end]
            assert entry != empty(bytes32), "post: nothing queued"
            assert keccak256(slice(journal, offset, SLOT_BYTES)) == entry, "post: queue entry"
            queue_end += 1
        else:
            leading = False
        offset += SLOT_BYTES

    self.claims[parent] = before | PARENT
    claim: bytes32 = self._post(parent, keccak256(journal), len(commitments), self._number(before) + 1, queue_end)
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
    assert self.claims[parent] != 0, "propose: unknown parent"
    assert len(journal) == JOURNAL_BYTES and len(first) == JOURNAL_BYTES, "propose: journal length"
    sibling: uint256 = self.claims[keccak256(concat(parent, keccak256(first)))]
    assert sibling != 0, "propose: unknown claim"
    inputs: uint256 = PROGRAM.slots * SLOT_BYTES
    assert keccak256(slice(journal, 0, inputs)) == keccak256(slice(first, 0, inputs)), "propose: other inputs"
    claim: bytes32 = self._post(
        parent, keccak256(journal), len(commitments), self._number(sibling), self._queue_end(sibling)
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
    parent: bytes32, journal_hash: bytes32, commitments: uint256, number: uint256, queue_end: uint256
) -> bytes32:
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    assert self.claims[claim] == 0, "post: already posted"
    assert commitments == len(SUITES), "post: commitments"
    self.claims[claim] = POSTED | (number << NUMBER_AT) | (queue_end << QUEUE_AT)
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


# 3. Vouch, agree, settle


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
    assert proof_type < len(TYPES), "vouch: proof type"
    assert self.head[proof_type] == parent, "vouch: not the head"
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    status: uint256 = self.claims[claim]
    assert status != 0, "vouch: unknown claim"
    # A conflict takes nothing back: where a claim is final, the types that agree with it go on.
    assert status & (CONFLICT | FINAL) != CONFLICT, "vouch: conflict"

    t: ProofType = TYPES[proof_type]
    statement: IAdapter.Vouch = IAdapter.Vouch(domain=self._domain(PROGRAM.id), claim=claim, payee=payee, suites=[])
    n: uint256 = 0
    for suite: uint256 in range(len(SUITES), bound=MAX_SUITES):
        if (t.suites >> suite) & 1 == 0:
            continue
        assert n < len(results), "vouch: results"
        result: SuiteResult = results[n]
        assert result.root != empty(bytes32), "vouch: root"
        if t.binds:
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
        n += 1
    assert n == len(results), "vouch: results"

    response: Bytes[32] = raw_call(
        t.adapter,
        abi_encode(
            statement,
            proof,
            method_id=method_id(
                "verify((bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[]),bytes)"
            ),
        ),
        max_outsize=32,
        gas=t.gas,
        is_static_call=True,
    )
    assert len(response) == 32 and convert(response, bytes32) == ACCEPTED, "vouch: adapter"

    log Vouched(claim=claim, proof_type=proof_type, payee=payee)
    if self._agrees(claim, proof_type, t.suites, results):
        self.head[proof_type] = claim
        status |= 1 << proof_type
        if status & FINAL == 0 and self._policy_holds(status & VOUCHED) and self.final_claim == parent:
            status |= FINAL
            self.final_claim = claim
            log Finalised(claim=claim, number=self._number(status), state_root=self._state_root(claim))
    else:
        status |= CONFLICT
    self.claims[claim] = status


@external
def show_conflict(parent: bytes32, journal_hash: bytes32, other_journal_hash: bytes32):
    """
    @notice Mark two claims on one parent that were both vouched for: their inputs are the same, so one is a lie.
    """
    assert journal_hash != other_journal_hash, "conflict: one claim"
    claim: bytes32 = keccak256(concat(parent, journal_hash))
    other: bytes32 = keccak256(concat(parent, other_journal_hash))
    status: uint256 = self.claims[claim]
    other_status: uint256 = self.claims[other]
    assert status & VOUCHED != 0 and other_status & VOUCHED != 0, "conflict: not vouched for"
    assert status & other_status & CONFLICT == 0, "conflict: known"
    self.claims[claim] = status | CONFLICT
    self.claims[other] = other_status | CONFLICT
    log ClaimConflict(parent=parent, claim=claim, other=other)


@internal
def _agrees(
    claim: bytes32, proof_type: uint256, suites: uint256, results: DynArray[SuiteResult, MAX_SUITES]
) -> bool:
    """
    @dev Whether the roots are those recorded; a suite that no type has vouched for yet gets its root here.
    """
    agrees: bool = True
    n: uint256 = 0
    for suite: uint256 in range(len(SUITES), bound=MAX_SUITES):
        if (suites >> suite) & 1 == 1:
            recorded: bytes32 = self.root[claim][suite]
            found: bytes32 = results[n].root
            if recorded == empty(bytes32):
                self.root[claim][suite] = found
            elif recorded != found:
                agrees = False
                log RootConflict(
                    claim=claim, proof_type=proof_type, suite=suite, recorded=recorded, found=found
                )
            n += 1
    return agrees


@internal
@view
def _policy_holds(vouched: uint256) -> bool:
    """
    @dev The only place that knows the policy: whether these proof types suffice.
    """
    return vouched & REQUIRED == REQUIRED


# Views


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
def kinds() -> DynArray[Kind, MAX_KINDS]:
    return KINDS


@external
@view
def suites() -> DynArray[Suite, MAX_SUITES]:
    return SUITES


@external
@view
def proof_types() -> DynArray[ProofType, MAX_TYPES]:
    return TYPES


@external
@view
def heads() -> DynArray[bytes32, MAX_TYPES]:
    """
    @return The head of every proof type, in their order.
    """
    result: DynArray[bytes32, MAX_TYPES] = []
    for i: uint256 in range(len(TYPES), bound=MAX_TYPES):
        result.append(self.head[i])
    return result


@external
@view
def claim(id: bytes32) -> Claim:
    status: uint256 = self.claims[id]
    return Claim(
        posted=status != 0,
        conflict=status & CONFLICT != 0,
        final=status & FINAL != 0,
        number=self._number(status),
        queue_end=self._queue_end(status),
        vouched=status & VOUCHED,
    )


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
@pure
def _binding_key(claim: bytes32, suite: uint256, c: bytes32, z: bytes32, y: bytes32) -> bytes32:
    return keccak256(abi_encode(claim, suite, c, z, y))


@internal
@pure
def _number(status: uint256) -> uint256:
    return (status >> NUMBER_AT) & UINT64


@internal
@pure
def _queue_end(status: uint256) -> uint256:
    return status >> QUEUE_AT


@internal
@pure
def _word(words: Bytes[MAX_SLOT], index: uint256) -> uint256:
    return convert(slice(words, 4 * index, 4), uint256)
