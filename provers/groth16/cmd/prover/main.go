// Command prover serves the groth16 proof type: docs/prover.md.
//
//	prover --listen unix:///path.sock --cache DIR
//	prover --listen tcp://host:port --cache DIR --tls-cert FILE --tls-key FILE --tls-ca FILE
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/consensys/gnark/logger"
	"google.golang.org/grpc/credentials"

	"multiprover/provers/groth16/internal/prover"
	"multiprover/provers/groth16/internal/server"
	"multiprover/provers/groth16/internal/worker"
)

// workerCommand is the first argument of the process that proves (package worker).
const workerCommand = "worker"

func main() {
	logger.Disable() // gnark logs to standard output, which is the worker's channel and the server's "ready"
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(os.Args[1:], log); err != nil {
		log.Error("end", "error", err.Error())
		os.Exit(1)
	}
}

type options struct {
	listen, cache, cert, key, ca string
}

func run(args []string, log *slog.Logger) error {
	working := len(args) > 0 && args[0] == workerCommand
	if working {
		args = args[1:]
	}
	var o options
	flags := flag.NewFlagSet("prover", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "", "unix:///path.sock, or tcp://host:port with mutual TLS")
	flags.StringVar(&o.cache, "cache", "", "directory of the keys")
	flags.StringVar(&o.cert, "tls-cert", "", "certificate of this server (tcp)")
	flags.StringVar(&o.key, "tls-key", "", "key of the certificate (tcp)")
	flags.StringVar(&o.ca, "tls-ca", "", "authority of the clients' certificates (tcp)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.cache == "" {
		return errors.New("expected --cache DIR, found none")
	}
	if working {
		prover.TuneMemory()
		worker.Serve(prover.New(o.cache), os.Stdin, os.Stdout)
		return nil
	}
	return serve(o, log)
}

func serve(o options, log *slog.Logger) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)

	transport, err := transportCredentials(o)
	if err != nil {
		return err
	}
	listener, err := listen(o.listen)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("own program: %w", err)
	}
	pool := worker.NewPool(func() *exec.Cmd {
		command := exec.Command(program, workerCommand, "--cache", o.cache)
		command.Stderr = os.Stderr
		return command
	})
	service := server.New(o.cache, pool).GRPC(log, transport)
	failed := make(chan error, 1)
	go func() { failed <- service.Serve(listener) }()
	log.Info("ready", "listen", o.listen, "version", prover.Version)
	fmt.Println("ready")

	select {
	case err := <-failed:
		pool.Close()
		return fmt.Errorf("serve: %w", err)
	case cause := <-ended:
		log.Info("ending", "signal", cause.String())
		go service.Stop() // cancels the calls under way
		pool.Close()
		service.Stop()
		return nil
	}
}

// listen opens a unix socket that only this user may use, or a TCP port. A socket that nobody answers on is left over and is replaced.
func listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		if connection, err := net.DialTimeout("unix", path, time.Second); err == nil {
			connection.Close()
			return nil, fmt.Errorf("expected a free socket, found a server on %s", path)
		}
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("left over socket: %w", err)
			}
		}
		mask := syscall.Umask(0o177)
		defer syscall.Umask(mask)
		return net.Listen("unix", path)
	}
	if hostPort, ok := strings.CutPrefix(address, "tcp://"); ok {
		return net.Listen("tcp", hostPort)
	}
	return nil, fmt.Errorf("expected --listen unix:///path or tcp://host:port, found %q", address)
}

// transportCredentials is mutual TLS for TCP, and nothing for a unix socket.
func transportCredentials(o options) (credentials.TransportCredentials, error) {
	if !strings.HasPrefix(o.listen, "tcp://") {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, fmt.Errorf("expected --tls-cert and --tls-key for tcp: %w", err)
	}
	authority, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, fmt.Errorf("expected --tls-ca for tcp: %w", err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("expected PEM certificates in %s, found none", o.ca)
	}
	return credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
		MinVersion:   tls.VersionTLS13,
	}), nil
}
