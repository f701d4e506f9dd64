package dimsetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"pacsbridge/dimse"
)

// headOnly is how much of a data set that is not kept is looked at for its
// attributes.
const headOnly = 1 << 20

// Store takes an instance in.
func (s *service) Store(ctx context.Context, instance *dimse.Instance) error {
	times, faults := s.times(dimse.ServiceStore, instance.SOPInstance)
	f := faults.Store
	if f.Cut.picks(instance.SOPInstance, times) {
		io.CopyN(io.Discard, instance.Data, 1)
		s.conns.cut(instance.RemoteAddr)
		return fmt.Errorf("scripted cut: %w", context.Canceled)
	}
	object, digest, err := s.receive(instance)
	if err != nil {
		return err
	}
	status := dimse.StatusSuccess
	if f.Status != nil {
		status = f.Status(instance.SOPInstance, times)
	}
	if status.Class() != dimse.Failure && !f.Forget.picks(instance.SOPInstance, times) {
		if err := s.keep(object, digest); err != nil {
			status = dimse.StatusCannotUnderstand
		}
	}
	s.note(instance, object.Size, digest, status)
	switch {
	case f.Drop.picks(instance.SOPInstance, times):
		s.conns.cut(instance.RemoteAddr)
	case f.Mute.picks(instance.SOPInstance, times):
		<-ctx.Done()
		return ctx.Err()
	}
	if status != dimse.StatusSuccess {
		return &dimse.StatusError{Service: dimse.ServiceStore, Status: status}
	}
	return nil
}

// receive reads the whole data set, and keeps no more of it than Keep allows.
func (s *service) receive(instance *dimse.Instance) (Object, string, error) {
	digest := sha256.New()
	data, size, err := readUpTo(io.TeeReader(instance.Data, digest), s.Keep)
	if err != nil {
		return Object{}, "", fmt.Errorf("receive %s: %w", instance.SOPInstance, err)
	}
	return Object{
		SOPClass: instance.SOPClass, SOPInstance: instance.SOPInstance, TransferSyntax: instance.TransferSyntax,
		Data: data, Size: size,
	}, sum(digest), nil
}

// readUpTo reads to the end, and keeps all bytes if they are no more than keep
// (or keep is zero), else the beginning.
func readUpTo(r io.Reader, keep int64) ([]byte, int64, error) {
	var data bytes.Buffer
	if keep == 0 {
		size, err := data.ReadFrom(r)
		return data.Bytes(), size, err
	}
	size, err := io.CopyN(&data, r, max(keep, headOnly)+1)
	if err == io.EOF {
		return data.Bytes(), size, nil
	}
	if err != nil {
		return nil, size, err
	}
	data.Truncate(headOnly)
	rest, err := io.Copy(io.Discard, r)
	return data.Bytes(), size + rest, err
}

// note remembers that an instance was sent to the archive.
func (s *service) note(instance *dimse.Instance, size int64, digest string, status dimse.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Stores++
	s.arrivals = append(s.arrivals, Arrival{
		SOPInstance: instance.SOPInstance, SHA256: digest, TransferSyntax: instance.TransferSyntax, Size: size,
		CallingAE: instance.CallingAE, MoveOriginatorAE: instance.MoveOriginatorAE,
		MoveOriginatorMessageID: instance.MoveOriginatorMessageID, Status: status,
	})
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
