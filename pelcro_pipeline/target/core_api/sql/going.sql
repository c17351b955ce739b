-- The rows of the site that a revert takes away.
-- table of: loaded, staying
SELECT kind, id, mark, is_recipient FROM loaded ANTI JOIN staying USING (kind, id) WHERE stands AND is_made
