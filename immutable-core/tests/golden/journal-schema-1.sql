-- A file of schema 1, as it was when it was new. What it says is never changed: files of every age are about.
PRAGMA journal_mode = WAL;
CREATE TABLE journal (
    schema INTEGER NOT NULL, identity BLOB NOT NULL, commits INTEGER NOT NULL, streams INTEGER NOT NULL, sum BLOB NOT NULL);
CREATE TABLE streams (
    name TEXT PRIMARY KEY, number INTEGER NOT NULL, head INTEGER NOT NULL, dropped INTEGER NOT NULL, snapshot INTEGER,
    sum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    stream INTEGER NOT NULL, version INTEGER NOT NULL, write BLOB, sum BLOB NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (stream, version)) WITHOUT ROWID;
CREATE TABLE snapshots (stream INTEGER PRIMARY KEY, version INTEGER NOT NULL, sum BLOB NOT NULL, bytes BLOB NOT NULL);
INSERT INTO journal VALUES (1, x'000102030405060708090a0b0c0d0e0f', 3, 1, x'2c56c148ad94b15106e52f8c991f0ae6');
INSERT INTO streams VALUES ('fleet/web', 1, 3, 0, 2, x'0c244d55d673ce651ec3105fe8955bd8');
INSERT INTO records VALUES (1, 1, NULL, x'aa3517aa63925371592ff1632076295e', CAST('{"nth":1}' AS BLOB));
INSERT INTO records VALUES (1, 2, x'01010101010101010101010101010101', x'8ea78fb0ab4b6bcf32d3ff7d91582d43', CAST('{"nth":2}' AS BLOB));
INSERT INTO records VALUES (1, 3, x'02020202020202020202020202020202', x'4dfc8525fac2c84d4488b27a4e648409', CAST('{"nth":3}' AS BLOB));
INSERT INTO snapshots VALUES (1, 2, x'4f750380b70b7cd7b23423f7108c4c68', CAST('[1,2]' AS BLOB));
PRAGMA application_id = 1231908170;
PRAGMA user_version = 1;
