//! The items of a turn. An agent sends all of them again with every turn, so a turn has those alone
//! that the turn before did not have.

use rusqlite::{Connection, Result, params};

/// What a content in a turn is for, as it stands in the database.
pub(super) mod role {
    pub(crate) const ITEM: i64 = 0;
    pub(crate) const TOOLS: i64 = 1;
    pub(crate) const INSTRUCTIONS: i64 = 2;
    pub(crate) const ENVELOPE: i64 = 3;
}

/// How many turns the items of one may be spread over, besides itself. More would make reading
/// slow; less would store them whole more often.
pub(super) const MAX_DEPTH: i64 = 32;

/// The rows of the contents of all items, in order.
pub(super) fn of_turn(db: &Connection, turn: i64) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached("SELECT base, kept FROM turn WHERE id = ?1")?;
    let mut chain = Vec::new();
    let mut next = Some(turn);
    while let Some(turn) = next
        && chain.len() as i64 <= MAX_DEPTH
    {
        let (base, kept): (Option<i64>, usize) =
            find.query_row([turn], |row| Ok((row.get(0)?, row.get(1)?)))?;
        chain.push((turn, kept));
        next = base;
    }
    let mut own = db.prepare_cached(
        "SELECT blob FROM turn_blob WHERE turn = ?1 AND role = ?2 ORDER BY position",
    )?;
    let mut items = Vec::new();
    for (turn, kept) in chain.into_iter().rev() {
        items.truncate(kept);
        for blob in own.query_map(params![turn, role::ITEM], |row| row.get(0))? {
            items.push(blob?);
        }
    }
    Ok(items)
}
