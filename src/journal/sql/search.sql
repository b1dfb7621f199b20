-- Without contents of its own: the texts are blobs. What is deleted is taken out of its pages at once.
CREATE VIRTUAL TABLE search USING fts5 (
    body, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
