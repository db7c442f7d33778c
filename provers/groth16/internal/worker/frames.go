package worker

import (
	"encoding/binary"
	"io"

	"google.golang.org/protobuf/proto"
)

// Kinds of frames.
const (
	prepareJob = 'P' // PrepareRequest; answered by PrepareUpdates
	proveJob   = 'V' // ProveRequest; answered by ProveUpdates
	update     = 'U' // the job's update message; one that is no progress ends the job
	failure    = 'F' // text: the prover itself failed; ends the job
)

// A frame is a byte that says what it is, the length of its body in 4 bytes, and the body.
type frame struct {
	kind byte
	body []byte
}

const headerBytes = 5

func writeFrame(w io.Writer, f frame) error {
	header := append([]byte{f.kind}, binary.BigEndian.AppendUint32(nil, uint32(len(f.body)))...)
	if _, err := w.Write(append(header, f.body...)); err != nil {
		return err
	}
	return nil
}

func readFrame(r io.Reader) (frame, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: header[0], body: make([]byte, binary.BigEndian.Uint32(header[1:]))}
	_, err := io.ReadFull(r, f.body)
	return f, err
}

// encode is a frame of a message.
func encode(kind byte, message proto.Message) (frame, error) {
	body, err := proto.Marshal(message)
	return frame{kind, body}, err
}
