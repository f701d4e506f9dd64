package bridge_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
	_ "modernc.org/sqlite" // the old system's database

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/nondicom/servertest"
	"pacsbridge/staging"
)

// legacyRow is an attachment as the old system's database has it, and what is
// true of it.
type legacyRow struct {
	key, location, title, sum string
	size                      any // nil where the database does not say
	digest                    string
	class                     staging.Class // it fails with; empty: it arrives
}

// oldFiles are the stores of an old system: five that behave, and a web server
// that does not.
type oldFiles struct {
	t      *testing.T
	stores []fetch.Store
	dirs   map[string]string
	web    *badServer
	large  int64 // bytes of the largest file
}

// goodStores are those whose files are as they should be.
var goodStores = []string{"local", "ftp", "sftp", "s3", "webdav"}

func newOldFiles(t *testing.T) *oldFiles {
	o := &oldFiles{t: t, dirs: map[string]string{}, web: newBadServer(t), large: 8 << 20}
	add := func(name string, s servertest.Store) {
		o.stores, o.dirs[name] = append(o.stores, fetch.Store{Name: name, At: s.URL.String()}), s.Dir
	}
	dir := t.TempDir()
	add("local", servertest.Store{Dir: dir, URL: url.URL{Scheme: "file", Path: dir}})
	ftp := servertest.FTP(t)
	add("ftp", ftp)
	add("sftp", servertest.SFTP(t))
	add("s3", servertest.S3(t))
	add("webdav", servertest.WebDAV(t))
	locked := ftp
	locked.URL.User = url.UserPassword(servertest.User, "another")
	add("locked", locked)
	gbk := t.TempDir()
	add("gbk", servertest.Store{Dir: gbk, URL: url.URL{Scheme: "file", Path: gbk, RawQuery: "charset=gbk"}})
	o.stores = append(o.stores, fetch.Store{Name: "web", At: o.web.URL})
	return o
}

