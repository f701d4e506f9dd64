package fetch

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"
)

// Want is what a content must be. The zero value expects nothing.
type Want struct {
	Size   int64  // zero or less: unknown
	SHA256 string // hexadecimal; empty: unknown
	MD5    string // likewise
}

// Expect sets what the content must be and returns the file. It is called
// before the first Read.
func (f *File) Expect(want Want) *File {
	f.checks = checks{size: want.Size}
	if want.SHA256 != "" {
		f.checks.digests = append(f.checks.digests, digest{"sha256", want.SHA256, sha256.New()})
	}
	if want.MD5 != "" {
		f.checks.digests = append(f.checks.digests, digest{"md5", want.MD5, md5.New()})
	}
	if f.Size >= 0 {
		if err := f.checks.length(f.Size); err != nil {
			_ = f.end(err)
		}
	}
	return f
}

// checks are what is expected of a content.
type checks struct {
	size    int64
	digests []digest
}

type digest struct {
	name, want string
	sum        hash.Hash
}

func (c checks) write(p []byte) {
	for _, d := range c.digests {
		_, _ = d.sum.Write(p) // a hash does not fail
	}
}

// length compares a size with the expected one.
func (c checks) length(size int64) error {
	detail := fmt.Errorf("%d bytes, the row says %d", size, c.size)
	switch {
	case c.size <= 0 || size == c.size:
		return nil
	case size < c.size:
		return &Error{Kind: ErrShort, Detail: detail}
	}
	return &Error{Kind: ErrLong, Detail: detail}
}

// verify is called when the store says that the content ends. A file that
// changed is told apart from one that never was what was expected.
func (f *File) verify() error {
	_ = f.closeStream() // Samba shows the old time of a file for as long as it is open
	size, modTime, err := f.stateNow()
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrNotAFile):
		return &Error{Kind: ErrChanged, Detail: err}
	case err != nil:
		return err
	case size != f.Size:
		return &Error{Kind: ErrChanged, Detail: fmt.Errorf("%d bytes became %d", f.Size, size)}
	case !modTime.Equal(f.ModTime):
		return &Error{Kind: ErrChanged, Detail: errors.New("its modification time differs")}
	case f.read == 0:
		return &Error{Kind: ErrEmpty}
	case f.Size >= 0 && f.read != f.Size:
		return &Error{Kind: ErrBroken, Detail: fmt.Errorf("%d bytes of %d arrived", f.read, f.Size)}
	}
	if err := f.checks.length(f.read); err != nil {
		return err
	}
	for _, d := range f.checks.digests {
		if got := hex.EncodeToString(d.sum.Sum(nil)); !strings.EqualFold(got, strings.TrimSpace(d.want)) {
			return &Error{Kind: ErrDigest, Detail: fmt.Errorf("%s is %s, the row says otherwise", d.name, got)}
		}
	}
	return nil
}

// stateNow asks for the file's size and time, again where the connection that
// the question went by was a broken one.
func (f *File) stateNow() (int64, time.Time, error) {
	for {
		size, modTime, err := f.origin.state(f.ctx)
		if err == nil {
			return size, modTime, nil
		}
		if err = f.origin.explain(err); !f.mayResume(err) || f.wait() != nil {
			return 0, time.Time{}, err
		}
	}
}
