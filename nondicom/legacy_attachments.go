package nondicom

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
)

const doingAttachments = "legacy.attachments"

// Attachments returns the attachments of one record, ordered by their key. They are
// asked for by the record's key as it is in the database and, where blanks stand at its
// end, without them too: the other table may have it either way.
func (l *Legacy) Attachments(ctx context.Context, r Record) ([]Attachment, error) {
	if len(l.attachments.parts) == 0 {
		return nil, nil
	}
	var attachments []Attachment
	err := l.reading(ctx, doingAttachments, func(ctx context.Context, tx *sql.Tx) (err error) {
		if attachments, err = l.attachmentsBy(ctx, tx, r.StudyKey, r.StudyKey); err != nil || r.PaddedKey == "" {
			return err
		}
		padded, err := l.attachmentsBy(ctx, tx, r.PaddedKey, r.StudyKey)
		known := map[Attachment]bool{}
		for _, a := range attachments {
			known[a] = true
		}
		attachments = append(attachments, slices.DeleteFunc(padded, func(a Attachment) bool { return known[a] })...)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(attachments, func(a, b Attachment) int { return cmp.Compare(a.Key, b.Key) })
	return attachments, checkAttachments(attachments)
}

// attachmentsBy are those that the query returns for a key, as those of a record.
func (l *Legacy) attachmentsBy(ctx context.Context, tx *sql.Tx, key, studyKey string) ([]Attachment, error) {
	var values []any
	query := l.attachments.render(func(_ string, n int) string {
		values = append(values, key)
		return l.dialect.placeholder(n)
	})
	rows, err := tx.QueryContext(ctx, l.dialect.limit("q.* "+derived(query), maxAttachments+1), values...)
	if err != nil {
		return nil, err
	}
	attachments, err := l.scanAttachments(rows, studyKey)
	return attachments, closeRows(rows, err)
}

func (l *Legacy) scanAttachments(rows *sql.Rows, studyKey string) ([]Attachment, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	layout, err := newLayout(doingAttachments, columns, attachmentColumns, "attachment_key", "location")
	if err != nil {
		return nil, err
	}
	var attachments []Attachment
	for rows.Next() {
		row, err := l.cells.row(rows, columns)
		if err != nil {
			return nil, err
		}
		attachments = append(attachments, attachmentOf(layout, row, studyKey))
	}
	return attachments, nil
}

// checkAttachments refuses what could not be told apart later.
func checkAttachments(attachments []Attachment) error {
	if len(attachments) > maxAttachments {
		return &LegacyError{Doing: doingAttachments, Text: "more than " + strconv.Itoa(maxAttachments) + " attachments of one record: is the condition on :study_key complete?"}
	}
	for i, a := range attachments {
		switch {
		case a.Key == "":
			return &LegacyError{Doing: doingAttachments, Text: "a row has no attachment_key"}
		case i > 0 && a.Key == attachments[i-1].Key:
			return &LegacyError{Doing: doingAttachments, Text: "attachment_key is not unique: two rows of one record have the same one"}
		}
	}
	return nil
}

// attachmentColumns are the columns that have a meaning of their own.
var attachmentColumns = []string{"attachment_key", "location", "title", "mime", "size", "sha256", "md5", "created_at"}

func attachmentOf(l *layout, r row, studyKey string) Attachment {
	return Attachment{
		Key:       l.text(r, "attachment_key"),
		StudyKey:  studyKey,
		Location:  l.text(r, "location"),
		Title:     l.text(r, "title"),
		MIME:      l.text(r, "mime"),
		Size:      sizeOf(l.text(r, "size")),
		SHA256:    strings.ToLower(l.text(r, "sha256")),
		MD5:       strings.ToLower(l.text(r, "md5")),
		CreatedAt: l.text(r, "created_at"),
	}
}

// sizeOf reads a length, also from a column with decimals (1234.00). Old
// databases write 0 where they do not know.
func sizeOf(text string) int64 {
	whole, decimals, _ := strings.Cut(strings.TrimSpace(text), ".")
	if strings.Trim(decimals, "0") != "" {
		return -1
	}
	size, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || size <= 0 {
		return -1
	}
	return size
}
