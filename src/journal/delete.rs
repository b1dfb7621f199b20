//! Deleting for good: rows, what the full-text search knows of them, and the contents that nothing
//! else has.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::pack::unpack;

/// Deletes a conversation with its turns, what was said in it, also to be said again, its draft, what
/// models drafted and rules decided, what the person made of it, the times of its
/// turns, and the responses to them.
pub(super) fn conversation(db: &Connection, id: i64) -> Result<()> {
    let mut candidates = numbers(
        db,
        "SELECT DISTINCT blob FROM turn_blob
         WHERE turn IN (SELECT id FROM turn WHERE conversation = ?1)",
        id,
    )?;
    let responses = numbers(
        db,
        "SELECT key FROM response WHERE turn IN (SELECT id FROM turn WHERE conversation = ?1)",
        id,
    )?;
    for response in responses {
        candidates.extend(response_rows(db, response)?);
    }
    candidates.extend(texts(db, id, i64::MAX)?);
    for sql in [
        "DELETE FROM turn_blob WHERE turn IN (SELECT id FROM turn WHERE conversation = ?1)",
        "DELETE FROM turn WHERE conversation = ?1",
        "DELETE FROM said WHERE conversation = ?1",
        "DELETE FROM draft WHERE conversation = ?1",
        "DELETE FROM model_draft WHERE conversation = ?1",
        "DELETE FROM decision WHERE conversation = ?1",
        "DELETE FROM recall WHERE conversation = ?1",
        "DELETE FROM mark WHERE conversation = ?1",
        "DELETE FROM turn_time WHERE conversation = ?1",
        "DELETE FROM conversation WHERE id = ?1",
    ] {
        db.prepare_cached(sql)?.execute([id])?;
    }
    unused(db, candidates)
}

/// Deletes a response with its items and events.
pub(super) fn response(db: &Connection, id: &str) -> Result<()> {
    let mut find = db.prepare_cached("SELECT key FROM response WHERE id = ?1")?;
    match find.query_row([id], |row| row.get(0)).optional()? {
        Some(key) => unused(db, response_rows(db, key)?),
        None => Ok(()),
    }
}

/// Deletes a client's conversation with its items.
pub(super) fn api_conversation(db: &Connection, id: &str) -> Result<()> {
    let mut find = db.prepare_cached("SELECT key FROM api_conversation WHERE id = ?1")?;
    let Some(key) = find
        .query_row([id], |row| row.get::<_, i64>(0))
        .optional()?
    else {
        return Ok(());
    };
    let candidates = numbers(
        db,
        "SELECT DISTINCT blob FROM api_conversation_item WHERE conversation = ?1",
        key,
    )?;
    for sql in [
        "DELETE FROM api_conversation_item WHERE conversation = ?1",
        "DELETE FROM api_conversation WHERE key = ?1",
    ] {
        db.prepare_cached(sql)?.execute([key])?;
    }
    unused(db, candidates)
}

/// Deletes what the full-text search knows of the title of a conversation.
pub(super) fn title(db: &Connection, conversation: i64) -> Result<()> {
    let titles = numbers(
        db,
        "SELECT id FROM text WHERE conversation = ?1 AND title",
        conversation,
    )?;
    let mut candidates = Vec::new();
    for title in titles {
        candidates.push(text(db, title)?);
    }
    unused(db, candidates)
}

/// Deletes some of the texts by which the full-text search finds a conversation, and returns the
/// contents that may be unused now.
fn texts(db: &Connection, conversation: i64, most: i64) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached("SELECT id FROM text WHERE conversation = ?1 LIMIT ?2")?;
    let found = find.query_map([conversation, most], |row| row.get(0))?;
    let found: Vec<i64> = found.collect::<Result<_>>()?;
    found.into_iter().map(|id| text(db, id)).collect()
}

/// Deletes up to `most` texts of a conversation, so that deleting it is less work later. Returns
/// whether there were any.
pub(super) fn some_texts(db: &Connection, conversation: i64, most: i64) -> Result<bool> {
    let candidates = texts(db, conversation, most)?;
    let found = !candidates.is_empty();
    unused(db, candidates)?;
    Ok(found)
}

/// Deletes a text, and returns the row of its content.
fn text(db: &Connection, id: i64) -> Result<i64> {
    let mut find = db.prepare_cached(
        "SELECT indexed, blob, size, bytes FROM text JOIN blob ON blob.id = blob WHERE text.id = ?1",
    )?;
    let (indexed, blob, body) = find.query_row([id], |row| {
        let bytes = row.get_ref(3)?.as_blob()?;
        Ok((
            row.get::<_, bool>(0)?,
            row.get(1)?,
            unpack(row.get(2)?, bytes, 3)?,
        ))
    })?;
    if indexed {
        // The index finds what to take out by the text itself.
        db.prepare_cached("INSERT INTO search (search, rowid, body) VALUES ('delete', ?1, ?2)")?
            .execute(params![id, body])?;
    }
    db.prepare_cached("DELETE FROM text WHERE id = ?1")?
        .execute([id])?;
    Ok(blob)
}

/// Deletes the rows of a response, and returns the contents that may be unused now.
fn response_rows(db: &Connection, key: i64) -> Result<Vec<i64>> {
    let candidates = numbers(
        db,
        "SELECT blob FROM response_item WHERE response = ?1",
        key,
    )?;
    for sql in [
        "DELETE FROM response_item WHERE response = ?1",
        "DELETE FROM event WHERE response = ?1",
        "DELETE FROM response WHERE key = ?1",
    ] {
        db.prepare_cached(sql)?.execute([key])?;
    }
    Ok(candidates)
}

/// Deletes those of these contents that nothing has any more.
fn unused(db: &Connection, candidates: Vec<i64>) -> Result<()> {
    let mut delete = db.prepare_cached(
        "DELETE FROM blob WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM turn_blob WHERE blob = ?1)
             AND NOT EXISTS (SELECT 1 FROM text WHERE blob = ?1)
             AND NOT EXISTS (SELECT 1 FROM response_item WHERE blob = ?1)
             AND NOT EXISTS (SELECT 1 FROM api_conversation_item WHERE blob = ?1)",
    )?;
    for blob in candidates {
        delete.execute([blob])?;
    }
    Ok(())
}

/// Deletes every content that nothing has: those whose last user was replaced and not deleted.
pub(super) fn all_unused(db: &Connection) -> Result<()> {
    db.execute(
        "DELETE FROM blob WHERE id NOT IN (
             SELECT blob FROM turn_blob UNION SELECT blob FROM text
             UNION SELECT blob FROM response_item UNION SELECT blob FROM api_conversation_item
         )",
        [],
    )
    .map(|_| ())
}

fn numbers(db: &Connection, sql: &str, id: i64) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached(sql)?;
    let found = find.query_map([id], |row| row.get(0))?;
    found.collect()
}
