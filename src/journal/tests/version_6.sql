-- A database of version 6, as that made it, with a row in every table.
CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size INTEGER,
    bytes BLOB NOT NULL
);
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    thread TEXT,
    chain TEXT,
    automatic TEXT,
    prefix BLOB,
    agent TEXT NOT NULL,
    title TEXT NOT NULL,
    begun INTEGER NOT NULL,
    active INTEGER NOT NULL,
    state INTEGER NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX conversation_active ON conversation (active);
CREATE INDEX conversation_thread ON conversation (thread, automatic) WHERE thread IS NOT NULL;
CREATE INDEX conversation_chain ON conversation (chain) WHERE chain IS NOT NULL;
CREATE INDEX conversation_prefix ON conversation (prefix) WHERE prefix IS NOT NULL;
CREATE TABLE turn (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    response TEXT,
    format INTEGER NOT NULL,
    agent TEXT NOT NULL,
    arrived INTEGER NOT NULL,
    ended INTEGER,
    state INTEGER NOT NULL,
    base INTEGER,
    kept INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX turn_conversation ON turn (conversation);
CREATE INDEX turn_response ON turn (response) WHERE response IS NOT NULL;
CREATE INDEX turn_waiting ON turn (conversation) WHERE state = 0;
CREATE TABLE turn_blob (
    turn INTEGER NOT NULL,
    role INTEGER NOT NULL,
    position INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    PRIMARY KEY (turn, role, position)
) WITHOUT ROWID;
CREATE INDEX turn_blob_blob ON turn_blob (blob);
CREATE TABLE said (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    ticket INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state INTEGER NOT NULL,
    words TEXT NOT NULL,
    typed TEXT NOT NULL
);
CREATE INDEX said_conversation ON said (conversation);
CREATE INDEX said_turn ON said (turn);
CREATE TABLE draft (
    conversation INTEGER PRIMARY KEY,
    updated INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE recall (
    text TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
ALTER TABLE recall ADD COLUMN conversation INTEGER;
CREATE INDEX recall_of_conversation ON recall (conversation);
CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE response (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    turn INTEGER,
    open INTEGER NOT NULL,
    background INTEGER NOT NULL,
    created INTEGER NOT NULL,
    size INTEGER,
    state BLOB NOT NULL
);
CREATE INDEX response_turn ON response (turn) WHERE turn IS NOT NULL;
CREATE INDEX response_open ON response (created) WHERE open AND background;
CREATE INDEX response_created ON response (created);
CREATE TABLE response_item (
    id TEXT PRIMARY KEY,
    response INTEGER NOT NULL,
    blob INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX response_item_response ON response_item (response);
CREATE INDEX response_item_blob ON response_item (blob);
CREATE TABLE event (
    response INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name TEXT,
    size INTEGER,
    data BLOB NOT NULL,
    PRIMARY KEY (response, number)
) WITHOUT ROWID;
CREATE TABLE api_conversation (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    object TEXT NOT NULL,
    used INTEGER NOT NULL
);
CREATE INDEX api_conversation_used ON api_conversation (used);
CREATE TABLE api_conversation_item (
    conversation INTEGER NOT NULL,
    position INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    PRIMARY KEY (conversation, position)
) WITHOUT ROWID;
CREATE INDEX api_conversation_item_blob ON api_conversation_item (blob);
CREATE TABLE text (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    title INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    indexed INTEGER NOT NULL,
    UNIQUE (conversation, title, blob)
);
CREATE INDEX text_blob ON text (blob);
CREATE INDEX text_pending ON text (id) WHERE NOT indexed;
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
    size INTEGER,
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
CREATE TABLE mark (
    conversation INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    labels TEXT NOT NULL,
    rating INTEGER,
    note TEXT NOT NULL,
    excluded INTEGER NOT NULL,
    PRIMARY KEY (conversation, turn)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (
    body, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
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
    paused INTEGER NOT NULL,
    delays TEXT NOT NULL
);
ALTER TABLE turn_time ADD COLUMN phase TEXT;
CREATE INDEX turn_time_of_conversation ON turn_time (conversation);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
INSERT INTO blob (id, hash, size, bytes) VALUES
    (1, x'00000000000000000000000000000001', NULL, CAST('{"first"}' AS BLOB)),
    (2, x'00000000000000000000000000000002', NULL, CAST('{"second"}' AS BLOB)),
    (3, x'00000000000000000000000000000003', NULL, CAST('{"third"}' AS BLOB)),
    (4, x'00000000000000000000000000000004', NULL, CAST('[]' AS BLOB)),
    (5, x'00000000000000000000000000000005', NULL, CAST('Fix the parser' AS BLOB));
INSERT INTO conversation VALUES
    (1, 'thread', 'chain', NULL, x'00000000000000000000000000000009', 'codex', 'Fix the parser', 1, 2, 1, '{}');
INSERT INTO turn VALUES
    (1, 1, 'resp_0', 1, 'codex', 1, 2, 1, NULL, 0, 0, '{}'),
    (2, 1, 'resp_1', 1, 'codex', 3, 4, 1, 1, 1, 1, '{}');
INSERT INTO turn_blob VALUES
    (1, 0, 0, 1), (1, 0, 1, 2), (1, 3, 0, 4), (2, 0, 1, 3), (2, 1, 0, 4), (2, 3, 0, 4);
INSERT INTO said VALUES (1, 1, 1, 1, 2, 1, '{}', 'Hello');
INSERT INTO draft VALUES (1, 5, 'half');
INSERT INTO recall VALUES ('Hello', 2, 1);
INSERT INTO setting VALUES ('statistics', '{}');
INSERT INTO response VALUES (1, 'resp_1', 2, 0, 1, 3, NULL, CAST('{}' AS BLOB));
INSERT INTO response_item VALUES ('msg_1', 1, 3);
INSERT INTO event VALUES (1, 1, NULL, NULL, CAST('{}' AS BLOB));
INSERT INTO api_conversation VALUES (1, 'conv_1', '{}', 1);
INSERT INTO api_conversation_item VALUES (1, 0, 1);
INSERT INTO text VALUES (1, 1, 1, 5, 1);
INSERT INTO search (rowid, body) VALUES (1, 'Fix the parser');
INSERT INTO model_draft VALUES
    (1, 1, 2, 'qwen', 'shorter', 3, 4, 5, 1, NULL, NULL, CAST('[]' AS BLOB), NULL, NULL, 0, 2);
INSERT INTO decision VALUES (1, 1, 2, 4, 'no rm', 'tool shell', '"hold"', 0, 1);
INSERT INTO mark VALUES
    (1, 0, 7, '["good","short"]', 5, 'a note', 0), (1, 2, 8, '[]', NULL, '', 1);
INSERT INTO turn_time VALUES (2, 1, 4, 5, 6, 7, 8, 9, 9, 10, '[{"first_ms":3}]', 'task');
