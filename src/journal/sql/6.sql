-- In which phase of a study a turn was answered.
ALTER TABLE turn_time ADD COLUMN phase TEXT;
