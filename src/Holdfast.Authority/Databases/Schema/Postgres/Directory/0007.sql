-- Days that the service has yet to be there before a closing account is deleted: a clock that leaps shortens nobody's grace.
ALTER TABLE closures ADD COLUMN days_left BIGINT NOT NULL DEFAULT 0;
ALTER TABLE closures ADD COLUMN day_seen BIGINT NOT NULL DEFAULT 0;
UPDATE closures SET days_left = (closes_at - CAST(extract(epoch FROM now()) AS BIGINT)) / 86400 WHERE deleted_at IS NULL AND closes_at > CAST(extract(epoch FROM now()) AS BIGINT);

CREATE INDEX enrolment_codes_of ON enrolment_codes (account_id);
CREATE INDEX enrolment_codes_expired ON enrolment_codes (expires_at);
