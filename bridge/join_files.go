package bridge

import (
	"encoding/json"

	"pacsbridge/nondicom"
)

// pageFiles are where the attachments of a page of records stand now. With them an
// attachment is told from another of its study that has the same key.
type pageFiles map[fileName]string

// fileName is what the old system calls an attachment.
type fileName struct{ record, key string }

// same reports whether an attachment that the ledger holds is the file of one that is
// staged: of the same record, wherever it stands now, or at the same place, since records
// of a study may have files in common. Those may have moved together.
func (f pageFiles) same(held, staged []byte) bool {
	var a, b nondicom.Attachment
	if json.Unmarshal(held, &a) != nil || json.Unmarshal(staged, &b) != nil || a.Key != b.Key {
		return false
	}
	inCommon := b.Location != "" && (a.Location == b.Location || f[fileName{a.StudyKey, a.Key}] == b.Location)
	return a.StudyKey == b.StudyKey || inCommon
}
