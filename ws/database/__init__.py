"""What the database files of both roles have in common: one owner, marks of role and schema, sentences for failures."""
