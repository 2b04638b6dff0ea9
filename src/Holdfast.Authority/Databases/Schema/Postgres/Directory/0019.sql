-- How far the clock leapt while a step ran, in milliseconds: that is no time that it took.
ALTER TABLE window_steps ADD COLUMN leapt BIGINT NOT NULL DEFAULT 0;

-- Estimates read the latest runs of each kind of work.
CREATE INDEX actuals_by_kind ON actuals (kind, id);
