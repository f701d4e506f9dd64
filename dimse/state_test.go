package dimse

import (
	"strings"
	"testing"
)

// standard is table 9-10 of PS3.8 once more, typed from the standard's page: a
// line an event, a column a state; "." is a blank cell, "/" parts the action
// from the state behind it.
const standard = `
Evt1  AE-1/4 .           .       .      .       .       .         .       .       .        .       .       .
Evt2  .      .           .       AE-2/5 .       .       .         .       .       .        .       .       .
Evt3  .      AA-1/13     AA-8/13 .      AE-3/6  AA-8/13 AA-8/13   AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13
Evt4  .      AA-1/13     AA-8/13 .      AE-4/1  AA-8/13 AA-8/13   AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13
Evt5  AE-5/2 .           .       .      .       .       .         .       .       .        .       .       .
Evt6  .      AE-6/3/13   AA-8/13 .      AA-8/13 AA-8/13 AA-8/13   AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-7/13
Evt7  .      .           AE-7/6  .      .       .       .         .       .       .        .       .       .
Evt8  .      .           AE-8/13 .      .       .       .         .       .       .        .       .       .
Evt9  .      .           .       .      .       DT-1/6  .         AR-7/8  .       .        .       .       .
Evt10 .      AA-1/13     AA-8/13 .      AA-8/13 DT-2/6  AR-6/7    AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13
Evt11 .      .           .       .      .       AR-1/7  .         .       .       .        .       .       .
Evt12 .      AA-1/13     AA-8/13 .      AA-8/13 AR-2/8  AR-8/9/10 AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13
Evt13 .      AA-1/13     AA-8/13 .      AA-8/13 AA-8/13 AR-3/1    AA-8/13 AA-8/13 AR-10/12 AR-3/1  AA-8/13 AA-6/13
Evt14 .      .           .       .      .       .       .         AR-4/13 AR-9/11 .        .       AR-4/13 .
Evt15 .      .           AA-1/13 AA-2/1 AA-1/13 AA-1/13 AA-1/13   AA-1/13 AA-1/13 AA-1/13  AA-1/13 AA-1/13 .
Evt16 .      AA-2/1      AA-3/1  .      AA-3/1  AA-3/1  AA-3/1    AA-3/1  AA-3/1  AA-3/1   AA-3/1  AA-3/1  AA-2/1
Evt17 .      AA-5/1      AA-4/1  AA-4/1 AA-4/1  AA-4/1  AA-4/1    AA-4/1  AA-4/1  AA-4/1   AA-4/1  AA-4/1  AR-5/1
Evt18 .      AA-2/1      .       .      .       .       .         .       .       .        .       .       AA-2/1
Evt19 .      AA-1/13     AA-8/13 .      AA-8/13 AA-8/13 AA-8/13   AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-7/13
`

// cell writes a transition the way the table above does.
func cell(tr transition) string {
	if tr.action == "" {
		return "."
	}
	text := string(tr.action) + "/" + strings.TrimPrefix(tr.next.String(), "Sta")
	if tr.other != 0 {
		text += "/" + strings.TrimPrefix(tr.other.String(), "Sta")
	}
	return text
}

func TestEveryCellOfTheStateTable(t *testing.T) {
	cells := 0
	for i, line := range strings.Split(strings.TrimSpace(standard), "\n") {
		fields := strings.Fields(line)
		event := Event(i + 1)
		if fields[0] != event.String() || len(fields) != 1+states {
			t.Fatalf("line %d of the standard's table: %q", i+1, line)
		}
		for j, want := range fields[1:] {
			cells++
			if got := cell(next(State(j+1), event)); got != want {
				t.Errorf("%s in %s: %s, want %s", event, State(j+1), got, want)
			}
		}
	}
	if cells != 13*19 {
		t.Errorf("%d cells", cells)
	}
}

func TestStatesAndEventsThatDoNotExist(t *testing.T) {
	for _, s := range []State{-1, 0, 14} {
		if tr := next(s, EvtData); tr != (transition{}) {
			t.Errorf("%s: %v", s, tr)
		}
	}
	for _, e := range []Event{-1, 0, 20} {
		if tr := next(Sta6, e); tr != (transition{}) {
			t.Errorf("%s: %v", e, tr)
		}
	}
}
