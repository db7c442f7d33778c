package lowering_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// TestProgramVectors reads the batches of vectors/programs.json: execution takes those that hold and refuses the others. Of one that holds, the
// circuit takes the assignment.
func TestProgramVectors(t *testing.T) {
	raw, err := os.ReadFile("../../../../vectors/programs.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name, Operation string
			Inputs          struct {
				Program, Request string
				Slots            int
			}
			Outputs struct{ Holds bool }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	holding := 0
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			p, err := program.Decode(fromHex(t, v.Inputs.Program))
			if err != nil {
				t.Fatal(err)
			}
			var prove proverv1.ProveRequest
			if err := proto.Unmarshal(fromHex(t, v.Inputs.Request), &prove); err != nil {
				t.Fatal(err)
			}
			prove.Statement.Suites = slices.DeleteFunc(prove.Statement.Suites, func(s *proverv1.SuiteStatement) bool { return s.Suite != suite.Name })
			statement, err := execution.ReadStatement(prove.Statement)
			if err != nil {
				t.Fatal(err)
			}
			result, err := execution.Execute(p, statement, &prove)
			if !v.Outputs.Holds {
				var refused *refusal.Error
				if !errors.As(err, &refused) {
					t.Errorf("expected a refusal, found %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			holding++
			if err := solve(t, compile(t, p, statement.Slots), result.Assignment); err != nil {
				t.Error(err)
			}
		})
	}
	if holding == 0 || holding == len(file.Vectors) {
		t.Errorf("expected some batches that hold and some that do not, found %d of %d", holding, len(file.Vectors))
	}
}

func fromHex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
