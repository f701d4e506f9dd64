package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/nondicom/archive"
)

// shelve puts an attachment of a study into a store, as the archive does.
func shelve(t *testing.T, store, study, key, content string) archive.Entry {
	t.Helper()
	sum := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(sum[:])
	e := archive.Entry{StudyUID: study, AttachmentKey: key, MediaType: "text/plain", Bytes: int64(len(content)), SHA256: digest, Name: "objects/" + digest[:2] + "/" + digest}
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{e.Name: content, "index/" + study + ".jsonl": string(line) + "\n"} {
		path := filepath.Join(store, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestAnAttachmentIsFoundWithoutItsStudy(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	l := newLab(t, 1, fmt.Sprintf("nondicom: {archive: {store: %q}}", store))
	only := shelve(t, store, "1.2.1", "A1", "one letter")
	shelve(t, store, "1.2.2", "A2", "of one study")
	twice := shelve(t, store, "1.2.3", "A2", "of another study")
	shelve(t, store, "1.2.4", "A4", "of another study")
	for _, e := range []archive.Entry{{AttachmentKey: only.AttachmentKey, SHA256: only.SHA256}, {AttachmentKey: only.SHA256, SHA256: only.SHA256},
		{AttachmentKey: strings.ToUpper(twice.SHA256), SHA256: twice.SHA256}} {
		out, _ := l.run(exitOK, "archive", "get", "--attachment", e.AttachmentKey, "--out", t.TempDir(), "--json")
		var done []restored
		if err := json.Unmarshal([]byte(out), &done); err != nil || len(done) != 1 || done[0].SHA256 != e.SHA256 {
			t.Errorf("%s: %s, %v", e.AttachmentKey, out, err)
		}
	}
	if _, told := l.run(exitUsage, "archive", "get", "--attachment", "A2", "--out", t.TempDir()); !strings.Contains(told, "1.2.2") || !strings.Contains(told, "1.2.3") {
		t.Errorf("%s", told)
	}
	if out, _ := l.run(exitOK, "archive", "list", "--attachment", "A2"); strings.Count(out, "\n") != 2 {
		t.Errorf("%s", out)
	}
	l.run(exitFailed, "archive", "get", "--attachment", "A9", "--out", t.TempDir())
	l.run(exitUsage, "archive", "get", "--out", t.TempDir())
}
