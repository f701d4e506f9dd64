// Package dataset reads and writes DICOM data sets (PS3.5) without trusting them and without changing them.
//
// It holds three things. A [Scanner] walks over the encoded bytes of any data set, however large, in one linear pass with
// a stack instead of recursion, and never allocates for what a length field merely claims; [Check], [Peek], [ReadHeader],
// [Patch] and [Reencode] rest on it. A [Dataset] is a small data set in memory, such as the identifier of a query, with
// [Decode] and [Dataset.AppendTo] between it and its bytes, and [Match] to compare two of them. [ReadPart10] and
// [WritePart10] put on and take off the file format's header (PS3.10 §7) and leave the data set's bytes as they stand.
//
// It is not a toolkit for images: pixel data passes by as bytes, and big data sets are never held whole.
//
//	query := dataset.New().
//		SetString(dataset.QueryRetrieveLevel, "STUDY").
//		SetString(dataset.StudyDate, "20260101-20260131").
//		SetString(dataset.StudyInstanceUID)
//	bytes, err := query.AppendTo(nil, uid.ExplicitLE)
package dataset
