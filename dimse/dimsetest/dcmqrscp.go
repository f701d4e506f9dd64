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
	// Sends are the SOP class and transfer syntax pairs it is to send. Without
	// them it proposes all classes it knows, uncompressed only; a compressed
	// instance then counts as a failed sub-operation. One syntax a class is all
	// that dcmqrscp can do: uncompressed if it is among them, else the first.
	Sends []Context
	Args  []string // further options
	Nagle bool     // leave Nagle's algorithm on, as it is shipped
}

// A Context is one SOP class in one transfer syntax.
type Context struct{ SOPClass, TransferSyntax string }

// StartDcmqrscp starts a private dcmqrscp.
func StartDcmqrscp(tb testing.TB, options DcmqrscpOptions) *Dcmqrscp {
	tb.Helper()
	program := Program(tb, "dcmqrscp", "dcmtk")
	d := &Dcmqrscp{Peer: peerOr(tb, options.AE, "DCMQRSCP", options.Address)}
	folder := tempDir(tb, "dcmqrscp")
	d.Dir = filepath.Join(folder, "area")
	if err := os.Mkdir(d.Dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	config := writeFile(tb, filepath.Join(folder, "dcmqrscp.cfg"), d.config(options.Destinations))
	args := []string{"--config", config, "--bit-preserving"}
	if len(options.Sends) > 0 {
		profiles := writeFile(tb, filepath.Join(folder, "profiles.cfg"), associationProfiles(options.Sends))
		args = append(args, "--assoc-config-file", profiles, "In", "Out")
	} else {
		args = append(args, "--propose-little")
	}
	cmd := exec.Command(program, append(args, options.Args...)...)
	cmd.Env = environment(cmd, options.Nagle)
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
	fmt.Fprintf(&b, "AETable BEGIN\n%s %s RW (500, 1024mb) ANY\nAETable END\n", d.AE, d.Dir)
	return b.String()
}

// associationProfiles is DCMTK's association configuration: In takes what In
// may be sent, Out proposes one presentation context for each SOP class.
func associationProfiles(sends []Context) string {
	var syntaxes, in, out strings.Builder
	plain := []string{uid.ExplicitLE, uid.ExplicitBE, uid.ImplicitLE}
	listSyntaxes(&syntaxes, "Plain", plain)
	listSyntaxes(&syntaxes, "Any", append(packedSyntaxes(sends), plain...))
	for i, class := range queryClasses {
		fmt.Fprintf(&in, "PresentationContext%d = %s\\Plain\n", i+1, class)
	}
	for i, c := range onePerClass(sends) {
		group := "Plain"
		if packed(c.TransferSyntax) {
			group = fmt.Sprintf("Packed%d", i+1)
			listSyntaxes(&syntaxes, group, []string{c.TransferSyntax})
		}
		fmt.Fprintf(&in, "PresentationContext%d = %s\\Any\n", len(queryClasses)+i+1, c.SOPClass)
		fmt.Fprintf(&out, "PresentationContext%d = %s\\%s\n", i+1, c.SOPClass, group)
	}
	return fmt.Sprintf("[[TransferSyntaxes]]\n%s[[PresentationContexts]]\n[InContexts]\n%s[OutContexts]\n%s[[Profiles]]\n"+
		"[In]\nPresentationContexts = InContexts\n[Out]\nPresentationContexts = OutContexts\n", &syntaxes, &in, &out)
}

func listSyntaxes(b *strings.Builder, group string, syntaxes []string) {
	fmt.Fprintf(b, "[%s]\n", group)
	for i, ts := range syntaxes {
		fmt.Fprintf(b, "TransferSyntax%d = %s\n", i+1, ts)
	}
}

// onePerClass chooses what dcmqrscp proposes for each class: it uses the same
// presentation context for all instances of a class, so uncompressed wins,
// between whose syntaxes it converts.
func onePerClass(sends []Context) []Context {
	var chosen []Context
	for _, c := range sends {
		i := slices.IndexFunc(chosen, func(have Context) bool { return have.SOPClass == c.SOPClass })
		switch {
		case i < 0:
			chosen = append(chosen, c)
		case !packed(c.TransferSyntax):
			chosen[i] = c
		}
	}
	return chosen
}

func packedSyntaxes(sends []Context) []string {
	var list []string
	for _, c := range sends {
		if packed(c.TransferSyntax) && !slices.Contains(list, c.TransferSyntax) {
			list = append(list, c.TransferSyntax)
		}
	}
	return list
}

// packed tells the syntaxes that dcmqrscp does not convert to uncompressed.
func packed(transferSyntax string) bool {
	syntax, _ := uid.SyntaxOf(transferSyntax)
	return syntax.Encapsulated
}

// queryClasses are the services that a profile for incoming associations must
// name besides the storage classes.
var queryClasses = []string{
	uid.Verification,
	uid.StudyRootFind, uid.StudyRootMove, uid.StudyRootGet,
	uid.PatientRootFind, uid.PatientRootMove, uid.PatientRootGet,
}
