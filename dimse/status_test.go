package dimse_test

import (
	"testing"

	"pacsbridge/dimse"
)

func TestStatusClasses(t *testing.T) {
	for status, want := range map[dimse.Status]dimse.StatusClass{
		0x0000: dimse.Success, 0x0001: dimse.Warning, 0x0107: dimse.Warning, 0x0116: dimse.Warning,
		0xB000: dimse.Warning, 0xB007: dimse.Warning, 0xBFFF: dimse.Warning,
		0xFE00: dimse.Cancelled, 0xFF00: dimse.Pending, 0xFF01: dimse.Pending, 0xFF02: dimse.Failure,
		0xA700: dimse.Failure, 0xA900: dimse.Failure, 0xC123: dimse.Failure, 0x0110: dimse.Failure, 0x0122: dimse.Failure, 0x7777: dimse.Failure,
	} {
		if got := status.Class(); got != want {
			t.Errorf("%v: %v, want %v", status, got, want)
		}
	}
}

func TestStatusRetryIsDecidedPerService(t *testing.T) {
	for _, test := range []struct {
		service dimse.Service
		status  dimse.Status
		want    bool
	}{
		{dimse.ServiceStore, 0xA700, true}, {dimse.ServiceStore, 0xA7FF, true}, {dimse.ServiceStore, 0xA900, false},
		{dimse.ServiceStore, 0xC000, false}, {dimse.ServiceStore, 0x0110, false}, {dimse.ServiceStore, 0x0122, false},
		{dimse.ServiceStore, 0x0213, true},
		{dimse.ServiceFind, 0xA700, true}, {dimse.ServiceFind, 0xA900, false}, {dimse.ServiceFind, 0xC001, true}, {dimse.ServiceFind, 0x0110, true},
		{dimse.ServiceMove, 0xA701, true}, {dimse.ServiceMove, 0xA702, true}, {dimse.ServiceMove, 0xA801, false}, {dimse.ServiceMove, 0xA900, false},
		{dimse.ServiceMove, 0xC000, true}, {dimse.ServiceMove, 0x0122, false}, {dimse.ServiceMove, 0x0124, false},
		{dimse.ServiceMove, 0x7777, false},
	} {
		if got := test.status.Retry(test.service); got != test.want {
			t.Errorf("%s %v: %v", test.service, test.status, got)
		}
	}
}

func TestStatusErrorsReadWell(t *testing.T) {
	err := &dimse.StatusError{Service: dimse.ServiceMove, Status: 0xA801, Comment: "unknown\n"}
	if got, want := err.Error(), `C-MOVE answered A801H refused: move destination unknown: "unknown\n"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
