package main

import (
	"testing"

	"pacsbridge/dimse/dataset"
)

func TestFindFlagsBecomeAnIdentifier(t *testing.T) {
	query := findQuery{
		level: "series", days: dayRange{fromText: "2026-01-01"}, study: "1.2.3", patient: "P1",
		keys: []string{"Modality=CT", "0008,1030=Thorax*", "ProtocolName"},
	}
	identifier, columns, err := query.identifier()
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[dataset.Tag]string{
		dataset.QueryRetrieveLevel: "SERIES", dataset.StudyDate: "20260101-", dataset.StudyInstanceUID: "1.2.3",
		dataset.PatientID: "P1", dataset.Modality: "CT", dataset.StudyDescription: "Thorax*", dataset.SeriesInstanceUID: "",
	} {
		if got := identifier.String(tag); !identifier.Has(tag) || got != want {
			t.Errorf("%s is %q, want %q", columnName(tag), got, want)
		}
	}
	if last := columns[len(columns)-1]; columnName(last) != "ProtocolName" {
		t.Errorf("the last column is %s, want the last key", columnName(last))
	}
}
