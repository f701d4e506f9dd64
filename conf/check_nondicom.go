package conf

import (
	"fmt"
	"slices"
	"strings"
)

func (c checker) nondicom(n Nondicom) {
	if len(n.Deliver) == 0 {
		c.fail("nondicom.deliver", "set it to [dicom]", "is empty")
	}
	for i, d := range n.Deliver {
		oneOf(c, fmt.Sprintf("nondicom.deliver[%d]", i), d, DeliverDICOM, DeliverArchive)
	}
	oneOf(c, "nondicom.records", n.Records, RecordsSR, RecordsNone)
	oneOf(c, "nondicom.texts", n.Texts, TextsSR, TextsBoth)
	oneOf(c, "nondicom.archive.compress", n.Archive.Compress, "none", "zstd")
	oneOf(c, "nondicom.pdf_refused", n.PDFRefused, FallbackFail, FallbackPages, FallbackArchive)
	oneOf(c, "nondicom.refused", n.Refused, FallbackFail, FallbackArchive)
	if slices.Contains(n.Deliver, DeliverArchive) {
		c.archive(n.Archive)
		return
	}
	for key, fallback := range map[string]Fallback{"nondicom.pdf_refused": n.PDFRefused, "nondicom.refused": n.Refused} {
		if fallback == FallbackArchive {
			c.fail(key, "set nondicom.deliver to [dicom, archive]", "needs an archive")
		}
	}
}

// archive demands what is needed to write into the archive.
func (c checker) archive(a Archive) {
	switch scheme := a.URL.Scheme(); {
	case scheme == "postgres" || scheme == "postgresql":
		c.url("nondicom.archive.url", a.URL)
	default:
		c.fail("nondicom.archive.url", `for example "postgres://bridge:${ARCHIVE_PASSWORD}@db/archive"`, "%q is not the address of a PostgreSQL database", a.URL)
	}
	const hint = `a folder, or an address such as "s3://key:${SECRET}@bucket/prefix?endpoint=https://host"`
	switch scheme := a.Store.Scheme(); {
	case a.Store == "":
		c.fail("nondicom.archive.store", hint, "must be set")
	case scheme == "http" || scheme == "https":
		c.fail("nondicom.archive.store", hint, "a plain web server takes no files")
	case scheme != "" && !slices.Contains(storeSchemes, scheme):
		c.fail("nondicom.archive.store", hint, "%s: is not a kind of store", scheme)
	case scheme != "":
		c.url("nondicom.archive.store", a.Store)
	}
	for _, recipient := range strings.FieldsFunc(a.Encrypt, func(r rune) bool { return strings.ContainsRune(" ,\t\n", r) }) {
		if !strings.HasPrefix(recipient, "age1") {
			c.fail("nondicom.archive.encrypt", "public keys of age, as age-keygen prints them: age1…; never a secret one", "holds what is no public key")
		}
	}
	for i, table := range a.Tables {
		key := fmt.Sprintf("nondicom.archive.tables[%d]", i)
		oneOf(c, key+".of", table.Of, "study", "series", "object", "record", "attachment")
		if table.Table == "" {
			c.fail(key+".table", `"table" or "schema.table"`, "must be set")
		}
		if len(table.Key) == 0 {
			c.fail(key+".key", "the columns of a unique index of the table", "must be set")
		}
		if len(table.Columns) == 0 {
			c.fail(key+".columns", `for example ["uid = study_uid", "patient = patient_id"]; see docs/operating.md`, "must be set")
		}
	}
}
