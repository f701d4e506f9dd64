package archive_test

import (
	"slices"
	"strings"
	"testing"

	"pacsbridge/nondicom/archive"
)

// hospital is a schema as another system has it: rows are tied by numbers,
// columns have types of their own.
const hospital = `
CREATE TYPE sex AS ENUM ('M', 'F', 'O');
CREATE TABLE exam (id bigserial PRIMARY KEY, uid varchar(64) UNIQUE NOT NULL, "Patient Sex" sex, born date, ward varchar(10), source text NOT NULL);
CREATE TABLE exam_series (id bigserial PRIMARY KEY, exam_id bigint NOT NULL REFERENCES exam, uid varchar(64) UNIQUE NOT NULL);
CREATE TABLE exam_object (id bigserial PRIMARY KEY, series_id bigint NOT NULL REFERENCES exam_series, uid varchar(64) UNIQUE NOT NULL, size numeric(12));
CREATE TABLE document (id bigserial PRIMARY KEY, object_id bigint NOT NULL REFERENCES exam_object, legacy_key text, title text, made timestamp, path text NOT NULL,
	UNIQUE (object_id), UNIQUE (legacy_key))`

func hospitalTables() []archive.Table {
	return []archive.Table{
		{Of: archive.AttachmentLevel, Table: "document", Key: []string{"legacy_key"}, Parent: "object_id = id",
			Columns: []string{"legacy_key = attachment_key", "title=title", "made = created_at", "path = stored_name"}},
		{Of: archive.StudyLevel, Table: "exam", Key: []string{"uid"},
			Columns: []string{"uid = study_uid", "Patient Sex = patient_sex", "born = patient_birth_date", "ward = field:WARD", "source = 'the old PACS'"}},
		{Of: archive.ObjectLevel, Table: "exam_object", Key: []string{"uid"}, Parent: "series_id = id", Columns: []string{"uid = object_uid", "size = bytes"}},
		{Of: archive.SeriesLevel, Table: "exam_series", Key: []string{"uid"}, Parent: "exam_id = id", Columns: []string{"uid = series_uid"}},
	}
}

func TestRowsGoIntoTheTablesOfAnotherSystem(t *testing.T) {
	b := newBench(t, archive.Options{Tables: hospitalTables()}, strings.Split(hospital, ";\n")...)
	if err := b.archive.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := studyOf("1.2.3", text(10), noise(10))
	b.put(s)
	b.put(s)
	got := b.sql(`SELECT e."Patient Sex", e.born::text, e.ward, e.source, s.uid, o.uid, d.legacy_key, d.made::text, d.path
		FROM document d JOIN exam_object o ON o.id = d.object_id JOIN exam_series s ON s.id = o.series_id JOIN exam e ON e.id = s.exam_id ORDER BY d.legacy_key`)
	want := "F|1960-02-29|7 north|the old PACS|1.2.3.3|1.2.3.3.1|k 1|2026-01-31 14:05:00|objects/"
	if len(got) != 2 || !strings.HasPrefix(got[0], want) {
		t.Errorf("%q, want %q", got, want)
	}
	wantHeld(t, b, s, 3)
}

