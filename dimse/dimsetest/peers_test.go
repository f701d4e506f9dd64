package dimsetest_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOrthancTakesRealFilesAndMovesThem(t *testing.T) {
	store := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{})
	orthanc := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{Modalities: []dimsetest.Peer{store.Peer}})
	dimsetest.DCMTK(t, "echoscu", "-aec", orthanc.AE, orthanc.Host(), orthanc.Port()).Need(t)
	files := dimsetest.PydicomFiles(t)
	dimsetest.SendFiles(t, orthanc.Peer, files...)
	have, err := orthanc.Statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if have.CountInstances < 120 {
		t.Errorf("Orthanc took %d of %d files", have.CountInstances, len(files))
	}
	list, err := orthanc.Instances(t.Context())
	if err != nil || len(list) != have.CountInstances {
		t.Fatalf("%d instances listed: %v", len(list), err)
	}
	dimsetest.DCMTK(t, "movescu", "-S", "-aec", orthanc.AE, "-aem", store.AE, "-k", "QueryRetrieveLevel=STUDY",
		"-k", "StudyInstanceUID="+studyOf(t, files, "CT_small.dcm"), orthanc.Host(), orthanc.Port()).Need(t)
	if got := len(store.Files(t)); got != 1 {
		t.Errorf("%d files moved to the third party, want 1\n%s", got, store.Log())
	}
}

func TestOrthancHoldsWhatIsUploadedAndLearnsModalities(t *testing.T) {
	orthanc := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "OLD"})
	object := dimsetest.Study(1, dimsetest.StudyOptions{Instances: 1})[0]
	file, err := os.Open(write(t, object))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := orthanc.Upload(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	list, err := orthanc.Instances(t.Context())
	if err != nil || len(list) != 1 || list[0].SOPInstanceUID != object.SOPInstance {
		t.Fatalf("instances %v: %v", list, err)
	}
	stored, err := orthanc.File(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	_, data, err := dataset.ReadPart10(stored)
	if err != nil {
		t.Fatal(err)
	}
	if digest(t, data) != digest(t, object.Reader()) {
		t.Error("Orthanc's file holds another data set")
	}
	if err := orthanc.SetModality(t.Context(), dimsetest.Peer{AE: "NODE", Address: "127.0.0.1:4242"}); err != nil {
		t.Error(err)
	}
	if err := orthanc.Delete(t.Context(), list[0].ID); err != nil {
		t.Error(err)
	}
}

func TestDcmqrscpMovesWhatItIsToldToPropose(t *testing.T) {
	store := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{AE: "THIRD"})
	files := dimsetest.PydicomFiles(t)
	compressed := slices.DeleteFunc(slices.Clone(files), func(name string) bool {
		return !slices.Contains([]string{"CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm"}, filepath.Base(name))
	})
	old := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{
		Destinations: []dimsetest.Peer{store.Peer},
		Sends:        dimsetest.ContextsOf(t, compressed...),
	})
	sent := dimsetest.SendFiles(t, old.Peer, compressed...)
	for _, name := range compressed {
		dimsetest.DCMTK(t, "movescu", "-S", "-aec", old.AE, "-aem", store.AE, "-k", "QueryRetrieveLevel=STUDY",
			"-k", "StudyInstanceUID="+studyOf(t, files, filepath.Base(name)), old.Host(), old.Port())
	}
	if got := len(store.Files(t)); got != len(compressed) {
		t.Errorf("%d of %d files moved to the third party\n%s\n%s", got, len(compressed), sent, old.Log())
	}
}

func TestPeersStopWithTheTest(t *testing.T) {
	var pids []int
	t.Run("while it runs", func(t *testing.T) {
		pids = append(pids,
			dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{}).Pid(),
			dimsetest.StartStorescp(t, dimsetest.StorescpOptions{}).Pid(),
			dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{}).Pid())
	})
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
}

func TestStoppedPeerKeepsItsConnectionsAndSaysNothing(t *testing.T) {
	store := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{})
	store.Signal(syscall.SIGSTOP)
	out := dimsetest.DCMTK(t, "echoscu", "-ta", "1", store.Host(), store.Port())
	if out.ExitCode == 0 {
		t.Errorf("it answered: %s", out)
	}
	store.Signal(syscall.SIGCONT)
	dimsetest.DCMTK(t, "echoscu", store.Host(), store.Port()).Need(t)
}

// studyOf reads the Study Instance UID of the file with the given base name.
func studyOf(t *testing.T, files []string, base string) string {
	t.Helper()
	for _, name := range files {
		if filepath.Base(name) == base {
			out := dimsetest.DCMTK(t, "dcmdump", "+P", "StudyInstanceUID", name).Need(t).Stdout
			_, rest, _ := strings.Cut(out, "[")
			value, _, _ := strings.Cut(rest, "]")
			return value
		}
	}
	t.Fatalf("no file %s", base)
	return ""
}
