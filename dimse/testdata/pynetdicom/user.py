"""A user of every service, by pynetdicom: user.py host port. Prints one line a service."""
import sys

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.sop_class import (
    SecondaryCaptureImageStorage, StorageCommitmentPushModel, StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove, Verification)

received, events = [], []


def on_store(event):
    received.append(event.request.AffectedSOPInstanceUID)
    return 0x0000


def on_event(event):
    events.append(event.event_information.TransactionUID)
    return 0x0000, None


def image(n):
    d = Dataset()
    d.SOPClassUID = SecondaryCaptureImageStorage
    d.SOPInstanceUID = f"1.2.826.0.1.3680043.10.13.{n}"
    d.PatientID = "P1"
    d.PixelData = bytes(200_000)
    d["PixelData"].VR = "OB"
    d.is_little_endian, d.is_implicit_VR = True, False
    d.file_meta = Dataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return d


ae = AE(ae_title="PYNETDICOM")
for syntax in (Verification, StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove,
               StudyRootQueryRetrieveInformationModelGet, StorageCommitmentPushModel):
    ae.add_requested_context(syntax, [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
ae.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
identity = UserIdentityNegotiation()
identity.user_identity_type = 2
identity.primary_field, identity.secondary_field = b"jane", b"secret"
identity.positive_response_requested = True
a = ae.associate(sys.argv[1], int(sys.argv[2]), ae_title="PROVIDER", max_pdu=int(sys.argv[3]),
                 ext_neg=[build_role(SecondaryCaptureImageStorage, scu_role=True, scp_role=True), identity],
                 evt_handlers=[(evt.EVT_C_STORE, on_store), (evt.EVT_N_EVENT_REPORT, on_event)])
assert a.is_established
print("echo %04x" % a.send_c_echo().Status)
for n in range(3):
    print("store %04x" % a.send_c_store(image(n)).Status)
query = Dataset()
query.QueryRetrieveLevel = "STUDY"
query.StudyInstanceUID = "1.2.3"
print("find", *("%04x" % s.Status for s, _ in a.send_c_find(query, StudyRootQueryRetrieveInformationModelFind)))
print("move", *("%04x" % s.Status for s, _ in a.send_c_move(query, "KNOWN", StudyRootQueryRetrieveInformationModelMove)))
print("get", *("%04x" % s.Status for s, _ in a.send_c_get(query, StudyRootQueryRetrieveInformationModelGet)), len(received))
request = Dataset()
request.TransactionUID = "1.2.77"
item = Dataset()
item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
request.ReferencedSOPSequence = [item]
status, _ = a.send_n_action(request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
print("commit %04x" % status.Status)
while not events:  # the reactor's thread takes the report
    import time
    time.sleep(0.01)
print("committed", *events)
a.release()
print("released", a.is_released)
