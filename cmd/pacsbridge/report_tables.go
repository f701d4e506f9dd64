package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"pacsbridge/staging"
)

// reportColumns are the columns of the CSV report, the names that its JSON has.
var reportColumns = []string{"kind", "study_uid", "uid", "state", "class", "reason", "bytes", "sha256"}

// writeReportCSV writes one row for each item (RFC 4180), below the names of the columns.
func writeReportCSV(ctx context.Context, w io.Writer, o reportOrder) error {
	table := csv.NewWriter(w)
	table.UseCRLF = true
	if err := table.Write(reportColumns); err != nil {
		return err
	}
	for line, err := range o.ledger.Report(ctx, o.scope) {
		if err != nil {
			return err
		}
		row := []string{string(line.Kind), line.StudyUID, line.UID, string(line.State), string(line.Class), line.Reason,
			strconv.FormatInt(line.Bytes, 10), line.SHA256}
		for i := range row {
			row[i] = harmless(row[i])
		}
		if err := table.Write(row); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

// harmless keeps a spreadsheet from taking a cell for a formula: what begins like one
// is preceded by an apostrophe. Reasons and keys come from peers and databases.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// writeReportJSON writes the whole report as one object. The items, which may be
// millions, go out one by one, before the numbers that are counted on the way.
func writeReportJSON(ctx context.Context, w io.Writer, o reportOrder) error {
	separator := `{"items":[` + "\n"
	report, err := o.report(ctx, func(line staging.ReportLine) error {
		if _, err := io.WriteString(w, separator); err != nil {
			return err
		}
		separator = ","
		return printJSON(w, line)
	})
	if err != nil {
		return err
	}
	if separator != "," {
		if _, err := io.WriteString(w, separator); err != nil {
			return err
		}
	}
	head, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	_, err = fmt.Fprintf(w, "],%s\n", head[1:])
	return err
}
