package dimsetest_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

func TestScriptTalksToARealPeer(t *testing.T) {
	address := dimsetest.Scripted(t, []dimsetest.Step{
		dimsetest.Expect(0x01),
		dimsetest.SendHex("03 00 00000004 00 01 01 07"), // A-ASSOCIATE-RJ: called AE title not recognized
		dimsetest.Silence(),
	})
	host, port, _ := net.SplitHostPort(address)
	out := dimsetest.DCMTK(t, "echoscu", host, port)
	if out.ExitCode == 0 || !strings.Contains(out.String(), "Called AE Title Not Recognized") {
		t.Errorf("echoscu says: %s", out)
	}
}

func TestScriptSaysWhichStepWentWrong(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		io.WriteString(ours, "\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")
		ours.Close()
	}()
	err := dimsetest.Play(theirs, dimsetest.Expect(0x05), dimsetest.Expect(0x06))
	if err == nil || !strings.Contains(err.Error(), "step 2") {
		t.Errorf("error: %v", err)
	}
}

func TestScriptReadsAWholeMessage(t *testing.T) {
	command := "\x04\x00\x00\x00\x00\x07\x00\x00\x00\x03\x01\x03C"
	data := "\x04\x00\x00\x00\x00\x0E\x00\x00\x00\x03\x01\x00D\x00\x00\x00\x03\x01\x02E"
	ours, theirs := net.Pipe()
	defer ours.Close()
	go io.WriteString(ours, command+data)
	var read []byte
	err := dimsetest.Play(theirs, dimsetest.ExpectMessage(true), func(_ net.Conn, last []byte) ([]byte, error) {
		read = last
		return last, nil
	})
	if err != nil || string(read) != command+data {
		t.Errorf("read % X: %v", read, err)
	}
}

func TestScriptedPeerAnswersRequests(t *testing.T) {
	answer := func(status dimse.Status) dimsetest.Step {
		return dimsetest.Respond(func(*dimse.Command) []dimsetest.Message {
			return []dimsetest.Message{{Command: &dimse.Command{Status: status}}}
		})
	}
	address := dimsetest.Scripted(t, []dimsetest.Step{
		dimsetest.Accept(), answer(dimse.StatusSuccess), answer(dimse.StatusOutOfResources), dimsetest.Release(),
	})
	object := dimsetest.Study(1, dimsetest.StudyOptions{Instances: 1})[0]
	peer := dimsetest.Peer{AE: "SCRIPT", Address: address}
	association := associate(t, peer, plain(uid.Verification), plain(object.SOPClass))
	if err := association.Echo(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := association.Store(t.Context(), storeRequest(object))
	if status := (*dimse.StatusError)(nil); !errors.As(err, &status) || status.Status != dimse.StatusOutOfResources {
		t.Errorf("store: %v, want A700", err)
	}
}
