-- What the person makes of conversations and turns.
CREATE TABLE mark (
    conversation INTEGER NOT NULL,
    turn INTEGER NOT NULL,          -- 0 where the conversation as a whole is meant
    updated INTEGER NOT NULL,
    labels TEXT NOT NULL,           -- a list in JSON
    rating INTEGER,
    note TEXT NOT NULL,
    excluded INTEGER NOT NULL,
    PRIMARY KEY (conversation, turn)
) WITHOUT ROWID;
