package dimse

// classes puts codes in classes (PS3.7 annex C.1); the first row that fits
// counts.
var classes = []struct {
	code, mask Status
	class      StatusClass
}{
	{0x0000, 0xFFFF, Success},
	{0x0001, 0xFFFF, Warning},
	{0x0107, 0xFFFF, Warning}, // attribute list warning
	{0x0116, 0xFFFF, Warning}, // attribute value out of range
	{0xB000, 0xF000, Warning},
	{0xFE00, 0xFFFF, Cancelled},
	{0xFF00, 0xFFFE, Pending},
}

// statusRow names the codes that equal code under mask, and says whether the
// request is worth repeating as it is.
type statusRow struct {
	code, mask Status
	retry      bool
	text       string
}

const (
	exactly = 0xFFFF
	range00 = 0xFF00 // A7xx
	range0  = 0xF000 // Cxxx

	again, never = true, false
)

// serviceStatus holds what PS3.4 defines for a service class.
var serviceStatus = map[Service][]statusRow{
	// PS3.4 table B.2-1
	ServiceStore: {
		{0xA700, range00, again, "refused: out of resources"},
		{0xA900, range00, never, "data set does not match SOP class"},
		{0xB000, exactly, never, "coercion of data elements"},
		{0xB006, exactly, never, "elements discarded"},
		{0xB007, exactly, never, "data set does not match SOP class"},
		{0xC000, range0, never, "cannot understand"},
		{0x0110, exactly, never, "processing failure"},
	},
	// PS3.4 table C.4-1
	ServiceFind: {
		{0xA700, exactly, again, "refused: out of resources"},
		{0xA900, exactly, never, "identifier does not match SOP class"},
		{0xC000, range0, again, "unable to process"},
		{0xFE00, exactly, never, "matching terminated due to cancel request"},
		{0xFF00, exactly, never, "matches are continuing"},
		{0xFF01, exactly, never, "matches are continuing, optional keys not supported"},
	},
	ServiceMove:       retrieveStatus,
	ServiceGet:        retrieveStatus,
	ServiceCommitment: commitmentReasons,
}

// commitmentReasons are the failure reasons of PS3.4 §J.3.3.1.1 (PS3.3 §C.14.1.1):
// again means that asking for the same commitment once more may succeed.
var commitmentReasons = []statusRow{
	{0x0110, exactly, again, "processing failure"},
	{0x0112, exactly, never, "no such object instance"},
	{0x0119, exactly, never, "class-instance conflict"},
	{0x0122, exactly, never, "referenced SOP class not supported"},
	{0x0131, exactly, never, "duplicate transaction UID"},
	{0x0213, exactly, again, "resource limitation"},
}

// retrieveStatus is PS3.4 tables C.4-2 and C.4-3.
var retrieveStatus = []statusRow{
	{0xA701, exactly, again, "refused: out of resources, unable to calculate number of matches"},
	{0xA702, exactly, again, "refused: out of resources, unable to perform sub-operations"},
	{0xA700, range00, again, "refused: out of resources"},
	{0xA801, exactly, never, "refused: move destination unknown"},
	{0xA900, exactly, never, "identifier does not match SOP class"},
	{0xAA00, exactly, never, "none of the frames requested were found"},
	{0xB000, exactly, never, "sub-operations complete, one or more failures or warnings"},
	{0xC000, range0, again, "unable to process"},
	{0xFE00, exactly, never, "sub-operations terminated due to cancel indication"},
	{0xFF00, exactly, never, "sub-operations are continuing"},
}

// generalStatus is PS3.7 annex C, for every service.
var generalStatus = []statusRow{
	{0x0000, exactly, never, "success"},
	{0x0105, exactly, never, "no such attribute"},
	{0x0106, exactly, never, "invalid attribute value"},
	{0x0107, exactly, never, "attribute list error"},
	{0x0110, exactly, again, "processing failure"},
	{0x0111, exactly, never, "duplicate SOP instance"},
	{0x0112, exactly, never, "no such SOP instance"},
	{0x0113, exactly, never, "no such event type"},
	{0x0114, exactly, never, "no such argument"},
	{0x0115, exactly, never, "invalid argument value"},
	{0x0116, exactly, never, "attribute value out of range"},
	{0x0117, exactly, never, "invalid SOP instance"},
	{0x0118, exactly, never, "no such SOP class"},
	{0x0119, exactly, never, "class-instance conflict"},
	{0x0120, exactly, never, "missing attribute"},
	{0x0121, exactly, never, "missing attribute value"},
	{0x0122, exactly, never, "refused: SOP class not supported"},
	{0x0123, exactly, never, "no such action"},
	{0x0124, exactly, never, "refused: not authorized"},
	{0x0210, exactly, never, "duplicate invocation"},
	{0x0211, exactly, never, "unrecognized operation"},
	{0x0212, exactly, never, "mistyped argument"},
	{0x0213, exactly, again, "resource limitation"},
}
