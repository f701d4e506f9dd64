package dimse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// run runs a tool of DCMTK to its end.
func run(t testing.TB, nagle bool, tool string, args ...string) string {
	t.Helper()
	do := dimsetest.DCMTK
	if nagle {
		do = dimsetest.DCMTKWithNagle
	}
	out := do(t, tool, args...).Need(t)
	return out.Stdout + out.Stderr
}

// image is a small secondary capture with size bytes of pixels.
func image(t testing.TB, instance string, size int) []byte {
	t.Helper()
	d := dataset.New().
		SetString(dataset.SOPClassUID, uid.SecondaryCapture).
		SetString(dataset.SOPInstanceUID, instance).
		SetString(dataset.StudyInstanceUID, "1.2.826.0.1.3680043.10.1").
		SetString(dataset.SeriesInstanceUID, "1.2.826.0.1.3680043.10.1.1").
		SetString(dataset.StudyDate, "20260131").
		SetString(dataset.PatientID, "P1").
		SetString(dataset.PatientName, "Doe^Jane").
		SetString(dataset.Modality, "OT")
	b, err := d.AppendTo(nil, uid.ExplicitLE)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, 0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, byte(size), byte(size>>8), byte(size>>16), byte(size>>24))
	return append(b, pattern(size)...)
}

// file writes an image as a DICOM file.
func file(t testing.TB, instance string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.dcm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	meta := dataset.FileMeta{SOPClassUID: uid.SecondaryCapture, SOPInstanceUID: instance, TransferSyntaxUID: uid.ExplicitLE}
	if _, err := dataset.WritePart10(f, meta, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEchoscuReachesUs(t *testing.T) {
	address := serve(t, &dimse.Server{AETitle: "PROVIDER"})
	host, port, _ := net.SplitHostPort(address)
	for _, options := range [][]string{{}, {"--repeat", "5"}, {"-ppc", "128"}, {"-pdu", "4096"}, {"-pts", "38"}} {
		run(t, false, "echoscu", append(options, "-aec", "PROVIDER", host, port)...)
	}
	out := dimsetest.DCMTK(t, "echoscu", "-aec", "SOMEBODY", host, port)
	if out.ExitCode == 0 || !strings.Contains(out.Stderr, "Called AE Title Not Recognized") {
		t.Errorf("wrong called title: %s", out)
	}
	run(t, false, "echoscu", "--abort", "-aec", "PROVIDER", host, port)
}

func TestStorescuReachesUs(t *testing.T) {
	k := new(keeper)
	host, port, _ := net.SplitHostPort(serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k}}))
	want := image(t, "1.2.826.0.1.3680043.10.2", 300_000)
	path := file(t, "1.2.826.0.1.3680043.10.2", want)
	for i, options := range [][]string{{}, {"-pdu", "4096"}, {"-pdu", "131072"}, {"-xe"}, {"-R"}, {"--repeat", "3"}} {
		before := len(k.instances())
		run(t, false, "storescu", append(options, host, port, path)...)
		got := k.instances()
		if len(got) == before {
			t.Fatalf("%v: nothing arrived", options)
		}
		last := got[len(got)-1]
		if i < 4 && last.TransferSyntax == uid.ExplicitLE && !bytes.Equal(last.data, want) {
			t.Errorf("%v: data set of %d bytes differs from the %d sent", options, len(last.data), len(want))
		}
	}
}

