// Command bench measures the prover on one machine and prints JSON.
//
//	bench --slots N [--which compiled|handwritten] [--depth 20]   the reference slot: keys, one proof, its cost
//	bench --slots N --count                                       constraints of both, without a proof
//	bench --program FILE --slots N [--which …]                    constraints of a canonical program, or of the circuit written by hand for it
//
// A proof is made by one process, so that peak memory is that of one circuit; compare two runs.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/solidity"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/logger"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/prover"
	"multiprover/provers/groth16/internal/reference"
)

func main() {
	logger.Disable()
	prover.TuneMemory() // as in the prover
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// relation is a circuit with an assignment of it.
type relation struct {
	circuit, assignment frontend.Circuit
}

// relations are what can be measured, by name.
var relations = map[string]func(depth, slots int) (relation, error){
	"compiled":    compiled,
	"handwritten": handWritten,
}

func run() error {
	slots := flag.Int("slots", 1, "slots of the batch")
	depth := flag.Int("depth", 20, "depth of the map of accounts")
	which := flag.String("which", "compiled", "compiled or handwritten")
	path := flag.String("program", "", "file of a canonical program: count its constraints")
	count := flag.Bool("count", false, "only count constraints")
	flag.Parse()

	report := map[string]any{"slots": *slots, "cpus": runtime.NumCPU(), "go": runtime.Version()}
	var err error
	switch {
	case *path != "":
		report["which"] = *which
		err = countProgram(*path, *which, *slots, report)
	case *count:
		err = countBoth(*depth, *slots, report)
	default:
		report["which"], report["depth"] = *which, *depth
		err = measure(*which, *depth, *slots, report)
	}
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

func perSlot(report map[string]any, system constraint.ConstraintSystem, slots int, name string) {
	report[name] = system.GetNbConstraints()
	report[name+"_a_slot"] = float64(system.GetNbConstraints()) / float64(slots)
}

func countProgram(path, which string, slots int, report map[string]any) error {
	raw, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return err
	}
	p, err := program.Decode(raw)
	if err != nil {
		return err
	}
	circuit, err := circuitOf(p, which, slots)
	if err != nil {
		return err
	}
	start := cpu()
	system, err := lowering.CompileCircuit(circuit)
	if err != nil {
		return err
	}
	report["program"], report["program_id"], report["ops"] = p.Name, fmt.Sprintf("%x", p.ID), len(p.Ops)
	report["compile_cpu_s"] = (cpu() - start).Seconds()
	perSlot(report, system, slots, "constraints")
	return nil
}

// circuitOf is a program's circuit, or for the example of the perpetuals exchange the one of its trades that is written by hand.
func circuitOf(p *program.Program, which string, slots int) (frontend.Circuit, error) {
	switch {
	case which == "compiled":
		return lowering.New(p, slots), nil
	case which == "handwritten" && reference.IsPerpetuals(p):
		return reference.NewPerpetualsTrades(slots), nil
	case which == "handwritten":
		return nil, fmt.Errorf("expected the program of examples/perpetuals, which has a circuit written by hand, found %q", p.Name)
	default:
		return nil, fmt.Errorf("expected --which compiled or handwritten, found %q", which)
	}
}

func countBoth(depth, slots int, report map[string]any) error {
	for name, make := range relations {
		r, err := make(depth, slots)
		if err != nil {
			return err
		}
		system, err := lowering.CompileCircuit(r.circuit)
		if err != nil {
			return err
		}
		perSlot(report, system, slots, name)
	}
	return nil
}

// compiled is the reference slot through its program.
func compiled(depth, slots int) (relation, error) {
	p, err := reference.SlotProgram(depth).Decode()
	if err != nil {
		return relation{}, err
	}
	request, err := reference.SlotRequest(p, slots)
	if err != nil {
		return relation{}, err
	}
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		return relation{}, err
	}
	result, err := execution.Execute(p, statement, request)
	if err != nil {
		return relation{}, err
	}
	return relation{lowering.New(p, slots), result.Assignment}, nil
}

// handWritten is the reference slot without a program, with the same witness.
func handWritten(depth, slots int) (relation, error) {
	r, err := compiled(depth, slots)
	if err != nil {
		return relation{}, err
	}
	return relation{reference.NewHandWritten(depth, slots), reference.AssignHandWritten(r.assignment.(*lowering.Circuit))}, nil
}

// measure makes keys and one proof. The keys go through a file between the two, and the memory of the setup is given back before the peak is read.
func measure(which string, depth, slots int, report map[string]any) error {
	make, ok := relations[which]
	if !ok {
		return fmt.Errorf("expected --which compiled or handwritten, found %q", which)
	}
	start := cpu()
	r, err := make(depth, slots)
	if err != nil {
		return err
	}
	report["witness_cpu_s"] = (cpu() - start).Seconds()
	start = cpu()
	system, err := lowering.CompileCircuit(r.circuit)
	if err != nil {
		return err
	}
	report["compile_cpu_s"] = (cpu() - start).Seconds()
	perSlot(report, system, slots, "constraints")

	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	start = cpu()
	verifying, err := setup(system, dir)
	if err != nil {
		return err
	}
	report["setup_cpu_s"] = (cpu() - start).Seconds()

	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return fmt.Errorf("peak memory cannot be measured here: %w", err)
	}
	return prove(r, system, dir, verifying, slots, report)
}

const (
	keyName = "key"
)

// setup makes keys and writes the proving key.
func setup(system constraint.ConstraintSystem, dir string) (groth16.VerifyingKey, error) {
	proving, verifying, err := groth16.Setup(system)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(dir, keyName))
	if err != nil {
		return nil, err
	}
	return verifying, errors.Join(proving.WriteDump(file), file.Close())
}

func prove(r relation, system constraint.ConstraintSystem, dir string, verifying groth16.VerifyingKey, slots int, report map[string]any) error {
	file, err := os.Open(filepath.Join(dir, keyName))
	if err != nil {
		return err
	}
	defer file.Close()
	proving := groth16.NewProvingKey(ecc.BN254)
	if err := proving.ReadDump(file); err != nil {
		return err
	}
	witness, err := frontend.NewWitness(r.assignment, ecc.BN254.ScalarField())
	if err != nil {
		return err
	}
	start, wall := cpu(), time.Now()
	proof, err := groth16.Prove(system, proving, witness, solidity.WithProverTargetSolidityVerifier(backend.GROTH16))
	if err != nil {
		return err
	}
	cost := (cpu() - start).Seconds()
	report["prove_cpu_s"], report["prove_cpu_s_a_slot"], report["prove_s"] = cost, cost/float64(slots), time.Since(wall).Seconds()
	peak := peakMiB()
	report["peak_mib"], report["peak_mib_a_slot"] = peak, peak/float64(slots)
	public, err := witness.Public()
	if err != nil {
		return err
	}
	return groth16.Verify(proof, verifying, public, solidity.WithVerifierTargetSolidityVerifier(backend.GROTH16))
}

func usage() (r syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // only for a bad argument
	}
	return r
}

// cpu is the user and system time of the process.
func cpu() time.Duration {
	r := usage()
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// peakMiB is the greatest resident size since the last reset.
func peakMiB() float64 { return float64(usage().Maxrss) / 1024 }
