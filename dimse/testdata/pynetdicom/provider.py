"""A provider of storage, query and commitment, by pynetdicom: prints its port, ends with its input."""
import sys

from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.sop_class import (
    SecondaryCaptureImageStorage, StorageCommitmentPushModel, StudyRootQueryRetrieveInformationModelFind, Verification)


def on_find(event):
    for n in range(5):
        d = Dataset()
        d.QueryRetrieveLevel = "STUDY"
        d.StudyInstanceUID = f"1.2.{n + 1}"
        yield 0xFF00, d


ae = AE(ae_title="PYNETDICOM")
ae.maximum_pdu_size = int(sys.argv[1])
ae.add_supported_context(Verification)
ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
ae.add_supported_context(StorageCommitmentPushModel)
ae.add_supported_context(SecondaryCaptureImageStorage, ALL_TRANSFER_SYNTAXES)
server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[
    (evt.EVT_C_STORE, lambda event: 0x0000), (evt.EVT_C_FIND, on_find), (evt.EVT_N_ACTION, lambda event: (0x0000, None))])
print(server.socket.getsockname()[1], flush=True)
sys.stdin.read()
server.shutdown()
