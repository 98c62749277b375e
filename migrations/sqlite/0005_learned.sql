-- What the baselines of a route's checks taught in its last rollout, as JSON by check: the next one starts from it.
ALTER TABLE routes ADD COLUMN learned TEXT;
