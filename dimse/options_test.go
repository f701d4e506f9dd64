package dimse_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// proposals are storescu's options for transfer syntaxes, with the syntax of an
// image that each can carry.
var proposals = map[string]string{
	"-x=": uid.ExplicitLE, "-xe": uid.ExplicitLE, "-xb": uid.ExplicitLE, "-xi": uid.ImplicitLE, "-xd": uid.DeflatedLE,
	"-xs": uid.JPEGLossless, "-xy": uid.JPEGBaseline, "-xx": uid.JPEGExtended, "-xr": uid.RLE,
	"-xv": uid.JPEG2000Lossless, "-xw": uid.JPEG2000, "-xt": uid.JPEGLSLossless, "-xu": uid.JPEGLSNear,
	"-xm": uid.MPEG2, "-xh": "1.2.840.10008.1.2.4.101", "-xn": uid.MPEG4, "-xl": "1.2.840.10008.1.2.4.103",
	"-x2": "1.2.840.10008.1.2.4.104", "-x3": "1.2.840.10008.1.2.4.105", "-xo": "1.2.840.10008.1.2.4.106",
	"-x4": uid.HEVC, "-x5": "1.2.840.10008.1.2.4.108",
}

// optionSets are the other options of storescu worth a run, %s standing for a
// file with a ticket.
var optionSets = []string{
	"-pdu 4096", "-pdu 8192", "-pdu 16384", "-pdu 65536", "-pdu 131072",
	"--max-send-pdu 4096", "--max-send-pdu 16384", "--max-send-pdu 131072",
	"--repeat 20", "--abort", "-nh", "-up", "-u", "-ts 5 -ta 5 -td 5", "-to 5",
	"-aet ODD.TITLE -aec SIXTEEN_LETTERS_", "+II", "+IR 2 --repeat 5", "+IP 1 --repeat 3",
	"-xd +cl 0", "-xd +cl 9", "-R +C -xs", "+C --repeat 3 -pdu 4096",
	"-usr jane", "-usr jane -pwd secret", "-usr jane -epw", "-usr jane -rsp", "-usr jane -pwd secret -rsp",
	"-kt %s", "--saml %s", "--jwt %s", "--saml %s -rsp",
}

// coded is an image in a transfer syntax: with frames of nonsense where it is a
// compressed one, since nobody looks at them.
func coded(t *testing.T, syntax string) string {
	t.Helper()
	instance := "1.2.826.0.1.3680043.10.9." + strings.ReplaceAll(syntax[len(uid.ImplicitLE):]+"1", ".", "")
	header := dataset.New().
		SetString(dataset.SOPClassUID, uid.SecondaryCapture).SetString(dataset.SOPInstanceUID, instance).
		SetString(dataset.StudyInstanceUID, "1.2.826.0.1.3680043.10.1").SetString(dataset.SeriesInstanceUID, "1.2.826.0.1.3680043.10.1.2").
		SetString(dataset.Modality, "OT").SetString(dataset.PatientID, "P1").SetUint16(dataset.Rows, 64).SetUint16(dataset.Columns, 64)
	s, _ := uid.SyntaxOf(syntax)
	if !s.Encapsulated {
		header.Set(dataset.Element{Tag: dataset.PixelData, VR: "OB", Value: pattern(40_000)})
	}
	b, err := header.AppendTo(nil, syntax)
	if err != nil {
		t.Fatal(err)
	}
	if s.Encapsulated {
		b = append(b, 0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0)
		b = append(b, 0xFE, 0xFF, 0, 0xE0, 0x40, 0x9C, 0, 0)
		b = append(append(b, pattern(0x9C40)...), 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
	}
	path := filepath.Join(t.TempDir(), "coded.dcm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	meta := dataset.FileMeta{SOPClassUID: uid.SecondaryCapture, SOPInstanceUID: instance, TransferSyntaxUID: syntax}
	if _, err := dataset.WritePart10(f, meta, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	return path
}

// allOptionSets lists every run: the options, and the file.
func allOptionSets(t *testing.T) map[string]string {
	runs := map[string]string{}
	plain := coded(t, uid.ExplicitLE)
	for option, syntax := range proposals {
		path := coded(t, syntax)
		for _, with := range []string{"", " -R", " +C", " -R +C"} {
			runs[option+with] = path
		}
		runs[option+" --max-send-pdu 4096 -nh"] = plain
	}
	ticket := filepath.Join(t.TempDir(), "ticket")
	if err := os.WriteFile(ticket, []byte("ticket"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, options := range optionSets {
		runs[strings.ReplaceAll(options, "%s", ticket)] = plain
	}
	return runs
}

// Whatever storescu can say to storescp it can say to us, and what arrives is
// the same.
func TestNoOptionOfStorescuFailsThatStorescpTakes(t *testing.T) {
	reference := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{})
	runs, good, compared := allOptionSets(t), 0, 0
	for options, path := range runs {
		k := new(keeper)
		ours := storescu(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k}}), options, path)
		theirs := storescu(t, reference.Address, options, path)
		want := takeFiles(t, reference)
		if theirs.ExitCode == 0 {
			good++
		}
		if theirs.ExitCode == 0 && ours.ExitCode != 0 {
			t.Errorf("%s: storescp takes it, we do not: %s", options, ours)
			continue
		}
		got := map[string][]byte{}
		for _, i := range k.instances() {
			got[i.SOPInstance] = i.data
		}
		if strings.Contains(options, "+I") { // invented names differ from run to run
			if len(got) < len(want) {
				t.Errorf("%s: %d instances, storescp has %d", options, len(got), len(want))
			}
			continue
		}
		for instance, data := range want {
			compared++
			if !bytes.Equal(got[instance], data) {
				t.Errorf("%s: %s differs: %d bytes, storescp has %d", options, instance, len(got[instance]), len(data))
			}
		}
	}
	t.Logf("%d option sets, %d of them good for storescp, %d data sets compared", len(runs), good, compared)
}

func storescu(t *testing.T, address, options, path string) dimsetest.Output {
	t.Helper()
	host, port, _ := net.SplitHostPort(address)
	return dimsetest.DCMTK(t, "storescu", append(strings.Fields(options), host, port, path)...)
}

// takeFiles reads the data sets that storescp has written, by instance, and
// removes them.
func takeFiles(t *testing.T, s *dimsetest.Storescp) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, path := range s.Files(t) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		meta, data, err := dataset.ReadPart10(f)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(data); err != nil {
			t.Fatal(err)
		}
		all[meta.SOPInstanceUID] = b.Bytes()
		_ = f.Close()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestEightStorescuAtOnce(t *testing.T) {
	k := new(keeper)
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k}})
	path := coded(t, uid.ExplicitLE)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if out := storescu(t, address, "--repeat 50", path); out.ExitCode != 0 {
				t.Error(out)
			}
		})
	}
	all.Wait()
	if n := len(k.instances()); n != 8*50 {
		t.Errorf("%d instances", n)
	}
}

