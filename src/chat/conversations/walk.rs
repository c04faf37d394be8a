//! One page of somebody's conversations by their latest activity, for what it returns: the index that holds where each
//! stood is walked, and those that have moved since ([`super::activity`]) are put between. It knows no view.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, IdenStatic, Iterable, Statement, Value};

use crate::chat::access::Member;
use crate::entity::{conversation, participant};
use crate::id::UserId;

/// A place in the list: whether it is pinned, its latest activity, its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub pinned: bool,
    pub at: DateTime<Utc>,
    pub id: i64,
}

/// Which stretch of the list: pinned ones first, then latest activity first, then the higher id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub archived: Option<bool>,
    pub pinned: Option<bool>,
    /// Beyond which place.
    pub from: Option<Place>,
    pub backwards: bool,
    pub limit: u64,
}

impl Stretch {
    /// Reads it, in the direction in which it goes: one statement, whatever it comes to.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(self, db: &impl ConnectionTrait, viewer: UserId) -> Result<Vec<Member>, DbErr> {
        let backend = db.get_database_backend();
        let mut values: Vec<Value> = vec![viewer.into(), self.limit.cast_signed().into()];
        values.extend(self.from.into_iter().flat_map(|from| [Value::from(from.at), from.id.into()]));
        let rows = db.query_all_raw(Statement::from_sql_and_values(backend, self.sql(backend), values)).await?;
        let members = rows.iter().map(|row| {
            let conversation = conversation::Model::from_query_result(row, "c_")?;
            Ok(Member { conversation, me: participant::Model::from_query_result(row, "p_")? })
        });
        members.collect()
    }

    /// `$1` is the viewer, `$2` the limit, `$3` and `$4` the place. Each part of the union comes to `$2` rows at most.
    fn sql(self, backend: DbBackend) -> String {
        let mut parts = vec![self.moved(backend)];
        for pinned in [true, false] {
            for archived in [true, false] {
                if self.archived.is_none_or(|wanted| wanted == archived) {
                    parts.extend(self.walked(pinned, archived));
                }
            }
        }
        let columns =
            participant::Column::iter().map(|column| column.as_str()).map(|name| format!("p.{name} AS p_{name}"));
        let of_conversation = conversation::Column::iter().map(|column| column.as_str());
        let columns: Vec<String> = columns.chain(of_conversation.map(|name| format!("c.{name} AS c_{name}"))).collect();
        let order = self.order();
        format!(
            "SELECT {} FROM ({}) AS found CROSS JOIN chat_participants p CROSS JOIN chat_conversations c \
             WHERE p.id = found.id AND c.id = p.conversation_id \
             ORDER BY found.pinned {order}, found.listed_at {order}, found.conversation_id {order} LIMIT $2",
            columns.join(", "),
            parts.join(" UNION ALL "),
        )
    }

    /// Those that stand where the index says, of one kind; none where the place leaves none of them.
    fn walked(self, pinned: bool, archived: bool) -> Option<String> {
        if self.pinned.is_some_and(|wanted| wanted != pinned) {
            return None;
        }
        let beyond = match self.from {
            Some(from) if from.pinned == pinned => {
                format!("AND (p.listed_at, p.conversation_id) {} ($3, $4)", self.beyond())
            }
            // Pinned ones come first, so the other kind lies beyond only in one direction.
            Some(from) if from.pinned == self.backwards => return None,
            _ => String::new(),
        };
        let order = self.order();
        Some(format!(
            "SELECT * FROM (SELECT p.id, p.pinned, p.listed_at, p.conversation_id FROM chat_participants p \
             CROSS JOIN chat_conversations c WHERE p.user_id = $1 AND p.archived = {archived} AND p.pinned = {pinned} \
             AND p.listed_at IS NOT NULL {beyond} AND c.id = p.conversation_id AND NOT c.activity_moved \
             ORDER BY p.listed_at {order}, p.conversation_id {order} LIMIT $2) AS walked"
        ))
    }

    /// Those that have moved since, wherever the index says that they stood.
    fn moved(self, backend: DbBackend) -> String {
        let by_mark = if backend == DbBackend::Sqlite { "INDEXED BY chat_conversations_moved" } else { "" };
        let archived = self.archived.map_or(String::new(), |archived| format!("AND p.archived = {archived}"));
        let pinned = self.pinned.map_or(String::new(), |pinned| format!("AND p.pinned = {pinned}"));
        let beyond = self.from.map_or(String::new(), |from| {
            let same = format!("p.pinned = {} AND (c.last_activity_at, c.id) {} ($3, $4)", from.pinned, self.beyond());
            match from.pinned == self.backwards {
                true => format!("AND {same}"),
                false => format!("AND (p.pinned = {} OR {same})", !from.pinned),
            }
        });
        let order = self.order();
        format!(
            "SELECT * FROM (SELECT p.id, p.pinned, c.last_activity_at AS listed_at, p.conversation_id \
             FROM chat_conversations c {by_mark} CROSS JOIN chat_participants p \
             WHERE c.activity_moved AND c.closed_at IS NULL AND p.conversation_id = c.id AND p.user_id = $1 \
             {archived} {pinned} {beyond} \
             ORDER BY p.pinned {order}, c.last_activity_at {order}, c.id {order} LIMIT $2) AS moved"
        )
    }

    fn order(self) -> &'static str {
        if self.backwards { "ASC" } else { "DESC" }
    }

    fn beyond(self) -> &'static str {
        if self.backwards { ">" } else { "<" }
    }
}
