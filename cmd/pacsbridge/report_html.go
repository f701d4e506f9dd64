package main

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net"
	"strconv"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

//go:embed report.html
var reportPageText string

// reportPage is the page of the HTML report: it loads nothing and runs nothing.
var reportPage = template.Must(template.New("report").Funcs(pageWords).Parse(reportPageText))

// pageWords are how our pages write things.
var pageWords = template.FuncMap{
	"bytes": humanBytes,
	"hint":  func(class staging.Class) string { return failureHints[class] },
	"day":   func(day string) string { return orText(day, "no date") },
	"name":  func(name string) string { return orText(name, "none named") },
	"clock": func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
}

// reportView is what the page shows.
type reportView struct {
	bridge.Report
	Plots      []template.HTML
	Failed     []staging.FailedStudy
	Done, Open reportItems
	Check      checkingView
}

// reportItems are lines of one sort, as many as the page may hold.
type reportItems struct {
	Lines []staging.ReportLine
	All   int
}

// LeftOut is how many lines there is no room for.
func (i reportItems) LeftOut() int { return i.All - len(i.Lines) }

func (i *reportItems) add(line staging.ReportLine, room int) {
	if i.All++; i.All <= room {
		i.Lines = append(i.Lines, line)
	}
}

// checkingView is how the new PACS is asked without us.
type checkingView struct{ Our, AE, Host, Port string }

// failedLister is the ledger's list of failed studies.
type failedLister interface {
	Failed(ctx context.Context, s staging.Scope) ([]staging.FailedStudy, error)
}

func writeReportHTML(ctx context.Context, w io.Writer, o reportOrder) error {
	var view reportView
	var err error
	view.Report, err = o.report(ctx, func(line staging.ReportLine) error {
		if line.State == staging.ItemDone {
			view.Done.add(line, o.lines)
		} else {
			view.Open.add(line, o.lines)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if ledger, ok := o.ledger.(failedLister); ok {
		if view.Failed, err = ledger.Failed(ctx, o.scope); err != nil {
			return fmt.Errorf("list failed studies: %w", err)
		}
	}
	if view.Plots, err = reportPlots(view.Report); err != nil {
		return err
	}
	view.Check = checkingView{Our: o.settings.Node.AETitle, AE: o.settings.New.AETitle}
	if view.Check.Host, view.Check.Port, err = net.SplitHostPort(o.settings.New.Address); err != nil {
		return fmt.Errorf("read new.address: %w", err)
	}
	if err := reportPage.Execute(w, view); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// Title says which days or studies the report is about.
func (v reportView) Title() string {
	s := v.Range
	switch {
	case s.From != "" && s.To != "":
		return s.From + " to " + s.To
	case s.From != "":
		return "from " + s.From
	case s.To != "":
		return "up to " + s.To
	case len(s.StudyUIDs) > 0:
		return count(len(s.StudyUIDs), "named study", "named studies")
	}
	return "everything in the ledger"
}

// Verdict is the report in one sentence.
func (v reportView) Verdict() string {
	n := v.Totals.Studies
	switch {
	case n.Found() == 0:
		return "The ledger holds no study of this range."
	case n.Migrated == n.Found():
		return "All of " + count(n.Found(), "study", "studies") + " arrived, and each object was found at the new PACS."
	}
	text := strconv.Itoa(n.Migrated) + " of " + count(n.Found(), "study", "studies") + " arrived"
	for _, rest := range []struct {
		n    int
		text string
	}{{n.Failed, "failed"}, {n.Skipped, "skipped"}, {n.Open(), "not at their end"}} {
		if rest.n > 0 {
			text += fmt.Sprintf(", %d %s", rest.n, rest.text)
		}
	}
	return text + "."
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
