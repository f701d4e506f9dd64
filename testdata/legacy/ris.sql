-- The database of an old system, as the queries of README.md expect it.
CREATE TABLE studies (id INTEGER PRIMARY KEY, study_date TEXT, study_uid TEXT, accession_number TEXT, patient_id TEXT,
    department TEXT, report TEXT);
CREATE TABLE documents (id INTEGER PRIMARY KEY, study INTEGER, path TEXT, title TEXT);

INSERT INTO studies VALUES (1, '2026-01-01', '2.25.104415609263549558557230400447977343066', 'A0000001', 'PB-1001', 'Radiology', 'No finding.');
INSERT INTO studies VALUES (2, '2026-01-07', '2.25.45883567989817219184848604729023600851', 'A0000002', 'PB-1002', 'Neurology', 'Small lesion, left.');
INSERT INTO studies VALUES (3, '2026-01-13', '2.25.184910253479342986277216098233848667508', 'A0000003', 'PB-1003', 'Radiology', NULL);

INSERT INTO documents VALUES (1, 1, 'one-page.pdf', 'Letter');
INSERT INTO documents VALUES (2, 2, 'two-pages.pdf', 'Findings');
