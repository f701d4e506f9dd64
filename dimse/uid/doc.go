// Package uid knows the unique identifiers of DICOM by name, tells how a transfer syntax encodes its data sets, checks
// UIDs against the standard, and derives UIDs that come out the same on each run.
//
// The names come from the dictionary of PS3.6 annex A; this package adds what that dictionary lacks (HTJ2K, JPEG XL,
// private syntaxes met in archives). It holds no state and does no input or output.
//
//	uid.Name("1.2.840.10008.5.1.4.1.1.2")        // "CT Image Storage"
//	syntax, known := uid.SyntaxOf(uid.JPEG2000)  // explicit VR little endian, encapsulated pixel data
//	uid.Derive("report", studyUID, key)          // "2.25.…", the same whenever the parts are
package uid
