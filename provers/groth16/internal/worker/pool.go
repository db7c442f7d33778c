package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/pb/proverv1"
)

// heartbeat is how often a call says that it lives: the interface asks for once a second.
const heartbeat = 500 * time.Millisecond

// waiting is the stage of a call that waits for the one before it.
const waiting = "queued"

// ErrClosed is the error of a call to a pool that was closed.
var ErrClosed = errors.New("the prover is ending")

// ErrEnded is the error of a child that ended in the middle of a job.
var ErrEnded = errors.New("the proving process ended")

// Pool gives jobs to a child process, one at a time.
type Pool struct {
	command func() *exec.Cmd
	turn    chan struct{} // held by the call that uses the child

	mu     sync.Mutex // guards what follows
	child  *child
	closed bool
}

type child struct {
	command *exec.Cmd
	input   io.WriteCloser
	frames  chan frame
}

// NewPool is a pool whose children are started by a command, which must run Serve on its standard input and output.
func NewPool(command func() *exec.Cmd) *Pool {
	return &Pool{command: command, turn: make(chan struct{}, 1)}
}

// Prepare runs a Prepare and sends its updates, the last one being keys or a refusal. An error is a failure of the prover, or the context's.
func (p *Pool) Prepare(ctx context.Context, request *proverv1.PrepareRequest, send func(*proverv1.PrepareUpdate) error) error {
	last := prepareProgress(waiting, 0)
	made := false
	err := p.run(ctx, prepareJob, request, func() error { return send(last) }, func(body []byte) (bool, error) {
		last = new(proverv1.PrepareUpdate)
		if err := proto.Unmarshal(body, last); err != nil {
			return true, err
		}
		made = last.GetPrepared() != nil && !last.GetPrepared().Cached
		return last.GetProgress() == nil, send(last)
	})
	if made {
		p.drop() // what a setup leaves in memory would count as the next proof's
	}
	return err
}

// Prove runs a Prove and sends its updates, the last one being a proof or a refusal. An error is a failure of the prover, or the context's.
func (p *Pool) Prove(ctx context.Context, request *proverv1.ProveRequest, send func(*proverv1.ProveUpdate) error) error {
	last := proveProgress(waiting, 0)
	return p.run(ctx, proveJob, request, func() error { return send(last) }, func(body []byte) (bool, error) {
		last = new(proverv1.ProveUpdate)
		if err := proto.Unmarshal(body, last); err != nil {
			return true, err
		}
		return last.GetProgress() == nil, send(last)
	})
}

// run gives a job to the child. beat is called whenever a heartbeat passes; answer takes each update and tells whether it was the last. Whatever does
// not end in a last update kills the child.
func (p *Pool) run(ctx context.Context, kind byte, request proto.Message, beat func() error, answer func([]byte) (bool, error)) error {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for held := false; !held; {
		select {
		case p.turn <- struct{}{}:
			held = true
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := beat(); err != nil {
				return err
			}
		}
	}
	defer func() { <-p.turn }()

	job, err := encode(kind, request)
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	c, err := p.start()
	if err != nil {
		return err
	}
	finished := false
	defer func() {
		if !finished {
			p.drop()
		}
	}()
	written := make(chan error, 1)
	go func() { written <- writeFrame(c.input, job) }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := beat(); err != nil {
				return err
			}
		case err := <-written:
			if err != nil {
				return fmt.Errorf("%w: %w", ErrEnded, err)
			}
			written = nil
		case f, ok := <-c.frames:
			if !ok {
				return fmt.Errorf("%w, perhaps for lack of memory", ErrEnded)
			}
			if f.kind == failure {
				return errors.New(string(f.body))
			}
			last, err := answer(f.body)
			if err != nil {
				return err
			}
			if last {
				finished = true
				return nil
			}
		}
	}
}

// Close kills the child and refuses further calls.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.drop()
}

// drop kills the child, if there is one, and waits for its end.
func (p *Pool) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return
	}
	_ = p.child.command.Process.Kill() // it may have ended
	_ = p.child.input.Close()
	for range p.child.frames { // up to the end of its output, before which Wait must not be called
		continue
	}
	_ = p.child.command.Wait() // it was killed
	p.child = nil
}

// start gives the child, started if need be.
func (p *Pool) start() (*child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if p.child != nil {
		return p.child, nil
	}
	command := p.command()
	input, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	p.child = &child{command: command, input: input, frames: make(chan frame)}
	go func(frames chan<- frame) {
		defer close(frames)
		reader := bufio.NewReaderSize(output, 1<<20)
		for {
			f, err := readFrame(reader)
			if err != nil {
				return
			}
			frames <- f
		}
	}(p.child.frames)
	return p.child, nil
}
