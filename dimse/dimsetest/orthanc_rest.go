package dimsetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// An OrthancInstance is an instance as Orthanc lists it.
type OrthancInstance struct {
	ID             string // Orthanc's own name for it
	SOPInstanceUID string
	FileSize       int64
}

// OrthancStatistics counts what an Orthanc holds.
type OrthancStatistics struct {
	CountPatients, CountStudies, CountSeries, CountInstances int
}

// Instances lists all instances.
func (o *Orthanc) Instances(ctx context.Context) ([]OrthancInstance, error) {
	var answers []struct {
		ID            string
		FileSize      int64
		MainDicomTags struct{ SOPInstanceUID string }
	}
	if err := o.get(ctx, "/instances?expand", &answers); err != nil {
		return nil, err
	}
	list := make([]OrthancInstance, len(answers))
	for i, a := range answers {
		list[i] = OrthancInstance{ID: a.ID, SOPInstanceUID: a.MainDicomTags.SOPInstanceUID, FileSize: a.FileSize}
	}
	return list, nil
}

// Statistics counts what it holds.
func (o *Orthanc) Statistics(ctx context.Context) (OrthancStatistics, error) {
	var s OrthancStatistics
	err := o.get(ctx, "/statistics", &s)
	return s, err
}

// File opens the file that Orthanc keeps of an instance: Part 10, in the
// transfer syntax it came in. The caller closes it.
func (o *Orthanc) File(ctx context.Context, id string) (io.ReadCloser, error) {
	return o.do(ctx, http.MethodGet, "/instances/"+id+"/file", nil)
}

// Upload puts a Part 10 file into the archive past DICOM's own ways, so that
// no negotiation decides what it may hold.
func (o *Orthanc) Upload(ctx context.Context, file io.Reader) error {
	body, err := o.do(ctx, http.MethodPost, "/instances", file)
	if err != nil {
		return err
	}
	return body.Close()
}

// Delete removes an instance.
func (o *Orthanc) Delete(ctx context.Context, id string) error {
	body, err := o.do(ctx, http.MethodDelete, "/instances/"+id, nil)
	if err != nil {
		return err
	}
	return body.Close()
}

// SetModality makes a peer known while Orthanc runs, or moves it to another address.
func (o *Orthanc) SetModality(ctx context.Context, p Peer) error {
	body := fmt.Sprintf(`{"AET":%q,"Host":%q,"Port":%d}`, p.AE, p.Host(), p.portNumber())
	answer, err := o.do(ctx, http.MethodPut, "/modalities/"+p.AE, strings.NewReader(body))
	if err != nil {
		return err
	}
	return answer.Close()
}

// get asks for path and decodes the JSON answer into out, if given.
func (o *Orthanc) get(ctx context.Context, path string, out any) error {
	body, err := o.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, body)
		return err
	}
	return json.NewDecoder(body).Decode(out)
}

// do makes one request on a connection of its own, so that no idle connection
// outlives the test.
func (o *Orthanc) do(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, o.URL+path, body)
	if err != nil {
		return nil, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return nil, fmt.Errorf("orthanc: %s %s: %s: %s", method, path, resp.Status, text)
	}
	return resp.Body, nil
}
