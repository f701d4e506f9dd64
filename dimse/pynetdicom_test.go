package dimse_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// pynetdicom prepares a run of one of our scripts. Where Python or pynetdicom is
// absent the test is skipped; PYTHONPATH may say where it is.
func pynetdicom(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, which has pydicom
	if err := exec.Command(python, "-c", "import pynetdicom").Run(); err != nil {
		t.Skip("pynetdicom is not installed")
	}
	cmd := exec.CommandContext(testContext(t), python, append([]string{"testdata/pynetdicom/" + script}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestPynetdicomAsUser(t *testing.T) {
	reports := make(chan func(), 1)
	server := &dimse.Server{
		Handlers: dimse.Handlers{
			Store: discard, Find: &finder{n: 2, ended: make(chan error, 9)}, Move: mover{n: 2},
			Get: sender{image(t, "1.2.826.0.1.3680043.10.6", 70_000)},
			Action: dimse.CommitHandler(func(_ context.Context, q dimse.ActionQuery, r dimse.CommitRequest) error {
				reports <- func() {
					if err := q.Association.ReportCommitment(testContext(t), outcome(r)); err != nil {
						t.Error(err)
					}
				}
				return nil
			}),
		},
		Identify: func(dimse.AssociateRequest) ([]byte, error) { return nil, nil },
	}
	host, port, _ := net.SplitHostPort(serve(t, server))
	for _, maximum := range []string{"0", "4096", "16382", "131072"} {
		cmd := pynetdicom(t, "user.py", host, port, maximum)
		over, reported := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(reported)
			select {
			case report := <-reports:
				report()
			case <-over:
			}
		}()
		out, err := cmd.Output()
		close(over)
		<-reported
		want := "echo 0000\nstore 0000\nstore 0000\nstore 0000\nfind ff00 ff00 0000\nmove ff00 ff00 0000\nget 0000 1\ncommit 0000\ncommitted 1.2.77\nreleased True\n"
		if diff := cmp.Diff(want, string(out)); err != nil || diff != "" {
			t.Errorf("maximum %s: %v %s", maximum, err, diff)
		}
	}
}

func TestPynetdicomAsProvider(t *testing.T) {
	for _, maximum := range []string{"0", "4096", "131072"} {
		cmd := pynetdicom(t, "provider.py", maximum)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		port, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		useOf(t, net.JoinHostPort("127.0.0.1", strings.TrimSpace(port)))
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// useOf echoes, stores, queries and asks for commitment.
func useOf(t *testing.T, address string) {
	t.Helper()
	a := dial(t, address, propose(uid.Verification), propose(uid.SecondaryCapture), propose(uid.StudyRootFind), propose(uid.StorageCommitment))
	if err := a.Echo(testContext(t)); err != nil {
		t.Error(err)
	}
	stored := storeSome(t, a, 5)
	found := 0
	for _, err := range a.Find(testContext(t), dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: theStudy()}) {
		if err != nil {
			t.Fatal(err)
		}
		found++
	}
	if found != 5 {
		t.Errorf("%d matches", found)
	}
	if err := a.Commit(testContext(t), dimse.CommitRequest{TransactionUID: "1.2.5", References: stored}); err != nil {
		t.Error(err)
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}
