// Package refusal holds the typed refusals of a prover: an answer to a request that was understood and must not be served.
package refusal

import (
	"errors"
	"fmt"

	"multiprover/provers/groth16/internal/pb/proverv1"
)

// Code says which rule a request broke; docs/prover.md and prover.proto list them.
type Code = proverv1.Refusal_Code

// The codes that this prover uses.
const (
	Malformed          = proverv1.Refusal_CODE_MALFORMED
	NonCanonical       = proverv1.Refusal_CODE_NON_CANONICAL
	Unsupported        = proverv1.Refusal_CODE_UNSUPPORTED
	WrongProgram       = proverv1.Refusal_CODE_WRONG_PROGRAM
	WrongStatement     = proverv1.Refusal_CODE_WRONG_STATEMENT
	JournalMismatch    = proverv1.Refusal_CODE_JOURNAL_MISMATCH
	BadOpening         = proverv1.Refusal_CODE_BAD_OPENING
	BadSignature       = proverv1.Refusal_CODE_BAD_SIGNATURE
	RefusedTransaction = proverv1.Refusal_CODE_REFUSED_TRANSACTION
	RootMismatch       = proverv1.Refusal_CODE_ROOT_MISMATCH
	CorruptKeys        = proverv1.Refusal_CODE_CORRUPT_KEYS
	NotPrepared        = proverv1.Refusal_CODE_NOT_PREPARED
	InvalidProof       = proverv1.Refusal_CODE_INVALID_PROOF
)

// Error is a refusal as a Go error.
type Error struct {
	Code            Code
	Message         string
	Expected, Found string
	Slot            *uint32
}

func (e *Error) Error() string {
	text := e.Message
	if e.Expected != "" || e.Found != "" {
		text += fmt.Sprintf(": expected %s, found %s", e.Expected, e.Found)
	}
	if e.Slot != nil {
		text = fmt.Sprintf("slot %d: %s", *e.Slot, text)
	}
	return text
}

// New makes a refusal; expected and found are formatted with %v.
func New(code Code, expected, found any, format string, args ...any) *Error {
	return &Error{
		Code:     code,
		Message:  fmt.Sprintf(format, args...),
		Expected: fmt.Sprint(expected),
		Found:    fmt.Sprint(found),
	}
}

// At sets the slot that the refusal is about.
func (e *Error) At(slot int) *Error {
	number := uint32(slot)
	e.Slot = &number
	return e
}

// As finds a refusal in err's chain.
func As(err error) (*Error, bool) {
	var refused *Error
	ok := errors.As(err, &refused)
	return refused, ok
}

// Proto is the refusal as the interface carries it.
func (e *Error) Proto() *proverv1.Refusal {
	return &proverv1.Refusal{Code: e.Code, Message: e.Message, Expected: e.Expected, Found: e.Found, Slot: e.Slot}
}

// FromProto is the inverse of Proto.
func FromProto(r *proverv1.Refusal) *Error {
	return &Error{Code: r.Code, Message: r.Message, Expected: r.Expected, Found: r.Found, Slot: r.Slot}
}

// Prefix puts a place before the message of a refusal; another error is wrapped.
func Prefix(err error, format string, args ...any) error {
	place := fmt.Sprintf(format, args...)
	refused, ok := As(err)
	if !ok {
		return fmt.Errorf("%s%w", place, err)
	}
	prefixed := *refused
	prefixed.Message = place + refused.Message
	return &prefixed
}
