package pgtest_test

import (
	"testing"

	"pacsbridge/staging/pgtest"
)

func TestARestartKeepsTheAddressAndTheData(t *testing.T) {
	s := pgtest.StartServer(t)
	const database = "SELECT system_identifier::text FROM pg_control_system()"
	before := ask(t, s.URL(), database)
	s.Restart()
	if after := ask(t, s.URL(), database); after != before {
		t.Errorf("after the restart the cluster is %s, before it was %s", after, before)
	}
}
