package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pacsbridge/dimse/dimsetest"
)

// serving starts serve and returns once it listens, with the rest of its log.
func (l *lab) serving() *process {
	l.t.Helper()
	path, err := builtProgram()
	if err != nil {
		l.t.Fatal(err)
	}
	p := newProcess(l.t, path, "serve", "--config", l.config)
	log, err := p.StderrPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	p.begin()
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadString('\n')
		p.log.WriteString(line)
		if err != nil {
			l.t.Fatalf("serve ended: %s", &p.log)
		}
		if strings.Contains(line, "msg=serving") {
			break
		}
	}
	p.drained.Go(func() { io.Copy(&p.log, lines) })
	return p
}

// node is the address of our own port, as the settings have it.
func (l *lab) node() dimsetest.Peer {
	text, err := os.ReadFile(l.config)
	if err != nil {
		l.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), `listen: "`)
	address, _, _ := strings.Cut(rest, `"`)
	return dimsetest.Peer{AE: "PACSBRIDGE", Address: address}
}

func TestServeAnswersAndWorksOrdersOff(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10)
	serve := l.serving()
	node := l.node()
	dimsetest.DCMTK(t, "echoscu", "-aet", "OLDPACS", "-aec", node.AE, node.Host(), node.Port()).Need(t)
	if out := dimsetest.DCMTK(t, "echoscu", "-aet", "STRANGER", "-aec", node.AE, node.Host(), node.Port()); out.ExitCode == 0 {
		t.Errorf("a stranger was admitted: %s", out)
	}

	_, log := l.run(exitOK, january...)
	if !strings.Contains(log, "takes the order over") {
		t.Errorf("migrate did not hand its order to the node:\n%s", log)
	}
	l.arrived()
	l.exact(10)

	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
}

func TestServeRefusesOrKeepsWhatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	for policy, wanted := range map[string]int{"refuse": 0, "quarantine": 2} {
		t.Run(policy, func(t *testing.T) {
			l := newLab(t, 0)
			l.edit("ae_title: PACSBRIDGE,", "ae_title: PACSBRIDGE, unsolicited: "+policy+",")
			serve := l.serving()
			var files []string
			for i, o := range dimsetest.Study(3, dimsetest.StudyOptions{Instances: 2}) {
				name := filepath.Join(l.dir, string(rune('a'+i))+".dcm")
				f, err := os.Create(name)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := o.WriteFile(f); err != nil {
					t.Fatal(err)
				}
				f.Close()
				files = append(files, name)
			}
			node := l.node()
			out := dimsetest.DCMTK(t, "storescu", append([]string{"-v", "-aet", "OLDPACS", "-aec", node.AE, node.Host(), node.Port()}, files...)...)
			kept, err := filepath.Glob(filepath.Join(l.dir, "spool", "quarantine", "*.dcm"))
			if err != nil || len(kept) != wanted {
				t.Errorf("%d instances kept, want %d\n%s", len(kept), wanted, out)
			}
			if refused := strings.Contains(out.Stdout+out.Stderr, "0x124"); refused != (wanted == 0) {
				t.Errorf("storescu says: %s", out)
			}
			serve.Process.Signal(syscall.SIGTERM)
			serve.ended(exitInterrupted)
			if n := len(l.new.Digests()); n != 0 {
				t.Errorf("%d instances were delivered by themselves", n)
			}
		})
	}
}

func TestAMissingAttachmentIsNamed(t *testing.T) {
	t.Parallel()
	h := newSmallHospital(t)
	gone := "report 0-0.pdf"
	if err := os.Rename(filepath.Join(h.legacy.dir, gone), filepath.Join(h.legacy.dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	_, log := h.pacsbridge(exitIncomplete, "migrate", "--from", "2023-01-01", "--to", "2026-12-31")
	for _, word := range []string{"class=attachment-missing", "files:" + gone, "not found"} {
		if !strings.Contains(log, word) {
			t.Errorf("the operator is not told %q:\n%s", word, log)
		}
	}
	report, _ := h.pacsbridge(exitOK, "report", "--format", "jsonl")
	if !strings.Contains(report, `"uid":"`+gone+`","state":"failed","class":"attachment-missing"`) {
		t.Errorf("the report does not name the attachment:\n%s", report)
	}
	if err := os.Rename(filepath.Join(h.legacy.dir, "elsewhere"), filepath.Join(h.legacy.dir, gone)); err != nil {
		t.Fatal(err)
	}
	h.pacsbridge(exitOK, "migrate", "--from", "2023-01-01", "--to", "2026-12-31")
}

// What was put back by retry belongs to no order; a running serve takes it up.
func TestServeGoesOnWithWhatIsRetried(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4)
	victim := l.old.Instances()[0]
	l.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(victim.SOPInstance), Success: true}})
	serve := l.serving()
	l.run(exitIncomplete, january...)
	l.old.SetFaults(dimsetest.Faults{})
	l.run(exitOK, "discover", "--from", "2026-01-01", "--to", "2026-01-31") // moves nothing
	if out, _ := l.run(exitOK, "retry", "--class", "incomplete"); !strings.Contains(out, "1 study") {
		t.Errorf("retried: %s", out)
	}
	l.eventually("the retried study is migrated", func() bool { return l.new.Digests()[victim.SOPInstance] != "" })
	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
	l.arrived()
}
