package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/staging"
)

// hostile is text that a spreadsheet, a page and a drawing must not obey.
const hostile = `<script>alert("1")</script>&`

// fixedLedger is a ledger of a few studies, some with texts that mean harm.
type fixedLedger struct{ lines []staging.ReportLine }

func (fixedLedger) Status(context.Context, staging.Scope) (staging.Status, error) {
	return staging.Status{Studies: staging.StudyCounts{Migrated: 2, Failed: 1}}, nil
}

func (fixedLedger) Studies(context.Context, staging.Scope) iter.Seq2[staging.Study, error] {
	return func(yield func(staging.Study, error) bool) {
		_ = yield(staging.Study{UID: "1.2.1", RangeDate: "2026-01-02", Department: "RAD", State: staging.Migrated, ListedInstances: 3}, nil) &&
			yield(staging.Study{UID: "1.2.2", RangeDate: "2026-01-02", Department: hostile, State: staging.Failed, Class: staging.Data, Reason: hostile}, nil) &&
			yield(staging.Study{UID: "1.2.3", Department: "放射線科", State: staging.Migrated, ListedInstances: -1}, nil)
	}
}

// Paces tells three stretches of ten minutes.
func (fixedLedger) Paces(context.Context, staging.Scope, int) ([]staging.Pace, time.Duration, error) {
	at := time.Date(2026, 2, 1, 11, 0, 0, 0, time.UTC)
	return []staging.Pace{{From: at, Studies: 1, Instances: 3, Bytes: 4e6}, {From: at.Add(10 * time.Minute)},
		{From: at.Add(20 * time.Minute), Studies: 1, Instances: 2, Bytes: 1e6}}, 10 * time.Minute, nil
}

// PatientConflicts tells an ID that means harm.
func (fixedLedger) PatientConflicts(context.Context, staging.Scope, int) ([]staging.PatientConflict, int, error) {
	return []staging.PatientConflict{{PatientID: hostile, Issuers: []string{"", "B"}, Studies: 2}}, 7, nil
}

