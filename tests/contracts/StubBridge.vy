# pragma version 0.4.3
"""
@title A queue for tests of the core contracts, and a bridge that halts when it is told to
"""

interface Halts:
    def halt(): nonpayable

length: public(uint256)
hashes: HashMap[uint256, bytes32]
entries: HashMap[uint256, bytes32]


@external
def enqueue(words: Bytes[512]):
    origin: bytes32 = convert((convert(msg.sender, uint256) << 96) | block.timestamp, bytes32)
    entry: bytes32 = keccak256(concat(origin, keccak256(words)))
    self.entries[self.length] = entry
    self.hashes[self.length + 1] = keccak256(concat(self.hashes[self.length], entry))
    self.length += 1


@external
@view
def queue_hash(index: uint256) -> bytes32:
    return self.hashes[index]


@external
@view
def is_queued(index: uint256, entry: bytes32) -> bool:
    return self.entries[index] == entry and entry != empty(bytes32)


@external
def halt(settlement: address):
    extcall Halts(settlement).halt()
