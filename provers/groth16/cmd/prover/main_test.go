package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"multiprover/provers/groth16/internal/pb/proverv1"
)

// asProver makes this test program the prover.
const asProver = "GROTH16_TEST_AS_PROVER"

func TestMain(m *testing.M) {
	if os.Getenv(asProver) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asProver+"=1")
	return c
}

// TestProcess starts the prover, reads "ready", calls it, and ends it with SIGTERM in the middle of a call: status 0, and every log line JSON.
func TestProcess(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	c := command(t, "--listen", "unix://"+socket, "--cache", t.TempDir())
	var log strings.Builder
	c.Stderr = &log
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(output)
	if line, err := reader.ReadString('\n'); line != "ready\n" {
		t.Fatalf("expected ready, found %q, %v", line, err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("expected a socket for this user alone, found %v, %v", info, err)
	}
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	client := proverv1.NewProverClient(connection)
	if _, err := client.Describe(context.Background(), &proverv1.DescribeRequest{}); err != nil {
		t.Fatal(err)
	}
	// A second server must not take the socket of the first.
	if err := command(t, "--listen", "unix://"+socket, "--cache", t.TempDir()).Run(); err == nil {
		t.Error("expected a second server on the same socket to fail")
	}
	stream, err := client.Prepare(context.Background(), &proverv1.PrepareRequest{Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if rest, err := io.ReadAll(reader); err != nil || len(rest) != 0 {
		t.Errorf("expected no more than ready, found %q, %v", rest, err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("expected status 0, found %v", err)
	}
	for line := range strings.Lines(log.String()) {
		var entry struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "" || entry.Msg == "" {
			t.Errorf("expected JSON with level and msg, found %q", line)
		}
	}
	// A socket that is left over is replaced.
	if err := os.WriteFile(socket, nil, 0o600); err == nil {
		if err := command(t, "--listen", "unix://"+socket, "--cache", t.TempDir()).Run(); err == nil {
			t.Error("expected a file that is no socket to be left alone")
		}
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--cache", "x"}, {"--listen", "unix:///tmp/x"}, {"--listen", "http://x", "--cache", "x"},
		{"--listen", "tcp://127.0.0.1:0", "--cache", "x"}, {"--unknown"},
	} {
		if err := command(t, args...).Run(); err == nil {
			t.Errorf("%v: expected a failure", args)
		}
	}
}
