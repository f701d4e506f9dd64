package bridge

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// alternatives are the transfer syntaxes that say the same as one that a target
// refuses, value for value. Nothing is compressed or decompressed.
var alternatives = map[string][]string{
	uid.ImplicitLE: {uid.ExplicitLE},
	uid.ExplicitLE: {uid.ImplicitLE},
	uid.DeflatedLE: {uid.ExplicitLE, uid.ImplicitLE},
}

// recoded is the parcel in another transfer syntax. Its data set is re-encoded
// while it is read.
func recoded(p Parcel, to string) Parcel {
	other := p
	other.TransferSyntax, other.Size = to, -1
	other.Open = func() (io.ReadCloser, error) {
		source, err := p.Open()
		if err != nil {
			return nil, err
		}
		return reencode(source, p.TransferSyntax, to), nil
	}
	return other
}

// reencode gives what source holds in another transfer syntax, and owns it.
func reencode(source io.ReadCloser, from, to string) io.ReadCloser {
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := dataset.Reencode(in, source, from, to)
		in.CloseWithError(errors.Join(err, source.Close())) // nil is the end of the data set
	}()
	return &reencoding{PipeReader: out, done: done}
}

type reencoding struct {
	*io.PipeReader
	done chan struct{}
}

// Close ends the re-encoding and waits for its end.
func (r *reencoding) Close() error {
	err := r.PipeReader.Close()
	<-r.done
	return err
}

// sameValues proves that two forms of a parcel hold the same values, and returns
// what is to be noted of it.
func sameValues(original, other Parcel) (note string, err error) {
	before, err := valuesDigest(original)
	if err != nil {
		return "", err
	}
	after, err := valuesDigest(other)
	if err != nil {
		return "", err
	}
	if before != after {
		return "", &RecodeError{SOPInstance: original.SOPInstance, From: original.TransferSyntax, To: other.TransferSyntax}
	}
	return fmt.Sprintf("re-encoded from %s to %s since the target refused the first; the values are the same, SHA-256 of them %s",
		uid.Name(original.TransferSyntax), uid.Name(other.TransferSyntax), before), nil
}

// RecodeError tells that an object would change in the one transfer syntax that
// the target takes, so that it was not sent.
type RecodeError struct{ SOPInstance, From, To string }

func (e *RecodeError) Error() string {
	return fmt.Sprintf("object %s would not keep its values in %s instead of %s", e.SOPInstance, uid.Name(e.To), uid.Name(e.From))
}

// Temporary is false: it would change again.
func (e *RecodeError) Temporary() bool { return false }

// valuesDigest is the SHA-256 of tags, nesting and values, which do not depend on
// whether VRs are written and how lengths are. Group lengths are left out.
func valuesDigest(p Parcel) (string, error) {
	data, err := p.Open()
	if err != nil {
		return "", err
	}
	defer data.Close()
	syntax, _ := uid.SyntaxOf(p.TransferSyntax)
	scanner, digest := dataset.NewScanner(data, syntax), sha256.New()
	for {
		token, err := scanner.Next()
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(digest.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read object %s: %w", p.SOPInstance, err)
		}
		if token.Kind == dataset.ElementToken && token.Tag.Element() == 0 {
			continue
		}
		head := []byte{byte(token.Kind)}
		switch token.Kind {
		case dataset.ElementToken, dataset.FragmentToken:
			head = binary.LittleEndian.AppendUint32(head, token.Length)
			head = binary.LittleEndian.AppendUint32(head, uint32(token.Tag))
		case dataset.SequenceStart, dataset.FragmentsStart:
			head = binary.LittleEndian.AppendUint32(head, uint32(token.Tag))
		}
		digest.Write(head)
		if _, err := scanner.WriteValue(digest); err != nil {
			return "", fmt.Errorf("read object %s: %w", p.SOPInstance, err)
		}
	}
}
