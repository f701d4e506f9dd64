// Package dimsetest has the peers against which DICOM code is tried: an archive
// in memory that speaks DIMSE, data sets to fill it with, scripted and faulty
// peers for what no real one does on demand, and launchers for the real ones
// (Orthanc, DCMTK's dcmqrscp and storescp).
package dimsetest
