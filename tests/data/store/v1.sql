-- A log as version 1 wrote it. Never changed: later versions must open it.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 0x4d737472;
PRAGMA user_version = 1;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_run ON event (run, seq);
CREATE TRIGGER event_follows_the_last BEFORE INSERT ON event
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM event)
    BEGIN SELECT RAISE(ABORT, 'the event log has no gaps and replaces nothing'); END;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
INSERT INTO event (seq, run, at, kind, body, prev_hash, hash) VALUES
    (1, 'run-1', 1764000000000, 'run_started', '{"title":"a run of version 1"}',
     '0000000000000000000000000000000000000000000000000000000000000000',
     'e3949996e3eec5de239f1dfbad28a0bb4d15438acd243f6a41dc5c9423100df0');
INSERT INTO event (seq, run, at, kind, body, prev_hash, hash) VALUES
    (2, 'run-1', 1764000000500, 'stage_begun', '{"stage":"analyze","note":"한국어, it''s"}',
     'e3949996e3eec5de239f1dfbad28a0bb4d15438acd243f6a41dc5c9423100df0',
     '8f60a2502af0426fed1007274a22b018b9c5a1023c19991bac7ce4bf245461c5');
INSERT INTO event (seq, run, at, kind, body, prev_hash, hash) VALUES
    (3, '', 1764000001000, 'noted', '{}',
     '8f60a2502af0426fed1007274a22b018b9c5a1023c19991bac7ce4bf245461c5',
     '7e41e0652f928767d079fc92469d831b079ccaa129137c266316bfec9e571de5');
