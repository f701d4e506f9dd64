-- +goose Up

-- A window of the inventory is taken by whichever node has a hand free: its row, with a
-- lease, says who. answers is to how many OLD answered, -1 where that is not known or
-- was not believed; open is a window that nobody has asked for, left is one that the
-- end of the inventory decides.
ALTER TABLE windows ADD COLUMN state text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'waiting', 'queued', 'working', 'left', 'done'));
ALTER TABLE windows ADD COLUMN inventory_id integer NOT NULL DEFAULT 0;
ALTER TABLE windows ADD COLUMN node text NOT NULL DEFAULT '';
ALTER TABLE windows ADD COLUMN lease_until integer NOT NULL DEFAULT 0;
ALTER TABLE windows ADD COLUMN fence integer NOT NULL DEFAULT 0;
ALTER TABLE windows ADD COLUMN answers integer NOT NULL DEFAULT -1;

UPDATE windows SET state = 'done' WHERE find_done = 1 AND (records_done = 1 OR record_cursor = '');

CREATE INDEX windows_open ON windows (state, from_at);

-- What the windows of an inventory have taught about OLD, as bridge writes it.
ALTER TABLE inventories ADD COLUMN knowledge text NOT NULL DEFAULT '';

-- How far an order is with its inventory, and who ends that; an order with an owner is
-- that process's own and ends with it.
ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'taking', 'queued', 'closing', 'taken'));
ALTER TABLE orders ADD COLUMN owner text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN owner_until integer NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN lease_until integer NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN fence integer NOT NULL DEFAULT 0;

UPDATE orders SET node = '', state = CASE WHEN finished_at > 0 THEN 'taken' ELSE 'waiting' END;

-- +goose Down
DROP INDEX windows_open;
ALTER TABLE windows DROP COLUMN state;
ALTER TABLE windows DROP COLUMN inventory_id;
ALTER TABLE windows DROP COLUMN node;
ALTER TABLE windows DROP COLUMN lease_until;
ALTER TABLE windows DROP COLUMN fence;
ALTER TABLE windows DROP COLUMN answers;
ALTER TABLE inventories DROP COLUMN knowledge;
ALTER TABLE orders DROP COLUMN state;
ALTER TABLE orders DROP COLUMN owner;
ALTER TABLE orders DROP COLUMN owner_until;
ALTER TABLE orders DROP COLUMN lease_until;
ALTER TABLE orders DROP COLUMN fence;
