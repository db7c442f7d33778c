# pragma version 0.4.3
"""
@title Sequencing: who may post batches (docs/settlement.md)
@notice One sequencer, with a bond, that takes in what L1 queued within FORCE_WINDOW. If it does not, anyone opens its
        seat, and whoever pays the bond takes it: nobody posts without one. Half of a lost bond goes to who showed the
        fault, half is burnt: a sequencer that shows its own fault still loses.
"""
import IBridge
import ISequencing
import Settlement

implements: ISequencing

LATE: constant(uint256) = 1         # a queue entry was not taken in
STALLED: constant(uint256) = 2      # it was, or a batch was proved by some, and is not final: nobody's proven fault
DISCARDED: constant(uint256) = 3    # nobody could prove its batch
RETIRED: constant(uint256) = 4

event SeatOpened:
    former: indexed(address)
    reason: uint256
    reporter: address

event SeatTaken:
    sequencer: indexed(address)

event Leaving:
    sequencer: indexed(address)
    at: uint256

SETTLEMENT: public(immutable(Settlement.__interface__))
BRIDGE: public(immutable(IBridge))
BOND: public(immutable(uint256))            # wei
FORCE_WINDOW: public(immutable(uint256))    # seconds
LATE_WINDOW: public(immutable(uint256))     # seconds

sequencer: public(address)                  # zero: the seat is open
since: public(uint256)                      # Unix seconds from which its duty counts
leaving: public(uint256)                    # Unix seconds; 0: it stays
credit: public(HashMap[address, uint256])   # wei


@deploy
@payable
def __init__(
    settlement: address, bridge: address, sequencer: address, bond: uint256, force_window: uint256, late_window: uint256
):
    """
    @param sequencer The first one; its bond comes with the creation. Zero, without a bond: the seat is open.
    @param force_window Seconds in which the sequencer must take in what was queued.
    @param late_window Seconds in which it must be final; at least `force_window`.
    """
    assert settlement != empty(address) and bridge != empty(address), "init: contracts"
    assert 1 <= force_window and force_window <= late_window, "init: window"
    if sequencer == empty(address):
        assert msg.value == 0, "seat: bond"
    else:
        assert msg.value == bond, "seat: bond"
    SETTLEMENT = Settlement.__interface__(settlement)
    BRIDGE = IBridge(bridge)
    BOND = bond
    FORCE_WINDOW = force_window
    LATE_WINDOW = late_window
    self.sequencer = sequencer
    self.since = block.timestamp


@external
@view
def may_post(sender: address) -> bool:
    return self.sequencer == sender


@external
def overdue(index: uint256, origin: bytes32, words_hash: bytes32):
    """
    @notice Open the seat of a sequencer that leaves a queue entry out. Not in anything posted FORCE_WINDOW after it was
            queued, or only on a branch that lost, with nothing posted on final_claim for as long: the bond is lost. Not
            final LATE_WINDOW after: the bond is given back.
    @param index Its place in the queue.
    @param origin Its sender's 20 bytes, then 12 of the time when it was queued.
    @param words_hash keccak256 of its words.
    """
    former: address = self._seated()
    assert staticcall BRIDGE.is_queued(index, keccak256(concat(origin, words_hash))), "overdue: not queued"
    # A new sequencer gets the whole window.
    from_time: uint256 = max(convert(origin, uint256) & (2 ** 96 - 1), self.since)
    finality: Settlement.Finality = staticcall SETTLEMENT.finality()
    pending: bool = index >= finality.queue_end
    # What was posted last may stand on a branch that has lost.
    idle: bool = (
        pending
        and not (staticcall SETTLEMENT.claim(finality.claim)).parent
        and block.timestamp > finality.time + FORCE_WINDOW
    )
    late: bool = block.timestamp > from_time + FORCE_WINDOW
    if late and (idle or index >= (staticcall SETTLEMENT.tip()).queue_end):
        self._slash(former, msg.sender, LATE)
    else:
        assert block.timestamp > from_time + LATE_WINDOW, "overdue: in time"
        assert pending, "overdue: taken in"
        self._return(former, STALLED, msg.sender)


@external
def discarded(poster: address, reporter: address):
    """
    @notice From Settlement: what `poster` posted last was proved by nobody, or (no reporter) never became final.
    """
    assert msg.sender == SETTLEMENT.address, "seat: not settlement"
    former: address = self.sequencer
    if former != empty(address) and former == poster:
        if reporter == empty(address):
            self._return(former, STALLED, reporter)
        else:
            self._slash(former, reporter, DISCARDED)
    else:
        # What was discarded has to be posted again: the window starts anew.
        self.since = block.timestamp


@external
@payable
def take_seat():
    """
    @notice Become the sequencer of an open seat.
    """
    assert self.sequencer == empty(address), "seat: taken"
    assert msg.value == BOND, "seat: bond"
    self.sequencer = msg.sender
    self.since = block.timestamp
    log SeatTaken(sequencer=msg.sender)


@external
def leave():
    """
    @notice The sequencer gives notice: its duty goes on for FORCE_WINDOW.
    """
    assert msg.sender == self.sequencer, "seat: not the sequencer"
    assert self.leaving == 0, "seat: leaving already"
    self.leaving = block.timestamp + FORCE_WINDOW
    log Leaving(sequencer=msg.sender, at=self.leaving)


@external
def retire():
    """
    @notice The bond of a sequencer whose notice has passed, and which stands in for no batch any more.
    """
    assert msg.sender == self.sequencer, "seat: not the sequencer"
    assert self.leaving != 0 and block.timestamp >= self.leaving, "seat: notice"
    # Or it would post what nobody can prove, and be gone before that is discarded.
    tip: Settlement.Tip = staticcall SETTLEMENT.tip()
    if tip.poster == msg.sender and not staticcall SETTLEMENT.halted():
        assert tip.number <= (staticcall SETTLEMENT.finality()).number, "seat: batch not final"
    self._return(msg.sender, RETIRED, msg.sender)


@external
def withdraw_credit(payee: address):
    """
    @notice Pay what is owed to `payee`.
    """
    amount: uint256 = self.credit[payee]
    assert amount != 0, "seat: nothing to pay"
    self.credit[payee] = 0
    raw_call(payee, b"", value=amount)


@internal
@view
def _seated() -> address:
    assert self.sequencer != empty(address), "seat: open"
    return self.sequencer


@internal
def _return(former: address, reason: uint256, reporter: address):
    self.credit[former] += BOND
    self._open(former, reason, reporter)


@internal
def _slash(former: address, reporter: address, reason: uint256):
    self._open(former, reason, reporter)
    half: uint256 = BOND // 2
    self.credit[reporter] += half
    raw_call(empty(address), b"", value=BOND - half)


@internal
def _open(former: address, reason: uint256, reporter: address):
    self.sequencer = empty(address)
    self.leaving = 0
    self.since = block.timestamp
    log SeatOpened(former=former, reason=reason, reporter=reporter)
