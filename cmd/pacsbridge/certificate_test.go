package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// certified migrates a few studies and issues a certificate for each, as a file.
func certified(t *testing.T, studies int) (l *lab, files []string) {
	t.Helper()
	l = newLab(t, studies)
	l.run(exitOK, january...)
	seen := map[string]bool{}
	for _, o := range l.old.Instances() {
		if seen[o.StudyUID] {
			continue
		}
		seen[o.StudyUID] = true
		file := filepath.Join(l.dir, "certificate-"+o.StudyUID+".json")
		l.run(exitOK, "certificate", o.StudyUID, "--out", file)
		files = append(files, file)
	}
	return l, files
}

func TestCertificatesAreIssuedAndChecked(t *testing.T) {
	l, files := certified(t, 3)
	var check chainCheck
	for _, args := range [][]string{files, nil} {
		out, _ := l.run(exitOK, append([]string{"certificate", "--check", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &check); err != nil || check.Certificates != 3 || !check.Ledger || len(check.Faults) != 0 {
			t.Errorf("%v: %s", err, out)
		}
	}
	if out, _ := l.run(exitIncomplete, "certificate", "--check", files[0], files[2]); !strings.Contains(out, "others are missing") {
		t.Errorf("a gap: %s", out)
	}
	document, err := os.ReadFile(files[2])
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(l.dir, "changed.json")
	if err := os.WriteFile(changed, bytes.Replace(document, []byte("OLDPACS"), []byte("OTHER"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := l.run(exitIncomplete, "certificate", "--check", changed); !strings.Contains(out, "certificate 3 of the ledger has SHA-256") {
		t.Errorf("the last one changed: %s", out)
	}
	l.config = filepath.Join(l.dir, "nowhere.yaml")
	if out, _ := l.run(exitOK, "certificate", "--check", files[0], files[1]); !strings.Contains(out, "among themselves only") {
		t.Errorf("without settings: %s", out)
	}
	l.run(exitIncomplete, "certificate", "--check", l.dir+"/staging.db")
	l.run(exitUsage, "certificate", "--check", l.dir+"/no such file")
}

func TestACertificateIsGivenOutAgainByteForByte(t *testing.T) {
	l, files := certified(t, 1)
	document, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	c, digest, err := bridge.ReadCertificate(document)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := l.run(exitOK, "certificate", c.StudyUID, "--issued"); again != string(document) {
		t.Errorf("issued:\n%s\nagain:\n%s", document, again)
	}
	pdf := filepath.Join(l.dir, "certificate.pdf")
	out, _ := l.run(exitOK, "certificate", c.StudyUID, "--issued", "--format", "pdf", "--out", pdf)
	if !strings.Contains(out, digest) {
		t.Errorf("output %q", out)
	}
	text := pdfText(t, pdf)
	for _, it := range c.Items {
		for _, wanted := range []string{it.UID, it.SHA256, it.SOPClassName} {
			if !strings.Contains(text, wanted) {
				t.Errorf("the PDF does not say %q", wanted)
			}
		}
	}
	if !strings.Contains(text, digest) {
		t.Error("the PDF does not say its own digest")
	}
}

func TestAStudyThatIsNotWholeGetsNoCertificate(t *testing.T) {
	l := newLab(t, 1)
	study := l.old.Instances()[0].StudyUID
	l.run(exitFailed, "certificate", study)
	l.run(exitOK, january...)
	l.run(exitFailed, "certificate", study, "--issued")
	l.new.Remove(l.new.Instances()[0].SOPInstance)
	out, log := l.run(exitIncomplete, "certificate", study)
	if out != "" || !strings.Contains(log, "hint: pacsbridge verify --study") {
		t.Errorf("%s%s", out, log)
	}
	l.run(exitUsage, "certificate")
	l.run(exitUsage, "certificate", study, "--format", "pdf")
	l.run(exitUsage, "certificate", study, "--format", "docx")
	l.run(exitUsage, "certificate", `a\b`)
}

func TestNoLetterBreaksTheCertificateAsPDF(t *testing.T) {
	c := bridge.Certificate{Number: 1, Verified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), StudyUID: "1.2.3", StudyKey: "研究 №7 \"😀\" \xff\x00 (\\)",
		Records: bridge.Proof{Expected: 1, Received: 1, Stored: 1, Found: 1}}
	for range 200 {
		c.Items = append(c.Items, bridge.CertifiedItem{Kind: staging.Record, UID: "ключ-" + strings.Repeat("я", 300), ObjectUID: "2.25.1", SHA256: strings.Repeat("ab", 32)})
	}
	digest := strings.Repeat("cd", 32)
	first, err := certificatePDF(c, digest)
	if err != nil {
		t.Fatal(err)
	}
	second, err := certificatePDF(c, digest)
	if err != nil || sha256.Sum256(first) != sha256.Sum256(second) {
		t.Errorf("two PDFs of one certificate differ (%v)", err)
	}
	file := filepath.Join(t.TempDir(), "c.pdf")
	if err := os.WriteFile(file, first, 0o600); err != nil {
		t.Fatal(err)
	}
	text := pdfText(t, file)
	for _, wanted := range []string{`\u7814\u7a76 \u21167 "\U0001f600" \xff\x00 (\\)`, `\u043a\u043b`, digest, "page 2"} {
		if !strings.Contains(text, wanted) {
			t.Errorf("the PDF does not say %q:\n%.1500s", wanted, text)
		}
	}
}

// pdfText is what a reader of the PDF sees.
func pdfText(t *testing.T, file string) string {
	t.Helper()
	path, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip(err)
	}
	text, err := exec.Command(path, "-layout", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDigestOfACertificateIsThatOfItsFile(t *testing.T) {
	_, files := certified(t, 2)
	first, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(first)
	if !strings.Contains(string(second), `"previous_sha256": "`+hex.EncodeToString(digest[:])+`"`) {
		t.Errorf("the second certificate does not name the first one's SHA-256 %x:\n%s", digest, second)
	}
}
