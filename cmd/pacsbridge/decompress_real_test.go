package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// compress has a tool of DCMTK's compress an object of OLD, as a study of its own, and
// returns what the others make of it: the digest of the data set without compression.
func (l *lab) compress(seed int64, modality, tool, undo string, options ...string) (o dimsetest.Object, digest string) {
	l.t.Helper()
	plain := dimsetest.Study(seed, dimsetest.StudyOptions{Modality: modality, Instances: 1, Rows: 32, Date: "20260107"})[0]
	path := filepath.Join(l.dir, fmt.Sprint("compress-", seed))
	f, err := os.Create(path)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := plain.WriteFile(f); err != nil {
		l.t.Fatal(err)
	}
	f.Close()
	dimsetest.DCMTK(l.t, tool, append(options, path, path+".packed")...).Need(l.t)
	o, _ = readObject(l.t, path+".packed")
	o.StudyUID, o.SeriesUID = plain.StudyUID, plain.SeriesUID
	if err := l.old.Add(o); err != nil {
		l.t.Fatal(err)
	}
	dimsetest.DCMTK(l.t, undo, path+".packed", path+".plain").Need(l.t)
	_, digest = readObject(l.t, path+".plain")
	return o, digest
}

// readObject reads a Part 10 file, and the digest of its data set.
func readObject(t *testing.T, path string) (dimsetest.Object, string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	meta, data, err := dataset.ReadPart10(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(data)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return dimsetest.Object{SOPClass: meta.SOPClassUID, SOPInstance: meta.SOPInstanceUID, TransferSyntax: meta.TransferSyntaxUID,
		Data: b, Size: int64(len(b))}, hex.EncodeToString(sum[:])
}

// uncompressedOnly starts an Orthanc as NEW that takes nothing compressed.
func (l *lab) uncompressedOnly(takes ...string) *dimsetest.Orthanc {
	l.t.Helper()
	new := dimsetest.StartOrthanc(l.t, dimsetest.OrthancOptions{AE: "NEWPACS", Settings: map[string]any{"AcceptedTransferSyntaxes": takes}})
	l.edit(l.new.Peer().Address, new.Address)
	return new
}

func TestARealNewThatTakesNothingCompressedGetsWhatARealProgramMakesOfIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, `new.decompress: "dcmdjpeg {in} {out}"`)
	lossless, losslessDigest := l.compress(101, "CT", "dcmcjpeg", "dcmdjpeg")
	lossy, lossyDigest := l.compress(102, "US", "dcmcjpeg", "dcmdjpeg", "+eb")
	new := l.uncompressedOnly(uid.ExplicitLE, uid.ImplicitLE)
	l.run(exitOK, january...)
	arrived := held(t, new)
	for o, digest := range map[string]string{lossless.SOPInstance: losslessDigest, lossy.SOPInstance: lossyDigest} {
		if arrived[o].sha256 != digest || arrived[o].syntax != uid.ExplicitLE {
			t.Errorf("%s arrived as %s in %s, want %s", o, arrived[o].sha256, arrived[o].syntax, digest)
		}
	}
	_, data, err := dataset.ReadPart10(bytes.NewReader(arrived[lossy.SOPInstance].file))
	if err != nil {
		t.Fatal(err)
	}
	head, err := dataset.ReadHeader(data, uid.ExplicitLE, dataset.PixelData, 0)
	if err != nil || head.String(dataset.Tag(0x00282110)) != "01" {
		t.Errorf("an image that was compressed with a loss does not say so: %v", err)
	}
	for _, o := range []dimsetest.Object{lossless, lossy} {
		certificate, _ := l.run(exitOK, "certificate", o.StudyUID)
		if !strings.Contains(certificate, `"by": "dcmdjpeg"`) {
			t.Errorf("the certificate does not name the program:\n%s", certificate)
		}
	}
	out, _ := l.run(exitOK, "verify", "--from", "2026-01-01", "--to", "2026-01-31", "--deep", "--json")
	if !strings.Contains(out, `"differ":0`) {
		t.Errorf("verify --deep: %s", out)
	}
}

func TestAProgramThatDoesNotKnowTheSyntaxIsNamedWithWhatItSays(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, `new.decompress: "dcmdjpeg {in} {out}"`)
	packed, _ := l.compress(103, "CT", "dcmcrle", "dcmdrle")
	new := l.uncompressedOnly(uid.ImplicitLE)
	l.run(exitIncomplete, january...)
	report, _ := l.run(exitOK, "report", "--format", "jsonl")
	if _, there := held(t, new)[packed.SOPInstance]; there || !strings.Contains(report, "dcmdjpeg did not decompress it: exit status 1: F: ") {
		t.Errorf("there: %v\n%s", there, report)
	}
	l.edit("dcmdjpeg", "dcmdrle")
	l.run(exitOK, january...)
	if o := held(t, new)[packed.SOPInstance]; o.syntax != uid.ImplicitLE {
		t.Errorf("arrived in %q", o.syntax)
	}
	l.run(exitOK, "verify", "--from", "2026-01-01", "--to", "2026-01-31", "--deep")
}

func TestAProgramThatIsNotThereIsMissedBeforeTheRun(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, `new.decompress: "no-such-program {in} {out}"`)
	l.mishap(exitFailed, january, "no-such-program", "hint: see new.decompress")
	out, _ := l.run(exitFailed, "check")
	if !strings.Contains(out, "FAIL  program that decompresses") {
		t.Errorf("check says:\n%s", out)
	}
}
