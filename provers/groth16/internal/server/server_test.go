package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark/logger"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/prover"
	"multiprover/provers/groth16/internal/reference"
	"multiprover/provers/groth16/internal/server"
	"multiprover/provers/groth16/internal/worker"
)

// workerCache makes this test program the worker of the pool under test, as cmd/prover is its own.
const workerCache = "GROTH16_TEST_WORKER_CACHE"

func TestMain(m *testing.M) {
	logger.Disable()
	if cache := os.Getenv(workerCache); cache != "" {
		worker.Serve(prover.New(cache), os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// start serves over a unix socket and gives a connection.
func start(t *testing.T, cache string) *grpc.ClientConn {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := worker.NewPool(func() *exec.Cmd {
		command := exec.Command(self)
		command.Env = append(os.Environ(), workerCache+"="+cache)
		command.Stderr = os.Stderr
		return command
	})
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	service := server.New(cache, pool).GRPC(slog.New(slog.NewJSONHandler(io.Discard, nil)), nil)
	go func() { _ = service.Serve(listener) }()
	t.Cleanup(func() {
		pool.Close()
		service.Stop()
	})
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(server.MaxMessageBytes+1<<20), grpc.MaxCallRecvMsgSize(server.MaxMessageBytes)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

func prepare(t *testing.T, client proverv1.ProverClient, request *proverv1.PrepareRequest) *proverv1.PrepareUpdate {
	t.Helper()
	stream, err := client.Prepare(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	fraction := 0.0
	for {
		update, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		progress := update.GetProgress()
		if progress == nil {
			return update
		}
		if progress.Fraction < fraction {
			t.Errorf("fraction fell from %v to %v", fraction, progress.Fraction)
		}
		fraction = progress.Fraction
	}
}

func prove(t *testing.T, client proverv1.ProverClient, request *proverv1.ProveRequest) *proverv1.ProveUpdate {
	t.Helper()
	stream, err := client.Prove(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	for {
		update, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if update.GetProgress() == nil {
			return update
		}
	}
}

func verify(t *testing.T, client proverv1.ProverClient, statement *proverv1.Statement, proof *proverv1.Proof) *proverv1.VerifyResponse {
	t.Helper()
	response, err := client.Verify(context.Background(), &proverv1.VerifyRequest{Statement: statement, Proof: proof})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestProveAndVerifyOverSocket(t *testing.T) {
	cache := t.TempDir()
	connection := start(t, cache)
	client := proverv1.NewProverClient(connection)

	alive, err := healthv1.NewHealthClient(connection).Check(context.Background(), &healthv1.HealthCheckRequest{Service: "multiprover.prover.v1.Prover"})
	if err != nil || alive.Status != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("health: %v, %v", alive, err)
	}
	manifest, err := client.Describe(context.Background(), &proverv1.DescribeRequest{})
	if err != nil || manifest.ProofType != prover.ProofType || len(manifest.Warnings) == 0 || len(manifest.Security) == 0 {
		t.Fatalf("describe: %v, %v", manifest, err)
	}

	p, err := reference.SlotProgram(3).Decode()
	if err != nil {
		t.Fatal(err)
	}
	request, err := reference.SlotRequest(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	if refused := prove(t, client, request).GetRefusal(); refused.GetCode() != proverv1.Refusal_CODE_NOT_PREPARED {
		t.Fatalf("before Prepare: %v", refused)
	}
	first := prepare(t, client, &proverv1.PrepareRequest{Program: p.Bytes, Slots: 1}).GetPrepared()
	if first == nil || first.Cached || first.Figures["constraints"] == 0 || first.Figures["setup_cpu_s"] == 0 {
		t.Fatalf("first Prepare: %v", first)
	}
	again := prepare(t, client, &proverv1.PrepareRequest{Program: p.Bytes, Slots: 1}).GetPrepared()
	if again == nil || !again.Cached || !bytes.Equal(again.KeyId, first.KeyId) || !bytes.Equal(again.Artefacts["l1_verifier"], first.Artefacts["l1_verifier"]) {
		t.Fatalf("second Prepare: %v", again)
	}

	request.KeyId = first.KeyId
	proof := prove(t, client, request).GetProof()
	if proof == nil || len(proof.Proof) != prover.ProofBytes || len(proof.L1Proof) != prover.L1ProofBytes {
		t.Fatalf("proof: %v", proof)
	}
	if !proto.Equal(proof.Suites[0], request.Statement.Suites[0]) {
		t.Errorf("suites of the proof: %v", proof.Suites)
	}
	for _, name := range []string{"prove_cpu_s", "witness_cpu_s", "prove_s", "peak_mib", "constraints"} {
		if proof.Figures[name] <= 0 {
			t.Errorf("figure %s: %v", name, proof.Figures[name])
		}
	}
	if response := verify(t, client, request.Statement, proof); response.GetAccepted() == nil {
		t.Fatalf("verify: %v", response)
	}
	t.Run("garbage", func(t *testing.T) { garbage(t, client, request, proof) })
	t.Run("cancel", func(t *testing.T) { cancelled(t, client, request) })

	// The service still works after all that.
	if response := verify(t, client, request.Statement, proof); response.GetAccepted() == nil {
		t.Fatalf("verify at the end: %v", response)
	}
	if proof := prove(t, client, request).GetProof(); proof == nil {
		t.Fatal("no proof at the end")
	}
}

// garbage sends requests with random damage: each must be answered, and none accepted. Every byte of the request is bound, but
// for the parent claim: only with the journal, which Verify is not given, can the claim be compared with it.
func garbage(t *testing.T, client proverv1.ProverClient, request *proverv1.ProveRequest, proof *proverv1.Proof) {
	random := rand.New(rand.NewPCG(1, 2))
	good, err := proto.MarshalOptions{Deterministic: true}.Marshal(&proverv1.VerifyRequest{Statement: request.Statement, Proof: &proverv1.Proof{
		ProofType: proof.ProofType, FormatVersion: proof.FormatVersion, KeyId: proof.KeyId, Proof: proof.Proof, L1Proof: proof.L1Proof, Suites: proof.Suites,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		raw := bytes.Clone(good)
		raw[random.IntN(len(raw))] ^= byte(1 << random.IntN(8))
		var damaged proverv1.VerifyRequest
		if proto.Unmarshal(raw, &damaged) != nil || len(damaged.ProtoReflect().GetUnknown()) != 0 {
			continue
		}
		if damaged.Statement != nil && !bytes.Equal(damaged.Statement.ParentClaim, request.Statement.ParentClaim) {
			continue
		}
		response, err := client.Verify(context.Background(), &damaged)
		if err != nil {
			t.Fatalf("verify: %v for %x", err, raw)
		}
		if response.GetAccepted() != nil {
			t.Errorf("accepted %x", raw)
		}
	}
}

// cancelled cancels a proof under way.
func cancelled(t *testing.T, client proverv1.ProverClient, request *proverv1.ProveRequest) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := client.Prove(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Canceled {
		t.Errorf("expected Canceled, found %v", err)
	}
}
