# pragma version 0.4.3
# pragma optimize codesize
"""
@title Bridge: one program's queue from L1, and all that it holds (docs/settlement.md)
@notice Nobody has a power over what is held: it goes out by what final claims say, each withdrawal by the tier of its
        own value, or, when everything has halted for good, by the last final state.
"""
from ethereum.ercs import IERC20

import IBridge
import ISettlement
import ISuiteTree

implements: IBridge

MAX_KINDS: constant(uint256) = 32
MAX_SLOT: constant(uint256) = 512       # bytes of one slot's input words
MAX_JOURNAL: constant(uint256) = 16384
MAX_SLOTS: constant(uint256) = 512
MAX_ASSETS: constant(uint256) = 32      # L1's coin included
MAX_MESSAGES: constant(uint256) = 4     # places of withdrawals in a slot
MAX_SUITES: constant(uint256) = 4
MAX_TIERS: constant(uint256) = 4
MAX_EXITS: constant(uint256) = 4
MAX_FORMULA: constant(uint256) = 96     # operations of all exits together
MAX_INTS: constant(uint256) = 64
MAX_KEYS: constant(uint256) = 8
MAX_MAPS: constant(uint256) = 8
MAX_DEPTH: constant(uint256) = 32

BILLION: constant(uint256) = 10 ** 9
DAY: constant(uint256) = 86400
COIN_GAS: constant(uint256) = 50_000    # what a recipient may spend when coin comes in
TOKEN_GAS: constant(uint256) = 250_000  # what a token's transfer may cost
SPARE_GAS: constant(uint256) = 60_000   # what is left to do after either
RATE_LIFE: constant(uint256) = 365 * DAY    # a rate says nothing of what a token is worth years later

# Operations of the exits' formula (settlement/bridge_rules.py). A word is code + a·2^8 + b·2^16 + c·2^24 + k·2^32, k signed.
OP_CONST: constant(uint256) = 0   # k
OP_FIELD: constant(uint256) = 1   # integer a of the record, as encoded, + k
OP_CELL: constant(uint256) = 2    # integer a of the cells, as encoded, + k
OP_ADD: constant(uint256) = 3
OP_SUB: constant(uint256) = 4
OP_MUL: constant(uint256) = 5
OP_DIV: constant(uint256) = 6     # floor(a / b)
OP_REM: constant(uint256) = 7     # a - b · floor(a / b)
OP_EQ: constant(uint256) = 8
OP_LT: constant(uint256) = 9
OP_SELECT: constant(uint256) = 10 # b if a is 1, else c
OP_AND: constant(uint256) = 11
OP_OR: constant(uint256) = 12
OP_NOT: constant(uint256) = 13

# The rule of a kind. Words are positions in a slot's input words; 0, the kind itself, means none.
struct Kind:
    words: uint256          # input words that it uses, the kind itself included; the others are 0
    from_l1: bool
    operator_only: bool     # the rest holds for from_l1 kinds only
    value_word: uint256     # first of the two words that must equal what is paid, in units of the asset
    asset_word: uint256     # which asset is paid; none: L1's coin
    registers_word: uint256 # the account that it opens
    owner_word: uint256     # the account whose owner alone may enqueue it

# Where a withdrawal stands in a slot's output words.
struct Message:
    presence: uint256
    recipient: uint256      # five words
    amount: uint256         # two words, in units of the asset
    asset: uint256          # 0: L1's coin, always

# What is opened of the state when users leave.
struct Layout:
    accounts: uint256       # which of the maps holds the accounts
    maps: uint256
    record_ints: uint256
    record_wide: uint256    # bit i: integer i has two words
    record_keys: uint256
    cell_ints: uint256
    cell_wide: uint256
    cell_keys: uint256

struct Exit:
    asset: uint256
    result: uint256         # the operation whose value is the account's worth, in units of the asset

# An ERC-20 whose balances change by transfers alone. (What arrives is measured; a token that rebases, or that
# somebody can take back, would leave less here than the ledger owes.)
struct Asset:
    token: address          # zero for L1's coin
    unit: uint256           # the token's base units in one unit of the ledger
    rate: uint256           # gwei that 10^9 units of the ledger are worth: decides on a withdrawal's tier

# One suite's part of what a leaving account shows.
struct Opening:
    keys: DynArray[bytes32, MAX_KEYS]
    siblings: DynArray[bytes32, MAX_DEPTH]
    cell_keys: DynArray[bytes32, MAX_KEYS]
    map_roots: DynArray[bytes32, MAX_MAPS]

event Enqueued:
    index: indexed(uint256)
    sender: indexed(address)
    origin: bytes32
    words: Bytes[MAX_SLOT]

