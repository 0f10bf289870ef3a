-- What an agent process has started carries this mark in its environment: so it is found when the agent is dead.

ALTER TABLE processes ADD COLUMN mark TEXT NOT NULL DEFAULT '';
