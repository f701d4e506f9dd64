package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"
)

// notice tells of a study that failed after its last attempt, or of which the new PACS
// has lost something after its proof. It holds no name and no ID of the patient.
type notice struct {
	Event    string `json:"event"` // "study-failed" or "study-lost"
	Node     string `json:"node"`
	StudyUID string `json:"study_uid"`
	Class    string `json:"class"`
	Reason   string `json:"reason"`
	Attempts int    `json:"attempts"`
}

// notifyPatience is how long a command or a webhook may take.
const notifyPatience = 30 * time.Second

// notify tells migration.notify of it: a command gets the notice as JSON on its
// standard input, a webhook by POST. Without either nothing happens.
func notify(ctx context.Context, to string, n notice) error {
	if to == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notifyPatience)
	defer cancel()
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write the notice: %w", err)
	}
	if strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") {
		return post(ctx, to, text)
	}
	words := strings.Fields(to) // no shell: what a reason says is never run
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Stdin = bytes.NewReader(text)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", words[0], err, bytes.TrimSpace(out[:min(len(out), 500)]))
	}
	return nil
}

func post(ctx context.Context, url string, text []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("prepare the webhook: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("call the webhook: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("call the webhook: it answered %s", answer.Status)
	}
	return nil
}
