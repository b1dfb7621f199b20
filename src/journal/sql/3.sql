-- What models drafted, and what was decided without the person.
CREATE TABLE model_draft (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    model TEXT NOT NULL,
    hint TEXT,
    begun INTEGER NOT NULL,
    first INTEGER,
    ended INTEGER,
    state INTEGER NOT NULL,
    failure TEXT,
    size INTEGER,                   -- of the items
    items BLOB NOT NULL,
    partial TEXT,
    usage TEXT,
    sent INTEGER NOT NULL,
    fate INTEGER NOT NULL
);
CREATE INDEX model_draft_of_conversation ON model_draft (conversation);
CREATE INDEX model_draft_of_turn ON model_draft (turn);
CREATE INDEX model_draft_open ON model_draft (id) WHERE state = 0 OR fate = 0;

CREATE TABLE decision (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    at INTEGER NOT NULL,
    rule TEXT NOT NULL,
    matched TEXT NOT NULL,
    action TEXT NOT NULL,
    waited INTEGER NOT NULL,
    draft INTEGER
);
CREATE INDEX decision_of_conversation ON decision (conversation);
CREATE INDEX decision_of_turn ON decision (turn);

-- What was said to a turn is found by it, too.
CREATE INDEX said_turn ON said (turn);