func (l fixedLedger) Report(context.Context, staging.Scope) iter.Seq2[staging.ReportLine, error] {
	return func(yield func(staging.ReportLine, error) bool) {
		for _, line := range l.lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

func (fixedLedger) Failed(context.Context, staging.Scope) ([]staging.FailedStudy, error) {
	return []staging.FailedStudy{{StudyUID: "1.2.2", Class: staging.Data, Reason: hostile}}, nil
}

// fixedReport is an order for a report on that ledger.
func fixedReport() reportOrder {
	settings := &conf.Settings{}
	settings.Node.AETitle, settings.New.AETitle, settings.New.Address = "PACSBRIDGE", "NEWPACS", "127.0.0.1:105"
	return reportOrder{
		ledger: fixedLedger{[]staging.ReportLine{
			{Kind: staging.Instance, StudyUID: "1.2.1", UID: "1.2.1.1", State: staging.ItemDone, Bytes: 512, SHA256: "ab"},
			{Kind: staging.Instance, StudyUID: "1.2.1", UID: "1.2.1.2", State: staging.ItemDone, Bytes: 512, SHA256: "cd"},
			{Kind: staging.Record, StudyUID: "1.2.2", UID: `=cmd|'/c calc'!A1`, State: staging.ItemFailed, Class: staging.Data, Reason: hostile},
			{Kind: staging.Attachment, StudyUID: "1.2.2", UID: "@key,\"quoted\"\nlines", State: staging.ItemFailed, Class: staging.AttachmentMissing, Reason: "-1"},
		}},
		made: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC), settings: settings, lines: 1,
	}
}

func reported(t *testing.T, format string, o reportOrder) string {
	t.Helper()
	var out bytes.Buffer
	if err := reportFormats[format](t.Context(), &out, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheTableHoldsEveryItemAndNoFormula(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(reported(t, "csv", fixedReport()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		reportColumns,
		{"instance", "1.2.1", "1.2.1.1", "done", "", "", "512", "ab"},
		{"instance", "1.2.1", "1.2.1.2", "done", "", "", "512", "cd"},
		{"record", "1.2.2", `'=cmd|'/c calc'!A1`, "failed", "data", hostile, "0", ""},
		{"attachment", "1.2.2", "'@key,\"quoted\"\nlines", "failed", "attachment-missing", "'-1", "0", ""},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestTheWholeReportIsOneObject(t *testing.T) {
	var got struct {
		bridge.Report
		Items []staging.ReportLine `json:"items"`
	}
	o := fixedReport()
	if err := json.Unmarshal([]byte(reported(t, "json", o)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(o.ledger.(fixedLedger).lines, got.Items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	want := bridge.Report{Made: o.made, Totals: staging.Status{Studies: staging.StudyCounts{Migrated: 2, Failed: 1}},
		Tallies: []bridge.Tally{
			{Department: "放射線科", Studies: staging.StudyCounts{Migrated: 1}},
			{Day: "2026-01-02", Department: hostile, Studies: staging.StudyCounts{Failed: 1}},
			{Day: "2026-01-02", Department: "RAD", Studies: staging.StudyCounts{Migrated: 1}, Listed: 3},
		},
		Errors: []bridge.ClassTally{{Class: staging.Data, Studies: 1, Items: 1, Example: hostile}, {Class: staging.AttachmentMissing, Items: 1, Example: "-1"}},
	}
	paces, step, _ := fixedLedger{}.Paces(t.Context(), staging.Scope{}, 0)
	conflicts, nameless, _ := fixedLedger{}.PatientConflicts(t.Context(), staging.Scope{}, 0)
	want.Patients = &bridge.Patients{WithoutID: nameless, SeveralIssuers: conflicts}
	want.Throughput = &bridge.Throughput{StepSeconds: int(step.Seconds()), Paces: paces}
	if diff := cmp.Diff(want, got.Report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestAnEmptyReportIsAnObjectToo(t *testing.T) {
	o := fixedReport()
	o.ledger = fixedLedger{}
	var got map[string]any
	if err := json.Unmarshal([]byte(reported(t, "json", o)), &got); err != nil {
		t.Fatal(err)
	}
	if items, ok := got["items"].([]any); !ok || len(items) != 0 {
		t.Errorf("items: %v, want an empty list", got["items"])
	}
}

func TestThePageObeysNobodyAndLoadsNothing(t *testing.T) {
	page := reported(t, "html", fixedReport())
	for _, forbidden := range []string{"<script", "javascript:", "src=", "href=", "@import", "url(", "<link", "<iframe"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	for _, wanted := range []string{"&lt;script&gt;", "findscu", "dcmdump", "sha256sum", "2 of 3 studies arrived, 1 failed.",
		"1 more are not on this page", "放射線科", "<svg", "7 studies have no patient ID", "Studies a day", "Instances migrated in 10 minutes", "Megabytes migrated in 10 minutes", "States by department", "Errors by class", "-aec NEWPACS", "127.0.0.1 105"} {
		if !strings.Contains(page, wanted) {
			t.Errorf("the page does not contain %q", wanted)
		}
	}
	if n := strings.Count(page, "<svg"); n != 6 {
		t.Errorf("%d drawings, want 6", n)
	}
}

func TestTheDrawingsAreSoundXML(t *testing.T) {
	report, err := fixedReport().report(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	plots, err := reportPlots(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, plot := range plots {
		decoder := xml.NewDecoder(strings.NewReader(string(plot)))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, plot)
			}
		}
	}
}

func TestLongRangesAreDrawnByMonthAndByYear(t *testing.T) {
	for _, c := range []struct {
		days int
		want string
	}{{62, "day"}, {63, "month"}, {365 * 10, "year"}} {
		var r bridge.Report
		for day := range c.days {
			r.Tallies = append(r.Tallies, bridge.Tally{Day: time.Date(2016, 1, 1+day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), Studies: staging.StudyCounts{Migrated: 1}})
		}
		_, labels, unit := slots(r)
		if unit != c.want || len(labels) > mostBars {
			t.Errorf("%d days are drawn by %s in %d bars, want by %s", c.days, unit, len(labels), c.want)
		}
		if got := sum(studiesByDay(r).layers[0].values); got != float64(c.days) {
			t.Errorf("the bars of %d days add up to %v", c.days, got)
		}
	}
}

func sum(values []float64) (all float64) {
	for _, v := range values {
		all += v
	}
	return all
}

// TestAnyLineOfTheReportCanBeCheckedWithDCMTK does what the page says, word by word.
func TestAnyLineOfTheReportCanBeCheckedWithDCMTK(t *testing.T) {
	for _, tool := range []string{"findscu", "getscu", "dcmdump"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("PACSBRIDGE_REQUIRE_PEERS") == "" {
			t.Skip(err)
		}
	}
	l := newLab(t, 1)
	l.run(exitOK, january...)
	page, _ := l.run(exitOK, "report", "--format", "html")
	lines, _ := l.run(exitOK, "report", "--format", "jsonl")
	var line staging.ReportLine
	if err := json.NewDecoder(strings.NewReader(lines)).Decode(&line); err != nil {
		t.Fatal(err)
	}
	var series string
	for _, o := range l.new.Instances() {
		if o.SOPInstance == line.UID {
			series = o.SeriesUID
		}
	}
	var script []string
	for _, block := range regexp.MustCompile(`(?s)<pre>(.*?)</pre>`).FindAllStringSubmatch(page, -1) {
		script = append(script, block[1])
	}
	text := strings.NewReplacer("<i>STUDY</i>", line.StudyUID, "<i>SERIES</i>", series, "<i>INSTANCE</i>", line.UID, "<i>FILE</i>", line.UID,
		"&#43;", "+", "&amp;", "&").Replace(strings.Join(script, "\n"))
	if strings.Contains(text, "<i>") {
		t.Fatalf("something is left to be filled in:\n%s", text)
	}
	command := exec.Command("sh", "-ec", text)
	command.Dir = t.TempDir()
	out, err := command.CombinedOutput()
	if err != nil {
		files, _ := os.ReadDir(command.Dir)
		t.Fatalf("%v %v\n%s\n%s", err, files, text, out)
	}
	if !strings.Contains(string(out), line.SHA256) {
		files, _ := filepath.Glob(filepath.Join(command.Dir, "*"))
		t.Errorf("the digest %s does not come out (files %v):\n%s\n%s", line.SHA256, files, text, out)
	}
}
