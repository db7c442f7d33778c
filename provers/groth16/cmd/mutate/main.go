// Command mutate lies to circuits: one JSON request a line on standard input, one answer a line on standard output. It serves the soundness tests
// (docs/soundness.md) and is not shipped.
//
//	{"do": "check",  "program": BASE64, "slots": N, "prove": BASE64}
//	{"do": "mutate", "program": BASE64, "slots": N, "prove": BASE64, "mutants": M, "seed": S}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/consensys/gnark/logger"
	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/mutation"
	"multiprover/provers/groth16/internal/pb/proverv1"
)

type request struct {
	Do      string
	Program []byte
	Slots   int
	Prove   []byte
	Mutants int
	Seed    uint64
}

// refused is a refusal of the prover's own execution.
type refused struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// checked answers a check.
type checked struct {
	Refused     *refused `json:"refused"`
	Violated    int      `json:"violated"`
	First       string   `json:"first"`
	Statement   bool     `json:"statement"`
	Constraints int      `json:"constraints"`
}

func main() {
	logger.Disable()
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		answer, err := serve(line)
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// last is the circuit compiled last: requests about one come together.
var last struct {
	key     string
	circuit *mutation.Circuit
}

func serve(line []byte) (any, error) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, err
	}
	var prove proverv1.ProveRequest
	if err := proto.Unmarshal(r.Prove, &prove); err != nil {
		return nil, err
	}
	if key := fmt.Sprintf("%d:%s", r.Slots, r.Program); key != last.key {
		circuit, err := mutation.Compile(r.Program, r.Slots)
		if err != nil {
			return nil, err
		}
		last.key, last.circuit = key, circuit
	}
	switch r.Do {
	case "check":
		verdict, err := last.circuit.Check(&prove)
		if err != nil {
			return nil, err
		}
		answer := checked{Violated: verdict.Violated, First: verdict.First, Statement: verdict.Honest, Constraints: verdict.Constraints}
		if verdict.Refused != nil {
			answer.Refused = &refused{strings.TrimPrefix(verdict.Refused.Code.String(), "CODE_"), verdict.Refused.Error()}
		}
		return answer, nil
	case "mutate":
		return last.circuit.Mutate(&prove, r.Mutants, r.Seed)
	default:
		return nil, fmt.Errorf("expected check or mutate, found %q", r.Do)
	}
}
