package main

import (
	"strings"
	"testing"

	"pacsbridge/dimse/uid"
)

func TestTextsArriveAsDocumentsWhereTheSettingsSaySo(t *testing.T) {
	t.Parallel()
	l, _ := legacyLab(t, 4, "nondicom: {texts: both}")
	l.run(exitOK, january...)
	reports, drawn := 0, 0
	for _, o := range l.new.Instances() {
		switch {
		case o.SOPClass == uid.BasicTextSR:
			reports++
		case o.SOPClass == uid.EncapsulatedPDF && strings.Contains(string(o.Data), "Reports as documents"):
			drawn++
		}
	}
	if reports == 0 || drawn != reports {
		t.Errorf("%d reports, %d of them drawn", reports, drawn)
	}
	if out, _ := l.run(exitOK, "verify", "--from", "2026-01-01", "--to", "2026-01-31", "--deep"); strings.Contains(out, "differs") {
		t.Errorf("%s", out)
	}
}
