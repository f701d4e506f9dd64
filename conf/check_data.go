package conf

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (c checker) staging(s Staging) {
	const hint = `for example "sqlite:pacsbridge.db"`
	switch path := strings.TrimPrefix(s.URL.Reveal(), "sqlite:"); {
	case s.URL.Scheme() == "postgres" || s.URL.Scheme() == "postgresql":
		c.url("staging.url", s.URL)
	case s.URL.Scheme() != "sqlite":
		c.fail("staging.url", hint, "%q is not the address of a staging database", s.URL)
	case strings.Trim(path, "/") == "":
		c.fail("staging.url", hint, "names no file")
	}
	if s.Spool == "" {
		c.fail("staging.spool", "name a folder with room for the studies on their way", "must be set")
	}
	if s.Memory < 0 {
		c.fail("staging.memory", "for example 256MB", "is negative")
	}
}

func (c checker) migration(m Migration) {
	const day = 24 * time.Hour
	if m.Window < time.Minute || m.Window%day != 0 && day%m.Window != 0 {
		c.fail("migration.window", "take whole days, or a part that fills a day: 1h, 6h, 12h, 24h, 48h",
			"%s neither divides a day nor is made of whole days", m.Window)
	}
	c.number("migration.batch", m.Batch, 1, 10000)
	c.number("migration.attempts", m.Attempts, 1, 100)
	if m.Timeout < time.Second {
		c.fail("migration.timeout", "the longest that one study may take, for example 1h", "%s is too short", m.Timeout)
	}
	c.number("migration.queue", m.Queue, 1, 100000)
	c.number("migration.workers", m.Workers, 1, 1000)
	seen := make(map[string]bool)
	for i, d := range m.Departments {
		key := fmt.Sprintf("migration.departments[%d]", i)
		switch {
		case d.Name == "":
			c.fail(key+".name", `the department as the old PACS writes it, or "*" for the others`, "must be set")
		case seen[d.Name]:
			c.fail(key+".name", "one entry a department", "%q is listed twice", d.Name)
		}
		seen[d.Name] = true
		c.number(key+".workers", d.Workers, 1, 1000)
	}
}

var (
	fromParameter  = regexp.MustCompile(`:from\b`)
	toParameter    = regexp.MustCompile(`:to\b`)
	studyParameter = regexp.MustCompile(`:study_key\b`)
)

func (c checker) legacy(l Legacy) {
	if !l.Enabled() {
		if l.Records != "" || l.Attachments != "" || len(l.Stores) > 0 {
			c.fail("legacy.url", `for example "postgres://reader:${RIS_PASSWORD}@ris/db"`,
				"must be set when legacy has queries or stores")
		}
		return
	}
	c.legacyURL(l.URL)
	switch {
	case l.Records == "":
		c.fail("legacy.records", "the query for the study records of a range of days", "must be set")
	case !fromParameter.MatchString(l.Records) || !toParameter.MatchString(l.Records):
		c.fail("legacy.records", "WHERE study_date >= :from AND study_date < :to", "does not use both :from and :to")
	}
	if l.Attachments != "" && !studyParameter.MatchString(l.Attachments) {
		c.fail("legacy.attachments", "WHERE study_key = :study_key", "does not use :study_key")
	}
	if l.Charset != "" && !charsetName.MatchString(l.Charset) {
		c.fail("legacy.charset", "for example gbk, gb18030, big5, shift_jis, euc-kr, latin1, utf-8; empty where the database knows", "%q is not a character set", l.Charset)
	}
	c.stores(l.Stores)
}

// charsetName is how a character set may be called; whether there is one of
// that name is told when the database is opened.
var charsetName = regexp.MustCompile(`^[A-Za-z0-9_:-]+$`)

func (c checker) legacyURL(u URL) {
	switch u.Scheme() {
	case "postgres", "postgresql", "mysql", "mariadb", "sqlserver", "oracle":
		c.url("legacy.url", u)
	case "sqlite":
	default:
		c.fail("legacy.url", "it begins with postgres:, mysql:, sqlserver:, oracle: or sqlite:",
			"%q is not the address of a database", u)
	}
}

// storeSchemes are the kinds of stores that have an address.
var storeSchemes = []string{"file", "ftp", "ftps", "sftp", "s3", "obs", "smb", "webdav", "webdavs", "http", "https"}

var storeName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

func (c checker) stores(stores []Store) {
	seen := make(map[string]bool)
	for i, s := range stores {
		key := fmt.Sprintf("legacy.stores[%d]", i)
		switch {
		case !storeName.MatchString(s.Name):
			c.fail(key+".name", "letters, digits, _ - and . only: locations are written NAME:path", "%q is not a name", s.Name)
		case seen[s.Name]:
			c.fail(key+".name", "one entry a store", "%q is listed twice", s.Name)
		}
		seen[s.Name] = true
		switch scheme := s.At.Scheme(); {
		case s.At == "":
			c.fail(key+".at", "a folder, or an address such as ftp://user:${PASSWORD}@host/folder", "must be set")
		case scheme != "" && !slices.Contains(storeSchemes, scheme):
			c.fail(key+".at", "a folder, or the address of one: "+strings.Join(storeSchemes, ", "), "%s: is not a kind of store", scheme)
		case scheme != "":
			c.url(key+".at", s.At)
		}
	}
}

// url demands an address that can be taken apart and names a host. The
// parser's own message would quote the password.
func (c checker) url(key string, u URL) {
	parsed, err := url.Parse(u.Reveal())
	if err != nil {
		c.fail(key, "signs such as @ / # ? % in a password are written %40 %2F %23 %3F %25", "cannot be read as an address")
	} else if parsed.Host == "" && parsed.Scheme != "file" {
		c.fail(key, "write scheme://user:password@host/path", "names no host")
	}
}
