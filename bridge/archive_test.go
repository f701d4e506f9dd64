package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pacsbridge/bridge"
	"pacsbridge/nondicom"
	vault "pacsbridge/nondicom/archive"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// archiving is a crossing with an archive: three studies, each with a record, of
// which the first has a document and a page of the web, which the standard has no
// object for.
type archiving struct {
	*crossing
	store string // folder of the archive's files
	vault *vault.Archive
	key   string // of the first record
}

func crossWithArchive(t *testing.T, server string) *archiving {
	t.Helper()
	x := &archiving{crossing: cross(t, 3), store: t.TempDir()}
	var err error
	x.vault, err = vault.Open(vault.Options{URL: schemaOf(t, server), Store: x.store, Compress: true})
	check(t, err)
	t.Cleanup(func() { check(t, x.vault.Close(context.Background())) })
	files := t.TempDir()
	check(t, os.WriteFile(filepath.Join(files, "letter.pdf"), realPDF(t), 0o600))
	check(t, os.WriteFile(filepath.Join(files, "page.pdf"), []byte("<!DOCTYPE html><html><body>No finding.</body></html>"), 0o600))
	s := recordsFor(x.crossing)
	x.key = s.records[0].StudyKey
	s.attachments[x.key] = []nondicom.Attachment{
		{Key: "A1", StudyKey: x.key, Location: "files:letter.pdf", Size: -1, CreatedAt: "2026-01-03"},
		{Key: "A2", StudyKey: x.key, Location: "files:page.pdf", Size: -1, CreatedAt: "2026-01-02"},
	}
	x.stock.Legacy = s
	x.migrator.Compose.Files = must(fetch.Open([]fetch.Store{{Name: "files", At: files}}))(t)
	x.migrator.Compose.Archive = true
	x.keepIn(x.vault)
	return x
}

// keepIn has the migrator use a vault.
func (x *archiving) keepIn(vault bridge.Vault) {
	x.migrator.Archive = &bridge.Keeper{Vault: vault, Spool: x.migrator.Spool}
	x.migrator.Verify.Archive = x.migrator.Archive
}

var schemas atomic.Int64

// schemaOf is the URL of a schema of its own in a server.
func schemaOf(t *testing.T, server string) string {
	t.Helper()
	conn := must(pgx.Connect(t.Context(), server))(t)
	defer conn.Close(context.Background())
	schema := fmt.Sprint("test", schemas.Add(1))
	_, err := conn.Exec(t.Context(), "CREATE SCHEMA "+schema)
	check(t, err)
	u := must(url.Parse(server))(t)
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// item finds one item of the ledger.
func (x *archiving) item(kind staging.ItemKind, uid string) staging.Item {
	x.t.Helper()
	for _, study := range x.studies() {
		_, items, err := x.db.Study(x.t.Context(), study)
		check(x.t, err)
		for _, it := range items {
			if it.Kind == kind && it.UID == uid {
				return it
			}
		}
	}
	x.t.Fatalf("no %s %s in the ledger", kind, uid)
	return staging.Item{}
}

// shaky is a vault that fails, or does not hold what was put into it.
type shaky struct {
	bridge.Vault
	failures atomic.Int64 // of Put, still to come
	why      error
	forgets  bool
}

// shakyVault fails so many times.
func shakyVault(x *archiving, times int64, why error) *shaky {
	s := &shaky{Vault: x.vault, why: why}
	s.failures.Store(times)
	return s
}

func (s *shaky) Put(ctx context.Context, study *vault.Study) (map[string]string, error) {
	if s.failures.Add(-1) >= 0 {
		return nil, &vault.Error{Doing: "write rows", StudyUID: study.UID, Err: s.why}
	}
	return s.Vault.Put(ctx, study)
}

func (s *shaky) Holds(ctx context.Context, study *vault.Study) (map[string]bool, error) {
	if s.forgets {
		return nil, nil
	}
	return s.Vault.Holds(ctx, study)
}

func TestTheArchiveIsPartOfTheStudy(t *testing.T) {
	server := pgtest.Start(t)
	refused, away := &pgconn.PgError{Code: "23505", Message: "duplicate key"}, &pgconn.PgError{Code: "57P01", Message: "shutting down"}
	for name, test := range map[string]struct {
		arrange func(x *archiving)
		failed  staging.Class // of the studies; empty: all arrive
		made    int           // objects at NEW beside the images
	}{
		"as objects and into the archive": {arrange: func(*archiving) {}, made: 4},
		"into the archive alone":          {arrange: func(x *archiving) { x.migrator.Compose.NoDICOM = true }},
		"records as rows alone":           {arrange: func(x *archiving) { x.migrator.Compose.Reports = false }, made: 1},
		"a database that refuses once":    {arrange: func(x *archiving) { x.keepIn(shakyVault(x, 1, refused)) }, made: 4},
		"a database that is away for a while": {arrange: func(x *archiving) {
			x.migrator.Attempts = 1
			x.keepIn(shakyVault(x, 4, away))
		}, made: 4},
		"a database that always refuses": {arrange: func(x *archiving) { x.keepIn(shakyVault(x, 1<<20, refused)) }, failed: staging.TargetRefused},
		"an archive that forgets":        {arrange: func(x *archiving) { x.keepIn(&shaky{Vault: x.vault, forgets: true}) }, failed: staging.Mismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := crossWithArchive(t, server)
			test.arrange(x)
			check(t, x.run())
			s := x.status()
			if test.failed != "" {
				x.wantClass(test.failed)
				return
			}
			if s.Studies.Migrated != 3 || s.Records.Migrated != 3 || s.Attachments.Migrated != 2 {
				t.Errorf("%+v, want all migrated", s)
			}
			if n := len(x.new.Digests()) - len(x.old.Digests()); n != test.made {
				t.Errorf("%d objects were made at NEW, want %d", n, test.made)
			}
			page := x.item(staging.Attachment, "A2")
			if page.State != staging.ItemDone || page.Archive != "objects/"+page.SHA256[:2]+"/"+page.SHA256 || page.SOPClass != "" {
				t.Errorf("%+v", page)
			}
			if (test.made > 0) != strings.Contains(page.Warning, "archive only") {
				t.Errorf("warning %q", page.Warning)
			}
		})
	}
}

