package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// The suffixes of a file's name, in the order in which its content was encoded.
const (
	compressed = ".zst"
	encrypted  = ".age"
)

// coder encodes contents: compressed, then encrypted, or neither.
type coder struct {
	compress   bool
	recipients []age.Recipient
}

// recipientsOf reads the public keys of those who may decrypt, age1…, parted by
// blanks or commas.
func recipientsOf(text string) ([]age.Recipient, error) {
	text = strings.NewReplacer(",", "\n", " ", "\n", "\t", "\n").Replace(text)
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	recipients, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("a recipient is an age public key (age1…): %w", err)
	}
	return recipients, nil
}

// probed is how much of a content is compressed to see what it saves.
const probed = 128 << 10

// worthIt reports whether compressing saves a twentieth at least of the first
// part of a content: photographs, films and most documents are compressed.
func worthIt(head []byte) bool {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return false
	}
	defer encoder.Close()
	return len(encoder.EncodeAll(head, nil)) < len(head)-len(head)/20
}

// encoded is a content on its way into the store.
type encoded struct {
	suffix  string // what encoding added to its name
	content io.ReadCloser
}

// encode gives the content in the form in which it is stored. The content is
// the caller's to close, after the encoded one.
func (c coder) encode(content io.Reader) (*encoded, error) {
	head, err := io.ReadAll(io.LimitReader(content, probed))
	if err != nil {
		return nil, err
	}
	content = io.MultiReader(bytes.NewReader(head), content)
	e := &encoded{}
	if c.compress && worthIt(head) {
		e.suffix += compressed
	}
	if len(c.recipients) > 0 {
		e.suffix += encrypted
	}
	if e.suffix == "" {
		e.content = io.NopCloser(content)
		return e, nil
	}
	out, in := io.Pipe()
	ended := make(chan struct{})
	e.content = &pipe{out, ended}
	go func() {
		defer close(ended)
		in.CloseWithError(c.write(in, content, strings.HasPrefix(e.suffix, compressed)))
	}()
	return e, nil
}

// pipe is read while another goroutine encodes.
type pipe struct {
	*io.PipeReader
	ended chan struct{}
}

// Close ends the encoding and waits until it touches the content no more.
func (p *pipe) Close() error {
	err := p.PipeReader.Close()
	<-p.ended
	return err
}

// write encodes a content into w: the pipe's reader waits for it, and its
// closing ends it.
func (c coder) write(w io.Writer, content io.Reader, compress bool) error {
	var closers []io.Closer
	if len(c.recipients) > 0 {
		sealed, err := age.Encrypt(w, c.recipients...)
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		closers, w = append(closers, sealed), sealed
	}
	if compress {
		packed, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
		if err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		closers, w = append(closers, packed), packed
	}
	_, err := io.Copy(w, content)
	for i := len(closers) - 1; i >= 0 && err == nil; i-- {
		err = closers[i].Close()
	}
	return err
}

// errNoIdentity says that a file is encrypted and no key was given.
var errNoIdentity = errors.New("it is encrypted: the file of an age identity is needed")

// decode undoes what the suffixes of a name say was done.
func decode(name string, content io.Reader, identities []age.Identity) (io.ReadCloser, error) {
	if plain, is := strings.CutSuffix(name, encrypted); is {
		if len(identities) == 0 {
			return nil, errNoIdentity
		}
		opened, err := age.Decrypt(content, identities...)
		if err != nil {
			return nil, fmt.Errorf("decrypt: %w", err)
		}
		name, content = plain, opened
	}
	if strings.HasSuffix(name, compressed) {
		unpacked, err := zstd.NewReader(content, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		return unpacked.IOReadCloser(), nil
	}
	return io.NopCloser(content), nil
}
