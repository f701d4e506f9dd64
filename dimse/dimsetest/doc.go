// Package dimsetest has the peers against which DICOM code is tried.
//
// [Archive] is a PACS in memory that speaks DIMSE over real associations and,
// told to by [Faults], misbehaves as real archives do. [Study], [Corpus] and
// [MultiFrame] make the objects to fill it with; all of it is synthetic. These
// know nothing of package testing: the program's demo runs on them.
//
// For tests there are besides: [Scripted] peers that say exactly what they are
// told, a [Link] that cuts, stalls and resets connections, and launchers for
// real peers ([StartOrthanc], [StartDcmqrscp], [StartStorescp]) and tools
// ([DCMTK], [Dciodvfy]). Real peers run privately on free loopback ports and
// end with the test. Where one is not installed the test is skipped; with
// PACSBRIDGE_REQUIRE_PEERS=1 it fails.
//
//	old := dimsetest.NewArchive("OLDPACS")
//	address, err := old.Start(ctx)
//	...
//	defer old.Close()
//	err = old.Add(dimsetest.Study(1, dimsetest.StudyOptions{Modality: "CT", Instances: 20})...)
//	old.AddDestination("NODE", "127.0.0.1:11112")
//	old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{
//		Withhold: dimsetest.First(1, dimsetest.Always), // success, and nothing sent, the first time
//	}})
package dimsetest
