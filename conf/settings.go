// Package conf holds the settings of pacsbridge: their names, defaults and
// meaning, and one check that names every fault at once.
//
// Values come from four places, the later one winning: the defaults, the
// YAML file, the file's ${NAME} references, and PACSBRIDGE_* variables of the
// environment (old.address is PACSBRIDGE_OLD_ADDRESS). An unknown key is a
// fault, and so is a value that asks for something this version does not do.
//
// The package opens no connection and creates no file: whether a peer answers
// or a folder can be written is a matter of the pre-flight check, not of the
// settings.
//
//	settings, err := conf.Load("pacsbridge.yaml", os.LookupEnv)
//	var faults *conf.FaultsError
//	if errors.As(err, &faults) {
//		for _, f := range faults.Faults {
//			fmt.Println(f.Key, f.Problem, f.Hint)
//		}
//	}
//
// Secrets live in the types URL and Secret, which print redacted; settings
// may be logged and printed as they are.
package conf

import (
	"strings"
	"time"
)

// Settings is everything an operator can set.
type Settings struct {
	Node      Node      `mapstructure:"node"`
	Old       OldPeer   `mapstructure:"old"`
	New       NewPeer   `mapstructure:"new"`
	Staging   Staging   `mapstructure:"staging"`
	Migration Migration `mapstructure:"migration"`
	Legacy    Legacy    `mapstructure:"legacy"`
	Nondicom  Nondicom  `mapstructure:"nondicom"`
	Rules     []Rule    `mapstructure:"rules"`
	Dashboard Dashboard `mapstructure:"dashboard"`
}

// Node is our own end: the AE title and port that both PACS know us by.
type Node struct {
	AETitle         string        `mapstructure:"ae_title"`
	Listen          string        `mapstructure:"listen"`
	Admit           []Admit       `mapstructure:"admit"` // Load fills in the two PACS when it is empty
	TLS             TLS           `mapstructure:"tls"`
	Certificates    []Certificate `mapstructure:"certificates"` // of those who may call, and of the PACS when we call; empty: any of the CA
	MaxAssociations int           `mapstructure:"max_associations"`
	Unsolicited     Unsolicited   `mapstructure:"unsolicited"`
	// With unsolicited: forward, how long nothing more must have come of a study before it travels.
	UnsolicitedAfter time.Duration `mapstructure:"unsolicited_after"`
}

// Peer is what the old and the new PACS have in common.
type Peer struct {
	AETitle      string `mapstructure:"ae_title"`
	Address      string `mapstructure:"address"`
	Associations int    `mapstructure:"associations"` // at most this many open at once
	Hours        Hours  `mapstructure:"hours"`        // empty: always
	Rate         Rate   `mapstructure:"rate"`         // zero: unlimited
	TLS          TLS    `mapstructure:"tls"`
}

// OldPeer is the PACS that is migrated from.
type OldPeer struct {
	Peer     `mapstructure:",squash"`
	Retrieve Retrieve `mapstructure:"retrieve"`
}

// NewPeer is the PACS that is migrated to.
type NewPeer struct {
	Peer       `mapstructure:",squash"`
	Commitment Commitment `mapstructure:"commitment"`
	Rejection  Rejection  `mapstructure:"rejection_note"`
	Decompress Command    `mapstructure:"decompress"` // for what it takes in no other form; empty: that is refused
}

// Command is a program and its arguments, parted by blanks. No shell sees it.
type Command string

// Words are the program and its arguments; none where there is no program.
func (c Command) Words() []string { return strings.Fields(string(c)) }

// TLS names the PEM files of one end; without a certificate the end speaks
// plain TCP.
type TLS struct {
	Cert string `mapstructure:"cert"`
	Key  string `mapstructure:"key"`
	CA   string `mapstructure:"ca"`
}

// Enabled tells whether this end speaks TLS.
func (t TLS) Enabled() bool { return t != TLS{} }

// Staging says where the ledger and the bytes on their way are kept.
type Staging struct {
	URL    URL      `mapstructure:"url"`
	Spool  string   `mapstructure:"spool"`
	Memory ByteSize `mapstructure:"memory"`
}

// Migration is how the work is cut up and shared out.
type Migration struct {
	Window      time.Duration `mapstructure:"window"`
	Batch       int           `mapstructure:"batch"`
	Attempts    int           `mapstructure:"attempts"`
	Timeout     time.Duration `mapstructure:"timeout"`
	Queue       int           `mapstructure:"queue"`
	Workers     int           `mapstructure:"workers"`
	Delivery    Start         `mapstructure:"delivery"`
	Departments []Department  `mapstructure:"departments"` // Load adds "*" when it is missing
	Notify      Secret        `mapstructure:"notify"`      // a command, or the URL of a webhook, that is told of each failed study
}

// Department is a queue of its own with its own workers; the name "*" stands
// for every department that is not named.
type Department struct {
	Name    string `mapstructure:"name"`
	Workers int    `mapstructure:"workers"`
}

