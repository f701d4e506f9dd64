package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// orthanc is an Orthanc as a target.
type orthanc struct{ *dimsetest.Orthanc }

func (o orthanc) usage() usage { return groupUsage(o.Pid()) }

// holdings digests all that Orthanc holds.
func (o orthanc) holdings(ctx context.Context) (map[string]digest, error) {
	instances, err := o.Instances(ctx)
	if err != nil {
		return nil, err
	}
	held := make(map[string]digest, len(instances))
	var mu sync.Mutex
	err = spread(ctx, 4, instances, func(ctx context.Context, i dimsetest.OrthancInstance) error {
		file, err := o.File(ctx, i.ID)
		if err != nil {
			return err
		}
		defer file.Close()
		_, data, err := dataset.ReadPart10(file)
		if err != nil {
			return err
		}
		d, err := digestOf(data, make([]byte, 64<<10))
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		held[i.SOPInstanceUID] = d
		return nil
	})
	return held, err
}

// clear throws all away.
func (o orthanc) clear(ctx context.Context) error {
	var patients []string
	if err := o.ask(ctx, http.MethodGet, "/patients", nil, &patients); err != nil {
		return err
	}
	return spread(ctx, 1, patients, func(ctx context.Context, id string) error {
		return o.ask(ctx, http.MethodDelete, "/patients/"+id, nil, nil)
	})
}

// load puts the files of a corpus into it.
func (o orthanc) load(ctx context.Context, c *corpus) error {
	return spread(ctx, 2, c.files(), func(ctx context.Context, name string) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return o.Upload(ctx, f)
	})
}

// transfer sends studies to a peer by Orthanc's own protocol over HTTP, four at a time.
func (o orthanc) transfer(ctx context.Context, c *corpus) error {
	var studies []struct {
		ID            string
		MainDicomTags struct{ StudyInstanceUID string }
	}
	if err := o.ask(ctx, http.MethodGet, "/studies?expand", nil, &studies); err != nil {
		return err
	}
	ids := map[string]string{}
	for _, s := range studies {
		ids[s.MainDicomTags.StudyInstanceUID] = s.ID
	}
	return spread(ctx, 4, c.studies, func(ctx context.Context, s study) error {
		return o.ask(ctx, http.MethodPost, "/peers/new/store", map[string]any{"Resources": []string{ids[s.uid]}, "Synchronous": true}, nil)
	})
}

// ask sends a request to the REST interface and decodes the answer.
func (o orthanc) ask(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, o.URL+path, content)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if answer == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