event Withdrawn:
    claim: indexed(bytes32)
    recipient: indexed(address)
    slot: uint256
    place: uint256
    asset: uint256
    amount: uint256

event Refunded:
    index: indexed(uint256)
    recipient: indexed(address)
    asset: uint256
    amount: uint256

event OwnerProven:
    account: indexed(uint256)
    owner: indexed(address)

event Halted:
    claim: indexed(bytes32)

event Escaped:
    account: indexed(uint256)
    owner: indexed(address)
    asset: uint256
    amount: uint256

# A recipient did not take what it was paid: it can collect it.
event Credited:
    recipient: indexed(address)
    asset: uint256
    amount: uint256

event Collected:
    recipient: indexed(address)
    to: indexed(address)
    asset: uint256
    amount: uint256

event AssetScheduled:
    asset: indexed(uint256)
    token: address
    unit: uint256
    rate: uint256
    ready: uint256

event AssetListed:
    asset: indexed(uint256)
    token: address
    unit: uint256
    rate: uint256

SETTLEMENT: public(immutable(address))
OPERATOR: public(immutable(address))
TIMELOCK: public(immutable(uint256))
ESCAPE_WINDOW: public(immutable(uint256))
KINDS: immutable(DynArray[uint256, MAX_KINDS])  # packed: _kind
MESSAGES: immutable(DynArray[Message, MAX_MESSAGES])
LIMITS: immutable(DynArray[uint256, MAX_TIERS])
EARLY_LIMIT: public(immutable(uint256))
LAYOUT: immutable(Layout)
TREES: immutable(DynArray[address, MAX_SUITES])
EXITS: immutable(DynArray[Exit, MAX_EXITS])
PROGRAM: immutable(ISettlement.Program)
SLOT_BYTES: immutable(uint256)
JOURNAL_BYTES: immutable(uint256)
HAS_REFUSED: immutable(bool)

queue_length: public(uint256)
queue_hash: public(HashMap[uint256, bytes32])           # of the first i entries
owner: public(HashMap[uint256, address])                # of an account
assets: HashMap[uint256, Asset]
asset_count: public(uint256)                            # L1's coin included
scheduled: public(HashMap[bytes32, uint256])            # when an asset may be listed
rated: public(HashMap[uint256, uint256])                # when an asset's rate was listed
paid: HashMap[bytes32, HashMap[uint256, uint256]]       # of a claim: bit slot · MAX_MESSAGES + place of its withdrawals
refunded: public(HashMap[uint256, bool])                # queue entries
next_free: public(HashMap[uint256, uint256])            # of a tier: until when what it released would have filled it
early: public(HashMap[bytes32, uint256])                # gwei released for a claim before it was final at the top tier
early_total: public(uint256)
halted: public(bool)
formula: DynArray[uint256, MAX_FORMULA]
escaped: public(HashMap[uint256, HashMap[uint256, uint256]])  # units paid to an account that left, by asset
credit: public(HashMap[address, HashMap[uint256, uint256]])   # by asset, in its token's base units (wei)
credits: public(HashMap[uint256, uint256])                    # their sum


