package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Put brings a study into the archive and returns the names of its attachments'
// files, by their keys. It is whole when Put returns; after an error nothing of
// it is there that was not before. Putting it again changes nothing.
func (a *Archive) Put(ctx context.Context, s *Study) (names map[string]string, err error) {
	if err := a.prepare(ctx); err != nil {
		return nil, &Error{"look at the tables", s.UID, err}
	}
	u := &uploads{archive: a, study: s.UID, files: map[string]file{}}
	if err := u.all(ctx, s.Attachments); err != nil {
		return nil, errors.Join(err, u.undo(ctx))
	}
	if err := a.commit(ctx, s, u); err != nil {
		return nil, errors.Join(err, u.undo(ctx))
	}
	if err := a.writeIndex(ctx, s, u.files); err != nil {
		return nil, &Error{"write the index", s.UID, err} // the next try finds all else there
	}
	names = map[string]string{}
	for _, attachment := range s.Attachments {
		names[attachment.Key] = u.files[attachment.Digest].name
	}
	return names, nil
}

// commit writes the rows and gives the files their last names, in one
// transaction.
func (a *Archive) commit(ctx context.Context, s *Study, u *uploads) error {
	tx, err := a.pool.Begin(ctx)
	if err != nil {
		return &Error{"begin a transaction", s.UID, err}
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // of no effect after the commit
	if err := u.claim(ctx, tx); err != nil {
		return err
	}
	for _, table := range a.tables {
		rows, err := s.rows(table.of, u.files)
		if err == nil {
			err = table.write(ctx, tx, rows)
		}
		if err != nil {
			return &Error{"write rows", s.UID, err}
		}
	}
	if err := u.publish(ctx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return &Error{"commit the rows", s.UID, err}
	}
	return nil
}

// claim has this transaction alone publish or remove the files of these
// digests: other studies may have the same contents.
func (u *uploads) claim(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", lockPatience.Milliseconds())); err != nil {
		return &Error{"claim files", u.study, err}
	}
	for _, digest := range u.digests() {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, digest); err != nil {
			return &Error{"claim files", u.study, err}
		}
	}
	return nil
}

// lockPatience is how long another study with the same content is waited for.
const lockPatience = time.Minute

// undo removes what was uploaded, except for what rows refer to: those of a
// study with the same content, or our own where the commit went well and only
// its answer was lost. Where the database is away, or has no table of attachments,
// nothing that has its last name is removed; the next try finds it there.
func (u *uploads) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockPatience)
	defer cancel()
	var errs []error
	for _, name := range u.temporary {
		errs = append(errs, u.archive.store.Remove(ctx, name))
	}
	if table := u.archive.table(AttachmentLevel); table != nil && len(u.published) > 0 {
		errs = append(errs, u.unpublish(ctx, table))
	}
	if err := errors.Join(errs...); err != nil {
		return &Error{"remove what was uploaded", u.study, err}
	}
	return nil
}

func (u *uploads) unpublish(ctx context.Context, attachments *mapped) error {
	tx, err := u.archive.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := u.claim(ctx, tx); err != nil {
		return err
	}
	for _, f := range u.published {
		used, err := attachments.refers(ctx, tx, f)
		if err != nil {
			return err
		}
		if !used {
			if err := u.archive.store.Remove(ctx, f.name); err != nil {
				return err
			}
		}
	}
	return nil
}
