package dimse

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

func TestRepeatedComplaintsAreCounted(t *testing.T) {
	var text bytes.Buffer
	c := newComplaints(slog.New(slog.NewTextHandler(&text, nil)))
	for i := range 50_000 {
		c.add("association ended", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: i}, "calling", "EVIL\nlevel=ERROR")
	}
	c.tell()
	if n := strings.Count(text.String(), "\n"); n != complaintsShown+1 || !strings.Contains(text.String(), "suppressed=49990") {
		t.Errorf("%d lines: %s", n, text.String())
	}
}

func TestComplaintsOfTheNextWindowTellWhatWasCounted(t *testing.T) {
	c := newComplaints(slog.New(slog.DiscardHandler))
	now := time.Now()
	for range complaintsShown + 7 {
		c.count("x", "a", now)
	}
	if shown, n := c.count("x", "a", now.Add(complaintWindow)); !shown || n != 7 {
		t.Error(shown, n)
	}
}

func TestComplaintsOfManyHostsTakeBoundedMemory(t *testing.T) {
	c := newComplaints(slog.New(slog.DiscardHandler))
	now := time.Now()
	lines := 0
	for i := range 100_000 {
		if shown, _ := c.count("x", fmt.Sprint(i), now); shown {
			lines++
		}
	}
	if len(c.of) > complaintKinds+1 || lines > complaintKinds+complaintsShown {
		t.Errorf("%d hosts, %d lines", len(c.of), lines)
	}
}
