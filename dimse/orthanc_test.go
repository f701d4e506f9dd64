package dimse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// orthanc starts an Orthanc that knows us as PACSBRIDGE, with us at address.
func orthanc(t *testing.T, address string) *dimsetest.Orthanc {
	t.Helper()
	return dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{
		AE: "ORTHANC", Modalities: []dimsetest.Peer{{AE: "PACSBRIDGE", Address: address}},
		Settings: map[string]any{"DicomModalities": map[string]any{"us": modality(t, address)}},
	})
}

// modality is an entry of Orthanc's DicomModalities.
func modality(t *testing.T, address string) map[string]any {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"AET": "PACSBRIDGE", "Host": host, "Port": json.Number(port), "AllowEcho": true, "AllowFind": true, "AllowMove": true,
		"AllowGet": true, "AllowStore": true, "AllowStorageCommitment": true, "AllowNAction": true, "AllowNEventReport": true,
	}
}

// withOrthanc associates with everything an archive does.
func withOrthanc(t *testing.T, o *dimsetest.Orthanc) *dimse.Association {
	t.Helper()
	images := propose(uid.SecondaryCapture)
	images.SCPRole = true
	dialer := dimse.Dialer{Address: o.Address, CallingAE: "PACSBRIDGE", CalledAE: o.AE}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{
		propose(uid.Verification), images, propose(uid.StudyRootFind), propose(uid.StudyRootMove), propose(uid.StudyRootGet),
		propose(uid.StorageCommitment),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Abort()
		<-a.Done()
	})
	return a
}

// storeSome stores n images and returns references to them.
func storeSome(t *testing.T, a *dimse.Association, n int) []dimse.Reference {
	t.Helper()
	references := make([]dimse.Reference, n)
	for i := range references {
		references[i] = dimse.Reference{SOPClass: uid.SecondaryCapture, SOPInstance: fmt.Sprintf("1.2.826.0.1.3680043.10.11.%d", i+1)}
		if _, err := a.Store(testContext(t), dimse.StoreRequest{
			SOPClass: uid.SecondaryCapture, SOPInstance: references[i].SOPInstance, TransferSyntax: uid.ExplicitLE,
			Data: bytes.NewReader(image(t, references[i].SOPInstance, 50_000)),
		}); err != nil {
			t.Fatal(err)
		}
	}
	return references
}

func TestOrthancAsProvider(t *testing.T) {
	k := new(keeper)
	o := orthanc(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k}}))
	a := withOrthanc(t, o)
	if err := a.Echo(testContext(t)); err != nil {
		t.Error(err)
	}
	stored := storeSome(t, a, 5)
	study := dataset.New().SetString(dataset.QueryRetrieveLevel, "STUDY").SetString(dataset.StudyInstanceUID, "1.2.826.0.1.3680043.10.1")
	found := 0
	for _, err := range a.Find(testContext(t), dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: study}) {
		if err != nil {
			t.Fatal(err)
		}
		found++
	}
	if found != 1 {
		t.Errorf("%d studies found", found)
	}
	result, err := a.Move(testContext(t), dimse.MoveRequest{SOPClass: uid.StudyRootMove, Destination: "PACSBRIDGE", Identifier: study})
	if err != nil || len(k.instances()) != len(stored) {
		t.Errorf("move: %+v, %d arrived: %v", result, len(k.instances()), err)
	}
	got := new(keeper)
	result, err = a.Get(testContext(t), dimse.GetRequest{SOPClass: uid.StudyRootGet, Identifier: study}, got)
	if err != nil || len(got.instances()) != len(stored) {
		t.Errorf("get: %+v, %d arrived: %v", result, len(got.instances()), err)
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

// Orthanc tells the result on an association of its own, whose acceptor we are.
func TestOrthancCommitsWhatWeStored(t *testing.T) {
	events, arrived := results()
	o := orthanc(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Event: events}}))
	a := withOrthanc(t, o)
	stored := storeSome(t, a, 3)
	missing := dimse.Reference{SOPClass: uid.SecondaryCapture, SOPInstance: "1.2.826.0.1.3680043.10.11.99"}
	if err := a.Commit(testContext(t), dimse.CommitRequest{TransactionUID: "1.2.826.0.1.3680043.10.12", References: append(stored, missing)}); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-arrived:
		if r.TransactionUID != "1.2.826.0.1.3680043.10.12" || len(r.Committed) != 3 || len(r.Failed) != 1 ||
			r.Failed[0].Reference != missing || r.Failed[0].Reason != dimse.StatusNoSuchInstance {
			t.Errorf("%+v", r)
		}
	case <-testContext(t).Done():
		t.Error("no result")
	}
}

