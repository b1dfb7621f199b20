-- When what happened in a turn, beside when it came and when something was said.
CREATE TABLE turn_time (
    turn INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    seen INTEGER,
    first_key INTEGER,
    keys INTEGER NOT NULL,
    first_said INTEGER,
    sent INTEGER,
    delivered INTEGER,
    ended INTEGER,
    paused INTEGER NOT NULL,        -- milliseconds in which the study stood still
    delays TEXT NOT NULL            -- what was added before words left, a list in JSON
);
CREATE INDEX turn_time_of_conversation ON turn_time (conversation);