// EveryDepartment is the name of the queue for departments without their own.
const EveryDepartment = "*"

// Legacy is the database and the file stores that the old system kept beside
// its images.
type Legacy struct {
	URL         URL     `mapstructure:"url"`
	Records     string  `mapstructure:"records"`
	Attachments string  `mapstructure:"attachments"`
	Charset     string  `mapstructure:"charset"`
	Stores      []Store `mapstructure:"stores"`
}

// Enabled tells whether there is a legacy database at all.
func (l Legacy) Enabled() bool { return l.URL != "" }

// Store is a named place that attachments are fetched from.
type Store struct {
	Name string `mapstructure:"name"`
	At   URL    `mapstructure:"at"`
}

// Nondicom says what becomes of records and attachments.
type Nondicom struct {
	Deliver []Delivery  `mapstructure:"deliver"`
	Records RecordsForm `mapstructure:"records"`
	Texts   TextsForm   `mapstructure:"texts"`
	Archive Archive     `mapstructure:"archive"`
	// What becomes of an object that the new PACS does not accept for its kind.
	PDFRefused Fallback `mapstructure:"pdf_refused"` // of an Encapsulated PDF
	Refused    Fallback `mapstructure:"refused"`     // of any other that is made here
}

// Archive is the new system's own database and store.
type Archive struct {
	URL      URL            `mapstructure:"url"`
	Store    URL            `mapstructure:"store"`
	Compress string         `mapstructure:"compress"`
	Encrypt  string         `mapstructure:"encrypt"` // age public keys, parted by blanks
	Tables   []ArchiveTable `mapstructure:"tables"`  // empty: tables of our own are made
}

// ArchiveTable maps one level of a study to a table of the archive's database.
type ArchiveTable struct {
	Of      string   `mapstructure:"of"` // study, series, object, record or attachment
	Table   string   `mapstructure:"table"`
	Key     []string `mapstructure:"key"`     // columns that tell its rows apart
	Columns []string `mapstructure:"columns"` // "column = value"
	Parent  string   `mapstructure:"parent"`  // "column = column of the parent's table"
}

// Dashboard is the page that shows the progress.
type Dashboard struct {
	Listen string `mapstructure:"listen"`
	Token  Secret `mapstructure:"token"`
}

// Unsolicited says what happens to an instance nobody asked for.
type Unsolicited string

// What may happen to an unsolicited instance.
const (
	UnsolicitedRefuse     Unsolicited = "refuse"     // answered 0124H
	UnsolicitedQuarantine Unsolicited = "quarantine" // kept, listed, never delivered by itself
	UnsolicitedForward    Unsolicited = "forward"    // becomes a study collection of its own
)

// Retrieve is the service that fetches instances from the old PACS.
type Retrieve string

// The two retrieve services of PS3.4 §C.4.
const (
	RetrieveMove Retrieve = "move"
	RetrieveGet  Retrieve = "get"
)

// Rejection says whether the new PACS is told by a rejection note what a failed
// study has left there, and with which title.
type Rejection string

// What a rejection note may say (PS3.16 CID 7011).
const (
	RejectionOff     Rejection = "off"
	RejectionQuality Rejection = "quality" // 113001, rejected for quality reasons
	RejectionSafety  Rejection = "safety"  // 113037, rejected for patient safety reasons
)

// Commitment says whether the new PACS is asked for storage commitment
// (PS3.4 annex J).
type Commitment string

// How storage commitment may be used.
const (
	CommitmentAuto    Commitment = "auto" // asked for where the PACS offers it
	CommitmentRequire Commitment = "require"
	CommitmentOff     Commitment = "off"
)

// Start says when the instances of a study begin to go to the new PACS.
type Start string

// When delivery may begin.
const (
	StartComplete Start = "complete" // when the collection is whole: NEW never shows half a study because OLD failed
	StartEarly    Start = "early"    // as each instance comes: for a patient wanted now
)

// Delivery is a way in which non-DICOM data reaches the new system.
type Delivery string

// The two ways of delivery, which may be combined.
const (
	DeliverDICOM   Delivery = "dicom"
	DeliverArchive Delivery = "archive"
)

// Fallback is what becomes of an object that the new PACS does not accept.
type Fallback string

// The fallbacks.
const (
	FallbackFail    Fallback = "fail"
	FallbackArchive Fallback = "archive" // into the archive alone
	FallbackPages   Fallback = "pages"   // of a PDF: its pages as pictures, drawn by pdftoppm
)

// RecordsForm is what a legacy record becomes when delivered as DICOM.
type RecordsForm string

// What a record may become.
const (
	RecordsSR   RecordsForm = "sr" // a Basic Text SR of its study
	RecordsNone RecordsForm = "none"
)

// TextsForm is what plain texts and the report texts of records become when delivered
// as DICOM.
type TextsForm string

// What a text may become.
const (
	TextsSR   TextsForm = "sr"   // a Basic Text SR
	TextsBoth TextsForm = "both" // that, and an Encapsulated PDF beside it
)