func TestOptionsOfEchoscu(t *testing.T) {
	host, port, _ := net.SplitHostPort(serve(t, &dimse.Server{}))
	options := []string{"--repeat 20", "--abort", "-pdu 4096", "-pdu 131072", "-aet A -aec B", "-ts 5 -ta 5 -td 5"}
	for n := 1; n <= 128; n += 9 {
		options = append(options, fmt.Sprintf("-ppc %d", n))
	}
	options = append(options, "-ppc 128 -pts 38")
	for n := 1; n <= 38; n += 6 {
		options = append(options, fmt.Sprintf("-pts %d", n))
	}
	for _, o := range options {
		dimsetest.DCMTK(t, "echoscu", append(strings.Fields(o), host, port)...).Need(t)
	}
}

// The query tools against us and against dcmqrscp: what the one takes the other
// must take.
func TestOptionsOfTheQueryTools(t *testing.T) {
	archive := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{})
	f := &finder{n: 7, ended: make(chan error, 1000)}
	handlers := dimse.Handlers{Find: f, Move: mover{n: 3}, Get: sender{image(t, "1.2.826.0.1.3680043.10.6", 70_000)}}
	ours := dimsetest.Peer{AE: "PROVIDER", Address: serve(t, &dimse.Server{Handlers: handlers})}
	common := []string{"-x=", "-xe", "-xb", "-xi", "-pdu 4096", "-pdu 131072", "--repeat 3", "--abort", "-S", "-P", "-ts 5 -ta 5 -td 5"}
	for tool, particular := range map[string][]string{
		"findscu": slices.Concat(common, []string{"-W", "--cancel 2", "-S --max-send-pdu 4096"}),
		"movescu": slices.Concat(common, []string{"-aem KNOWN --cancel 1", "-aem KNOWN +P 20099"}),
		"getscu":  {"-S", "-P", "+x=", "+xe", "+xb", "+xs", "+xy", "+xv", "+xr", "+xd", "-pdu 4096", "--repeat 3", "--abort"},
	} {
		for _, options := range particular {
			t.Run(tool+" "+options, func(t *testing.T) {
				args := append(strings.Fields(options), "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3")
				switch tool {
				case "movescu":
					args = append(args, "-aem", "KNOWN")
				case "getscu":
					args = append(args, "-od", t.TempDir())
				}
				if !strings.Contains(options, "-S") && !strings.Contains(options, "-P") && !strings.Contains(options, "-W") {
					args = append([]string{"-S"}, args...)
				}
				theirs := dimsetest.DCMTK(t, tool, append(args, "-aec", archive.AE, archive.Host(), archive.Port())...)
				mine := dimsetest.DCMTK(t, tool, append(args, "-aec", ours.AE, ours.Host(), ours.Port())...)
				if theirs.ExitCode == 0 && mine.ExitCode != 0 {
					t.Errorf("dcmqrscp takes it, we do not: %s", mine)
				}
			})
		}
	}
}
