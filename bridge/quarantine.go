package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
)

// Quarantine keeps instances that must not travel by themselves as Part 10 files in
// a folder of its own, and lists them in index.jsonl there, with the reason. Whoever sent
// one may forget it after the answer, so it is on the disk by then.
type Quarantine struct {
	Dir string

	mu sync.Mutex
}

// quarantined is one line of the index.
type quarantined struct {
	File     string    `json:"file"`
	SOPClass string    `json:"sop_class"`
	UID      string    `json:"uid"`
	From     string    `json:"from"` // calling AE title and address
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// Keep writes one instance. Its file is named by the digest of sender, UID and
// reason, so that no name comes from outside and a repeated sending takes no more room.
func (q *Quarantine) Keep(in *dimse.Instance, data io.Reader, reason string) error {
	if err := os.MkdirAll(q.Dir, 0o700); err != nil {
		return fmt.Errorf("make the quarantine folder: %w", err)
	}
	name := sha256.Sum256([]byte(in.CallingAE + "\x00" + in.SOPInstance + "\x00" + reason))
	file := hex.EncodeToString(name[:]) + ".dcm"
	if err := q.write(filepath.Join(q.Dir, file), in, data); err != nil {
		return err
	}
	return q.list(quarantined{File: file, SOPClass: in.SOPClass, UID: in.SOPInstance,
		From: senderOf(in), Reason: reason, At: time.Now().UTC()})
}

func (q *Quarantine) write(path string, in *dimse.Instance, data io.Reader) error {
	f, err := os.CreateTemp(q.Dir, "partial-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // once renamed there is nothing left to remove
	defer f.Close()
	if _, err := dataset.WritePart10(f, metaOf(in), data); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(q.Dir)
}

func (q *Quarantine) list(entry quarantined) error {
	line, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	f, err := os.OpenFile(filepath.Join(q.Dir, "index.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync())
}

// senderOf names who sent an instance: its AE title and address.
func senderOf(in *dimse.Instance) string {
	if in.RemoteAddr == nil {
		return in.CallingAE
	}
	return in.CallingAE + "@" + in.RemoteAddr.String()
}