func TestAMappingThatCannotBeIsRefusedByName(t *testing.T) {
	for want, change := range map[string]func(tables []archive.Table) []archive.Table{
		"none of study, series": func(tables []archive.Table) []archive.Table { return append(tables, archive.Table{Of: "patient"}) },
		"two of it":             func(tables []archive.Table) []archive.Table { return append(tables, tables[1]) },
		`"colour" is no value`: func(tables []archive.Table) []archive.Table {
			tables[1].Columns = append(tables[1].Columns, "x = colour")
			return tables
		},
		`is not "column = value"`: func(tables []archive.Table) []archive.Table { tables[1].Columns = []string{"uid"}; return tables },
		"gets no value":           func(tables []archive.Table) []archive.Table { tables[1].Key = []string{"id"}; return tables },
		"no table of series":      func(tables []archive.Table) []archive.Table { return tables[:3] },
		"stored_name or sha256": func(tables []archive.Table) []archive.Table {
			tables[0].Columns = tables[0].Columns[:3]
			return tables
		},
		"cannot take stored_name": func(tables []archive.Table) []archive.Table { tables[0].Key = []string{"path"}; return tables },
		"cannot take media_type": func(tables []archive.Table) []archive.Table {
			tables[0].Key, tables[0].Columns = []string{"legacy_key", "kind"}, append(tables[0].Columns, "kind = media_type")
			return tables
		},
		"cannot take stored_bytes": func(tables []archive.Table) []archive.Table {
			tables[0].Key, tables[0].Columns = []string{"size"}, append(tables[0].Columns, "size = stored_bytes")
			return tables
		},
		"cannot find its parent": func(tables []archive.Table) []archive.Table {
			tables[1].Key, tables[1].Columns = []string{"acc"}, []string{"acc = accession_number"}
			return tables
		},
		"key must name":    func(tables []archive.Table) []archive.Table { tables[0].Key = nil; return tables },
		"age public key":   nil,
		"URL cannot be re": nil,
	} {
		o := archive.Options{URL: "postgres://u:geheim@host/db", Store: t.TempDir(), Tables: hospitalTables()}
		switch {
		case change != nil:
			o.Tables = change(o.Tables)
		case strings.HasPrefix(want, "age"):
			o.Encrypt = "age1nonsense"
		default:
			o.URL = "postgres://u:geheim@host:port/db"
		}
		if _, err := archive.Open(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestATableThatIsNotAsMappedIsNamed(t *testing.T) {
	for want, harm := range map[string]string{
		"no column ward":    `ALTER TABLE exam DROP COLUMN ward`,
		"no column exam_id": `ALTER TABLE exam_series DROP COLUMN exam_id`,
		"document":          `DROP TABLE document`,
	} {
		b := newBench(t, archive.Options{Tables: hospitalTables()}, append(strings.Split(hospital, ";\n"), harm)...)
		if err := b.archive.Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// widths are kinds of columns that hold eight characters.
var widths = map[string]string{"varchar": "varchar(8)", "char": "char(8)", "domain": "short", "domain of a domain": "shorter"}

const widthDomains = `CREATE DOMAIN short AS varchar(8); CREATE DOMAIN shorter AS short NOT NULL`

func TestAValueThatItsColumnCannotHoldIsRefused(t *testing.T) {
	for name, width := range widths {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, archive.Options{Tables: []archive.Table{
				{Of: archive.StudyLevel, Table: "exam", Key: []string{"uid"}, Columns: []string{"uid = study_uid", "department = department"}},
				{Of: archive.SeriesLevel, Table: "exam_series", Key: []string{"uid"}, Parent: "exam_id = id", Columns: []string{"uid = series_uid"}},
			}}, append(strings.Split(widthDomains, "; "), `CREATE TABLE exam (id bigserial, uid `+width+` PRIMARY KEY, department `+width+`)`,
				`CREATE TABLE exam_series (exam_id bigint NOT NULL, uid varchar(64) PRIMARY KEY)`)...)
			b.put(studyOf("1.2.840"))
			b.put(studyOf("1.2.840"))
			long := studyOf("1.2.841")
			long.Department = "RADIOLOGY"
			for _, s := range []*archive.Study{studyOf("1.2.840.1"), studyOf("1.2.840.2"), long} {
				if _, err := b.archive.Put(t.Context(), s); err == nil || !strings.Contains(err.Error(), "too long") {
					t.Errorf("study %s of %s: %v", s.UID, s.Department, err)
				}
			}
			got := b.sql(`SELECT trim(e.uid), trim(e.department), count(s.uid) FROM exam e JOIN exam_series s ON s.exam_id = e.id GROUP BY e.uid, e.department`)
			if want := []string{"1.2.840|RAD|2"}; !slices.Equal(got, want) {
				t.Errorf("rows %q, want %q", got, want)
			}
		})
	}
}
