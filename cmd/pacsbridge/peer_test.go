package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pacsbridge/conf"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
)

// site is a program with settings of its own and two archives in memory.
type site struct {
	*program
	old, new       *dimsetest.Archive
	stdout, stderr strings.Builder
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{old: dimsetest.StartArchive(t, "OLDPACS"), new: dimsetest.StartArchive(t, "NEWPACS")}
	path := filepath.Join(t.TempDir(), "pacsbridge.yaml")
	text := fmt.Sprintf("old: {ae_title: OLDPACS, address: %q}\nnew: {ae_title: NEWPACS, address: %q}\n",
		s.old.Peer().Address, s.new.Peer().Address)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.program = &program{stdout: &s.stdout, stderr: &s.stderr, env: func(string) (string, bool) { return "", false }, configPath: path}
	return s
}

// run runs a command line, demands its exit code and returns what it printed.
func (s *site) run(t *testing.T, wantCode int, args ...string) string {
	t.Helper()
	s.stdout.Reset()
	if code := s.execute(t.Context(), append(args, "--config", s.configPath)); code != wantCode {
		t.Fatalf("%v exits %d, want %d\n%s%s", args, code, wantCode, s.stdout.String(), s.stderr.String())
	}
	return s.stdout.String()
}

func TestEchoAsksBothArchives(t *testing.T) {
	s := newSite(t)
	var results []echoResult
	if err := json.Unmarshal([]byte(s.run(t, exitOK, "echo", "--json")), &results); err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || !results[0].OK || !results[1].OK || results[1].Peer != "new" || results[0].Milliseconds <= 0 {
		t.Errorf("got %+v", results)
	}
	if err := s.new.Close(); err != nil {
		t.Fatal(err)
	}
	got := s.run(t, exitFailed, "echo")
	if !strings.Contains(got, "old  OLDPACS at "+s.old.Peer().Address+"  answered in ") || !strings.Contains(got, "hint: nothing listens there") {
		t.Errorf("printed:\n%s", got)
	}
}

func TestFindListsWhatAnArchiveHolds(t *testing.T) {
	s := newSite(t)
	study := dimsetest.MakeStudy(1, dimsetest.StudyOptions{Modality: "CT", Instances: 3, Date: "20260115"})
	if err := s.old.Add(study.Objects...); err != nil {
		t.Fatal(err)
	}
	got := s.run(t, exitOK, "find", "--from", "2026-01-01", "--to", "2026-01-31")
	if !strings.Contains(got, study.UID) || !strings.HasSuffix(got, "1 match\n") {
		t.Errorf("printed:\n%s", got)
	}
	if got := s.run(t, exitOK, "find", "--to", "2025-12-31"); !strings.HasSuffix(got, "0 matches\n") {
		t.Errorf("printed:\n%s", got)
	}
	if got := s.run(t, exitOK, "find", "new", "--json"); got != "[]\n" {
		t.Errorf("an empty archive lists %s", got)
	}
	var images []map[string]string
	got = s.run(t, exitOK, "find", "old", "--level", "image", "--study", study.UID, "--key", "Modality=CT", "--json")
	if err := json.Unmarshal([]byte(got), &images); err != nil {
		t.Fatal(err)
	}
	if len(images) != 3 || images[0]["SOPInstanceUID"] == "" || images[0]["SOPClassUID"] != study.Objects[0].SOPClass {
		t.Errorf("images are %v", images)
	}
}

func TestErrorsOfAPeerComeWithAHint(t *testing.T) {
	p := peer{"old", conf.Peer{AETitle: "OLDPACS", Address: "10.1.0.5:104"}, "PACSBRIDGE", nil}
	for _, c := range []struct {
		err  error
		want string
	}{
		{dimse.RejectCalledAE, "see old.ae_title"},
		{dimse.RejectCallingAE, "does not know PACSBRIDGE"},
		{dimse.RejectOverloaded, "lower old.associations"},
		{dimse.RejectNoReason, "refuses PACSBRIDGE"},
		{fmt.Errorf("dial: %w", syscall.ECONNREFUSED), "nothing listens there"},
		{&dimse.TimeoutError{Waiting: "for the association"}, "does not answer"},
		{&dimse.NoContextError{SOPClass: "1.2"}, "have it allowed there"},
	} {
		err := p.explain(c.err)
		var hinted *hintedError
		if !errors.As(err, &hinted) || !strings.Contains(hinted.hint, c.want) {
			t.Errorf("%v has the hint %v, want one with %q", c.err, hinted, c.want)
		}
		if !errors.Is(err, c.err) || !strings.HasPrefix(err.Error(), "old PACS OLDPACS at 10.1.0.5:104: ") {
			t.Errorf("%v is told as %v", c.err, err)
		}
	}
}
