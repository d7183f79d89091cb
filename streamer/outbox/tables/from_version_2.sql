ALTER TABLE messages ADD COLUMN put_s REAL NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN aside TEXT;
DROP INDEX IF EXISTS by_owner;
CREATE INDEX by_owner ON messages (owner, waits, refused, id);
CREATE TABLE clock (boot TEXT NOT NULL, base_s REAL NOT NULL, ticks_s REAL NOT NULL);
INSERT INTO clock VALUES ('', 0, 0);
