package dimsetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Orthanc is a running Orthanc, with a database of its own in a temporary folder.
type Orthanc struct {
	*Process
	Peer
	URL string // of its REST interface
}

// OrthancOptions says what to start; the zero value is an archive that accepts
// everything and knows nobody.
type OrthancOptions struct {
	AE         string         // ORTHANC when empty
	Address    string         // a free one when empty
	Modalities []Peer         // its DicomModalities: where C-MOVE may send
	Settings   map[string]any // further settings in Orthanc's own words; they win over ours
	Nagle      bool           // leave Nagle's algorithm on, as most archives do
}

// StartOrthanc starts a private Orthanc.
func StartOrthanc(tb testing.TB, options OrthancOptions) *Orthanc {
	tb.Helper()
	program := Program(tb, "Orthanc", "orthanc")
	o := &Orthanc{Peer: peerOr(tb, options.AE, "ORTHANC", options.Address)}
	http := Peer{Address: FreeAddress(tb)}
	o.URL = "http://" + http.Address
	dir := tempDir(tb, "orthanc")
	settings := o.settings(dir, http.portNumber(), options.Modalities)
	maps.Copy(settings, options.Settings)
	config, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program, writeFile(tb, filepath.Join(dir, "orthanc.json"), string(config)))
	cmd.Env = environment(cmd, options.Nagle)
	o.Process = startProcess(tb, "orthanc", cmd)
	o.await(tb, func(ctx context.Context) error {
		return errors.Join(o.get(ctx, "/system", nil), o.echo(ctx))
	})
	return o
}

// settings is the configuration of an archive that takes whatever it can,
// admits everybody, forgets nothing and keeps data sets uncompressed.
func (o *Orthanc) settings(dir string, httpPort int, modalities []Peer) map[string]any {
	known := map[string]any{}
	for i, p := range modalities {
		known[fmt.Sprintf("modality%d", i)] = map[string]any{"AET": p.AE, "Host": p.Host(), "Port": p.portNumber()}
	}
	return map[string]any{
		"Name":             o.AE,
		"StorageDirectory": filepath.Join(dir, "storage"),
		"IndexDirectory":   filepath.Join(dir, "index"),
		"Plugins":          []string{},
		"SyncStorageArea":  false,
		"SaveJobs":         false,
		"StableAge":        1,

		"HttpPort":              httpPort,
		"RemoteAccessAllowed":   false,
		"AuthenticationEnabled": false,
		"HttpThreadsCount":      8,

		"DicomAet":                     o.AE,
		"DicomPort":                    o.portNumber(),
		"DicomCheckCalledAet":          false,
		"DicomCheckModalityHost":       false,
		"DicomAlwaysAllowEcho":         true,
		"DicomAlwaysAllowStore":        true,
		"DicomAlwaysAllowFind":         true,
		"DicomAlwaysAllowGet":          true,
		"DicomAlwaysAllowMove":         true,
		"DicomAlwaysAllowFindWorklist": true,
		"UnknownSopClassAccepted":      true,
		"AcceptedTransferSyntaxes":     []string{"*"},
		"DicomScpTimeout":              30,
		"DicomThreadsCount":            16,
		"ConcurrentJobs":               4,
		"SynchronousCMove":             true,
		"OverwriteInstances":           true,
		"StorageCompression":           false,
		"StrictAetComparison":          true,
		"DicomModalities":              known,
	}
}

// OrthancPlugin is the file of a plugin of Orthanc's, for the setting Plugins, such
// as ModalityWorklists. Without it the test is skipped.
func OrthancPlugin(tb testing.TB, name string) string {
	tb.Helper()
	file := "/usr/share/orthanc/plugins/lib" + name + ".so"
	if _, err := os.Stat(file); err != nil {
		absent(tb, "%s is not installed (Debian package orthanc)", file)
	}
	return file
}

// peerOr fills what the caller of a launcher left open.
func peerOr(tb testing.TB, ae, defaultAE, address string) Peer {
	tb.Helper()
	if ae == "" {
		ae = defaultAE
	}
	if address == "" {
		address = FreeAddress(tb)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		tb.Fatal(err)
	}
	return Peer{AE: ae, Address: address}
}
