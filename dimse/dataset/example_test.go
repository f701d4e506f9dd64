package dataset_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// A query at STUDY level for the CT studies of a month.
func Example() {
	query := dataset.New().
		SetString(dataset.QueryRetrieveLevel, "STUDY").
		SetString(dataset.StudyDate, "20260101-20260131").
		SetString(dataset.ModalitiesInStudy, "CT").
		SetString(dataset.StudyInstanceUID)
	encoded, err := query.AppendTo(nil, uid.ImplicitLE)
	if err != nil {
		fmt.Println(err)
		return
	}
	decoded, err := dataset.Decode(encoded, uid.ImplicitLE)
	if err != nil {
		fmt.Println(err)
		return
	}
	study := dataset.New().
		SetString(dataset.StudyDate, "20260117").
		SetString(dataset.ModalitiesInStudy, "CT", "SR").
		SetString(dataset.StudyInstanceUID, "1.2.3")
	fmt.Println(decoded.String(dataset.StudyDate), dataset.Match(decoded, study))
	// Output: 20260101-20260131 true
}

// To what study a stream belongs, without losing a byte of it.
func ExamplePeek() {
	stream := dataset.New().
		SetString(dataset.StudyInstanceUID, "1.2.3").
		Set(dataset.Element{Tag: dataset.PixelData, VR: dataset.OW, Value: make([]byte, 1<<20)})
	encoded, err := stream.AppendTo(nil, uid.ExplicitLE)
	if err != nil {
		fmt.Println(err)
		return
	}
	head, whole, err := dataset.Peek(bytes.NewReader(encoded), uid.ExplicitLE, dataset.SeriesInstanceUID)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := io.Copy(io.Discard, whole)
	fmt.Println(head.String(dataset.StudyInstanceUID), n == int64(len(encoded)), err)
	// Output: 1.2.3 true <nil>
}

// An identifier that a hospital must not hand on.
func ExamplePatch() {
	encoded, err := dataset.New().SetString(dataset.PatientID, "4711").AppendTo(nil, uid.ExplicitLE)
	if err != nil {
		fmt.Println(err)
		return
	}
	var patched bytes.Buffer
	made, err := dataset.Patch(&patched, bytes.NewReader(encoded), uid.ExplicitLE, []dataset.Change{
		{Tag: dataset.PatientID, Set: &dataset.Element{Value: []byte("0815")}},
	})
	fmt.Printf("%q %v %v\n", patched.Bytes(), made, err)
	// Output: "\x10\x00 \x00LO\x04\x000815" [1] <nil>
}

func ExampleMatch() {
	query := dataset.New().SetString(dataset.PatientName, "doe^j*")
	for _, name := range strings.Fields("DOE^JOHN Doe^Mary") {
		fmt.Println(name, dataset.Match(query, dataset.New().SetString(dataset.PatientName, name)))
	}
	// Output:
	// DOE^JOHN true
	// Doe^Mary false
}
