// Package dimse speaks DICOM over TCP.
package dimse
