package suite

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"golang.org/x/crypto/sha3"
)

// Name of the suite; its id is keccak256 of it.
const Name = "bn254"

// Sizes of docs/program.md §1 and docs/suites.md §2.
const (
	WordBytes       = 4  // a journal word
	WordBits        = 32 // the same in bits
	WordsPerElement = 7  // words packed into one field element
	ElementBytes    = 32 // a field element, a digest, a key part
	KeyWords        = 8  // words of one suite's part of a key
	SignatureBytes  = 5 * ElementBytes
)

// Tag separates the uses of the hash (docs/suites.md §2).
type Tag uint64

// The tags of docs/suites.md §2.
const (
	TagNode        Tag = 1
	TagLeaf        Tag = 2
	TagStateRoot   Tag = 3
	TagJournal     Tag = 4
	TagTransaction Tag = 5
	TagPublicKey   Tag = 6
	TagChallenge   Tag = 7
)

// Domain gives the third place of the initial state: tag·2^64 + aux·2^32 + count.
func (t Tag) Domain(aux uint32, count int) fr.Element {
	capacity := new(big.Int).Lsh(new(big.Int).SetUint64(uint64(t)), 64)
	capacity.Add(capacity, new(big.Int).SetUint64(uint64(aux)<<32|uint64(uint32(count))))
	var e fr.Element
	e.SetBigInt(capacity)
	return e
}

// Hash is H(tag, aux; elements) of docs/suites.md §2.
func Hash(tag Tag, aux uint32, elements ...fr.Element) fr.Element {
	state := [Width]fr.Element{2: tag.Domain(aux, len(elements))}
	for i := 0; i == 0 || i < len(elements); i += 2 {
		for j := i; j < min(i+2, len(elements)); j++ {
			state[j-i].Add(&state[j-i], &elements[j])
		}
		Permute(&state)
	}
	return state[0]
}

// Node is the digest of two digests.
func Node(left, right fr.Element) fr.Element { return Hash(TagNode, 0, left, right) }

// Leaf is the digest of a record of map number mapIndex, of its packed integers and its key parts, each in field order.
func Leaf(mapIndex int, ints []TypedInt, keys []fr.Element) fr.Element {
	return Hash(TagLeaf, uint32(mapIndex), append(PackTyped(ints), keys...)...)
}

// StateRoot is the top hash over packed integer cells, key cells and map roots.
func StateRoot(cells []TypedInt, keyCells, mapRoots []fr.Element) fr.Element {
	elements := append(PackTyped(cells), keyCells...)
	return Hash(TagStateRoot, 0, append(elements, mapRoots...)...)
}

// RootFromPath is the root that a leaf at index gives with its siblings, listed from the leaf up (docs/suites.md §3).
func RootFromPath(leaf fr.Element, index uint64, siblings []fr.Element) fr.Element {
	digest := leaf
	for level, sibling := range siblings {
		if index>>level&1 == 1 {
			digest = Node(sibling, digest)
		} else {
			digest = Node(digest, sibling)
		}
	}
	return digest
}

// TxDigest is the digest of a slot's input words under the reduced domain.
func TxDigest(domain fr.Element, words []uint32) fr.Element {
	return Hash(TagTransaction, 0, append([]fr.Element{domain}, PackWords(words)...)...)
}

// Commit is c, the commitment to a journal of 32-bit words.
func Commit(words []uint32) fr.Element { return Hash(TagJournal, 0, PackWords(words)...) }

// Evaluate is y, the packed journal as a polynomial at z, the first element being the constant term.
func Evaluate(words []uint32, z fr.Element) (y fr.Element) {
	packed := PackWords(words)
	for i := len(packed) - 1; i >= 0; i-- {
		y.Mul(&y, &z)
		y.Add(&y, &packed[i])
	}
	return y
}

// Challenge is z = F(keccak256(domain ‖ suite id ‖ claim ‖ c)).
func Challenge(domain, claim []byte, commitment fr.Element) fr.Element {
	c := commitment.Bytes()
	id := Keccak256([]byte(Name))
	digest := Keccak256(domain, id[:], claim, c[:])
	return Reduce(digest[:])
}

// Keccak256 hashes the concatenation of its arguments.
func Keccak256(parts ...[]byte) (digest [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(digest[:0])
	return digest
}

// TypedInt is an integer as it is encoded: value - lo of its type, and its number of 32-bit words (1 or 2).
type TypedInt struct {
	Encoded uint64
	Words   int
}

// PackTyped packs typed integers, whole integers only, at most 7 words an element (docs/suites.md §2).
func PackTyped(ints []TypedInt) []fr.Element {
	sizes := make([]int, len(ints))
	for i, v := range ints {
		sizes[i] = v.Words
	}
	var packed []fr.Element
	for _, group := range Groups(sizes) {
		element := new(big.Int)
		for _, v := range ints[group.First:group.End] {
			element.Lsh(element, uint(v.Words)*WordBits)
			element.Add(element, new(big.Int).SetUint64(v.Encoded))
		}
		var e fr.Element
		e.SetBigInt(element)
		packed = append(packed, e)
	}
	return packed
}

// Group is the half-open interval of typed integers that share one packed element.
type Group struct{ First, End int }

// Groups tells which integers of the given numbers of words share an element when packed in order.
func Groups(words []int) []Group {
	var groups []Group
	for first := 0; first < len(words); {
		end, total := first, 0
		for end < len(words) && total+words[end] <= WordsPerElement {
			total += words[end]
			end++
		}
		groups = append(groups, Group{first, end})
		first = end
	}
	return groups
}

// PackWords packs words 7 an element, big-endian; the last element is filled up with zero words on the right.
func PackWords(words []uint32) []fr.Element {
	packed := make([]fr.Element, 0, (len(words)+WordsPerElement-1)/WordsPerElement)
	for first := 0; first < len(words); first += WordsPerElement {
		var raw [ElementBytes]byte
		for i := range min(WordsPerElement, len(words)-first) {
			binary.BigEndian.PutUint32(raw[WordBytes*(i+1):], words[first+i])
		}
		var e fr.Element
		e.SetBytes(raw[:])
		packed = append(packed, e)
	}
	return packed
}

// DecodeWords reads big-endian 32-bit words; the length of raw must be a multiple of 4.
func DecodeWords(raw []byte) ([]uint32, error) {
	if len(raw)%WordBytes != 0 {
		return nil, fmt.Errorf("expected a multiple of 4 bytes, found %d bytes", len(raw))
	}
	words := make([]uint32, len(raw)/WordBytes)
	for i := range words {
		words[i] = binary.BigEndian.Uint32(raw[WordBytes*i:])
	}
	return words, nil
}

// EncodeWords writes words as 4 big-endian bytes each.
func EncodeWords(words []uint32) []byte {
	raw := make([]byte, 0, WordBytes*len(words))
	for _, word := range words {
		raw = binary.BigEndian.AppendUint32(raw, word)
	}
	return raw
}

// Reduce is F: 32 bytes as a big-endian integer, reduced into the field.
func Reduce(raw []byte) (e fr.Element) {
	e.SetBigInt(new(big.Int).SetBytes(raw))
	return e
}

// Canonical reads the one encoding of a field element: 32 bytes, big-endian, below the modulus.
func Canonical(raw []byte) (e fr.Element, err error) {
	if len(raw) != ElementBytes {
		return e, fmt.Errorf("expected 32 bytes, found %d", len(raw))
	}
	if err := e.SetBytesCanonical(raw); err != nil {
		return fr.Element{}, fmt.Errorf("expected a field element below the order of BN254's scalar field, found %#x", raw)
	}
	return e, nil
}
