package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// hospital is an old archive, a new one, and a third that is moved to without us
// in between: what it then holds is what a faithful migration must bring. An
// archive re-encodes what it sends, so the files of the old one are no yardstick.
type hospital struct {
	t            *testing.T
	old          dimsetest.Peer
	new, control *dimsetest.Orthanc
	config       string // our settings
	legacy       *legacySystem
}

func TestRealFilesCrossFromOrthancToOrthanc(t *testing.T) {
	t.Parallel()
	h, _ := newOrthancHospital(t)
	h.crosses(100)
}

func TestRealFilesCrossFromDcmqrscpToOrthanc(t *testing.T) {
	t.Parallel()
	own := dimsetest.Peer{AE: "PACSBRIDGE", Address: dimsetest.FreeAddress(t)}
	new, control := newOrthancs(t)
	files := sendable(t, dimsetest.PydicomFiles(t))
	old := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "OLDPACS",
		Destinations: []dimsetest.Peer{own, control.Peer}, Sends: dimsetest.ContextsOf(t, files...)})
	dimsetest.SendFiles(t, old.Peer, files...)
	h := &hospital{t: t, old: old.Peer, new: new, control: control}
	h.furnish(own)
	h.crosses(60)
}

// newOrthancHospital has an Orthanc with all real files as its old archive.
func newOrthancHospital(t *testing.T) (*hospital, *dimsetest.Orthanc) {
	t.Helper()
	own := dimsetest.Peer{AE: "PACSBRIDGE", Address: dimsetest.FreeAddress(t)}
	new, control := newOrthancs(t)
	old := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "OLDPACS", Modalities: []dimsetest.Peer{own, control.Peer}})
	for _, file := range dimsetest.PydicomFiles(t) {
		upload(t, old, file)
	}
	h := &hospital{t: t, old: old.Peer, new: new, control: control}
	h.furnish(own)
	return h, old
}

// newSmallHospital has a legacy system and hardly any images.
func newSmallHospital(t *testing.T) *hospital {
	t.Helper()
	own := dimsetest.Peer{AE: "PACSBRIDGE", Address: dimsetest.FreeAddress(t)}
	old := startArchive(t, "OLDPACS")
	new, control := newOrthancs(t)
	h := &hospital{t: t, old: old.Peer(), new: new, control: control}
	h.furnish(own)
	return h
}

// sendable leaves out what dcmqrscp would take and could not send: it proposes one
// context a SOP class, so that a class with uncompressed instances goes out
// uncompressed, and it decompresses nothing.
func sendable(t *testing.T, files []string) []string {
	t.Helper()
	packed := func(file string) (class string, is bool) {
		contexts := dimsetest.ContextsOf(t, file)
		if len(contexts) == 0 {
			return "", true
		}
		syntax, _ := uid.SyntaxOf(contexts[0].TransferSyntax)
		return contexts[0].SOPClass, syntax.Encapsulated
	}
	plain := map[string]bool{}
	for _, file := range files {
		if class, is := packed(file); !is {
			plain[class] = true
		}
	}
	return slices.DeleteFunc(files, func(file string) bool {
		class, is := packed(file)
		return class == "" || is && plain[class]
	})
}

func newOrthancs(t *testing.T) (new, control *dimsetest.Orthanc) {
	return dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "NEWPACS"}),
		dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "CONTROL"})
}

// upload puts a file into an Orthanc; one that it refuses is left out.
func upload(t *testing.T, to *dimsetest.Orthanc, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := to.Upload(t.Context(), f); err != nil {
		t.Logf("left out %s", filepath.Base(path))
	}
}

