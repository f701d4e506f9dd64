package nondicom_test

import (
	"slices"
	"testing"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
)

func TestARejectionNoteIsAValidDocument(t *testing.T) {
	objects := []nondicom.Rejected{
		{uid.CTImageStorage, "1.2.3.1.1", "1.2.3.1"}, {uid.CTImageStorage, "1.2.3.1.2", "1.2.3.1"}, {uid.BasicTextSR, "1.2.3.2.1", "1.2.3.2"},
	}
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for name, id := range identities {
		t.Run(name, func(t *testing.T) {
			note, err := nondicom.RejectionNote(id, nondicom.RejectedForQuality, objects, at)
			if err != nil {
				t.Fatal(err)
			}
			path, data := part10(t, note)
			valid(t, path)
			d, err := dataset.Decode(data, note.TransferSyntax)
			if err != nil {
				t.Fatal(err)
			}
			title := d.Sequence(0x0040A043)[0]
			var named []string
			for _, series := range d.Sequence(0x0040A375)[0].Sequence(0x00081115) {
				for _, o := range series.Sequence(dataset.ReferencedSOPSequence) {
					named = append(named, o.String(dataset.ReferencedSOPInstanceUID))
				}
			}
			if title.String(0x00080100) != "113001" || title.String(0x00080102) != "DCM" || len(d.Sequence(0x0040A730)) != 3 {
				t.Errorf("title %q, %d references", title.String(0x00080100), len(d.Sequence(0x0040A730)))
			}
			if !slices.Equal(named, []string{"1.2.3.1.1", "1.2.3.1.2", "1.2.3.2.1"}) || note.SeriesUID != nondicom.SeriesOfRejections(studyUID) {
				t.Errorf("evidence names %v, in series %s", named, note.SeriesUID)
			}
		})
	}
}
