package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"pacsbridge/nondicom/fetch"
)

// Entry is a line of a study's index: one attachment.
type Entry struct {
	StudyUID      string `json:"study_uid"`
	AttachmentKey string `json:"attachment_key"`
	ObjectUID     string `json:"object_uid"`
	Title         string `json:"title,omitempty"` // not where files are encrypted: it may name the patient
	MediaType     string `json:"media_type,omitempty"`
	CreatedAt     string `json:"created_at,omitempty"`
	Bytes         int64  `json:"bytes"`
	SHA256        string `json:"sha256"`
	Name          string `json:"name"` // of the file in the store
	StoredBytes   int64  `json:"stored_bytes"`
}

// readMe tells whoever finds the store how to restore.
const readMe = `What stands here was written by pacsbridge.

index/UID.jsonl  one file a study, by its Study Instance UID; each line is one
                 attachment, a JSON object: "name" is its file, "sha256" the
                 SHA-256 of its content, "bytes" its length.
objects/         the files, named by that SHA-256; .zst behind it: compressed
                 with zstd; .age behind it: encrypted with age.

To restore one, undo from behind what its name says:

    age --decrypt --identity KEYFILE FILE.zst.age | zstd --decompress > CONTENT
    age --decrypt --identity KEYFILE FILE.age > CONTENT
    zstd --decompress --stdout FILE.zst > CONTENT
    sha256sum CONTENT        must print the beginning of the file's name

`

// explain writes readMe, unless it is there.
func (a *Archive) explain(ctx context.Context) error {
	const name = "README.txt"
	if _, err := a.store.Size(ctx, name); !errors.Is(err, fetch.ErrNotFound) {
		return err
	}
	_, err := a.store.Put(ctx, name, strings.NewReader(readMe))
	return err
}

// indexName is the name of a study's index. What no UID has in it does not come
// into a path.
func indexName(study string) string {
	if strings.Trim(study, "0123456789.") != "" || strings.Contains(study, "..") {
		sum := sha256.Sum256([]byte(study))
		study = hex.EncodeToString(sum[:])
	}
	return indexFolder + "/" + study + indexEnding
}

// Where the indexes stand in a store, and how their names end.
const (
	indexFolder = "index"
	indexEnding = ".jsonl"
)

// writeIndex writes the study's index anew.
func (a *Archive) writeIndex(ctx context.Context, s *Study, files map[string]file) error {
	if len(s.Attachments) == 0 {
		return nil
	}
	var text strings.Builder
	lines := json.NewEncoder(&text)
	for _, attachment := range s.Attachments {
		f := files[attachment.Digest]
		e := Entry{StudyUID: s.UID, AttachmentKey: attachment.Key, ObjectUID: attachment.ObjectUID, MediaType: attachment.Kind, CreatedAt: attachment.CreatedAt,
			Bytes: attachment.Bytes, SHA256: f.digest, Name: f.name, StoredBytes: f.bytes}
		if len(a.coder.recipients) == 0 {
			e.Title = attachment.Title
		}
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	temp := temporaryName(s.UID, "index")
	if _, err := a.store.Put(ctx, temp, strings.NewReader(text.String())); err != nil {
		return err
	}
	return a.store.Publish(ctx, temp, indexName(s.UID))
}

// Index returns what the index says of a study; nothing where it has none.
func (a *Archive) Index(ctx context.Context, study string) ([]Entry, error) {
	return readIndex(ctx, a.store, study)
}

func readIndex(ctx context.Context, store *fetch.Depot, study string) ([]Entry, error) {
	return readEntries(ctx, store, indexName(study), study)
}

// readEntries reads an index; there is nothing in one that is not there.
func readEntries(ctx context.Context, store *fetch.Depot, name, study string) ([]Entry, error) {
	file, err := store.Open(ctx, name)
	if errors.Is(err, fetch.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{"read the index", study, err}
	}
	defer file.Close()
	var entries []Entry
	lines := json.NewDecoder(bufio.NewReader(file))
	for {
		var e Entry
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, &Error{"read the index", study, fmt.Errorf("line %d: %w", len(entries)+1, err)}
		}
		entries = append(entries, e)
	}
}
