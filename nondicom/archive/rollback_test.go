package archive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pacsbridge/nondicom/archive"
)

// refuse has the database refuse studies of one department: at once, or when
// the transaction commits.
var refuse = map[string]string{
	"at once": `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF EXISTS (SELECT 1 FROM pacsbridge_study WHERE study_uid = NEW.study_uid AND department = 'BAD') THEN RAISE 'refused'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER refuse AFTER INSERT ON pacsbridge_attachment FOR EACH ROW EXECUTE FUNCTION refuse()`,
	"at the commit": `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.department = 'BAD' THEN RAISE 'refused'; END IF; RETURN NEW; END $$;
		CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON pacsbridge_study DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`,
}

func TestWhatTheDatabaseRefusesLeavesNothing(t *testing.T) {
	for when, trigger := range refuse {
		t.Run(when, func(t *testing.T) {
			b := newBench(t, archive.Options{Compress: true})
			b.put(studyOf("1.2.3", text(100)))
			b.exec(trigger)
			before := b.files()
			bad := studyOf("1.2.4", text(100), noise(5000)) // one content is the other study's too
			bad.Department = "BAD"
			_, err := b.archive.Put(t.Context(), bad)
			var failed *archive.Error
			if !errors.As(err, &failed) || failed.Temporary() || failed.StudyUID != "1.2.4" {
				t.Fatalf("%v", err)
			}
			if now := b.files(); !slices.Equal(now, before) {
				t.Errorf("files %q became %q", before, now)
			}
			if got := b.sql(`SELECT count(*) FROM pacsbridge_object WHERE study_uid = '1.2.4'`); got[0] != "0" {
				t.Errorf("%s rows are left", got[0])
			}
			bad.Department = "RAD"
			b.put(bad)
			wantHeld(t, b, bad, 3)
		})
	}
}

func TestARefusalWithoutATableOfAttachmentsIsTold(t *testing.T) {
	b := newBench(t, archive.Options{Tables: []archive.Table{
		{Of: archive.StudyLevel, Table: "pacsbridge_study", Key: []string{"uid"}, Columns: []string{"uid = study_uid", "department = department"}},
	}}, `CREATE TABLE pacsbridge_study (uid text PRIMARY KEY, department text)`)
	b.exec(refuse["at the commit"])
	bad := studyOf("1.2.4", text(100))
	bad.Department = "BAD"
	_, err := b.archive.Put(t.Context(), bad)
	var failed *archive.Error
	if !errors.As(err, &failed) || failed.Temporary() || failed.StudyUID != "1.2.4" {
		t.Fatalf("%v", err)
	}
	bad.Department = "RAD"
	b.put(bad) // what it uploaded before is found there
	wantHeld(t, b, bad, 2)
}

// exec runs statements that give no rows.
func (b *bench) exec(statements string) {
	b.t.Helper()
	b.sql("DO $do$ BEGIN EXECUTE $sql$" + statements + "$sql$; END $do$")
}

func TestAStoreThatRefusesLeavesNoRows(t *testing.T) {
	b := newBench(t, archive.Options{})
	if err := b.archive.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A folder stands where the file would be published, and another where the
	// uploads would be.
	for _, folder := range []string{"objects/" + digest(text(9))[:2] + "/" + digest(text(9)) + "/x", "uploads"} {
		t.Run(filepath.Dir(folder), func(t *testing.T) {
			path := filepath.Join(b.store, folder)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("in the way"), 0o600)); err != nil {
				t.Fatal(err)
			}
			if _, err := b.archive.Put(t.Context(), studyOf("1.2.5", text(9))); err == nil {
				t.Fatal("the study was archived")
			}
			if got := b.sql(`SELECT count(*) FROM pacsbridge_study`); got[0] != "0" {
				t.Errorf("%s rows are left", got[0])
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestStudiesThatShareContentsDoNotRobEachOther puts studies of the same
// contents at once; every other one is refused, and removes what it uploaded.
func TestStudiesThatShareContentsDoNotRobEachOther(t *testing.T) {
	b := newBench(t, archive.Options{})
	if err := b.archive.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.exec(refuse["at the commit"])
	const studies, contents = 24, 3
	var wait sync.WaitGroup
	for i := range studies {
		wait.Go(func() {
			s := studyOf(fmt.Sprint("1.2.6.", i), text(10+i%contents), text(20+(i+1)%contents))
			if i%2 == 1 {
				s.Department = "BAD"
			}
			if _, err := b.archive.Put(t.Context(), s); (err == nil) != (i%2 == 0) {
				t.Errorf("study %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	for i := 0; i < studies; i += 2 {
		wantHeld(t, b, studyOf(fmt.Sprint("1.2.6.", i), text(10+i%contents), text(20+(i+1)%contents)), 3)
	}
	for _, name := range b.files() {
		if filepath.Dir(name) == "uploads" {
			t.Errorf("%s is left", name)
		}
	}
}

func TestADatabaseThatIsAwayIsForLater(t *testing.T) {
	a, err := archive.Open(archive.Options{URL: "postgres://nobody:secret@127.0.0.1:1/none", Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	_, err = a.Put(t.Context(), studyOf("1.2.7", text(1)))
	var failed *archive.Error
	if !errors.As(err, &failed) || !failed.Temporary() {
		t.Errorf("%v", err)
	}
}
