package archive

// ownTables are the tables that are used where the settings map none. They are
// made when they are missing, by ownSchema.
var ownTables = []Table{
	{Of: StudyLevel, Table: "pacsbridge_study", Key: []string{"study_uid"}, Columns: asNamed(StudyLevel)},
	{Of: SeriesLevel, Table: "pacsbridge_series", Key: []string{"series_uid"}, Columns: asNamed(SeriesLevel)},
	{Of: ObjectLevel, Table: "pacsbridge_object", Key: []string{"object_uid"}, Columns: asNamed(ObjectLevel)},
	{Of: RecordLevel, Table: "pacsbridge_record", Key: []string{"study_uid", "study_key"}, Columns: asNamed(RecordLevel)},
	{Of: AttachmentLevel, Table: "pacsbridge_attachment", Key: []string{"study_uid", "attachment_key"}, Columns: asNamed(AttachmentLevel)},
}

// asNamed maps each value to a column of its name.
func asNamed(of Level) []string {
	var columns []string
	for _, name := range valueNames[of] {
		columns = append(columns, name+" = "+name)
	}
	return columns
}

// ownSchema makes the tables of our own. Days and times of the study are those
// of its identity, NULL where they are none; what a record has stands in it as
// the old system had it, text, and as a whole in the column record.
const ownSchema = `
CREATE TABLE IF NOT EXISTS pacsbridge_study (
	study_uid text PRIMARY KEY, study_key text, patient_id text, issuer text, patient_name text, patient_birth_date date, patient_sex text,
	study_id text, accession_number text, study_date date, study_time time, modalities text, department text, description text,
	referring_physician text, archived_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS pacsbridge_series (
	series_uid text PRIMARY KEY, study_uid text NOT NULL REFERENCES pacsbridge_study);
CREATE INDEX IF NOT EXISTS pacsbridge_series_study ON pacsbridge_series (study_uid);
CREATE TABLE IF NOT EXISTS pacsbridge_object (
	object_uid text PRIMARY KEY, series_uid text NOT NULL REFERENCES pacsbridge_series, study_uid text NOT NULL REFERENCES pacsbridge_study,
	kind text NOT NULL, sop_class text, transfer_syntax text, bytes bigint, sha256 text);
CREATE INDEX IF NOT EXISTS pacsbridge_object_series ON pacsbridge_object (series_uid);
CREATE TABLE IF NOT EXISTS pacsbridge_record (
	study_uid text NOT NULL REFERENCES pacsbridge_study, study_key text NOT NULL, object_uid text NOT NULL REFERENCES pacsbridge_object,
	version integer NOT NULL, record_study_uid text, patient_id text, issuer text, patient_name text, patient_birth_date text, patient_sex text,
	accession_number text, study_date text, study_time text, modality text, department text, description text, referring_physician text,
	report_text text, record jsonb NOT NULL, PRIMARY KEY (study_uid, study_key));
CREATE TABLE IF NOT EXISTS pacsbridge_attachment (
	study_uid text NOT NULL REFERENCES pacsbridge_study, attachment_key text NOT NULL, object_uid text NOT NULL REFERENCES pacsbridge_object,
	version integer NOT NULL, study_key text, title text, mime text, media_type text, created_at text, location text, bytes bigint NOT NULL,
	sha256 text NOT NULL, stored_name text NOT NULL, stored_bytes bigint NOT NULL, PRIMARY KEY (study_uid, attachment_key));
CREATE INDEX IF NOT EXISTS pacsbridge_attachment_file ON pacsbridge_attachment (stored_name);
`
