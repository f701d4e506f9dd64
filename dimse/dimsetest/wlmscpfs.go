package dimsetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// Wlmscpfs is a running DCMTK wlmscpfs: a worklist of files.
type Wlmscpfs struct {
	*Process
	Peer
}

// StartWlmscpfs starts a worklist with the given entries.
func StartWlmscpfs(tb testing.TB, entries ...*dataset.Dataset) *Wlmscpfs {
	tb.Helper()
	program := Program(tb, "wlmscpfs", "dcmtk")
	w := &Wlmscpfs{Peer: peerOr(tb, "", "WLMSCPFS", "")}
	folder := tempDir(tb, "wlmscpfs")
	WriteWorklist(tb, filepath.Join(folder, w.AE), entries...)
	cmd := exec.Command(program, "--disable-file-reject", "--data-files-path", folder, w.Port())
	cmd.Env = environment(cmd, false)
	w.Process = startProcess(tb, "wlmscpfs", cmd)
	w.await(tb, w.echo)
	return w
}

// WriteWorklist writes entries into a new folder as DCMTK's and Orthanc's
// worklists want them: a file for each, and one to lock.
func WriteWorklist(tb testing.TB, folder string, entries ...*dataset.Dataset) {
	tb.Helper()
	if err := os.Mkdir(folder, 0o700); err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, filepath.Join(folder, "lockfile"), "")
	for i, entry := range entries {
		object := Object{
			SOPClass: uid.ModalityWorklist, SOPInstance: uid.Derive("dimsetest", "worklist", fmt.Sprint(i)),
			TransferSyntax: uid.ExplicitLE, Data: encode(entry, uid.ExplicitLE),
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%d.wl", i)))
		if err != nil {
			tb.Fatal(err)
		}
		_, err = object.WriteFile(f)
		if err = errors.Join(err, f.Close()); err != nil {
			tb.Fatal(err)
		}
	}
}
