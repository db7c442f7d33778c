// Package server serves the prover interface over gRPC: docs/prover.md.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/prover"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/worker"
)

// MaxMessageBytes is the greatest message, either way.
const MaxMessageBytes = 64 << 20

// Server implements the interface.
type Server struct {
	proverv1.UnimplementedProverServer
	pool   *worker.Pool
	prover *prover.Prover // for Verify, which needs no process of its own
}

// New is a server over a cache directory whose work is done by a pool.
func New(cache string, pool *worker.Pool) *Server {
	return &Server{pool: pool, prover: prover.New(cache)}
}

// GRPC is a gRPC server with the prover and its health. Credentials may be nil on a unix socket.
func (s *Server) GRPC(logger *slog.Logger, transport credentials.TransportCredentials) *grpc.Server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.UnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
			defer watch(logger, info.FullMethod, time.Now(), &err)
			return handler(ctx, request)
		}),
		grpc.StreamInterceptor(func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
			defer watch(logger, info.FullMethod, time.Now(), &err)
			return handler(service, stream)
		}),
	}
	if transport != nil {
		options = append(options, grpc.Creds(transport))
	}
	server := grpc.NewServer(options...)
	proverv1.RegisterProverServer(server, s)
	alive := health.NewServer()
	alive.SetServingStatus(proverv1.Prover_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(server, alive)
	return server
}

// watch logs the end of a call, and turns a panic into an error of that call alone.
func watch(logger *slog.Logger, method string, start time.Time, err *error) {
	if cause := recover(); cause != nil {
		logger.Error("panic", "method", method, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "the prover failed; its log has the cause")
	}
	logger.Info("call", "method", method, "seconds", time.Since(start).Seconds(), "status", status.Code(*err).String())
}

// Describe implements the interface.
func (s *Server) Describe(context.Context, *proverv1.DescribeRequest) (*proverv1.Manifest, error) {
	return prover.Manifest(), nil
}

// Prepare implements the interface.
func (s *Server) Prepare(request *proverv1.PrepareRequest, stream grpc.ServerStreamingServer[proverv1.PrepareUpdate]) error {
	return grpcError(s.pool.Prepare(stream.Context(), request, stream.Send))
}

// Prove implements the interface.
func (s *Server) Prove(request *proverv1.ProveRequest, stream grpc.ServerStreamingServer[proverv1.ProveUpdate]) error {
	return grpcError(s.pool.Prove(stream.Context(), request, stream.Send))
}

// Verify implements the interface.
func (s *Server) Verify(_ context.Context, request *proverv1.VerifyRequest) (*proverv1.VerifyResponse, error) {
	err := s.prover.Verify(request)
	if err == nil {
		return &proverv1.VerifyResponse{Verdict: &proverv1.VerifyResponse_Accepted{Accepted: &proverv1.Accepted{}}}, nil
	}
	if refused, ok := refusal.As(err); ok {
		return &proverv1.VerifyResponse{Verdict: &proverv1.VerifyResponse_Refusal{Refusal: refused.Proto()}}, nil
	}
	return nil, grpcError(err)
}

// grpcError is the status of a failure: the prover's own, or the end of the call.
func grpcError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, worker.ErrClosed):
		return status.Error(codes.Canceled, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error())
	default:
		if _, ok := status.FromError(err); ok {
			return err
		}
		return status.Error(codes.Internal, err.Error())
	}
}
