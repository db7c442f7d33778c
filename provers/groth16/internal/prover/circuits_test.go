package prover

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/reference"
	"multiprover/provers/groth16/internal/suite"
)

// everyGadget is a program with the gadgets that the reference slot lacks: wide and signed divisions, comparisons of every width, packed cells, two words of an
// output that no RANGE made, and a port that is opened and never written.
func everyGadget() *reference.Builder {
	b := reference.NewBuilder("every gadget", 9, suite.Name)
	b.AddCell(reference.KeyField("operator"))
	total := b.AddCell(reference.Int("total", -1<<63, 1<<63-1))
	b.AddCell(reference.Int("count", 0, 9))
	m := b.AddMap("records", 3, reference.Int("position", -1<<63, 1<<63-1), reference.KeyField("key"), reference.Int("nonce", 0, 1<<32-1))
	flag := b.Range(b.Param(0), new(big.Int), big.NewInt(1))
	x := b.Add(b.Param64(1), b.ConstBig(new(big.Int).Lsh(big.NewInt(-1), 63)))
	y := b.Add(b.Param64(3), b.Const(1))
	open := b.Open(flag, b.Range(b.Param(5), new(big.Int), big.NewInt(7)), m)
	product := b.Mul(x, b.Range(b.Param64(6), new(big.Int), new(big.Int).Lsh(big.NewInt(1), 62)))
	quotient := b.DivMod(product, b.Range(b.Mul(y, b.Param(8)), big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 90)))
	small := b.DivMod(x, b.Const(1000))
	low, high := new(big.Int).Lsh(big.NewInt(-1), 63), new(big.Int).SetUint64(1<<63-1)
	chosen := b.Select(b.And(b.Lt(product, quotient), b.Not(b.Eq(x, b.Load(open, 0)))), b.Range(quotient, low, high), small)
	b.Assert(b.Or(flag, b.Lt(b.Remainder(quotient), b.Remainder(small))))
	b.Authorize(flag, b.Select(flag, b.Load(open, 1), b.Cell(0)), b.Load(open, 2))
	b.StoreCell(b.Range(b.Add(b.Cell(total), chosen), low, high), total)
	b.Output(chosen, low, high)
	return b
}

// TestCircuitsOfTheKeys compares the circuits that this source makes with those of the version under which keys are cached. A cache directory knows a circuit by that version
// alone: with a change and the same version, a prover would go on with the old circuit, mistakes and all. If it fails, raise Version or
// FormatVersion, and run it with FREEZE set.
func TestCircuitsOfTheKeys(t *testing.T) {
	path := filepath.Join("testdata", "circuits.txt")
	version := fmt.Sprintf("%s %d", KeyVersion.Prover, KeyVersion.Format)
	lines := []string{version}
	for _, c := range []struct {
		build *reference.Builder
		slots int
	}{{smallProgram(), 1}, {reference.SlotProgram(3), 2}, {everyGadget(), 2}} {
		p, err := c.build.Decode()
		if err != nil {
			t.Fatal(err)
		}
		system, err := lowering.Compile(p, c.slots)
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		if _, err := system.WriteTo(hash); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s", hex.EncodeToString(hash.Sum(nil)), p.Name))
	}
	found := strings.Join(lines, "\n") + "\n"
	frozen, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	frozenVersion, _, _ := strings.Cut(string(frozen), "\n")
	switch {
	case found == string(frozen):
	case frozenVersion == version:
		t.Errorf("other circuits than those of version %s, whose cached keys would be used for them: expected\n%sfound\n%s", version, frozen, found)
	case os.Getenv("FREEZE") == "":
		t.Errorf("version %s is not frozen, %q is: run this test with FREEZE set", version, frozenVersion)
	default:
		if err := os.WriteFile(path, []byte(found), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
