package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"

	"pacsbridge/nondicom/fetch"
)

// Shelf is a store of archived files, read without its database.
type Shelf struct {
	store      *fetch.Depot
	identities []age.Identity
}

// OpenShelf prepares to read a store. identities names the file of age
// identities (AGE-SECRET-KEY-1…) that decrypt what is encrypted; empty: none.
func OpenShelf(store, identities string) (*Shelf, error) {
	s := &Shelf{}
	var err error
	if s.store, err = fetch.OpenDepot(store); err != nil {
		return nil, err
	}
	if identities == "" {
		return s, nil
	}
	file, err := os.Open(identities)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if s.identities, err = age.ParseIdentities(file); err != nil {
		return nil, fmt.Errorf("read the age identities of %s: %w", identities, err)
	}
	return s, nil
}

// Close ends the connections.
func (s *Shelf) Close(ctx context.Context) error { return s.store.Close(ctx) }

// Index returns what stands in the index of a study; nothing where there is none.
func (s *Shelf) Index(ctx context.Context, study string) ([]Entry, error) {
	return readIndex(ctx, s.store, study)
}

// Find returns the entries of an attachment in all studies, by its key or the SHA-256 of
// its content. It reads every index of the store.
func (s *Shelf) Find(ctx context.Context, attachment string) ([]Entry, error) {
	names, err := s.store.List(ctx, indexFolder)
	if err != nil && !errors.Is(err, fetch.ErrNotFound) {
		return nil, fmt.Errorf("list the indexes of the store: %w", err)
	}
	var found []Entry
	for _, name := range names {
		entries, err := readEntries(ctx, s.store, indexFolder+"/"+name, strings.TrimSuffix(name, indexEnding))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Is(attachment) {
				found = append(found, e)
			}
		}
	}
	return found, nil
}

// Is reports whether an attachment is meant by its key or by the SHA-256 of its content.
func (e Entry) Is(attachment string) bool {
	return e.AttachmentKey == attachment || strings.EqualFold(e.SHA256, attachment)
}

// Restore writes the content of an entry to w. It fails at the end when what it
// wrote is not the content that was archived.
func (s *Shelf) Restore(ctx context.Context, e Entry, w io.Writer) error {
	file, err := s.store.Open(ctx, e.Name)
	if err != nil {
		return &Error{"open " + e.Name, e.StudyUID, err}
	}
	defer file.Close()
	content, err := decode(e.Name, file, s.identities)
	if err != nil {
		return &Error{"restore " + e.Name, e.StudyUID, err}
	}
	defer content.Close()
	n, err := io.Copy(w, &checkedReader{from: content, digest: e.SHA256, sum: sha256.New()})
	if err == nil && n != e.Bytes {
		err = errors.New("the content is of another length")
	}
	if err != nil {
		return &Error{"restore " + e.Name, e.StudyUID, err}
	}
	return nil
}

// endings are those that files of a media type usually have.
var endings = map[string]string{"application/pdf": ".pdf", "application/hl7-cda+xml": ".xml", "text/xml": ".xml", "text/plain": ".txt", "text/html": ".html",
	"text/rtf": ".rtf", "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/bmp": ".bmp", "image/tiff": ".tif",
	"video/mp4": ".mp4", "video/mpeg": ".mpg", "model/stl": ".stl", "model/obj": ".obj", "model/mtl": ".mtl"}

// Ending is the ending of a file's name that says its media type; empty where
// there is none.
func Ending(mediaType string) string { return endings[mediaType] }
