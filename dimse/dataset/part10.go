package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"pacsbridge/dimse/uid"
)

// FileMeta is what the file format says about the data set behind it (PS3.10 §7.1).
type FileMeta struct {
	SOPClassUID               string
	SOPInstanceUID            string
	TransferSyntaxUID         string
	ImplementationClassUID    string
	ImplementationVersionName string
	SourceAE                  string
}

const (
	preambleSize = 128
	magic        = "DICM"
	metaGroup    = 0x0002
	maxMetaValue = 1 << 10
)

// ErrNotDICOM is returned for a file that neither has the file format's header nor begins like a data set.
var ErrNotDICOM = errors.New("not a DICOM file")

// ReadPart10 reads the header of a DICOM file (PS3.10 §7.1); the reader that it returns gives the data set's bytes
// exactly as they stand, and reads on in r. Files of old archives lack the preamble or the whole header: then the transfer
// syntax is guessed from the first element among the three uncompressed ones. A wrong length of the meta group does not
// matter.
func ReadPart10(r io.Reader) (FileMeta, io.Reader, error) {
	scan := NewScanner(r, uid.Syntax{Explicit: true})
	src := &scan.src
	if head := src.peek(preambleSize + len(magic)); len(head) == preambleSize+len(magic) && string(head[preambleSize:]) == magic {
		src.lo += len(head)
	} else if bytes.HasPrefix(head, []byte(magic)) {
		src.lo += len(magic)
	}
	meta, err := readMeta(scan)
	if err != nil {
		return FileMeta{}, nil, fmt.Errorf("read meta information: %w", err)
	}
	if meta.TransferSyntaxUID == "" {
		if meta.TransferSyntaxUID, err = guessSyntax(src.peek(guessSize)); err != nil {
			return FileMeta{}, nil, errors.Join(err, src.failure())
		}
	}
	return meta, src.rest(), nil
}

// readMeta reads elements as long as they belong to the meta group.
func readMeta(scan *Scanner) (FileMeta, error) {
	var meta FileMeta
	for beginsMetaElement(scan.src.peek(6)) {
		token, err := scan.Next()
		if err != nil {
			return meta, err
		}
		if token.Kind != ElementToken {
			return meta, scan.malformed("a sequence in the meta information")
		}
		var value []byte
		if token.Length <= maxMetaValue {
			if value, err = scan.AppendValue(nil); err != nil {
				return meta, err
			}
		}
		meta.set(token.Tag, value)
		if err := scan.skip(); err != nil {
			return meta, err
		}
	}
	return meta, nil
}

// beginsMetaElement reports whether b begins an element of the meta group, which is always explicit VR little endian. The
// VR tells it from the first bytes of a deflated data set.
func beginsMetaElement(b []byte) bool {
	if len(b) < 6 || tagAt(b, false).Group() != metaGroup {
		return false
	}
	_, known := knownVR(b[4], b[5])
	return known
}

// set takes over the value of one element of the meta group.
func (m *FileMeta) set(tag Tag, value []byte) {
	for field, target := range m.fields() {
		if metaTags[field] == tag {
			*target = trim(UI, string(value))
		}
	}
}

// metaTags are the tags of fields, in the same order.
var metaTags = [...]Tag{
	MediaStorageSOPClassUID, MediaStorageSOPInstanceUID, TransferSyntaxUID,
	ImplementationClassUID, ImplementationVersionName, SourceApplicationEntityTitle,
}

func (m *FileMeta) fields() [len(metaTags)]*string {
	return [...]*string{
		&m.SOPClassUID, &m.SOPInstanceUID, &m.TransferSyntaxUID,
		&m.ImplementationClassUID, &m.ImplementationVersionName, &m.SourceAE,
	}
}

// guessSize is how much of a data set a guess needs.
const guessSize = 8

// maxGuessedGroup is the last group with which a data set is believed to begin.
const maxGuessedGroup = 0x0028

// guessSyntax guesses an uncompressed transfer syntax from the first element's header: its group is low, and in the wrong
// byte order it would be high; its VR is there or not.
func guessSyntax(b []byte) (string, error) {
	if len(b) < guessSize {
		return "", ErrNotDICOM
	}
	little, big := tagAt(b, false).Group(), tagAt(b, true).Group()
	_, explicit := knownVR(b[4], b[5])
	length := uint32At(b[4:], false) // in implicit VR
	switch {
	case explicit && little <= big && little <= maxGuessedGroup:
		return uid.ExplicitLE, nil
	case explicit && big <= maxGuessedGroup:
		return uid.ExplicitBE, nil
	case !explicit && 0 < little && little <= maxGuessedGroup && (length <= MaxHeaderValue || length == UndefinedLength):
		return uid.ImplicitLE, nil
	}
	return "", ErrNotDICOM
}

// rest reads what the source holds and has not consumed, then the rest of its reader.
func (s *source) rest() io.Reader {
	waiting := bytes.NewReader(s.buf[s.lo:s.hi])
	switch s.err {
	case nil:
		return io.MultiReader(waiting, s.r)
	case io.EOF:
		return waiting
	}
	return io.MultiReader(waiting, failing{s.err})
}

// WritePart10 writes a DICOM file: an empty preamble, the meta information of m, then data as it stands; it returns how
// many bytes that were. Class, instance and transfer syntax must be there; without an implementation, ours is named.
func WritePart10(w io.Writer, m FileMeta, data io.Reader) (int64, error) {
	head, err := m.encode()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(head)
	if err != nil {
		return int64(n), fmt.Errorf("write meta information: %w", err)
	}
	written, err := io.Copy(w, data)
	if err != nil {
		err = fmt.Errorf("write data set: %w", err)
	}
	return int64(n) + written, err
}

// encode is everything before the data set.
func (m FileMeta) encode() ([]byte, error) {
	if m.SOPClassUID == "" || m.SOPInstanceUID == "" || m.TransferSyntaxUID == "" {
		return nil, errors.New("write meta information: class, instance and transfer syntax must be known")
	}
	if m.ImplementationClassUID == "" {
		m.ImplementationClassUID, m.ImplementationVersionName = uid.Implementation, uid.ImplementationVersion
	}
	group := New().Set(Element{Tag: FileMetaInformationVersion, VR: OB, Value: []byte{0, 1}})
	for i, field := range m.fields() {
		if *field != "" {
			group.SetString(metaTags[i], *field)
		}
	}
	elements, err := group.AppendTo(nil, uid.ExplicitLE)
	if err != nil {
		return nil, err
	}
	head := append(make([]byte, preambleSize), magic...)
	length := Element{Tag: FileMetaInformationGroupLength, VR: UL, Value: make([]byte, 4)}
	binary.LittleEndian.PutUint32(length.Value, uint32(len(elements)))
	if head, err = New().Set(length).AppendTo(head, uid.ExplicitLE); err != nil {
		return nil, err
	}
	return append(head, elements...), nil
}
