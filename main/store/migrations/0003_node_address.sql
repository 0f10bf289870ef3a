-- Where Main dials a node: the entry of main.node_addresses that led to it. NULL for nodes that come by themselves.

ALTER TABLE nodes ADD COLUMN address TEXT;