func TestWeReachStorescp(t *testing.T) {
	for _, pdu := range []string{"4096", "16384", "131072"} {
		t.Run("maximum "+pdu, func(t *testing.T) {
			peer := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{Args: []string{"-pdu", pdu}})
			a := dial(t, peer.Address, propose(uid.SecondaryCapture), propose(uid.Verification))
			if err := a.Echo(testContext(t)); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				instance := fmt.Sprintf("1.2.826.0.1.3680043.10.3.%d", i+1)
				want := image(t, instance, 100_000*(i+1))
				result, err := a.Store(testContext(t), dimse.StoreRequest{
					SOPClass: uid.SecondaryCapture, SOPInstance: instance, TransferSyntax: uid.ExplicitLE,
					Data: bytes.NewReader(want), Size: int64(len(want)),
				})
				if err != nil || result.Status != dimse.StatusSuccess {
					t.Fatal(result, err)
				}
				stored, err := os.ReadFile(filepath.Join(peer.Dir, "SC."+instance))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.HasSuffix(stored, want) {
					t.Errorf("%s differs in the file of storescp", instance)
				}
			}
			if err := a.Release(testContext(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A peer with Nagle's algorithm on holds the second part of each message back
// until we acknowledge the first; with delayed acknowledgements 300 instances
// would take 12 s each way.
func TestNagleOfThePeerCostsNothing(t *testing.T) {
	const n = 300
	limit := 10 * time.Second
	t.Run("as user", func(t *testing.T) {
		peer := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{Nagle: true, Args: []string{"--ignore"}})
		a := dial(t, peer.Address, propose(uid.SecondaryCapture))
		data := image(t, "1.2.826.0.1.3680043.10.4", 32<<10)
		start := time.Now()
		for range n {
			if _, err := a.Store(testContext(t), dimse.StoreRequest{
				SOPClass: uid.SecondaryCapture, SOPInstance: "1.2.826.0.1.3680043.10.4", TransferSyntax: uid.ExplicitLE,
				Data: bytes.NewReader(data),
			}); err != nil {
				t.Fatal(err)
			}
		}
		took(t, n, start, limit)
	})
	t.Run("as provider", func(t *testing.T) {
		host, port, _ := net.SplitHostPort(serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: discard}}))
		path := file(t, "1.2.826.0.1.3680043.10.4", image(t, "1.2.826.0.1.3680043.10.4", 32<<10))
		start := time.Now()
		run(t, true, "storescu", "--repeat", fmt.Sprint(n), host, port, path)
		took(t, n, start, limit)
	})
}

func took(t *testing.T, n int, start time.Time, limit time.Duration) {
	t.Helper()
	d := time.Since(start)
	t.Logf("%d instances in %v: %.0f/s", n, d.Round(time.Millisecond), float64(n)/d.Seconds())
	if d > limit {
		t.Errorf("%v for %d instances", d, n)
	}
}

func TestFindscuReachesUs(t *testing.T) {
	f := &finder{n: 25, ended: make(chan error, 1)}
	host, port, _ := net.SplitHostPort(serve(t, &dimse.Server{Handlers: dimse.Handlers{Find: f}}))
	out := run(t, false, "findscu", "-v", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", host, port)
	if n := bytes.Count([]byte(out), []byte("Find Response:")); n != 25 {
		t.Errorf("findscu saw %d matches\n%s", n, out)
	}
}

// mover performs n sub-operations without sending anything.
type mover struct{ n int }

func (m mover) Move(ctx context.Context, q dimse.MoveQuery, progress func(dimse.SubOperations)) (dimse.MoveResult, error) {
	if q.Destination != "KNOWN" {
		return dimse.MoveResult{}, &dimse.StatusError{Status: dimse.StatusMoveDestination}
	}
	var n dimse.SubOperations
	for i := range m.n {
		if ctx.Err() != nil {
			return dimse.MoveResult{SubOperations: n}, nil
		}
		n = dimse.SubOperations{Remaining: m.n - i - 1, Completed: i + 1}
		progress(n)
	}
	return dimse.MoveResult{SubOperations: n}, nil
}

func TestMovescuReachesUs(t *testing.T) {
	host, port, _ := net.SplitHostPort(serve(t, &dimse.Server{Handlers: dimse.Handlers{Move: mover{n: 4}}}))
	out := run(t, false, "movescu", "-v", "-S", "-aem", "KNOWN", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2", host, port)
	if n := bytes.Count([]byte(out), []byte("Pending")); n != 4 || !bytes.Contains([]byte(out), []byte("Success")) {
		t.Errorf("%d pending\n%s", n, out)
	}
}

func TestArchiveOfDCMTK(t *testing.T) {
	k := new(keeper)
	us := dimsetest.Peer{AE: "PACSBRIDGE", Address: serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k}})}
	archive := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "ARCHIVE", Destinations: []dimsetest.Peer{us}})
	dialer := dimse.Dialer{Address: archive.Address, CallingAE: "PACSBRIDGE", CalledAE: "ARCHIVE"}
	images := propose(uid.SecondaryCapture)
	images.SCPRole = true
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{
		propose(uid.Verification), images, propose(uid.StudyRootFind), propose(uid.StudyRootMove), propose(uid.StudyRootGet),
	})
	if err != nil {
		t.Fatal(err)
	}
	const n = 12
	storeSome(t, a, n)
	if found := findImages(t, a); len(found) != n {
		t.Errorf("found %d instances", len(found))
	}
	moveAll(t, a, k, n)
	got := new(keeper)
	result, err := a.Get(testContext(t), dimse.GetRequest{SOPClass: uid.StudyRootGet, Identifier: theStudy()}, got)
	if err != nil || result.Completed != n || len(got.instances()) != n {
		t.Errorf("get: %+v, %d arrived: %v", result, len(got.instances()), err)
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

// theStudy is the study of all images of these tests.
func theStudy() *dataset.Dataset {
	return dataset.New().SetString(dataset.QueryRetrieveLevel, "STUDY").SetString(dataset.StudyInstanceUID, "1.2.826.0.1.3680043.10.1")
}

// findImages lists the images of the one series there is.
func findImages(t *testing.T, a *dimse.Association) map[string]bool {
	t.Helper()
	query := theStudy().SetString(dataset.QueryRetrieveLevel, "IMAGE").
		SetString(dataset.SeriesInstanceUID, "1.2.826.0.1.3680043.10.1.1").SetString(dataset.SOPInstanceUID)
	found := map[string]bool{}
	for match, err := range a.Find(testContext(t), dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: query}) {
		if err != nil {
			t.Fatal(err)
		}
		found[match.String(dataset.SOPInstanceUID)] = true
	}
	return found
}

