package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNoticesReachACommandAndAWebhook(t *testing.T) {
	n := notice{Event: "study-failed", StudyUID: "1.2.3", Class: "data", Reason: "$(touch x); broken", Attempts: 3}
	const want = `"study_uid":"1.2.3","class":"data","reason":"$(touch x); broken","attempts":3}`

	out := filepath.Join(t.TempDir(), "notice")
	if err := notify(t.Context(), "tee "+out, n); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out); err != nil || !strings.HasSuffix(string(got), want) {
		t.Errorf("the command was told %s, %v", got, err)
	}
	if err := notify(t.Context(), "false", n); err == nil {
		t.Error("a command that failed is no error")
	}

	var told string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told = string(body)
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer hook.Close()
	if err := notify(t.Context(), hook.URL+"/", n); err != nil || !strings.HasSuffix(told, want) {
		t.Errorf("the webhook was told %s, %v", told, err)
	}
	if err := notify(t.Context(), hook.URL+"/elsewhere", n); err == nil || !strings.Contains(err.Error(), "418") {
		t.Errorf("a webhook that refuses: %v", err)
	}
	if err := notify(t.Context(), "", n); err != nil {
		t.Error(err)
	}
}
