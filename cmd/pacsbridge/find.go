package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

func newFindCommand(p *program) *cobra.Command {
	var query findQuery
	var asJSON bool
	command := &cobra.Command{
		Use:   "find [old|new]",
		Short: "Query a PACS (C-FIND)",
		Long: "Query a PACS, the old one unless told otherwise, in the study root model.\n" +
			"--key Keyword=value restricts the query, --key Keyword asks for one more column.",
		Example: "  pacsbridge find --from 2026-01-01 --to 2026-01-31\n" +
			"  pacsbridge find new --level series --study 1.2.3 --key Modality=CT",
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			identifier, columns, err := query.identifier()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"old"}
			}
			settings, err := p.settings()
			if err != nil {
				return err
			}
			chosen, err := peers(settings, args)
			if err != nil {
				return err
			}
			answers, err := find(command.Context(), chosen[0], p.log, identifier)
			return errors.Join(printAnswers(p.stdout, columns, answers, asJSON), err)
		},
	}
	query.addFlags(command.Flags())
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON array of objects, by attribute keyword")
	return command
}

// find collects all answers over one association; those that came before an
// error are returned with it.
func find(ctx context.Context, p peer, log *slog.Logger, identifier *dataset.Dataset) ([]*dataset.Dataset, error) {
	association, err := p.dial(ctx, log, uid.StudyRootFind)
	if err != nil {
		return nil, err
	}
	answers, err := ask(ctx, association, identifier)
	if err != nil {
		_ = association.Abort() // what went wrong before says it all
		return answers, p.explain(err)
	}
	return answers, p.explain(association.Release(ctx))
}

// ask sends the query. Images are asked for series by series unless one is
// named, since an archive need not answer otherwise (PS3.4 §C.4.1.2.2.1).
func ask(ctx context.Context, association *dimse.Association, identifier *dataset.Dataset) ([]*dataset.Dataset, error) {
	if identifier.String(dataset.QueryRetrieveLevel) != "IMAGE" || identifier.String(dataset.SeriesInstanceUID) != "" {
		return askOnce(ctx, association, identifier)
	}
	series, err := askOnce(ctx, association, dataset.New().
		SetString(dataset.QueryRetrieveLevel, "SERIES").
		SetString(dataset.StudyInstanceUID, identifier.String(dataset.StudyInstanceUID)).
		SetString(dataset.SeriesInstanceUID))
	if err != nil {
		return nil, err
	}
	var answers []*dataset.Dataset
	for _, s := range series {
		identifier.SetString(dataset.SeriesInstanceUID, s.String(dataset.SeriesInstanceUID))
		images, err := askOnce(ctx, association, identifier)
		answers = append(answers, images...)
		if err != nil {
			return answers, err
		}
	}
	return answers, nil
}

func askOnce(ctx context.Context, association *dimse.Association, identifier *dataset.Dataset) ([]*dataset.Dataset, error) {
	var answers []*dataset.Dataset
	request := dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: identifier}
	for answer, err := range association.Find(ctx, request) {
		if err != nil {
			return answers, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

func printAnswers(w io.Writer, columns []dataset.Tag, answers []*dataset.Dataset, asJSON bool) error {
	if asJSON {
		objects := make([]map[string]string, len(answers))
		for i, answer := range answers {
			objects[i] = make(map[string]string, len(columns))
			for _, tag := range columns {
				objects[i][columnName(tag)] = answer.Text(tag)
			}
		}
		return printJSON(w, objects)
	}
	rows := [][]string{make([]string, len(columns))}
	for i, tag := range columns {
		rows[0][i] = columnName(tag)
	}
	for _, answer := range answers {
		row := make([]string, len(columns))
		for i, tag := range columns {
			row[i] = answer.Text(tag)
		}
		rows = append(rows, row)
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, count(len(answers), "match", "matches"))
	return err
}

func columnName(tag dataset.Tag) string {
	if keyword := dataset.Keyword(tag); keyword != "" {
		return keyword
	}
	return tag.String()
}
