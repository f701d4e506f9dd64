package dataset_test

import (
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

func TestRoundTripOfAnIdentifier(t *testing.T) {
	for _, ts := range []string{uid.ImplicitLE, uid.ExplicitLE, uid.ExplicitBE, uid.DeflatedLE} {
		d := dataset.New().
			SetString(dataset.PatientName, "Doe^John").
			SetString(dataset.StudyInstanceUID, "1.2.3").
			SetUint16(dataset.Rows, 512).
			SetSequence(dataset.ReferencedStudySequence, dataset.New().SetString(dataset.ReferencedSOPInstanceUID, "1.2.4"), dataset.New())
		b, err := d.AppendTo(nil, ts)
		if err != nil {
			t.Fatal(err)
		}
		back, err := dataset.Decode(b, ts)
		if err != nil {
			t.Fatal(err)
		}
		if !back.Equal(d) {
			t.Errorf("%s: got %+v, want %+v", ts, back, d)
		}
		if n, ok := back.Int(dataset.Rows); n != 512 || !ok {
			t.Errorf("%s: Rows = %d, %v", ts, n, ok)
		}
	}
}
