package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dimsetest"
)

// rulesOfAHospital give patients new IDs, and the hospital a new name.
const rulesOfAHospital = `rules:
  - {map: {attribute: PatientID, file: %s}}
  - {when: {modality: [CT, MR, CR, US, DX, XA, NM, PT, MG, OT]}, set: {attribute: InstitutionName, value: "University Hospital"}}
  - {replace: {attribute: AccessionNumber, pattern: "^A0*([0-9]+)$", with: "NEW-$1"}}
  - {remove: {attribute: "(0008,1010)"}}
`

// patientTable writes a table that gives every patient of OLD a new ID.
func (l *lab) patientTable() string {
	l.t.Helper()
	lines := map[string]bool{}
	for _, file := range writeObjects(l.t, l.old.Instances()) {
		for _, line := range dumpOf(l.t, file) {
			if id := patientLine.FindStringSubmatch(line); id != nil {
				lines[id[1]+",N-"+id[1]] = true
			}
		}
	}
	var all []string
	for line := range lines {
		all = append(all, line)
	}
	slices.Sort(all)
	path := filepath.Join(l.dir, "patients.csv")
	if err := os.WriteFile(path, []byte(strings.Join(all, "\n")), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

var patientLine = regexp.MustCompile(`^\(0010,0020\) LO \[(.*?)\]`)

// dumpOf is what dcmdump says of a file, each element of the data set in a line; what
// counts its bytes is left out.
func dumpOf(t *testing.T, file string) []string {
	t.Helper()
	out := dimsetest.DCMTK(t, "dcmdump", "+L", "+R", "1000", "-q", "--no-uid-names", file).Need(t)
	var lines []string
	for line := range strings.Lines(out.Stdout) {
		if line = counts.ReplaceAllString(strings.TrimSpace(line), ""); strings.HasPrefix(line, "(") && !strings.HasPrefix(line, "(0002,") && !groupLength.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

var (
	counts      = regexp.MustCompile(`\s+#.*$`)
	groupLength = regexp.MustCompile(`^\([0-9a-f]{4},0000\)`)
)

// changedTags are the attributes in which two dumps differ.
func changedTags(was, is []string) (tags []string) {
	for _, line := range append(missingFrom(is, was), missingFrom(was, is)...) {
		if tag := line[:len("(gggg,eeee)")]; !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

func missingFrom(some, all []string) (missing []string) {
	for _, line := range all {
		if !slices.Contains(some, line) {
			missing = append(missing, line)
		}
	}
	return missing
}

func TestRulesChangeWhatOrthancGetsAndNothingElse(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3)
	orthanc := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "NEWPACS"})
	l.edit(l.new.Peer().Address, orthanc.Address)
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	l.write(string(text) + strings.Replace(rulesOfAHospital, "%s", l.patientTable(), 1))
	checks, _ := l.run(exitOK, "check")
	if !strings.Contains(checks, `ok    rule 4: remove StationName`) || !strings.Contains(checks, "others fail") {
		t.Errorf("check says:\n%s", checks)
	}
	l.run(exitOK, january...)
	l.wantChangedAt(orthanc, "(0008,0050)", "(0008,0080)", "(0010,0020)")
	out, _ := l.run(exitOK, "verify", "--deep", "--json", "--from", "2026-01-01", "--to", "2026-01-31")
	var verified bridge.Reconciliation
	if err := json.Unmarshal([]byte(out), &verified); err != nil || verified.Complete != 3 || len(verified.Differences) != 0 {
		t.Errorf("verify --deep says %s (%v)", out, err)
	}
	certificate, _ := l.run(exitOK, "certificate", l.old.Instances()[0].StudyUID, "--json")
	if !strings.Contains(certificate, `"amended_sha256"`) || !strings.Contains(certificate, `"PatientID"`) || strings.Contains(certificate, "N-") {
		t.Errorf("the certificate says:\n%.2000s", certificate)
	}
}

// wantChangedAt demands that what Orthanc keeps differs from what OLD has in these attributes
// alone; the station's name was there, and went, in some.
func (l *lab) wantChangedAt(o *dimsetest.Orthanc, tags ...string) {
	l.t.Helper()
	originals := map[string]string{}
	for i, file := range writeObjects(l.t, l.old.Instances()) {
		originals[l.old.Instances()[i].SOPInstance] = file
	}
	stored, err := o.Instances(l.t.Context())
	if err != nil || len(stored) != len(originals) {
		l.t.Fatalf("%d instances at NEW, want %d (%v)", len(stored), len(originals), err)
	}
	for _, s := range stored {
		got := changedTags(dumpOf(l.t, originals[s.SOPInstanceUID]), dumpOf(l.t, download(l.t, o, s.ID)))
		if diff := cmp.Diff(tags, slices.DeleteFunc(got, func(tag string) bool { return tag == "(0008,1010)" })); diff != "" {
			l.t.Errorf("%s (-want +changed):\n%s", s.SOPInstanceUID, diff)
		}
	}
}

// download writes the file that Orthanc keeps of an instance.
func download(t *testing.T, o *dimsetest.Orthanc, id string) string {
	t.Helper()
	from, err := o.File(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(t.TempDir(), "object.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	return to.Name()
}

func TestATableThatDoesNotFitStopsBeforeAnythingMoves(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	path := filepath.Join(l.dir, "patients.csv")
	if err := os.WriteFile(path, []byte("A,"+strings.Repeat("x", 65)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	l.write(string(text) + strings.Replace(rulesOfAHospital, "%s", path, 1))
	_, log := l.run(exitFailed, january...)
	if !strings.Contains(log, "rule 1") || !strings.Contains(log, "longer than LO allows") || !strings.Contains(log, "rules[0]") {
		t.Errorf("migrate says:\n%s", log)
	}
}