// We commit to Orthanc, and tell it on an association of ours.
func TestOrthancAsksUsToCommit(t *testing.T) {
	asked := make(chan dimse.CommitRequest, 1)
	k := new(keeper)
	commit := dimse.CommitHandler(func(_ context.Context, _ dimse.ActionQuery, r dimse.CommitRequest) error { asked <- r; return nil })
	o := orthanc(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k, Action: commit}}))
	storeSome(t, withOrthanc(t, o), 2)
	instances, err := o.Instances(testContext(t))
	if err != nil || len(instances) != 2 {
		t.Fatal(instances, err)
	}
	var job struct{ ID, Path string }
	post(t, o, "/modalities/us/storage-commitment", fmt.Sprintf(`{"Resources":[%q,%q]}`, instances[0].ID, instances[1].ID), &job)
	request := <-asked
	if len(request.References) != 2 {
		t.Fatalf("%+v", request)
	}
	dialer := dimse.Dialer{Address: o.Address, CallingAE: "PACSBRIDGE", CalledAE: o.AE}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{dimse.CommitmentReports()})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.ReportCommitment(testContext(t), outcome(request)); err != nil {
		t.Error(err)
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
	var report struct {
		Status            string
		Success, Failures []any
	}
	post(t, o, "GET "+job.Path, "", &report)
	if report.Status != "Failure" || len(report.Success) != 1 || len(report.Failures) != 1 {
		t.Errorf("%+v", report)
	}
}

// Orthanc sends us what it has, by C-STORE, and asks us by C-ECHO and C-FIND.
func TestOrthancAsUser(t *testing.T) {
	k := new(keeper)
	f := &finder{n: 3, ended: make(chan error, 9)}
	o := orthanc(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k, Find: f}}))
	storeSome(t, withOrthanc(t, o), 4)
	instances, err := o.Instances(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, i := range instances {
		ids = append(ids, i.ID)
	}
	body, _ := json.Marshal(ids)
	post(t, o, "/modalities/us/echo", "{}", nil)
	post(t, o, "/modalities/us/store", string(body), nil)
	if n := len(k.instances()); n != 4 {
		t.Errorf("%d instances arrived", n)
	}
	var query struct{ ID, Path string }
	post(t, o, "/modalities/us/query", `{"Level":"Study","Query":{"PatientID":"*"}}`, &query)
	var answers []string
	post(t, o, "GET "+query.Path+"/answers", "", &answers)
	if len(answers) != 3 {
		t.Errorf("%d answers to its query", len(answers))
	}
}

// post talks to Orthanc's REST interface; a path may begin with another method.
func post(t *testing.T, o *dimsetest.Orthanc, path, body string, out any) {
	t.Helper()
	method := http.MethodPost
	if rest, ok := strings.CutPrefix(path, "GET "); ok {
		method, path = http.MethodGet, rest
	}
	request, err := http.NewRequestWithContext(testContext(t), method, o.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v: %s", path, answer.Status, err, text.String())
	}
	if out != nil {
		if err := json.Unmarshal(text.Bytes(), out); err != nil {
			t.Fatalf("%s: %v: %s", path, err, text.String())
		}
	}
}
