package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// forwardStore is the folder of instances that nobody asked for: Part 10 files named by
// hashes, STUDY/INSTANCE-DIGEST.dcm, where DIGEST is the SHA-256 of the data set. They
// can be read by their owner only. What is there is whole.
type forwardStore struct{ dir string }

// partPrefix begins the names of files that are not whole.
const partPrefix = "partial-"

// part is an instance that has come in and has no name yet.
type part struct{ path, sha256 string }

// discard removes what was not published.
func (p part) discard() { os.Remove(p.path) }

// receive writes an instance to the disk to its last byte, and syncs it.
func (s forwardStore) receive(in *dimse.Instance, data io.Reader) (part, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return part{}, fmt.Errorf("make the folder: %w", err)
	}
	f, err := os.CreateTemp(s.dir, partPrefix+"*")
	if err != nil {
		return part{}, err
	}
	digest := sha256.New()
	_, err = dataset.WritePart10(f, metaOf(in), io.TeeReader(data, digest))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return part{}, errors.Join(err, os.Remove(f.Name()))
	}
	return part{path: f.Name(), sha256: hex.EncodeToString(digest.Sum(nil))}, nil
}

// metaOf is the meta information of an instance that is kept as a file (PS3.10 §7.1).
func metaOf(in *dimse.Instance) dataset.FileMeta {
	return dataset.FileMeta{
		SOPClassUID: in.SOPClass, SOPInstanceUID: in.SOPInstance, TransferSyntaxUID: in.TransferSyntax,
		ImplementationClassUID: uid.Implementation, ImplementationVersionName: uid.ImplementationVersion, SourceAE: in.CallingAE,
	}
}

// publish gives an instance its name, and syncs that.
func (s forwardStore) publish(p part, studyUID, instanceUID string) (path string, err error) {
	folder := filepath.Join(s.dir, hashed(studyUID))
	path = filepath.Join(folder, hashed(instanceUID)+"-"+p.sha256+".dcm")
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return path, err
	}
	if err := os.Rename(p.path, path); err != nil {
		return path, err
	}
	return path, errors.Join(syncFolder(folder), syncFolder(s.dir))
}

// remove removes an instance, and its study's folder with the last one.
func (s forwardStore) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	os.Remove(filepath.Dir(path)) // refused while there are others in it
	return nil
}

// walk visits every instance in the folder, with the time when it came, and removes what
// never became whole: nobody was told that it had.
func (s forwardStore) walk(visit func(studyUID string, k kept, came time.Time)) error {
	parts, err := filepath.Glob(filepath.Join(s.dir, partPrefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range parts {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	paths, err := filepath.Glob(filepath.Join(s.dir, "*", "*-*.dcm"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		studyUID, k, came, err := s.read(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		visit(studyUID, k, came)
	}
	return nil
}

// read tells what a file holds from its head and its name.
func (s forwardStore) read(path string) (studyUID string, k kept, came time.Time, err error) {
	file, data, meta, err := openPart10(path)
	if err != nil {
		return "", k, came, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", k, came, err
	}
	uids, _, err := dataset.PeekUIDs(data, meta.TransferSyntaxUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
	if err != nil {
		return "", k, came, err
	}
	_, digest, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".dcm"), "-")
	return uids[0], kept{path: path, Arrival: Arrival{UID: meta.SOPInstanceUID, SOPClass: meta.SOPClassUID, TransferSyntax: meta.TransferSyntaxUID,
		SHA256: digest, SeriesUID: uids[1], from: sender{ae: meta.SourceAE}}}, info.ModTime(), nil
}

// openPart10 opens a file of ours: what it says of itself, and its data set.
func openPart10(path string) (*os.File, io.Reader, dataset.FileMeta, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, dataset.FileMeta{}, err
	}
	meta, data, err := dataset.ReadPart10(file)
	if err != nil {
		return nil, nil, meta, errors.Join(err, file.Close())
	}
	return file, data, meta, nil
}

// hashed makes a name that is safe as a file's of one that came from outside.
func hashed(name string) string {
	digest := sha256.Sum256([]byte(name))
	return hex.EncodeToString(digest[:16])
}

// syncFolder makes the names in a folder survive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
