CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of sending
    owner TEXT NOT NULL,                   -- who sends it; '' while it is set aside
    broker TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    retain INTEGER NOT NULL,
    event TEXT,
    at REAL NOT NULL,                      -- when it was put in, for people: wall clock, seconds since 1970
    bytes INTEGER NOT NULL,
    waits INTEGER NOT NULL DEFAULT 1,      -- to be sent; 0 while the broker has it, who may yet lose it
    confirmed INTEGER NOT NULL DEFAULT 0,  -- how many times the broker has confirmed it
    put_s REAL NOT NULL DEFAULT 0,         -- when it was put in, in the outbox's own time (see OutboxTime)
    refused INTEGER NOT NULL DEFAULT 0,    -- how many times the broker has refused it
    aside TEXT                             -- why it is set aside; null for all others
);
CREATE INDEX by_owner ON messages (owner, waits, refused, id);
CREATE INDEX newest ON messages (broker, topic) WHERE retain;
CREATE TABLE total (events INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0);
CREATE TABLE clock (boot TEXT NOT NULL, base_s REAL NOT NULL, ticks_s REAL NOT NULL);
INSERT INTO clock VALUES ('', 0, 0);
CREATE TRIGGER put AFTER INSERT ON messages BEGIN
    UPDATE total SET events = events + 1, bytes = bytes + new.bytes;
END;
CREATE TRIGGER gone AFTER DELETE ON messages BEGIN
    UPDATE total SET events = events - 1, bytes = bytes - old.bytes;
END;