// moveAll has the study sent to k, and asks for a destination that is unknown.
func moveAll(t *testing.T, a *dimse.Association, k *keeper, n int) {
	t.Helper()
	progress := 0
	result, err := a.Move(testContext(t), dimse.MoveRequest{
		SOPClass: uid.StudyRootMove, Destination: "PACSBRIDGE", Identifier: theStudy(), Progress: func(dimse.SubOperations) { progress++ },
	})
	if err != nil || result.Completed != n || progress == 0 {
		t.Errorf("%+v after %d steps: %v", result, progress, err)
	}
	moved := k.instances()
	if len(moved) != n || moved[0].MoveOriginatorMessageID != result.MessageID || moved[0].MoveOriginatorAE != "PACSBRIDGE" {
		t.Errorf("%d instances arrived: %+v", len(moved), moved)
	}
	_, err = a.Move(testContext(t), dimse.MoveRequest{SOPClass: uid.StudyRootMove, Destination: "NOBODY", Identifier: theStudy()})
	var status *dimse.StatusError
	if !errors.As(err, &status) || status.Status != dimse.StatusMoveDestination {
		t.Errorf("unknown destination: %v", err)
	}
}

func TestGetscuReachesUs(t *testing.T) {
	host, port, _ := net.SplitHostPort(serve(t, &dimse.Server{Handlers: dimse.Handlers{Get: sender{image(t, "1.2.826.0.1.3680043.10.6", 70_000)}}}))
	folder := t.TempDir()
	out := run(t, false, "getscu", "-v", "-S", "-od", folder, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2", host, port)
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("%d files: %v\n%s", len(files), err, out)
	}
}

// sender answers a C-GET with one image.
type sender struct{ data []byte }

func (s sender) Get(ctx context.Context, _ dimse.GetQuery, send func(context.Context, dimse.StoreRequest) (dimse.StoreResult, error), _ func(dimse.SubOperations)) (dimse.MoveResult, error) {
	_, err := send(ctx, dimse.StoreRequest{
		SOPClass: uid.SecondaryCapture, SOPInstance: "1.2.826.0.1.3680043.10.6", TransferSyntax: uid.ExplicitLE, Data: bytes.NewReader(s.data),
	})
	return dimse.MoveResult{SubOperations: dimse.SubOperations{Completed: 1}}, err
}
