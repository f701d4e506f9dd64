package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func lapsOf(instances int, seconds ...float64) []lap {
	var list []lap
	for _, s := range seconds {
		list = append(list, lap{wall: time.Duration(s * float64(time.Second)), instances: instances, bytes: int64(instances) * 1000})
	}
	return list
}

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	of, low, high, ok := ratio(lapsOf(100, 1, 2, 4), lapsOf(100, 4, 4, 4))
	if !ok || of != 2 || low != 1 || high != 4 {
		t.Errorf("ratio %v (%v to %v), %v; want 2 (1 to 4)", of, low, high, ok)
	}
}

func TestARunThatLostSomethingDoesNotCount(t *testing.T) {
	lossy := lapsOf(100, 1, 2)
	lossy[1].err = errors.New("of 100 instances 1 was lost")
	if _, _, _, ok := ratio(lossy, lapsOf(100, 1)); ok {
		t.Error("a ratio was made of a run that lost something")
	}
	if got := laps(lossy).String(); got != "does not count" {
		t.Errorf("it reads %q", got)
	}
}

func TestVerdicts(t *testing.T) {
	atLeast, atMost := line{must: 2, aim: 3}, line{must: 3, aim: 2, atMost: true}
	for _, c := range []struct {
		line  line
		value float64
		want  string
	}{
		{atLeast, 1, "FAIL"}, {atLeast, 2, "pass"}, {atLeast, 3, "pass, aim reached"},
		{atMost, 4, "FAIL"}, {atMost, 3, "pass"}, {atMost, 2, "pass, aim reached"},
	} {
		if got := c.line.verdict(c.value); got != c.want {
			t.Errorf("%v of %+v is %q, want %q", c.value, c.line, got, c.want)
		}
	}
}

func TestWhatALauncherGivesUpOnIsAnError(t *testing.T) {
	cleaned := false
	err := onStage(func(s *stage) error {
		s.Cleanup(func() { cleaned = true })
		s.Fatalf("no such %s", "server")
		return nil
	})
	if err == nil || err.Error() != "no such server" || !cleaned {
		t.Errorf("%v, cleaned up: %v", err, cleaned)
	}
}

func TestTheSinkTellsDataSetsApart(t *testing.T) {
	same, _ := digestOf(io.MultiReader(strings.NewReader("ab"), strings.NewReader("c")), make([]byte, 16))
	other, _ := digestOf(strings.NewReader("abd"), make([]byte, 16))
	if again, err := digestOf(strings.NewReader("abc"), make([]byte, 2)); err != nil || again != same || again == other {
		t.Errorf("%v, %v, %v, %v", same, again, other, err)
	}
}
