package dimse

import (
	"cmp"
	"crypto/tls"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

const statement = "../docs/conformance.md"

var update = flag.Bool("update", false, "write the tables of the conformance statement")

// tables are those of the conformance statement that follow from the code. Each
// stands between "<!-- table: name -->" and "<!-- end -->".
var tables = map[string]func() [][]string{
	"sop classes": sopClassTable, "transfer syntaxes": syntaxTable, "choice": choiceTable, "user information": userTable,
	"rejections": rejectionTable, "aborts": abortTable, "time-outs": timeoutTable, "limits": limitTable,
	"status": statusTable, "tls": tlsTable, "character sets": charsetTable,
}

// TestConformanceStatement keeps the tables of the statement equal to the code's; with -update it
// writes them.
func TestConformanceStatement(t *testing.T) {
	b, err := os.ReadFile(statement)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, table := range tables {
		begin := "<!-- table: " + name + " -->\n"
		before, rest, found := strings.Cut(text, begin)
		written, after, closed := strings.Cut(rest, "<!-- end -->")
		if !found || !closed {
			t.Errorf("the statement lacks the table of %s", name)
			continue
		}
		want := markdown(table())
		if written != want && !*update {
			t.Errorf("the table of %s is\n%swant\n%s", name, written, want)
		}
		text = before + begin + want + "<!-- end -->" + after
	}
	if *update {
		if err := os.WriteFile(statement, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func markdown(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
		}
	}
	return b.String()
}

// sopClassTable asks the code which handler makes a server accept each class.
func sopClassTable() [][]string {
	rows := [][]string{{"SOP class", "UID", "service", "as user", "as provider, with"}}
	users := map[Service]string{
		ServiceEcho: "Echo", ServiceStore: "Store", ServiceFind: "Find", ServiceMove: "Move", ServiceGet: "Get", ServiceCommitment: "Commit",
	}
	for _, class := range []string{
		uid.Verification, uid.PatientRootFind, uid.PatientRootMove, uid.PatientRootGet, uid.StudyRootFind, uid.StudyRootMove, uid.StudyRootGet,
		uid.ModalityWorklist, uid.StorageCommitment, uid.CTImageStorage, uid.EncapsulatedPDF, "1.2.3.4",
	} {
		name := cmp.Or(uid.Name(class), "any other, private ones too (here an invented one)")
		service := serviceOf(class)
		rows = append(rows, []string{name, class, string(service), users[service], strings.Join(handlersFor(service), " or ")})
	}
	return rows
}

func handlersFor(service Service) (names []string) {
	for _, h := range []struct {
		name     string
		handlers Handlers
	}{
		{"none", Handlers{}},
		{"Handlers.Store", Handlers{Store: struct{ StoreHandler }{}}}, {"Handlers.Find", Handlers{Find: struct{ FindHandler }{}}},
		{"Handlers.Move", Handlers{Move: struct{ MoveHandler }{}}}, {"Handlers.Get", Handlers{Get: struct{ GetHandler }{}}},
		{"Handlers.Action", Handlers{Action: CommitHandler(nil)}}, {"Handlers.Event", Handlers{Event: CommitResults(nil)}},
	} {
		if h.handlers.performs(service) {
			names = append(names, h.name)
			if h.name == "none" {
				return []string{"no handler"}
			}
		}
	}
	return names
}

// syntaxTable shows what storage and what queries accept.
func syntaxTable() [][]string {
	rows := [][]string{{"transfer syntax", "UID", "storage", "queries, retrievals, commitment"}}
	for _, syntax := range []string{
		uid.ImplicitLE, uid.ExplicitLE, uid.ExplicitBE, uid.DeflatedLE, uid.JPEGBaseline, uid.JPEGExtended, uid.JPEGLossless14, uid.JPEGLossless,
		uid.JPEGLSLossless, uid.JPEGLSNear, uid.JPEG2000Lossless, uid.JPEG2000, uid.MPEG2, uid.MPEG4, uid.HEVC,
		uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K, uid.RLE, "1.2.3.4",
	} {
		name := cmp.Or(uid.Name(syntax), "any other, private ones too (here an invented one)")
		rows = append(rows, []string{name, syntax, yes(ChooseSyntax([]string{syntax}) != ""), yes(chooseQuerySyntax([]string{syntax}) != "")})
	}
	return rows
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func choiceTable() [][]string {
	rows := [][]string{{"proposed, in this order", "accepted"}}
	for _, proposed := range [][]string{
		{uid.ImplicitLE, uid.ExplicitBE, uid.ExplicitLE}, {uid.ExplicitBE, uid.ImplicitLE}, {uid.ImplicitLE},
		{uid.JPEGBaseline, uid.ExplicitLE}, {uid.ExplicitLE, uid.JPEGBaseline}, {uid.DeflatedLE, uid.ExplicitLE},
	} {
		var names []string
		for _, syntax := range proposed {
			names = append(names, uid.Name(syntax))
		}
		rows = append(rows, []string{strings.Join(names, ", "), uid.Name(ChooseSyntax(proposed))})
	}
	return rows
}

func userTable() [][]string {
	ours := ourUserInformation(0)
	asked := &pdu.AsyncWindow{Invoked: 0, Performed: 0}
	granted := (&serving{Server: new(Server)}).grantWindow(asked)
	return [][]string{
		{"item", "as requestor", "as acceptor"},
		{"51H maximum length", fmt.Sprint(*ours.MaxLength), fmt.Sprintf("%d; PDUs of at most the peer's, never more than %d", *ours.MaxLength, pdu.DefaultMaxLength)},
		{"52H implementation class UID", ours.ImplementationUID, ours.ImplementationUID},
		{"53H asynchronous operations window", "when Dialer.AsyncWindow > 1; performs 1", fmt.Sprintf("at most %d invoked by the peer, %d by us", granted.Invoked, granted.Performed)},
		{"54H role selection", "when Proposal.SCPRole", "storage classes for C-GET, storage commitment for its results"},
		{"55H implementation version name", ours.ImplementationVersion, ours.ImplementationVersion},
		{"56H SOP class extended negotiation", "Proposal.Extended", "Server.Extend; without it no answer"},
		{"57H SOP class common extended negotiation", "Proposal.ServiceClass, Related", "seen by Admit"},
		{"58H, 59H user identity (all types)", "Dialer.Identity", "Server.Identify; without it no answer"},
	}
}

func rejectionTable() [][]string {
	rows := [][]string{{"result/source/reason", "meaning", "given when"}}
	for _, r := range []struct {
		reject *RejectError
		when   string
	}{
		{RejectNoReason, "a hook says no for a reason of its own"}, {RejectContext, "the application context is not DICOM's"},
		{RejectCallingAE, "the calling title is malformed, or a hook does not know it"}, {RejectCalledAE, "the called title is malformed or not ours"},
		{RejectVersion, "the protocol version lacks bit 0"}, {&RejectError{1, 2, 1}, fmt.Sprintf("the maximum length is 1 to %d, in which nothing fits", pdu.MinMaxLength-1)},
		{RejectOverloaded, "MaxAssociations or MaxPerPeer is reached, or the server is ending"},
	} {
		code := fmt.Sprintf("%d/%d/%d", r.reject.Result, r.reject.Source, r.reject.Reason)
		rows = append(rows, []string{code, rejectReasons[[2]byte{r.reject.Source, r.reject.Reason}], r.when})
	}
	return rows
}

func abortTable() [][]string {
	rows := [][]string{{"source/reason", "meaning", "given when"}}
	for _, a := range []struct {
		reason byte
		when   string
	}{
		{pdu.AbortUnrecognizedPDU, "a PDU has an unknown type"}, {pdu.AbortUnexpectedPDU, "a PDU comes in the wrong state"},
		{pdu.AbortInvalidParameter, "a length is wrong, a message is malformed, an answer was not asked for"},
	} {
		rows = append(rows, []string{fmt.Sprintf("2/%d", a.reason), abortReasons[a.reason], a.when})
	}
	return append(rows, []string{"0/0", "service user", "a time-out, a cancelled operation, a data set cut at its source, the end of the server"})
}

func timeoutTable() [][]string {
	d := Timeouts{}.withDefaults()
	rows := [][]string{{"wait", "default", "after it"}}
	for _, r := range []struct {
		wait, after string
		d           time.Duration
	}{
		{"TCP and TLS set-up (Timeouts.Connect)", "the attempt fails", d.Connect},
		{"ARTIM: association request, its answer, release, end of the connection (Timeouts.ARTIM)", "A-ABORT or close", d.ARTIM},
		{"an answer of the peer; for a retrieval, counted from its last instance (Timeouts.Response)", "A-ABORT", d.Response},
		{"the peer takes what is sent (Timeouts.Response)", "close", d.Response},
		{"the next request, and the rest of one begun (Timeouts.Idle)", "A-ABORT", d.Idle},
		{"the peer closes after our A-ABORT, which was not for its silence", "close", abortLinger}, {"the end of a cancelled operation whose caller has gone", "A-ABORT", cancelGrace},
		{"operations under way when the server ends (Server.Grace)", "A-ABORT", defaultGrace},
	} {
		rows = append(rows, []string{r.wait, r.d.String(), r.after})
	}
	return rows
}

func limitTable() [][]string {
	rows := [][]string{{"what", "at most"}}
	for _, r := range []struct {
		what string
		n    int
	}{
		{"presentation contexts of an association", pdu.MaxContexts}, {"bytes of any PDU but P-DATA-TF", pdu.MaxControlLength},
		{"bytes of a P-DATA-TF we send", pdu.DefaultMaxLength + pdu.HeaderLength}, {"bytes of a command set", maxCommandLength},
		{"bytes of an identifier, or of another data set held as a whole", maxIdentifierLength}, {"depth of nested sequences in it", dataset.MaxDepth},
		{"instances of a commitment transaction of ours", MaxCommitReferences}, {"operations performed at once on an association; more where the window granted is larger", maxPerforming},
		{"operations a peer may have open, where it asks for more than one (Server.AsyncWindow)", defaultAsyncWindow},
		{"connections without an association: not yet, or no longer", maxUnassociated}, {"those of one host", maxUnassociatedOfHost},
		{"lines of log of one kind about one host in a minute", complaintsShown},
		{"characters of an error comment in an answer", maxCommentLength},
	} {
		rows = append(rows, []string{r.what, fmt.Sprint(r.n)})
	}
	return rows
}

func statusTable() [][]string {
	rows := [][]string{{"service", "status", "class", "meaning", "worth trying again"}}
	services := slices.Sorted(maps.Keys(serviceStatus))
	for _, service := range services {
		for _, row := range serviceStatus[service] {
			rows = append(rows, statusLine(string(service), row))
		}
	}
	for _, row := range generalStatus {
		rows = append(rows, statusLine("any", row))
	}
	return rows
}

func statusLine(service string, row statusRow) []string {
	code := fmt.Sprintf("%04X", uint16(row.code))
	switch row.mask {
	case range00:
		code = code[:2] + "xx"
	case range0:
		code = code[:1] + "xxx"
	}
	return []string{service, code, row.code.Class().String(), row.text, yes(row.retry)}
}

func tlsTable() [][]string {
	config := BCP195(new(tls.Config))
	rows := [][]string{{"version", "cipher suite"}, {tls.VersionName(tls.VersionTLS13), "all of it"}}
	for _, suite := range config.CipherSuites {
		rows = append(rows, []string{tls.VersionName(config.MinVersion), tls.CipherSuiteName(suite)})
	}
	return rows
}

// charsetTable lists the defined terms whose text is decoded for display.
func charsetTable() [][]string {
	rows := [][]string{{"SpecificCharacterSet (0008,0005)", "read as declared"}}
	terms := []string{
		"ISO_IR 6", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 144", "ISO_IR 127", "ISO_IR 126", "ISO_IR 138", "ISO_IR 148",
		"ISO_IR 203", "ISO_IR 13", "ISO_IR 166", "ISO_IR 192", "GB18030", "GBK", "ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 149", "ISO 2022 IR 58",
	}
	for _, term := range terms {
		_, guessed := dataset.DecodeText([]byte("Aa"), []string{term})
		rows = append(rows, []string{term, yes(!guessed)})
	}
	return rows
}
