package nondicom

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlDialect is MySQL and MariaDB through go-sql-driver.
var mysqlDialect = dialect{
	lexis:       lexis{backslash: true, backticks: true, hash: true, spaced: true},
	connect:     connectMySQL,
	zone:        func(context.Context, *sql.DB) *time.Location { return time.UTC }, // its times come as text, in the session's zone
	begin:       readOnly,
	bound:       boundMySQL,
	placeholder: func(int) string { return "?" },
	date:        func(placeholder string) string { return "CAST(" + placeholder + " AS DATE)" },
	key:         keyOfMySQL,
	quote:       func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" },
	limit:       limitBehind,
	explain:     explainMySQL,
}

const mysqlForm = "mysql://user:password@host:port/database"

// mysqlParameters are what may stand behind the ? of the URL; all else would
// be taken for a variable of the server's.
var mysqlParameters = []string{"allowCleartextPasswords", "allowNativePasswords", "allowOldPasswords", "charset", "collation", "serverPubKey", "socket", "timeout", "tls"}

// connectMySQL opens mysql://user:password@host:port/database?tls=true. Values
// are bound by the server and never put into the SQL by us, and dates come as
// the text they are: a zero date would be no date of Go's.
func connectMySQL(address string) (*sql.DB, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("legacy database: the mysql URL cannot be read (" + mysqlForm + ")")
	}
	query := u.Query()
	for name := range query {
		if !slices.Contains(mysqlParameters, name) {
			return nil, fmt.Errorf("legacy database: the mysql URL has an unknown parameter %s (known: %s)", name, strings.Join(mysqlParameters, ", "))
		}
	}
	socket := query.Get("socket")
	query.Del("socket")
	config, err := mysql.ParseDSN("/?" + query.Encode())
	if err != nil {
		return nil, fmt.Errorf("legacy database: a parameter of the mysql URL: %w", err)
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.DBName = strings.TrimPrefix(u.Path, "/")
	config.Net, config.Addr = "tcp", hostAndPort(u, "3306")
	if socket != "" {
		config.Net, config.Addr = "unix", socket
	}
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("legacy database: the mysql URL: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// hostAndPort is where a URL leads to, with the usual port where it names none.
func hostAndPort(u *url.URL, port string) string {
	if u.Port() != "" {
		port = u.Port()
	}
	host := u.Hostname()
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// mysqlNoVariable is what a server answers that does not know a variable.
const mysqlNoVariable = 1193

// boundMySQL limits the statements of the session. It matters more here than
// elsewhere: the server goes on with a query whose client has left. MariaDB and
// MySQL name the limit differently; servers older than both have none.
func boundMySQL(ctx context.Context, tx *sql.Tx, limit time.Duration) error {
	for _, set := range []string{
		"SET SESSION max_statement_time = " + strconv.FormatFloat(limit.Seconds(), 'f', 3, 64),
		"SET SESSION max_execution_time = " + strconv.FormatInt(limit.Milliseconds(), 10),
	} {
		_, err := tx.ExecContext(ctx, set)
		var answer *mysql.MySQLError
		if !errors.As(err, &answer) || answer.Number != mysqlNoVariable {
			return err
		}
	}
	return nil
}

// keyOfMySQL orders numbers as such and everything else as text by its bytes:
// most of its collations take a for A and for Ä, so that a cursor would skip.
func keyOfMySQL(_ context.Context, _ *sql.Tx, probe keyProbe) (keyColumn, error) {
	plain := func(kind string) keyColumn {
		return keyColumn{
			order:   probe.column,
			text:    "CAST(" + probe.column + " AS CHAR)",
			cursor:  func(p string) string { return "CAST(" + p + " AS " + kind + ")" },
			numeric: true,
		}
	}
	switch kind := strings.ToUpper(probe.kind); {
	case kind == "DECIMAL":
		return plain("DECIMAL(65," + strconv.Itoa(min(probe.scale, 30)) + ")"), nil
	case strings.HasPrefix(kind, "UNSIGNED"):
		return plain("UNSIGNED"), nil
	case strings.HasSuffix(kind, "INT") || kind == "YEAR":
		return plain("SIGNED"), nil
	}
	text := func(column string) string { return "CONVERT(" + column + " USING utf8mb4)" }
	return keyColumn{
		order:  "CAST(" + text("RTRIM(TRIM(TRAILING CHAR(0) FROM "+probe.column+"))") + " AS BINARY)", // BINARY(n) is padded with zero bytes
		text:   text(probe.column),
		cursor: func(p string) string { return "CAST(" + text(p) + " AS BINARY)" },
	}, nil
}

// What of MySQL's answers may be repeated: classes of SQLSTATE that speak of
// the query, the server or the connection, never of the rows; and numbers of
// the class HY000, which holds everything else.
// https://mariadb.com/kb/en/mariadb-error-code-reference/
const (
	speakingMySQL   = "08 25 28 42 70"
	mysqlLockWait   = 1205
	mysqlDeadlock   = 1213
	mysqlTimeLimit  = 1969 // MariaDB
	mysqlTimeLimit2 = 3024 // MySQL
	mysqlReadOnly   = 1290
	mysqlShutdown   = 1053
)

var (
	mysqlSpeaking = []uint16{mysqlLockWait, mysqlDeadlock, mysqlTimeLimit, mysqlTimeLimit2, mysqlReadOnly, mysqlShutdown}
	mysqlPassing  = []uint16{mysqlLockWait, mysqlDeadlock, mysqlTimeLimit, mysqlTimeLimit2, mysqlShutdown}
)

func explainMySQL(doing string, err error) *LegacyError {
	var answer *mysql.MySQLError
	switch {
	case errors.As(err, &answer):
	case isNetwork(err), errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn):
		return &LegacyError{Doing: doing, Text: err.Error(), temporary: true}
	case errors.Is(err, mysql.ErrNoTLS), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrNativePassword):
		return &LegacyError{Doing: doing, Text: err.Error()}
	default:
		return &LegacyError{Doing: doing, Text: "a value could not be carried by the driver"}
	}
	class := string(answer.SQLState[:2])
	e := &LegacyError{Doing: doing, Code: strconv.Itoa(int(answer.Number)), Text: withheld}
	if strings.Contains(speakingMySQL, class) || slices.Contains(mysqlSpeaking, answer.Number) {
		e.Text = answer.Message
	}
	e.temporary = class == "08" || slices.Contains(mysqlPassing, answer.Number)
	return e
}
