-- Segments with a share of their own: a JSON list of attribute, value, share and the generation that first had it.

ALTER TABLE routes ADD COLUMN overrides TEXT NOT NULL DEFAULT '[]';
