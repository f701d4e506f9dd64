package conf_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/conf"
)

func TestEnvironmentOverridesTheFile(t *testing.T) {
	settings, err := conf.Load(eightLines, environment(map[string]string{
		"PACSBRIDGE_OLD_ADDRESS":           "192.0.2.9:11112",
		"PACSBRIDGE_NODE_TLS_CA":           eightLines,
		"PACSBRIDGE_NODE_TLS_CERT":         eightLines,
		"PACSBRIDGE_NODE_TLS_KEY":          eightLines,
		"PACSBRIDGE_NODE_ADMIT":            "OLDPACS, NEWPACS@10.0.0.0/8",
		"PACSBRIDGE_OLD_HOURS":             "Sat-Sun",
		"PACSBRIDGE_NEW_RATE":              "1Gbit/s",
		"PACSBRIDGE_STAGING_MEMORY":        "32MB",
		"PACSBRIDGE_MIGRATION_TIMEOUT":     "90s",
		"PACSBRIDGE_MIGRATION_BATCH":       "7",
		"PACSBRIDGE_MIGRATION_DEPARTMENTS": `[{name: RAD, workers: 3}, {name: "*", workers: 1}]`,
		"PACSBRIDGE_LEGACY_URL":            "postgres://reader@ris/db",
		"PACSBRIDGE_LEGACY_RECORDS":        "SELECT '${NOT_TOUCHED}' WHERE :from < :to",
		"PACSBRIDGE_DASHBOARD_TOKEN":       "hidden",
	}))
	if err != nil {
		t.Fatal(err)
	}
	type chosen struct {
		Address, Listen, CA, Records string
		Admit, Hours                 string
		Rate                         conf.Rate
		Memory                       conf.ByteSize
		Timeout                      time.Duration
		Batch                        int
		Departments                  []conf.Department
		Token                        string
	}
	got := chosen{
		settings.Old.Address, settings.Node.Listen, settings.Node.TLS.CA, settings.Legacy.Records,
		settings.Node.Admit[1].String(), settings.Old.Hours[0].String(), settings.New.Rate, settings.Staging.Memory,
		settings.Migration.Timeout, settings.Migration.Batch, settings.Migration.Departments,
		settings.Dashboard.Token.Reveal(),
	}
	want := chosen{
		"192.0.2.9:11112", "0.0.0.0:11112", eightLines, "SELECT '${NOT_TOUCHED}' WHERE :from < :to",
		"NEWPACS@10.0.0.0/8", "Sat-Sun", 125_000_000, 32_000_000,
		90 * time.Second, 7, []conf.Department{{Name: "RAD", Workers: 3}, {Name: "*", Workers: 1}},
		"hidden",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFaultsOfTheEnvironmentNameTheirKey(t *testing.T) {
	for name, c := range map[string]struct{ value, key string }{
		"PACSBRIDGE_MIGRATION_BATCH":       {"many", "migration.batch"},
		"PACSBRIDGE_MIGRATION_DEPARTMENTS": {"[{name: RAD", "migration.departments"},
		"PACSBRIDGE_OLD_ADDRESS":           {"nowhere", "old.address"},
		"PACSBRIDGE_NODE_ADMIT":            {"TITLE\x07", "node.admit[0]"},
	} {
		_, err := conf.Load(eightLines, environment(map[string]string{name: c.value}))
		faults, ok := err.(*conf.FaultsError)
		if !ok || len(faults.Faults) != 1 || faults.Faults[0].Key != c.key {
			t.Errorf("%s=%q gives %v, want one fault of %s", name, c.value, err, c.key)
		}
	}
}
