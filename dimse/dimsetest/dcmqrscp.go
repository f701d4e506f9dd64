package dimsetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pacsbridge/dimse/uid"
)

// Dcmqrscp is a running DCMTK dcmqrscp: a small archive with C-FIND, C-MOVE
// and a storage area on disk.
type Dcmqrscp struct {
	*Process
	Peer
	Dir string // its storage area, one file an instance
}

// DcmqrscpOptions says what to start; the zero value is an archive that knows
// nobody.
type DcmqrscpOptions struct {
	AE           string // DCMQRSCP when empty
	Address      string // a free one when empty
	Destinations []Peer // its HostTable: where C-MOVE may send
	// Sends are the SOP class and transfer syntax pairs it proposes when it
	// sends. Without them it proposes all classes it knows, uncompressed only;
	// a compressed instance then counts as a failed sub-operation.
	Sends []Context
	Args  []string // further options
}

// A Context is one SOP class in one transfer syntax.
type Context struct{ SOPClass, TransferSyntax string }

// StartDcmqrscp starts a private dcmqrscp.
func StartDcmqrscp(tb testing.TB, options DcmqrscpOptions) *Dcmqrscp {
	tb.Helper()
	program := need(tb, "dcmqrscp", "dcmtk")
	d := &Dcmqrscp{Peer: peerOr(tb, options.AE, "DCMQRSCP", options.Address)}
	folder := tempDir(tb, "dcmqrscp")
	d.Dir = filepath.Join(folder, "area")
	if err := os.Mkdir(d.Dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	config := writeFile(tb, filepath.Join(folder, "dcmqrscp.cfg"), d.config(options.Destinations))
	args := []string{"--config", config, "--bit-preserving", "--propose-little"}
	if len(options.Sends) > 0 {
		profiles := writeFile(tb, filepath.Join(folder, "profiles.cfg"), associationProfiles(options.Sends))
		args = append(args, "--assoc-config-file", profiles, "In", "Out")
	}
	cmd := exec.Command(program, append(args, options.Args...)...)
	cmd.Env = append(cmd.Environ(), noDelay)
	d.Process = startProcess(tb, "dcmqrscp", cmd)
	d.await(tb, d.echo)
	return d
}

// config is its configuration file: one storage area that anybody may use.
func (d *Dcmqrscp) config(destinations []Peer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "NetworkTCPPort = %s\nMaxPDUSize = 131072\nMaxAssociations = 64\n", d.Port())
	b.WriteString("HostTable BEGIN\n")
	for i, p := range destinations {
		fmt.Fprintf(&b, "host%d = (%s, %s, %s)\n", i, p.AE, p.Host(), p.Port())
	}
	b.WriteString("HostTable END\nVendorTable BEGIN\nVendorTable END\n")
	fmt.Fprintf(&b, "AETable BEGIN\n%s %s RW (5000, 65536mb) ANY\nAETable END\n", d.AE, d.Dir)
	return b.String()
}

// associationProfiles is DCMTK's association configuration: In takes what In
// may be sent, Out proposes one presentation context for each pair.
func associationProfiles(sends []Context) string {
	var syntaxes, contexts, in, out strings.Builder
	seen := map[string]int{}
	for _, c := range sends {
		if _, known := seen[c.TransferSyntax]; !known {
			seen[c.TransferSyntax] = len(seen) + 1
			fmt.Fprintf(&syntaxes, "[TS%d]\nTransferSyntax1 = %s\n", len(seen), c.TransferSyntax)
		}
	}
	for i, class := range queryClasses {
		fmt.Fprintf(&in, "PresentationContext%d = %s\\Query\n", i+1, class)
	}
	classes := slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, c := range sends {
			if !yield(c.SOPClass) {
				return
			}
		}
	}))
	for i, class := range classes {
		fmt.Fprintf(&in, "PresentationContext%d = %s\\Any\n", len(queryClasses)+i+1, class)
	}
	for i, c := range sends {
		fmt.Fprintf(&out, "PresentationContext%d = %s\\TS%d\n", i+1, c.SOPClass, seen[c.TransferSyntax])
	}
	syntaxes.WriteString("[Query]\nTransferSyntax1 = LittleEndianExplicit\nTransferSyntax2 = LittleEndianImplicit\n[Any]\n")
	for ts, n := range seen {
		fmt.Fprintf(&syntaxes, "TransferSyntax%d = %s\n", n, ts)
	}
	fmt.Fprintf(&contexts, "[InContexts]\n%s[OutContexts]\n%s", &in, &out)
	return fmt.Sprintf("[[TransferSyntaxes]]\n%s[[PresentationContexts]]\n%s[[Profiles]]\n"+
		"[In]\nPresentationContexts = InContexts\n[Out]\nPresentationContexts = OutContexts\n", &syntaxes, &contexts)
}

// queryClasses are the services that a profile for incoming associations must
// name besides the storage classes.
var queryClasses = []string{
	uid.Verification,
	uid.StudyRootFind, uid.StudyRootMove, uid.StudyRootGet,
	uid.PatientRootFind, uid.PatientRootMove, uid.PatientRootGet,
}
