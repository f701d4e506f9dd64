package conf_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"pacsbridge/conf"
)

func TestSizesAreRead(t *testing.T) {
	for text, want := range map[string]conf.ByteSize{
		"256MB": 256_000_000, "1GiB": 1 << 30, "4096": 4096, "1.5 GB": 1_500_000_000, "0": 0, "64KiB": 65536, "7B": 7,
	} {
		var got conf.ByteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", text, got, err, want)
		}
		var again conf.ByteSize
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is written %q, which reads %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "MB", "-1MB", "1XB", "1e30GB", "NaN", "256 MB/s"} {
		if err := new(conf.ByteSize).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestRatesAreRead(t *testing.T) {
	for text, want := range map[string]conf.Rate{
		"": 0, "200MB/s": 200_000_000, "800Mbit/s": 100_000_000, "1GiB/s": 1 << 30,
	} {
		var got conf.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"200MB", "0MB/s", "fast/s", "/s"} {
		if err := new(conf.Rate).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestAdmitAllowsTitleAndAddress(t *testing.T) {
	for _, c := range []struct {
		entry, title, from string
		want               bool
	}{
		{"OLDPACS", "OLDPACS", "192.0.2.1", true},
		{"OLDPACS", "OLDPACS ", "192.0.2.1", true},
		{"OLDPACS", "oldpacs", "192.0.2.1", false},
		{"NEW@10.1.0.0/16", "NEW", "10.1.200.3", true},
		{"NEW@10.1.0.0/16", "NEW", "::ffff:10.1.200.3", true},
		{"NEW@10.1.0.0/16", "NEW", "10.2.0.1", false},
		{"NEW@10.1.0.6", "NEW", "10.1.0.6", true},
		{"NEW@10.1.0.6", "NEW", "10.1.0.7", false},
		{"A@B@fd00::/8", "A@B", "fd00::1", true},
	} {
		var admit conf.Admit
		if err := admit.UnmarshalText([]byte(c.entry)); err != nil {
			t.Fatal(err)
		}
		if got := admit.Allows(c.title, netip.MustParseAddr(c.from)); got != c.want {
			t.Errorf("%s allows %q from %s: %v, want %v", c.entry, c.title, c.from, got, c.want)
		}
	}
}

func TestURLsPrintWithoutPasswords(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://reader:hidden@ris:5432/db?sslmode=disable": "postgres://reader:xxxxx@ris:5432/db?sslmode=disable",
		"postgres://ris/db?user=a&password=hidden":             "postgres://ris/db?user=a&password=xxxxx",
		"s3://bucket/p?secret_access_key=hidden&region=x":      "s3://bucket/p?secret_access_key=xxxxx&region=x",
		"postgres://reader:hidden#1@ris/db":                    "postgres:xxxxx",
		"postgres://reader:12/hidden@ris/db":                   "postgres:xxxxx",
		"reader:hidden@ris/db":                                 "reader:xxxxx",
		"sqlite:pacsbridge.db":                                 "sqlite:pacsbridge.db",
		"/srv/ris/reports":                                     "/srv/ris/reports",
		"":                                                     "",
	} {
		u := conf.URL(text)
		shown, err := json.Marshal(struct{ At conf.URL }{u})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{u.String(), fmt.Sprintf("%v %+v %s", u, u, u), fmt.Sprintf("%#v", u), string(shown)} {
			if strings.Contains(got, "hidden") {
				t.Errorf("%q shows its password as %s", text, got)
			}
		}
		if u.String() != want {
			t.Errorf("%q prints as %q, want %q", text, u, want)
		}
		if u.Reveal() != text {
			t.Errorf("%q reveals %q", text, u.Reveal())
		}
	}
}

func TestSettingsAreLoggedWithoutSecrets(t *testing.T) {
	settings, err := conf.Load("testdata/good/full.yaml", siteEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		logger := slog.New(handler)
		logger.Info("start", "settings", settings, "value", *settings, "legacy", settings.Legacy, "token", settings.Dashboard.Token)
	}
	fmt.Fprintf(&log, "%v %+v %#v", settings, *settings, settings.Dashboard)
	if strings.Contains(log.String(), "hidden") {
		t.Errorf("a secret is shown:\n%s", log.String())
	}
}