@deploy
def __init__(
    settlement: address,
    operator: address,
    timelock: uint256,
    escape_window: uint256,
    kinds: DynArray[Kind, MAX_KINDS],
    has_refused: bool,
    messages: DynArray[Message, MAX_MESSAGES],
    tokens: DynArray[Asset, MAX_ASSETS - 1],
    limits: DynArray[uint256, MAX_TIERS],
    early_limit: uint256,
    layout: Layout,
    trees: DynArray[address, MAX_SUITES],
    exits: DynArray[Exit, MAX_EXITS],
    formula: DynArray[uint256, MAX_FORMULA],
):
    """
    @param settlement Already deployed.
    @param operator May enqueue transactions of operator_only kinds, and list assets.
    @param timelock Seconds before an asset counts.
    @param escape_window Seconds without finality, while something waits in the queue, after which all may halt.
    @param kinds In the program's order; the first is `noop`.
    @param has_refused Whether output word 0 of a slot tells that a transaction from L1 had no effect.
    @param tokens Assets 1, 2, … from the start.
    @param limits Gwei a day that each tier releases, 0: without limit. The last is that of what is final at the top.
    @param early_limit Gwei that may be released for claims that are not final at the top tier yet: what a lower tier
           can lose at most.
    @param trees One a suite, in suite order.
    @param exits What an account gets when everything has halted; none: there is no leaving then.
    """
    program: ISettlement.Program = staticcall ISettlement(settlement).program()
    packed: DynArray[uint256, MAX_KINDS] = []
    from_l1: uint256 = 0
    assert len(kinds) != 0 and not kinds[0].from_l1, "init: noop"
    for kind: Kind in kinds:
        assert 1 <= kind.words and kind.words <= program.input_words, "init: kind words"
        if not kind.from_l1:
            words: uint256 = kind.value_word | kind.asset_word | kind.registers_word | kind.owner_word
            assert not kind.operator_only and words == 0, "init: kind rule"
        assert kind.value_word == 0 or kind.value_word + 2 <= kind.words, "init: value word"
        assert kind.asset_word == 0 or kind.value_word != 0, "init: kind rule"
        assert kind.registers_word == 0 or kind.owner_word == 0, "init: kind rule"
        assert max(max(kind.asset_word, kind.registers_word), kind.owner_word) < kind.words, "init: kind rule"
        from_l1 |= convert(kind.from_l1, uint256) << len(packed)
        packed.append(
            kind.words
            | (convert(kind.from_l1, uint256) << 16)
            | (convert(kind.operator_only, uint256) << 17)
            | (kind.value_word << 32)
            | (kind.asset_word << 48)
            | (kind.registers_word << 64)
            | (kind.owner_word << 80)
        )
    # Or the queue would hold what no batch takes in.
    known: uint256 = 0
    taken: uint256 = 0
    known, taken = staticcall ISettlement(settlement).kinds()
    assert len(kinds) == known and from_l1 == taken, "init: kinds"
    for message: Message in messages:
        assert max(message.recipient + 5, message.amount + 2) <= program.output_words, "init: message"
        assert max(message.presence, message.asset) < program.output_words, "init: message"
    assert not has_refused or program.output_words != 0, "init: message"
    assert len(limits) != 0, "init: limits"
    assert operator != empty(address), "init: operator"
    # The other way a day's value of blocks could halt everything.
    assert escape_window >= DAY, "init: escape window"
    if len(exits) != 0:
        assert len(trees) == len(staticcall ISettlement(settlement).suites()), "init: trees"
        assert layout.accounts < layout.maps and layout.maps <= MAX_MAPS, "init: layout"
        assert max(layout.record_ints, layout.cell_ints) <= MAX_INTS, "init: layout"
    for tree: address in trees:
        assert tree.is_contract, "init: tree"
    for exit: Exit in exits:
        assert exit.result < len(formula), "init: exit"
    i: uint256 = 0
    for op: uint256 in formula:
        code: uint256 = op & 255
        a: uint256 = (op >> 8) & 255
        assert code <= OP_NOT, "init: formula"
        if code == OP_FIELD:
            assert a < layout.record_ints, "init: formula"
        elif code == OP_CELL:
            assert a < layout.cell_ints, "init: formula"
        elif code != OP_CONST:
            assert max(a, max((op >> 16) & 255, (op >> 24) & 255)) < i, "init: formula"
        i += 1

    SETTLEMENT = settlement
    OPERATOR = operator
    TIMELOCK = timelock
    ESCAPE_WINDOW = escape_window
    KINDS = packed
    MESSAGES = messages
    LIMITS = limits
    EARLY_LIMIT = early_limit
    LAYOUT = layout
    TREES = trees
    EXITS = exits
    self.formula = formula
    PROGRAM = program
    SLOT_BYTES = 4 * program.input_words
    JOURNAL_BYTES = program.slots * 4 * (program.input_words + program.output_words) + 4 * program.cell_words
    HAS_REFUSED = has_refused
    self.assets[0] = Asset(token=empty(address), unit=BILLION, rate=BILLION)
    self.asset_count = 1
    for token: Asset in tokens:
        self._list(self.asset_count, token)


# 1. Queue


