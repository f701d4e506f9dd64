// Package nondicom carries what the old system kept beside the images: the
// study records of its SQL database, and the reports, letters and photographs
// those records point to.
//
// It reads them (OpenLegacy: PostgreSQL, MySQL and MariaDB, SQL Server, Oracle,
// SQLite), and makes DICOM objects of them in the patient's
// and the study's own identity, so that they can be stored at the new PACS
// beside the images of the study:
//
//	PDF                       Encapsulated PDF (PS3.3 §A.45.1)
//	CDA of HL7                Encapsulated CDA (PS3.3 §A.45.2)
//	STL, OBJ, MTL             Encapsulated STL, OBJ, MTL (PS3.3 §A.85)
//	JPEG                      Secondary Capture (PS3.3 §A.8.1), JPEG Baseline, Extended or Lossless, untouched
//	PNG, BMP, GIF, TIFF       Secondary Capture, of several frames for several pages, every pixel as it is
//	MP4 of H.264 or HEVC      Video Photographic Image (PS3.3 §A.32.7), the file untouched
//	MPEG-2                    likewise
//	plain text, study record  Basic Text SR (PS3.3 §A.35.1)
//
// What a content is made into goes by its bytes, never by its name. What the
// standard has no object for is an *UnsupportedError and can only be archived;
// nothing is altered to make it fit.
//
// It does not open associations, keeps no ledger, and decides nothing about
// which record belongs to which study. Where the attachments' bytes come from
// is the business of nondicom/fetch.
//
// Made objects are deterministic: the same record, attachment, content and
// identity give the same bytes under the same UIDs, whenever they are made. No
// date in them is the date of the migration.
//
//	legacy, err := nondicom.OpenLegacy(ctx, nondicom.LegacyOptions{
//		URL:         "postgres://reader@ris/db",
//		Records:     "SELECT … WHERE study_date >= :from AND study_date < :to",
//		Attachments: "SELECT … WHERE study_key = :study_key",
//	})
//	…
//	records, err := legacy.Records(ctx, from, to, "", 50)
//	identity := nondicom.IdentityFromRecord(records[0], records[0].StudyUID)
//	report, err := nondicom.ReportOfRecord(identity, records[0])
//	…
//	_, err = report.WriteTo(w) // the data set, explicit VR little endian
package nondicom
