// Package worker runs Prepare and Prove in a process of its own.
//
// gnark's setup and prover cannot be interrupted. A child process can be killed at any moment, which gives back its cores and its memory at once, and a
// child that the system kills for its memory does not take the server with it. The child stays between calls and keeps the last keys in memory.
package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/prover"
	"multiprover/provers/groth16/internal/refusal"
)

// Serve is the child's loop: one job after the other. The process ends when its input or output does, even in the middle of a job.
func Serve(p *prover.Prover, input io.Reader, output io.Writer) {
	jobs := make(chan frame)
	go func() {
		reader := bufio.NewReaderSize(input, 1<<20)
		for {
			job, err := readFrame(reader)
			if err != nil {
				os.Exit(0) // the parent is gone
			}
			jobs <- job
		}
	}()
	send := func(kind byte, message proto.Message) {
		f, err := encode(kind, message)
		if err != nil {
			f = frame{failure, []byte(err.Error())}
		}
		if writeFrame(output, f) != nil {
			os.Exit(0) // the parent is gone
		}
	}
	for job := range jobs {
		if err := serve(p, job, send); err != nil {
			if writeFrame(output, frame{failure, []byte(err.Error())}) != nil {
				os.Exit(0)
			}
		}
	}
}

// serve runs one job; an error is a failure of the prover itself.
func serve(p *prover.Prover, job frame, send func(byte, proto.Message)) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	switch job.kind {
	case prepareJob:
		var request proverv1.PrepareRequest
		if err := proto.Unmarshal(job.body, &request); err != nil {
			return err
		}
		prepared, err := p.Prepare(&request, func(stage string, fraction float64) { send(update, prepareProgress(stage, fraction)) })
		if err == nil {
			send(update, &proverv1.PrepareUpdate{Update: &proverv1.PrepareUpdate_Prepared{Prepared: prepared}})
			return nil
		}
		refused, ok := refusal.As(err)
		if !ok {
			return err
		}
		send(update, &proverv1.PrepareUpdate{Update: &proverv1.PrepareUpdate_Refusal{Refusal: refused.Proto()}})
		return nil
	case proveJob:
		var request proverv1.ProveRequest
		if err := proto.Unmarshal(job.body, &request); err != nil {
			return err
		}
		proof, err := p.Prove(&request, func(stage string, fraction float64) { send(update, proveProgress(stage, fraction)) })
		if err == nil {
			send(update, &proverv1.ProveUpdate{Update: &proverv1.ProveUpdate_Proof{Proof: proof}})
			return nil
		}
		refused, ok := refusal.As(err)
		if !ok {
			return err
		}
		send(update, &proverv1.ProveUpdate{Update: &proverv1.ProveUpdate_Refusal{Refusal: refused.Proto()}})
		return nil
	default:
		return errors.New("unknown job")
	}
}

func prepareProgress(stage string, fraction float64) *proverv1.PrepareUpdate {
	return &proverv1.PrepareUpdate{Update: &proverv1.PrepareUpdate_Progress{Progress: &proverv1.Progress{Stage: stage, Fraction: fraction}}}
}

func proveProgress(stage string, fraction float64) *proverv1.ProveUpdate {
	return &proverv1.ProveUpdate{Update: &proverv1.ProveUpdate_Progress{Progress: &proverv1.Progress{Stage: stage, Fraction: fraction}}}
}