@external
@payable
@nonreentrant
def enqueue(words: Bytes[MAX_SLOT]) -> uint256:
    """
    @notice Put a transaction of a from_l1 kind into the queue: a batch must take it in before any other transaction
            that is queued later. A token's amount is taken by its transferFrom, which the sender must have approved.
    @param words The slot's input words: the kind, its parameters, then zeros.
    @return Its place in the queue.
    """
    assert not self.halted, "enqueue: halted"
    assert len(words) == SLOT_BYTES, "enqueue: length"
    assert self._word(words, 0) < len(KINDS), "enqueue: kind"
    kind: Kind = self._kind(self._word(words, 0))
    assert kind.from_l1, "enqueue: kind not from L1"
    assert not kind.operator_only or msg.sender == OPERATOR, "enqueue: not the operator"
    if kind.owner_word != 0:
        assert self.owner[self._word(words, kind.owner_word)] == msg.sender, "enqueue: not the owner"
    # The program holds unused words at 0: an entry with others could never be proved, and would block the queue.
    for i: uint256 in range(kind.words, PROGRAM.input_words, bound=MAX_SLOT // 4):
        assert self._word(words, i) == 0, "enqueue: unused word"

    asset: uint256 = 0
    amount: uint256 = 0
    asset, amount = self._value(kind, words)
    if asset == 0:
        assert msg.value == amount * BILLION, "enqueue: value"
    else:
        assert msg.value == 0, "enqueue: value"
        assert asset < self.asset_count, "enqueue: asset"
        if amount != 0:
            self._take(self.assets[asset].token, amount * self.assets[asset].unit)

    index: uint256 = self.queue_length
    origin: bytes32 = convert((convert(msg.sender, uint256) << 96) | block.timestamp, bytes32)
    entry: bytes32 = keccak256(concat(origin, keccak256(words)))
    self.queue_hash[index + 1] = keccak256(concat(self.queue_hash[index], entry))
    self.queue_length = index + 1
    log Enqueued(index=index, sender=msg.sender, origin=origin, words=words)
    return index


@internal
def _take(token: address, amount: uint256):
    """
    @dev Exactly `amount` must arrive: a token that keeps a fee, or says no without reverting, is refused.
    """
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    # Vyper demands code at the address, so that silence is an answer of the token.
    assert extcall IERC20(token).transferFrom(msg.sender, self, amount, default_return_value=True), "enqueue: token"
    assert staticcall IERC20(token).balanceOf(self) == before + amount, "enqueue: token amount"


# 2. What a final claim says of the queue


@external
@nonreentrant
def prove_owner(parent: bytes32, journal: Bytes[MAX_JOURNAL], slot: uint256, origin: bytes32):
    """
    @notice Record who owns the account that a slot of a final claim opened: whoever had enqueued it.
    @param origin Of the queue entry, as in Enqueued.
    """
    assert len(journal) == JOURNAL_BYTES and slot < PROGRAM.slots, "entry: journal"
    claim: bytes32 = keccak256(concat(parent, keccak256(journal)))
    leading: uint256 = 0
    for i: uint256 in range(PROGRAM.slots, bound=MAX_SLOTS):
        if not self._kind(extract32(journal, i * SLOT_BYTES, output_type=uint256) >> 224).from_l1:
            break
        leading += 1
    at: uint256 = slot * SLOT_BYTES
    self._entry(claim, leading, slot, keccak256(slice(journal, at, SLOT_BYTES)), origin)

    registers: uint256 = self._kind(convert(slice(journal, at, 4), uint256)).registers_word
    assert registers != 0, "owner: kind"
    if HAS_REFUSED:
        assert convert(slice(journal, self._output(slot), 4), uint256) == 0, "owner: refused"
    account: uint256 = convert(slice(journal, at + 4 * registers, 4), uint256)
    assert self.owner[account] == empty(address), "owner: known"
    self.owner[account] = self._sender(origin)
    log OwnerProven(account=account, owner=self._sender(origin))


@external
@nonreentrant
def refund(parent: bytes32, journal: Bytes[MAX_JOURNAL], slot: uint256, origin: bytes32):
    """
    @notice Give back what was paid with a transaction that a final claim shows to have had no effect.
    @param origin Of the queue entry, as in Enqueued.
    """
    assert len(journal) == JOURNAL_BYTES and slot < PROGRAM.slots, "entry: journal"
    claim: bytes32 = keccak256(concat(parent, keccak256(journal)))
    leading: uint256 = 0
    for i: uint256 in range(PROGRAM.slots, bound=MAX_SLOTS):
        if not self._kind(extract32(journal, i * SLOT_BYTES, output_type=uint256) >> 224).from_l1:
            break
        leading += 1
    at: uint256 = slot * SLOT_BYTES
    index: uint256 = self._entry(claim, leading, slot, keccak256(slice(journal, at, SLOT_BYTES)), origin)
    assert HAS_REFUSED, "refund: not refused"
    assert convert(slice(journal, self._output(slot), 4), uint256) == 1, "refund: not refused"
    kind: Kind = self._kind(convert(slice(journal, at, 4), uint256))
    assert kind.value_word != 0, "refund: nothing paid"
    asset: uint256 = 0
    if kind.asset_word != 0:
        asset = convert(slice(journal, at + 4 * kind.asset_word, 4), uint256)
    self._refund(index, origin, asset, convert(slice(journal, at + 4 * kind.value_word, 8), uint256))


@external
@nonreentrant
def refund_queued(index: uint256, origin: bytes32, words: Bytes[MAX_SLOT]):
    """
    @notice Give back what was paid with a transaction that no final claim has taken in, when everything has halted.
    """
    assert self.halted, "refund: not halted"
    finality: ISettlement.Finality = staticcall ISettlement(SETTLEMENT).finality()
    assert index >= finality.queue_end, "refund: taken in"
    assert self._is_queued(index, keccak256(concat(origin, keccak256(words)))), "refund: queue entry"
    asset: uint256 = 0
    amount: uint256 = 0
    asset, amount = self._value(self._kind(self._word(words, 0)), words)
    self._refund(index, origin, asset, amount)


@internal
@view
def _entry(claim: bytes32, leading: uint256, slot: uint256, words_hash: bytes32, origin: bytes32) -> uint256:
    """
    @dev The place in the queue of a slot of a claim that is final at the top tier. Two equal entries can stand in the
         queue, so the place follows from the claim and not from the entry.
    """
    settlement: ISettlement = ISettlement(SETTLEMENT)
    assert staticcall settlement.is_final(claim, staticcall settlement.tier_count() - 1), "entry: not final"
    assert slot < leading, "entry: not from L1"
    taken: ISettlement.Claim = staticcall settlement.claim(claim)
    index: uint256 = taken.queue_end - leading + slot
    assert self._is_queued(index, keccak256(concat(origin, words_hash))), "entry: origin"
    return index


@internal
def _refund(index: uint256, origin: bytes32, asset: uint256, amount: uint256):
    assert not self.refunded[index], "refund: done"
    assert amount != 0, "refund: nothing paid"
    self.refunded[index] = True
    log Refunded(index=index, recipient=self._sender(origin), asset=asset, amount=amount)
    self._pay(self._sender(origin), asset, amount)


# 3. Withdrawals


@external
@nonreentrant
def withdraw(parent: bytes32, journal: Bytes[MAX_JOURNAL], slot: uint256, place: uint256):
    """
    @notice Pay the recipient of a withdrawal in the journal of a claim that is final for its value. Anyone may call.
    @param place Which of the slot's places of withdrawals: messages().
    """
    assert len(journal) == JOURNAL_BYTES and slot < PROGRAM.slots, "withdraw: journal"
    assert place < len(MESSAGES), "withdraw: place"
    claim: bytes32 = keccak256(concat(parent, keccak256(journal)))
    message: Message = MESSAGES[place]
    at: uint256 = self._output(slot)
    assert convert(slice(journal, at + 4 * message.presence, 4), uint256) == 1, "withdraw: nothing"
    recipient: address = convert(
        convert(slice(journal, at + 4 * message.recipient, 20), uint256), address
    )
    amount: uint256 = convert(slice(journal, at + 4 * message.amount, 8), uint256)
    asset: uint256 = 0
    if message.asset != 0:
        asset = convert(slice(journal, at + 4 * message.asset, 4), uint256)
        assert asset < self.asset_count, "withdraw: asset"

    bit: uint256 = slot * MAX_MESSAGES + place
    mask: uint256 = 1 << (bit % 256)
    assert self.paid[claim][bit // 256] & mask == 0, "withdraw: paid"
    self.paid[claim][bit // 256] |= mask
    self._release(claim, asset, (amount * self.assets[asset].rate + BILLION - 1) // BILLION)
    log Withdrawn(claim=claim, recipient=recipient, slot=slot, place=place, asset=asset, amount=amount)
    self._pay(recipient, asset, amount)


@external
def absorb(claim: bytes32):
    """
    @notice A claim is final at the top tier: what was released for it before no longer counts as early.
    """
    settlement: ISettlement = ISettlement(SETTLEMENT)
    assert staticcall settlement.is_final(claim, staticcall settlement.tier_count() - 1), "absorb: not final"
    self._absorb(claim)


@internal
def _absorb(claim: bytes32):
    self.early_total -= self.early[claim]
    self.early[claim] = 0


@internal
def _release(claim: bytes32, asset: uint256, amount: uint256):
    """
    @param amount Gwei.
    @dev Whether a claim may pay this now. What it may not pay now it may pay later: nothing is lost.
    """
    settlement: ISettlement = ISettlement(SETTLEMENT)
    top: uint256 = staticcall settlement.tier_count() - 1
    limit: uint256 = len(LIMITS) - 1
    if staticcall settlement.is_final(claim, top):
        if self.early[claim] != 0:
            self._absorb(claim)
    else:
        # Who leaves by the last state that is final at the top was not debited for what came after it.
        assert not self.halted, "withdraw: halted"
        tier: uint256 = staticcall settlement.tier_of(amount)
        assert tier < top and staticcall settlement.is_final(claim, tier), "withdraw: not final"
        assert asset == 0 or block.timestamp <= self.rated[asset] + RATE_LIFE, "withdraw: rate lapsed"
        if limit != 0:
            limit = min(tier, limit - 1)
        self.early[claim] += amount
        self.early_total += amount
        assert self.early_total <= EARLY_LIMIT, "withdraw: early limit"
    if LIMITS[limit] != 0:
        # What is released takes time to flow in again; a day's worth is held, and what is full pays any amount.
        time: uint256 = (amount * DAY + LIMITS[limit] - 1) // LIMITS[limit]
        start: uint256 = max(self.next_free[limit], block.timestamp)
        assert start == block.timestamp or start + time <= block.timestamp + DAY, "withdraw: wait"
        self.next_free[limit] = start + time


@internal
def _pay(recipient: address, asset: uint256, amount: uint256):
    """
    @dev Pays, or credits a recipient that does not take it, so that nobody can hold up others. Only after all else is
         written.
    """
    base: uint256 = amount * self.assets[asset].unit
    if not self._send(recipient, asset, base):
        self.credit[recipient][asset] += base
        self.credits[asset] += base
        log Credited(recipient=recipient, asset=asset, amount=base)


@internal
def _send(recipient: address, asset: uint256, amount: uint256) -> bool:
    """
    @dev With all the gas that it may use, or a caller could make the recipient's code run out of it.
    """
    token: address = self.assets[asset].token
    if token == empty(address):
        assert msg.gas >= COIN_GAS + COIN_GAS // 63 + SPARE_GAS, "pay: gas"
        return raw_call(recipient, b"", value=amount, gas=COIN_GAS, revert_on_failure=False)
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    assert msg.gas >= TOKEN_GAS + TOKEN_GAS // 63 + SPARE_GAS, "pay: gas"
    moved: bool = raw_call(
        token,
        abi_encode(recipient, amount, method_id=method_id("transfer(address,uint256)")),
        gas=TOKEN_GAS,
        revert_on_failure=False,
    )
    # Answers count for nothing: some tokens give none, some answer false to what they did, or true to what they did
    # not. What has left is paid, and never twice.
    return moved and staticcall IERC20(token).balanceOf(self) < before


@external
@nonreentrant
def collect(asset: uint256, to: address):
    """
    @notice Take what could not be paid to the sender, to an address of its choice.
    """
    amount: uint256 = self.credit[msg.sender][asset]
    assert amount != 0, "collect: nothing"
    self.credit[msg.sender][asset] = 0
    self.credits[asset] -= amount
    assert self._send(to, asset, amount), "collect: refused"
    log Collected(recipient=msg.sender, to=to, asset=asset, amount=amount)


@external
@payable
def fund():
    """
    @notice Add to what is held, for nobody in particular: a reserve against what lower tiers may lose.
    """
    pass


# 4. When everything has halted


@external
@nonreentrant
def halt(origin: bytes32, words_hash: bytes32):
    """
    @notice For good: nothing became final for ESCAPE_WINDOW, though the first transaction in the queue that no final
            claim has taken in waits for as long. Anyone may call.
    @param origin Of that transaction, as in Enqueued.
    @param words_hash keccak256 of its words.
    """
    assert not self.halted, "halt: known"
    finality: ISettlement.Finality = staticcall ISettlement(SETTLEMENT).finality()
    assert self._is_queued(finality.queue_end, keccak256(concat(origin, words_hash))), "halt: queue entry"
    waiting: uint256 = convert(origin, uint256) & (2 ** 96 - 1)
    assert max(waiting, finality.time) + ESCAPE_WINDOW <= block.timestamp, "halt: too early"
    self.halted = True
    log Halted(claim=finality.claim)
    extcall ISettlement(SETTLEMENT).halt()


@external
@nonreentrant
def escape(
    account: uint256,
    record: DynArray[uint256, MAX_INTS],
    cells: DynArray[uint256, MAX_INTS],
    openings: DynArray[Opening, MAX_SUITES],
):
    """
    @notice Pay an account's owner what the account was worth in the last final state: as much as is there. If that was
            less, what is missing can be asked for again.
    @param record The integers of the account's record, as they are encoded, in field order.
    @param cells The integers of the cells, likewise.
    @param openings What each suite needs besides, in suite order.
    """
    assert self.halted, "escape: not halted"
    owner: address = self.owner[account]
    assert owner != empty(address), "escape: no owner"
    assert len(EXITS) != 0, "escape: no exit"
    assert len(record) == LAYOUT.record_ints and len(cells) == LAYOUT.cell_ints, "escape: layout"
    assert len(openings) == len(TREES), "escape: openings"
    finality: ISettlement.Finality = staticcall ISettlement(SETTLEMENT).finality()
    # The integers are the same in every suite: a record that one suite's hash could be bent to is none in another's.
    for i: uint256 in range(len(TREES), bound=MAX_SUITES):
        opening: Opening = openings[i]
        assert (
            len(opening.keys) == LAYOUT.record_keys
            and len(opening.cell_keys) == LAYOUT.cell_keys
            and len(opening.map_roots) == LAYOUT.maps
        ), "escape: layout"
        tree: ISuiteTree = ISuiteTree(TREES[i])
        assert staticcall tree.leaf_root(
            LAYOUT.accounts, record, LAYOUT.record_wide, opening.keys, account, opening.siblings
        ) == opening.map_roots[LAYOUT.accounts], "escape: record"
        assert staticcall tree.state_root(
            cells, LAYOUT.cell_wide, opening.cell_keys, opening.map_roots
        ) == staticcall ISettlement(SETTLEMENT).root(finality.claim, i), "escape: state"

    values: int256[MAX_FORMULA] = self._evaluate(record, cells)
    for exit: Exit in EXITS:
        worth: uint256 = convert(max(values[exit.result], 0), uint256)
        due: uint256 = min(worth - self.escaped[account][exit.asset], self._free(exit.asset))
        if due != 0:
            self.escaped[account][exit.asset] += due
            log Escaped(account=account, owner=owner, asset=exit.asset, amount=due)
            self._pay(owner, exit.asset, due)


@internal
@view
def _free(asset: uint256) -> uint256:
    """
    @dev Units that are held and nobody's credit.
    """
    if asset >= self.asset_count:
        return 0
    held: uint256 = self.balance
    if asset != 0:
        held = staticcall IERC20(self.assets[asset].token).balanceOf(self)
    # A token may have lost what it owes us.
    return (held - min(held, self.credits[asset])) // self.assets[asset].unit


@internal
@view
def _evaluate(record: DynArray[uint256, MAX_INTS], cells: DynArray[uint256, MAX_INTS]) -> int256[MAX_FORMULA]:
    values: int256[MAX_FORMULA] = empty(int256[MAX_FORMULA])
    i: uint256 = 0
    for op: uint256 in self.formula:
        code: uint256 = op & 255
        at: uint256 = (op >> 8) & 255
        k: int256 = convert(convert(op, bytes32), int256) >> 32  # keeps its sign
        if code == OP_CONST:
            values[i] = k
        elif code == OP_FIELD:
            values[i] = convert(record[at], int256) + k
        elif code == OP_CELL:
            values[i] = convert(cells[at], int256) + k
        else:
            a: int256 = values[at]
            b: int256 = values[(op >> 16) & 255]
            if code == OP_ADD:
                values[i] = a + b
            elif code == OP_SUB:
                values[i] = a - b
            elif code == OP_MUL:
                values[i] = a * b
            elif code == OP_DIV or code == OP_REM:
                # Towards minus infinity, as in Python; b is positive.
                quotient: int256 = a // b
                if quotient * b > a:
                    quotient -= 1
                values[i] = quotient if code == OP_DIV else a - quotient * b
            elif code == OP_EQ:
                values[i] = 1 if a == b else 0
            elif code == OP_LT:
                values[i] = 1 if a < b else 0
            elif code == OP_SELECT:
                values[i] = b if a == 1 else values[(op >> 24) & 255]
            elif code == OP_AND:
                values[i] = a & b
            elif code == OP_OR:
                values[i] = a | b
            else:
                values[i] = 1 - a
        i += 1
    return values


# 5. Assets


@external
def schedule_asset(asset: uint256, token: address, unit: uint256, rate: uint256):
    """
    @notice The next asset, or another rate for a listed one, from TIMELOCK seconds on.
    """
    assert msg.sender == OPERATOR, "asset: not the operator"
    ready: uint256 = block.timestamp + TIMELOCK
    self.scheduled[self._asset_key(asset, token, unit, rate)] = ready
    log AssetScheduled(asset=asset, token=token, unit=unit, rate=rate, ready=ready)


@external
def cancel_asset(asset: uint256, token: address, unit: uint256, rate: uint256):
    assert msg.sender == OPERATOR, "asset: not the operator"
    self.scheduled[self._asset_key(asset, token, unit, rate)] = 0


@external
def list_asset(asset: uint256, token: address, unit: uint256, rate: uint256):
    """
    @notice Apply what was scheduled. Anyone may call.
    """
    key: bytes32 = self._asset_key(asset, token, unit, rate)
    ready: uint256 = self.scheduled[key]
    assert ready != 0, "asset: not scheduled"
    assert ready <= block.timestamp, "asset: too early"
    assert block.timestamp <= ready + TIMELOCK, "asset: lapsed"
    self.scheduled[key] = 0
    self._list(asset, Asset(token=token, unit=unit, rate=rate))


@internal
def _list(asset: uint256, new: Asset):
    assert asset != 0 and asset <= self.asset_count and asset < MAX_ASSETS, "asset: number"
    assert 1 <= new.unit and new.unit < 2 ** 128 and 1 <= new.rate and new.rate < 2 ** 64, "asset: unit"
    if asset < self.asset_count:
        old: Asset = self.assets[asset]
        assert old.token == new.token and old.unit == new.unit, "asset: only the rate"
    else:
        assert new.token.is_contract and new.token != self, "asset: token"
        for i: uint256 in range(1, self.asset_count, bound=MAX_ASSETS):
            assert self.assets[i].token != new.token, "asset: listed"
        self.asset_count = asset + 1
    self.assets[asset] = new
    self.rated[asset] = block.timestamp
    log AssetListed(asset=asset, token=new.token, unit=new.unit, rate=new.rate)


@internal
@pure
def _asset_key(asset: uint256, token: address, unit: uint256, rate: uint256) -> bytes32:
    return keccak256(abi_encode(asset, token, unit, rate))


# Views


@external
@view
def is_queued(index: uint256, entry: bytes32) -> bool:
    """
    @param entry keccak256(origin ‖ keccak256(words)).
    """
    return self._is_queued(index, entry)


@internal
@view
def _is_queued(index: uint256, entry: bytes32) -> bool:
    return index < self.queue_length and (
        keccak256(concat(self.queue_hash[index], entry)) == self.queue_hash[index + 1]
    )


@external
@view
def kinds() -> DynArray[Kind, MAX_KINDS]:
    result: DynArray[Kind, MAX_KINDS] = []
    for i: uint256 in range(len(KINDS), bound=MAX_KINDS):
        result.append(self._kind(i))
    return result


@external
@view
def messages() -> DynArray[Message, MAX_MESSAGES]:
    return MESSAGES


@external
@view
def limits() -> DynArray[uint256, MAX_TIERS]:
    return LIMITS


@external
@view
def exit_rules() -> (Layout, DynArray[address, MAX_SUITES], DynArray[Exit, MAX_EXITS], DynArray[uint256, MAX_FORMULA]):
    """
    @return What escape opens, the suites' trees, the exits, and their formula.
    """
    return LAYOUT, TREES, EXITS, self.formula


@external
@view
def asset(number: uint256) -> Asset:
    return self.assets[number]


@external
@view
def is_paid(claim: bytes32, slot: uint256, place: uint256) -> bool:
    bit: uint256 = slot * MAX_MESSAGES + place
    return (self.paid[claim][bit // 256] >> (bit % 256)) & 1 == 1


@internal
@view
def _kind(number: uint256) -> Kind:
    word: uint256 = KINDS[number]
    return Kind(
        words=word & 65535,
        from_l1=(word >> 16) & 1 == 1,
        operator_only=(word >> 17) & 1 == 1,
        value_word=(word >> 32) & 65535,
        asset_word=(word >> 48) & 65535,
        registers_word=(word >> 64) & 65535,
        owner_word=(word >> 80) & 65535,
    )


@internal
@pure
def _value(kind: Kind, words: Bytes[MAX_SLOT]) -> (uint256, uint256):
    """
    @return Which asset is paid with a transaction, and how many units.
    """
    asset: uint256 = 0
    amount: uint256 = 0
    if kind.value_word != 0:
        amount = (self._word(words, kind.value_word) << 32) | self._word(words, kind.value_word + 1)
    if kind.asset_word != 0:
        asset = self._word(words, kind.asset_word)
    return asset, amount


@internal
@view
def _output(slot: uint256) -> uint256:
    """
    @return Where in a journal the slot's output words stand, in bytes.
    """
    return PROGRAM.slots * SLOT_BYTES + slot * 4 * PROGRAM.output_words


@internal
@pure
def _sender(origin: bytes32) -> address:
    return convert(convert(origin, uint256) >> 96, address)


@internal
@pure
def _word(words: Bytes[MAX_SLOT], index: uint256) -> uint256:
    return convert(slice(words, 4 * index, 4), uint256)
