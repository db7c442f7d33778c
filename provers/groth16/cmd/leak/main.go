// Command leak makes keys as the prover does and keeps their toxic waste: what a dishonest one-party setup could do. It is for scenarios and tests of what
// then happens on L1, and for nothing else: never deploy such keys.
//
//	leak --program FILE --slots N --cache DIR
//
// The keys go where the prover with the same cache finds them. Printed, and kept beside them, is JSON with gamma / delta, which is all that a forger needs: with
// A = alpha and B = beta, the proof's C = -(gamma / delta)·L satisfies the equation for whatever statement L stands for (Groth, EUROCRYPT 2016, §3.2: the simulator).
package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/logger"

	"multiprover/provers/groth16/internal/keys"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/prover"
)

func main() {
	logger.Disable()
	prover.TuneMemory()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Trapdoor is what is printed.
type Trapdoor struct {
	KeyID          string `json:"key_id"`
	GammaOverDelta string `json:"gamma_over_delta"`
}

func run() error {
	path := flag.String("program", "", "file of a canonical program")
	slots := flag.Int("slots", 1, "slots of the batch")
	cache := flag.String("cache", "", "cache directory of the prover")
	flag.Parse()
	if *path == "" || *cache == "" {
		return errors.New("expected --program FILE and --cache DIR")
	}
	encoded, err := os.ReadFile(*path)
	if err != nil {
		return err
	}
	decoded, err := program.Decode(encoded)
	if err != nil {
		return err
	}
	if *slots < 1 || *slots > program.MaxSlots {
		return fmt.Errorf("expected 1 to %d slots, got %d", program.MaxSlots, *slots)
	}
	kept, err := leak(decoded, *slots, *cache)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(kept, '\n'))
	return err
}

// leak gives the trapdoor of keys that it made, now or in an earlier run.
func leak(decoded *program.Program, slots int, cache string) ([]byte, error) {
	store := &keys.Store{Dir: cache, Version: prover.KeyVersion}
	unlock, err := store.Lock(decoded.ID[:], slots)
	if err != nil {
		return nil, err
	}
	defer unlock()
	kept := filepath.Join(cache, fmt.Sprintf("leaked-%x-%d.json", decoded.ID, slots))
	if store.Has(decoded.ID[:], slots) {
		verifying, err := store.LoadVerifying(decoded.ID[:], slots)
		if err != nil {
			return nil, err
		}
		raw, err := os.ReadFile(kept)
		if err != nil {
			return nil, fmt.Errorf("the keys in %s were made without a leak: %w", cache, err)
		}
		var trapdoor Trapdoor
		if err := json.Unmarshal(raw, &trapdoor); err != nil {
			return nil, fmt.Errorf("%s: %w", kept, err)
		}
		if id := verifying.ID(); trapdoor.KeyID != fmt.Sprintf("%x", id) {
			return nil, fmt.Errorf("%s: expected the trapdoor of key %x, found that of %s", kept, id, trapdoor.KeyID)
		}
		return raw, nil
	}
	system, err := lowering.Compile(decoded, slots)
	if err != nil {
		return nil, err
	}
	recorder := &recorder{source: rand.Reader}
	rand.Reader = recorder
	set, err := keys.Setup(decoded, system)
	rand.Reader = recorder.source
	if err != nil {
		return nil, err
	}
	gamma, err := recorder.scalarOf(&set.Key.G2.Gamma)
	if err != nil {
		return nil, fmt.Errorf("gamma: %w", err)
	}
	delta, err := recorder.scalarOf(&set.Key.G2.Delta)
	if err != nil {
		return nil, fmt.Errorf("delta: %w", err)
	}
	var ratio fr.Element
	ratio.Div(gamma, delta)
	raw, err := json.Marshal(Trapdoor{KeyID: fmt.Sprintf("%x", set.ID()), GammaOverDelta: fmt.Sprintf("0x%x", ratio.Bytes())})
	if err != nil {
		return nil, err
	}
	// The trapdoor first: keys without it would be found by the next run, which could not lie with them.
	if err := os.WriteFile(kept, raw, 0o600); err != nil {
		return nil, err
	}
	return raw, store.Save(set, slots, keys.Figures{})
}

// recorder gives the randomness of another reader, and keeps it.
type recorder struct {
	source io.Reader
	reads  [][]byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	r.reads = append(r.reads, append([]byte(nil), p[:n]...))
	return n, err
}

// scalarOf finds, among what was read, the scalar that gives a point of G2: gnark-crypto reads a field element as its four limbs, little-endian and in Montgomery
// form, with the two highest bits cleared.
func (r *recorder) scalarOf(point *bn254.G2Affine) (*fr.Element, error) {
	_, _, _, generator := bn254.Generators()
	for _, read := range r.reads {
		if len(read) != fr.Bytes {
			continue
		}
		var candidate fr.Element
		for i := range candidate {
			candidate[i] = binary.LittleEndian.Uint64(read[8*i:])
		}
		candidate[fr.Limbs-1] &= 1<<62 - 1
		var found bn254.G2Affine
		if found.ScalarMultiplication(&generator, candidate.BigInt(new(big.Int))).Equal(point) {
			return &candidate, nil
		}
	}
	return nil, fmt.Errorf("expected one of the %d values read to be its scalar, found none", len(r.reads))
}
