package nondicom

// Attachment is one file that the old system kept for a study, as its database
// describes it.
type Attachment struct {
	Key      string `json:"attachment_key"`
	StudyKey string `json:"study_key"`
	Location string `json:"location"` // STORE:path, or a whole URL
	Title    string `json:"title,omitempty"`
	// MIME is what the database says. The content decides what is made of it.
	MIME string `json:"mime,omitempty"`
	// Size is the expected length in bytes, -1 when it is unknown.
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256,omitempty"` // expected digest, lower-case hexadecimal
	MD5       string `json:"md5,omitempty"`
	CreatedAt string `json:"created_at,omitempty"` // 2026-01-31 or 2026-01-31T14:05:00
	// Number is its place among the attachments of its study, from 1, in the order
	// in which they were made: the Instance Number of its object. Zero: not known.
	Number int `json:"-"`
}
