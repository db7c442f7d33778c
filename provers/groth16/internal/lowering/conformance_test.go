package lowering_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// TestConformanceCases runs the repository's conformance cases, whose programs and statements the Python side made, up to the circuit.
func TestConformanceCases(t *testing.T) {
	raw, err := os.ReadFile("../../../../vectors/conformance/token.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name           string
			Prepare, Prove []byte // base64
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			var prepare proverv1.PrepareRequest
			var prove proverv1.ProveRequest
			if err := proto.Unmarshal(c.Prepare, &prepare); err != nil {
				t.Fatal(err)
			}
			if err := proto.Unmarshal(c.Prove, &prove); err != nil {
				t.Fatal(err)
			}
			prove.Statement.Suites = slices.DeleteFunc(prove.Statement.Suites, func(s *proverv1.SuiteStatement) bool { return s.Suite != suite.Name })
			p, err := program.Decode(prepare.Program)
			if err != nil {
				t.Fatal(err)
			}
			statement, err := execution.ReadStatement(prove.Statement)
			if err != nil {
				t.Fatal(err)
			}
			result, err := execution.Execute(p, statement, &prove)
			if err != nil {
				t.Fatal(err)
			}
			if err := solve(t, compile(t, p, statement.Slots), result.Assignment); err != nil {
				t.Error(err)
			}
		})
	}
}
