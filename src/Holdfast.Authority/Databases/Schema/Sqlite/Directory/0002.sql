-- An enrolment whose answer was lost can be repeated: the same attempt with the same code gets the same computer.
ALTER TABLE enrolment_codes ADD COLUMN attempt_hash BLOB;
ALTER TABLE enrolment_codes ADD COLUMN computer INTEGER;
