package conf

// defaults are the values of keys that nobody set, written as an operator
// would write them. A key that is not here is empty, or must be set.
var defaults = map[string]any{
	"node.ae_title":          "PACSBRIDGE",
	"node.listen":            "0.0.0.0:11112",
	"node.max_associations":  32,
	"node.unsolicited":       "refuse",
	"node.unsolicited_after": "30s",

	"old.associations": 2,
	"old.retrieve":     "move",

	"new.associations":   4,
	"new.commitment":     "auto",
	"new.rejection_note": "off",

	"staging.url":    "sqlite:pacsbridge.db",
	"staging.spool":  "spool",
	"staging.memory": "256MB",

	"migration.window":   "24h",
	"migration.batch":    50,
	"migration.attempts": 3,
	"migration.timeout":  "1h",
	"migration.queue":    200,
	"migration.workers":  4,
	"migration.delivery": "complete",

	"nondicom.deliver":          []any{"dicom"},
	"nondicom.records":          "sr",
	"nondicom.texts":            "sr",
	"nondicom.archive.compress": "none",
	"nondicom.pdf_refused":      "fail",
	"nondicom.refused":          "fail",

	"dashboard.listen": "127.0.0.1:8080",
}
