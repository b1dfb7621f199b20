-- The first version. Never changed: what changes later is a step of its own.

-- Contents, each once, named by its hash.
CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size INTEGER,                   -- bytes before compression; NULL where they are as they came
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

-- Its items are the first `kept` of those of the turn `base`, and then its own.
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
    depth INTEGER NOT NULL,         -- how many turns its items are spread over besides itself
    detail TEXT NOT NULL
);
CREATE INDEX turn_conversation ON turn (conversation);
CREATE INDEX turn_response ON turn (response) WHERE response IS NOT NULL;
CREATE INDEX turn_waiting ON turn (conversation) WHERE state = 0;

-- The contents of a turn: its own items (role 0), tools (1), instructions (2), envelope (3).
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

CREATE TABLE draft (
    conversation INTEGER PRIMARY KEY,
    updated INTEGER NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE recall (
    text TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;

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
    response INTEGER NOT NULL,      -- its key
    blob INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX response_item_response ON response_item (response);
CREATE INDEX response_item_blob ON response_item (blob);

CREATE TABLE event (
    response INTEGER NOT NULL,      -- its key
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
    conversation INTEGER NOT NULL,  -- its key
    position INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    PRIMARY KEY (conversation, position)
) WITHOUT ROWID;
CREATE INDEX api_conversation_item_blob ON api_conversation_item (blob);

-- What the full-text search finds. A text is not in the index at once, but soon.
CREATE TABLE text (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    title INTEGER NOT NULL,         -- whether it is the title of the conversation
    blob INTEGER NOT NULL,
    indexed INTEGER NOT NULL,
    UNIQUE (conversation, title, blob)
);
CREATE INDEX text_blob ON text (blob);
CREATE INDEX text_pending ON text (id) WHERE NOT indexed;