// content is a PDF like no other.
func content(key string) []byte {
	return append([]byte("%PDF-1.4\n% "+key+"\n"), bytes.Repeat([]byte(key+"\n"), 200+len(key))...)
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// write puts a file into a store and returns its row.
func (o *oldFiles) write(store, name, key string, body []byte) legacyRow {
	o.t.Helper()
	path := filepath.Join(o.dirs[store], name)
	check(o.t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(o.t, os.WriteFile(path, body, 0o644))
	return legacyRow{key: key, location: store + ":" + name, title: "Letter " + key, size: len(body), digest: digestOf(body)}
}

// mishap is something that can be the matter with an attachment.
type mishap struct {
	name  string
	every int // one attachment in so many has it
	class staging.Class
	rows  func(o *oldFiles, store, key string) []legacyRow
}

// plain is an attachment that nothing is the matter with.
func plain(o *oldFiles, store, key string) []legacyRow {
	row := o.write(store, "2026/"+key+".pdf", key, content(key))
	row.sum = row.digest
	return []legacyRow{row}
}

// changed is a plain one whose row or file is changed afterwards.
func changed(change func(o *oldFiles, row *legacyRow, path string)) func(o *oldFiles, store, key string) []legacyRow {
	return func(o *oldFiles, store, key string) []legacyRow {
		rows := plain(o, store, key)
		change(o, &rows[0], filepath.Join(o.dirs[store], "2026/"+key+".pdf"))
		return rows
	}
}

// named is a plain one under another name.
func named(name string) func(o *oldFiles, store, key string) []legacyRow {
	return func(o *oldFiles, store, key string) []legacyRow {
		return []legacyRow{o.write(store, fmt.Sprintf(name, key), key, content(key))}
	}
}

// onWeb is one at the web server, which misbehaves in this way.
func onWeb(how string) func(o *oldFiles, store, key string) []legacyRow {
	return func(o *oldFiles, _, key string) []legacyRow {
		return []legacyRow{{key: key, location: "web:" + how + "/" + key + ".pdf", title: "Letter " + key, digest: digestOf(content(key))}}
	}
}

var mishaps = []mishap{
	{"missing", 29, staging.AttachmentMissing, changed(func(o *oldFiles, _ *legacyRow, path string) { check(o.t, os.Remove(path)) })},
	{"empty", 31, staging.AttachmentMissing, changed(func(o *oldFiles, _ *legacyRow, path string) { check(o.t, os.Truncate(path, 0)) })},
	{"shorter than its row says", 37, staging.Mismatch, changed(func(o *oldFiles, _ *legacyRow, path string) { check(o.t, os.Truncate(path, 100)) })},
	{"corrupt", 41, staging.Mismatch, changed(func(o *oldFiles, row *legacyRow, path string) {
		body := content(row.key)
		body[len(body)/2] ^= 1
		check(o.t, os.WriteFile(path, body, 0o644))
	})},
	{"changed while it was read", 43, staging.Mismatch, onWeb("changing")},
	{"refused", 47, staging.AttachmentMissing, onWeb("refused")},
	{"cut once", 23, "", onWeb("cut-once")},
	{"cut always", 97, staging.Network, onWeb("cut-always")},
	{"another size in the listing", 101, staging.Mismatch, onWeb("differing")},
	{"behind a wrong password", 53, staging.AttachmentMissing, func(o *oldFiles, _, key string) []legacyRow {
		return []legacyRow{{key: key, location: "locked:" + key + ".pdf", title: key}}
	}},
	{"twice", 17, "", func(o *oldFiles, store, key string) []legacyRow {
		row := plain(o, store, key)[0]
		again := row
		again.key += " again"
		return []legacyRow{row, again}
	}},
	{"Chinese", 19, "", named("患者 王小东/%s 报告.pdf")},
	{"spaces and quotes", 13, "", named("a 'quoted' folder/the \"letter\" & more (100%%) #%s.pdf")},
	{"a name in GBK", 59, "", func(o *oldFiles, _, key string) []legacyRow {
		name := "报告 " + key + ".pdf"
		encoded := must(simplifiedchinese.GBK.NewEncoder().String(name))(o.t)
		row := o.write("gbk", encoded, key, content(key))
		row.location = "gbk:" + name
		return []legacyRow{row}
	}},
}

// rows are those of an attachment: with the mishap whose turn it is, or plain.
func (o *oldFiles) rows(i int) (rows []legacyRow) {
	key, store := fmt.Sprintf("A%05d", i), goodStores[i%len(goodStores)]
	if i == 0 {
		return o.largest(key)
	}
	for _, m := range mishaps {
		if i%m.every == 0 || i == m.every/10 { // each at least once, in a small number too
			rows = m.rows(o, store, key)
			for n := range rows {
				rows[n].class = m.class
			}
			return rows
		}
	}
	return plain(o, store, key)
}

// largest is a file that fits into nobody's memory at full size.
func (o *oldFiles) largest(key string) []legacyRow {
	row := o.write("local", "large.pdf", key, content(key))
	path := filepath.Join(o.dirs["local"], "large.pdf")
	check(o.t, os.Truncate(path, o.large))
	file := must(os.Open(path))(o.t)
	defer file.Close()
	sum := sha256.New()
	_, err := file.WriteTo(sum)
	check(o.t, err)
	row.size, row.digest = o.large, hex.EncodeToString(sum.Sum(nil))
	return []legacyRow{row}
}

// legacyOf makes the old system's database: a record a study, and the rows.
func legacyOf(t *testing.T, studies []string, rows map[string][]legacyRow) *nondicom.Legacy {
	t.Helper()
	path := filepath.Join(t.TempDir(), "legacy.db")
	db := must(sql.Open("sqlite", path))(t)
	defer db.Close()
	tx := must(db.Begin())(t)
	exec := func(statement string, args ...any) {
		_, err := tx.Exec(statement, args...)
		check(t, err)
	}
	exec(`CREATE TABLE studies (study_key TEXT PRIMARY KEY, study_date TEXT, study_uid TEXT, report_text TEXT)`)
	exec(`CREATE TABLE files (attachment_key TEXT PRIMARY KEY, study_key TEXT, location TEXT, title TEXT, size INTEGER, sha256 TEXT)`)
	exec(`CREATE INDEX files_study ON files (study_key)`)
	for i, study := range studies {
		key := fmt.Sprintf("K%05d", i)
		exec(`INSERT INTO studies VALUES (?, '2026-01-15', ?, 'No finding.')`, key, study)
		for _, row := range rows[study] {
			exec(`INSERT INTO files VALUES (?, ?, ?, ?, ?, NULLIF(?, ''))`, row.key, key, row.location, row.title, row.size, row.sum)
		}
	}
	check(t, tx.Commit())
	legacy := must(nondicom.OpenLegacy(t.Context(), nondicom.LegacyOptions{URL: "sqlite:" + path, Batch: 50,
		Records: "SELECT * FROM studies WHERE study_date >= :from AND study_date < :to", Attachments: "SELECT * FROM files WHERE study_key = :study_key"}))(t)
	t.Cleanup(func() { check(t, legacy.Close()) })
	return legacy
}

// TestEveryAttachmentArrivesOrIsListedAsFailed is a figure of its own at full
// size: 1000 studies, 1500 attachments, the largest of 2 GB.
func TestEveryAttachmentArrivesOrIsListedAsFailed(t *testing.T) {
	studies, attachments := 60, 90
	o := newOldFiles(t)
	if os.Getenv("PACSBRIDGE_FIGURES") != "" {
		studies, attachments, o.large = 1000, 1500, 2<<30
	}
	x := cross(t, 0)
	x.migrator.Timeout = 10 * time.Minute // the largest file takes its time
	var uids []string
	for i := range studies {
		objects := dimsetest.Study(int64(i), dimsetest.StudyOptions{Modality: "OT", Date: "20260115", Instances: 1,
			Patient: dimsetest.Patient{ID: fmt.Sprint("P", i), Name: "A^B"}})
		check(t, x.old.Add(objects...))
		uids = append(uids, objects[0].StudyUID)
	}
	rows := map[string][]legacyRow{}
	for i := range attachments {
		rows[uids[i%studies]] = append(rows[uids[i%studies]], o.rows(i)...)
	}
	x.stock.Legacy = legacyOf(t, uids, rows)
	stores := must(fetch.Open(o.stores))(t)
	t.Cleanup(func() { _ = stores.Close(t.Context()) }) // the servers may be gone
	x.migrator.Compose.Files = stores
	check(t, x.run())
	x.wantAttachments(rows)
	t.Logf("%d studies, %d attachments; most memory: %s", studies, attachments, mostMemory())
}

// mostMemory is what the kernel says the process has held at most.
func mostMemory() string {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