// wantClass demands that every study failed with this class.
func (x *archiving) wantClass(class staging.Class) {
	x.t.Helper()
	for _, study := range must(x.db.Failed(x.t.Context(), staging.Scope{}))(x.t) {
		if study.Class != class {
			x.t.Errorf("failed with %s (%s), want %s", study.Class, study.Reason, class)
		}
	}
	if s := x.status(); s.Studies.Failed != 3 {
		x.t.Errorf("%+v, want all failed", s.Studies)
	}
}

func TestWhatTheArchiveLosesIsFoundAndBroughtAgain(t *testing.T) {
	x := crossWithArchive(t, pgtest.Start(t))
	check(t, x.run())
	verify := x.reconciler(nil)
	verify.Archive = &bridge.Keeper{Vault: x.vault}
	scope := staging.Scope{}
	if r := must(verify.Range(t.Context(), scope, nil))(t); r.Complete != 3 || len(r.Differences) != 0 {
		t.Errorf("%+v", r)
	}
	page, letter := x.item(staging.Attachment, "A2"), x.item(staging.Attachment, "A1")
	for _, it := range []staging.Item{page, letter} {
		check(t, os.Remove(filepath.Join(x.store, it.Archive)))
	}
	r := must(verify.Range(t.Context(), scope, nil))(t)
	if r.Complete != 2 || len(r.Differences) != 2 || r.Differences[0].Kind != bridge.AttachmentMissing || !strings.Contains(r.Differences[0].Detail, letter.Archive) {
		t.Errorf("%+v", r)
	}
	registrar := x.registrar()
	registrar.Archive = verify.Archive
	study := x.studies()[0]
	var uncertified *bridge.UncertifiedError
	if _, err := registrar.Certify(t.Context(), study); !errors.As(err, &uncertified) {
		t.Errorf("%v", err)
	}
	check(t, verify.Repair(t.Context(), x.db, &r))
	check(t, x.run())
	if r := must(verify.Range(t.Context(), scope, nil))(t); r.Complete != 3 {
		t.Errorf("%+v", r)
	}
	issued := must(registrar.Certify(t.Context(), study))(t)
	if !strings.Contains(string(issued.Document), page.Archive) {
		t.Errorf("the certificate does not name %s", page.Archive)
	}
}