// furnish makes the legacy system and the settings.
func (h *hospital) furnish(own dimsetest.Peer) {
	h.t.Helper()
	dir := h.t.TempDir()
	h.legacy = newLegacySystem(h.t, filepath.Join(dir, "files"), h.oldStudies())
	h.config = filepath.Join(dir, "pacsbridge.yaml")
	text := fmt.Sprintf(`node: {ae_title: %s, listen: %q}
old: {ae_title: %s, address: %q}
new: {ae_title: %s, address: %q}
staging: {url: "sqlite:%s/staging.db", spool: "%s/spool"}
migration: {window: 8760h, departments: [{name: RAD, workers: 3}, {name: "*", workers: 3}]}
legacy:
  url: %q
  records: "SELECT * FROM ris.studies WHERE study_date >= :from AND study_date < :to"
  attachments: "SELECT * FROM ris.documents WHERE study_key = :study_key"
  stores: [{name: files, at: %q}]
`, own.AE, own.Address, h.old.AE, h.old.Address, h.new.AE, h.new.Address, dir, dir, h.legacy.url, h.legacy.dir)
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// pacsbridge runs a command and demands its exit code.
func (h *hospital) pacsbridge(code int, args ...string) (stdout, stderr string) {
	h.t.Helper()
	var out, log bytes.Buffer
	p := &program{stdout: &out, stderr: &log, env: func(string) (string, bool) { return "", false }}
	if got := p.execute(h.t.Context(), append(args, "--config", h.config)); got != code {
		h.t.Fatalf("pacsbridge %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &log)
	}
	return out.String(), log.String()
}

// crosses moves everything the old archive holds, which is at least so many
// instances, and compares all there is to compare.
func (h *hospital) crosses(atLeast int) {
	t := h.t
	t.Helper()
	h.pacsbridge(exitOK, "check")
	h.pacsbridge(exitOK, "migrate", "--from", "1980-01-01", "--to", "2026-12-31")
	named := h.undated()
	if len(named) == 0 {
		t.Error("no study without a date was left for --study")
	}
	for _, study := range named {
		h.pacsbridge(exitOK, "migrate", "--study", study)
	}

	studies := h.oldStudies()
	for _, s := range studies {
		moved := dimsetest.DCMTK(t, "movescu", "-S", "-aec", h.old.AE, "-aem", h.control.AE, "-k", "QueryRetrieveLevel=STUDY",
			"-k", "StudyInstanceUID="+s.UID, h.old.Host(), h.old.Port())
		if moved.ExitCode != 0 {
			t.Logf("the control did not get study %s: %s", s.UID, moved)
		}
	}
	want, got := held(t, h.control), held(t, h.new)
	if len(want) < atLeast {
		t.Errorf("only %d instances crossed in the control; the test wants %d", len(want), atLeast)
	}
	t.Logf("%d studies, %d instances in the control, %d objects at NEW", len(studies), len(want), len(got))
	for sop, w := range want {
		if g, there := got[sop]; !there {
			t.Errorf("%s is not at NEW", sop)
		} else if !w.same(g) {
			t.Errorf("%s arrived altered: %s %s, control %s %s", sop, g.syntax, g.sha256, w.syntax, w.sha256)
		}
		delete(got, sop)
	}
	h.legacy.arrived(t, got)
	h.ledgerAgrees(len(want))

	_, log := h.pacsbridge(exitOK, "migrate", "--from", "1980-01-01", "--to", "2026-12-31")
	if strings.Contains(log, "study migrated") {
		t.Errorf("the second run migrated something again:\n%s", log)
	}
}

// ledgerAgrees demands that ledger, verify, report and findscu say the same.
func (h *hospital) ledgerAgrees(instances int) {
	t := h.t
	t.Helper()
	var status staging.Status
	h.json(&status, "status")
	all := len(h.oldStudies()) + h.legacy.ghosts
	if n := status.Studies.Migrated; n != all || status.Studies.Failed != 0 {
		t.Errorf("status: %+v, want %d migrated and nothing else", status.Studies, all)
	}
	want := staging.InstanceCounts{Expected: instances, Received: instances, Stored: instances, Verified: instances}
	if diff := cmp.Diff(want, status.Instances); diff != "" {
		t.Errorf("status of instances (-want +got):\n%s", diff)
	}
	records, attachments := legacyRecords, len(h.legacy.contents)
	if status.Records.Migrated != records || status.Attachments.Migrated != attachments {
		t.Errorf("status: records %+v, attachments %+v, want %d and %d", status.Records, status.Attachments, records, attachments)
	}

	var result bridge.Reconciliation
	h.json(&result, "verify", "--deep")
	if result.Studies != all || result.Complete != all {
		t.Errorf("verify: %d of %d studies complete, want all of %d; %v", result.Complete, result.Studies, all, result.Differences)
	}

	report, _ := h.pacsbridge(exitOK, "report", "--format", "jsonl")
	if done := strings.Count(report, `"state":"done"`); done != instances+records+attachments {
		t.Errorf("report: %d items done, want %d", done, instances+records+attachments)
	}
	found := dimsetest.DCMTK(t, "findscu", "-S", "-aec", h.new.AE, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", h.new.Host(), h.new.Port()).Need(t)
	if n := strings.Count(found.Stderr+found.Stdout, "(0020,000d) UI ["); n != all {
		t.Errorf("findscu counts %d studies at NEW, want %d", n, all)
	}
}

// json runs a command with --json and reads its answer.
func (h *hospital) json(into any, args ...string) {
	h.t.Helper()
	out, _ := h.pacsbridge(exitOK, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		h.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// oldStudies lists what the old archive holds, whatever its date.
func (h *hospital) oldStudies() []staging.Study {
	h.t.Helper()
	peer := bridge.NewPeer(bridge.PeerOptions{Name: "old", Dialer: dimse.Dialer{Address: h.old.Address, CallingAE: "PACSBRIDGE", CalledAE: h.old.AE}})
	defer peer.Close(h.t.Context())
	var studies []staging.Study
	for s, err := range peer.Studies(h.t.Context(), bridge.StudyQuery{}) {
		if err != nil {
			h.t.Fatal(err)
		}
		studies = append(studies, s)
	}
	return studies
}

// undated are the studies that neither a date nor a record brings in.
func (h *hospital) undated() []string {
	var uids []string
	for _, s := range h.oldStudies() {
		if s.Date == "" && !h.legacy.names[s.UID] {
			uids = append(uids, s.UID)
		}
	}
	return uids
}

// heldObject is an instance as an archive holds it.
type heldObject struct {
	class, syntax, sha256 string // the digest is of the data set alone
	file                  []byte
}

func (o heldObject) same(other heldObject) bool {
	return o.class == other.class && o.syntax == other.syntax && o.sha256 == other.sha256
}

// held fetches all that an Orthanc holds, by SOP Instance UID.
func held(t *testing.T, o *dimsetest.Orthanc) map[string]heldObject {
	t.Helper()
	list, err := o.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]heldObject{}
	for _, instance := range list {
		body, err := o.File(t.Context(), instance.ID)
		if err != nil {
			t.Fatal(err)
		}
		file, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			t.Fatal(err)
		}
		meta, data, err := dataset.ReadPart10(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.New()
		if _, err := io.Copy(digest, data); err != nil {
			t.Fatal(err)
		}
		all[instance.SOPInstanceUID] = heldObject{meta.SOPClassUID, meta.TransferSyntaxUID, hex.EncodeToString(digest.Sum(nil)), file}
	}
	return all
}
