-- Where it was said, so that it goes when that conversation is deleted. Nothing says so of what was
-- kept before.
ALTER TABLE recall ADD COLUMN conversation INTEGER;
CREATE INDEX recall_of_conversation ON recall (conversation);
