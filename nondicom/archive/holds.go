package archive

import (
	"context"
	"errors"

	"pacsbridge/nondicom/fetch"
)

// Holds looks what the archive holds now of a study's records and attachments,
// and returns the UIDs of their objects: a record counts when its row is there,
// an attachment when its row and its line in the index are, and its file is of
// the length that this says.
func (a *Archive) Holds(ctx context.Context, s *Study) (map[string]bool, error) {
	held := map[string]bool{}
	if len(s.Records)+len(s.Attachments) == 0 {
		return held, nil
	}
	if err := a.prepare(ctx); err != nil {
		return nil, &Error{"look at the tables", s.UID, err}
	}
	for _, r := range s.Records {
		held[r.ObjectUID] = true
	}
	for _, attachment := range s.Attachments {
		held[attachment.ObjectUID] = true
	}
	if err := a.strikeRows(ctx, s, held); err != nil {
		return nil, &Error{"look for rows", s.UID, err}
	}
	if err := a.strikeFiles(ctx, s, held); err != nil {
		return nil, &Error{"look for files", s.UID, err}
	}
	return held, nil
}

// strikeRows takes out what has no row. A level that the settings do not map
// has none and needs none.
func (a *Archive) strikeRows(ctx context.Context, s *Study, held map[string]bool) error {
	for _, of := range []Level{RecordLevel, AttachmentLevel} {
		table := a.table(of)
		if table == nil {
			continue
		}
		rows, err := s.rows(of, nil)
		if err != nil {
			return err
		}
		missing, err := table.missing(ctx, a.pool, rows)
		if err != nil {
			return err
		}
		for _, i := range missing {
			delete(held, rows[i]["object_uid"])
		}
	}
	return nil
}

func (a *Archive) strikeFiles(ctx context.Context, s *Study, held map[string]bool) error {
	if len(s.Attachments) == 0 {
		return nil
	}
	entries, err := a.Index(ctx, s.UID)
	if err != nil {
		return err
	}
	at := map[string]Entry{}
	for _, e := range entries {
		at[e.AttachmentKey] = e
	}
	for _, attachment := range s.Attachments {
		e := at[attachment.Key]
		if e.SHA256 != attachment.Digest || e.Name == "" {
			delete(held, attachment.ObjectUID)
			continue
		}
		switch size, err := a.store.Size(ctx, e.Name); {
		case errors.Is(err, fetch.ErrNotFound) || err == nil && size != e.StoredBytes:
			delete(held, attachment.ObjectUID)
		case err != nil:
			return err
		}
	}
	return nil
}
