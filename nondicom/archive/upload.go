package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"pacsbridge/nondicom/fetch"
)

// file is a content as it stands in the store.
type file struct {
	digest string // of the content
	name   string
	bytes  int64  // as it is stored
	temp   string // the name it was uploaded under; empty where it was there before
}

// uploads are the files of a study on their way into the store.
type uploads struct {
	archive *Archive
	study   string
	files   map[string]file // by digest

	temporary []string // names under which something may stand
	published []file
}

// digests are those of the files, in an order that is everybody's: two studies
// that have some in common do not wait for each other in turn.
func (u *uploads) digests() []string { return slices.Sorted(maps.Keys(u.files)) }

// all uploads the contents that the store does not have.
func (u *uploads) all(ctx context.Context, attachments []Attachment) error {
	for _, attachment := range attachments {
		if _, twice := u.files[attachment.Digest]; twice {
			continue
		}
		f, err := u.one(ctx, attachment)
		if err != nil {
			return &Error{"upload attachment " + attachment.Key, u.study, err}
		}
		u.files[f.digest] = f
	}
	return nil
}

func (u *uploads) one(ctx context.Context, attachment Attachment) (file, error) {
	f := file{digest: attachment.Digest}
	if len(f.digest) != hex.EncodedLen(sha256.Size) {
		return f, fmt.Errorf("%q is no SHA-256", f.digest)
	}
	content, err := attachment.Open()
	if err != nil {
		return f, err
	}
	defer content.Close()
	checked := &checkedReader{from: content, digest: f.digest, sum: sha256.New()}
	coded, err := u.archive.coder.encode(checked)
	if err != nil {
		return f, err
	}
	defer coded.content.Close()
	f.name = objectName(f.digest) + coded.suffix
	if f.bytes, err = u.archive.store.Size(ctx, f.name); err == nil {
		return f, nil
	} else if !errors.Is(err, fetch.ErrNotFound) {
		return f, err
	}
	f.temp = temporaryName(u.study, f.digest)
	u.temporary = append(u.temporary, f.temp)
	f.bytes, err = u.archive.store.Put(ctx, f.temp, coded.content)
	return f, err
}

// objectName is the name of a content, without what its encoding adds.
func objectName(digest string) string { return "objects/" + digest[:2] + "/" + digest }

// temporaryName is the same at every try, so that what a process that died has
// left is written over.
func temporaryName(study, digest string) string {
	sum := sha256.Sum256([]byte(study))
	return "uploads/" + hex.EncodeToString(sum[:8]) + "-" + digest
}

// publish gives the files their last names. Those that were there before must
// still be.
func (u *uploads) publish(ctx context.Context) error {
	for _, digest := range u.digests() {
		f := u.files[digest]
		doing := "publish " + f.name
		there, err := u.archive.store.Size(ctx, f.name)
		switch {
		case err == nil:
			f.bytes = there
			u.files[digest] = f
			if f.temp == "" {
				continue
			}
			if err := u.archive.store.Remove(ctx, f.temp); err != nil { // another study was first
				return &Error{doing, u.study, err}
			}
			continue
		case !errors.Is(err, fetch.ErrNotFound):
			return &Error{doing, u.study, err}
		case f.temp == "":
			return &Error{doing, u.study, errMoved}
		}
		u.published = append(u.published, f) // even if only half of it is done
		if err := u.archive.store.Publish(ctx, f.temp, f.name); err != nil {
			return &Error{doing, u.study, err}
		}
		if there, err = u.archive.store.Size(ctx, f.name); err == nil && there != f.bytes {
			err = fmt.Errorf("%d bytes were uploaded, and %d are there", f.bytes, there)
		}
		if err != nil {
			return &Error{doing, u.study, err}
		}
	}
	return nil
}

// checkedReader fails at the end of a content that is not the one it is said
// to be.
type checkedReader struct {
	from   io.Reader
	digest string
	sum    interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	_, _ = r.sum.Write(p[:n]) // a hash does not fail
	if errors.Is(err, io.EOF) && hex.EncodeToString(r.sum.Sum(nil)) != r.digest {
		return n, errOther
	}
	return n, err
}

// errOther is what a content answers that is not what its name says.
var errOther = errors.New("the content is not the one of this digest")
