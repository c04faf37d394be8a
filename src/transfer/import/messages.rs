//! Messages as they come, in the order of their ids: cleaned like those that are sent, numbered behind what is there, and
//! counted in their conversations.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, Statement,
};
use serde_json::json;

use super::known::Placed;
use super::known::{self, NO_CONVERSATION, NO_TIME, NO_USER, ROWS, There, moment};
use crate::chat::counts::{Numbers, Place, own_messages, record_deletion};
use crate::chat::messages::check_metadata;
use crate::chat::text;
use crate::config::Config;
use crate::entity::{attachment, conversation, file, message};
use crate::id::{AttachmentId, ConversationId, FileId, MessageId, UserId};
use crate::store::{Transaction, among, given, json as rows_in_json};
use crate::transfer::record::{Attachment, Message};
use crate::transfer::report::Report;

const KIND: &str = "messages";
/// Characters of stored content for each one that was sent: cleaning makes `&amp;` of `&`.
const MAX_GROWTH: usize = 8;
/// Attachments of a message, at most.
const MAX_ATTACHMENTS: usize = 10;

/// What a portion refers to.
struct Around {
    users: HashSet<UserId>,
    rooms: HashMap<ConversationId, conversation::Model>,
    messages: HashMap<MessageId, There>,
    files: HashSet<FileId>,
    attachments: HashSet<AttachmentId>,
}

/// Writes them; the highest id that was written.
pub(super) async fn write(
    tx: &Transaction,
    config: &Config,
    messages: Vec<Placed<Message>>,
    report: &mut Report,
) -> anyhow::Result<Option<i64>> {
    if messages.is_empty() {
        return Ok(None);
    }
    let mut around = look_around(tx, &messages).await?;
    let mut numbers = numbers(tx, &messages, &around).await?;
    let (mut rows, mut files) = (Vec::new(), Vec::new());
    for (place, mut message) in messages {
        let attached = std::mem::take(&mut message.attachments);
        let row = check(message, &attached, &around, config, |what| report.changed(&place, what));
        let (mut row, attached) = match row {
            Ok(Some(checked)) => checked,
            Ok(None) => {
                report.was_there(KIND);
                continue;
            }
            Err(reason) => {
                report.left_out(KIND, &place, &reason);
                continue;
            }
        };
        let Place { number, own } = numbers.next(row.conversation_id, row.sender_id);
        (row.number, row.sender_number) = (Some(number), Some(own));
        let there = There { conversation: row.conversation_id, sender: row.sender_id, is_deleted: row.is_deleted };
        around.messages.insert(row.id, there);
        if let Some(room) = around.rooms.get_mut(&row.conversation_id) {
            (room.last_message_id, room.message_count) = (Some(row.id), number);
        }
        files.extend(attached.iter().zip(0..).map(|(one, ordinal)| attachment::ActiveModel {
            id: one.id.filter(|id| around.attachments.insert(*id)).map_or(sea_orm::NotSet, Set),
            message_id: Set(row.id),
            file_id: Set(one.file),
            ordinal: Set(ordinal),
            conversation_id: Set(Some(row.conversation_id)),
        }));
        rows.push(row);
    }
    report.new_ones(KIND, rows.len());
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().map(|row| row.clone().into_active_model().reset_all());
        message::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    let (numbered, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|row| row.id.is_set());
    for rows in numbered.chunks(ROWS).chain(others.chunks(ROWS)) {
        attachment::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    count(tx, &rows, &around).await?;
    Ok(rows.iter().map(|row| row.id.get()).max())
}

async fn look_around(tx: &Transaction, messages: &[Placed<Message>]) -> anyhow::Result<Around> {
    let all = || messages.iter().map(|(_, message)| message);
    let attached = || all().flat_map(|message| &message.attachments);
    let (mut files, mut attachments) = (HashSet::new(), HashSet::new());
    if attached().next().is_some() {
        let ids: HashSet<FileId> = attached().map(|one| one.file).collect();
        let there = file::Entity::find().select_only().column(file::Column::Id);
        let there = there.filter(file::Column::DeletedAt.is_null()).filter(among(tx, file::Column::Id, ids));
        files = there.into_tuple::<FileId>().all(tx).await?.into_iter().collect();
        let ids: HashSet<AttachmentId> = attached().filter_map(|one| one.id).collect();
        let there = attachment::Entity::find().select_only().column(attachment::Column::Id);
        let there = there.filter(among(tx, attachment::Column::Id, ids)).into_tuple::<AttachmentId>();
        attachments = there.all(tx).await?.into_iter().collect();
    }
    Ok(Around {
        users: known::users(tx, all().map(|message| message.sender)).await?,
        rooms: known::conversations(tx, all().map(|message| message.conversation)).await?,
        messages: known::messages(tx, all().flat_map(|message| message.parent.into_iter().chain([message.id]))).await?,
        files,
        attachments,
    })
}

/// The numbers behind those that are there.
async fn numbers(tx: &Transaction, messages: &[Placed<Message>], around: &Around) -> anyhow::Result<Numbers> {
    let pairs: HashSet<_> = messages.iter().map(|(_, message)| (message.conversation, message.sender)).collect();
    let own = own_messages(tx, &pairs.into_iter().collect::<Vec<_>>()).await?;
    let last = own.into_iter().map(|((room, sender), own)| {
        let number = around.rooms.get(&room).map_or(0, |row| row.message_count);
        (room, sender, Place { number, own })
    });
    Ok(Numbers::behind(last))
}

/// The row of a message, without its numbers, and what is attached to it; none where it is there already.
///
/// # Errors
/// Why it is left out.
fn check(
    message: Message,
    attached: &[Attachment],
    around: &Around,
    config: &Config,
    mut changed: impl FnMut(&str),
) -> Result<Option<(message::Model, Vec<Attachment>)>, String> {
    if let Some(there) = around.messages.get(&message.id) {
        let is_same = there.conversation == message.conversation && there.sender == message.sender;
        return if is_same { Ok(None) } else { Err("Another message has this id".to_owned()) };
    }
    let room = around.rooms.get(&message.conversation).ok_or(NO_CONVERSATION)?;
    if !around.users.contains(&message.sender) {
        return Err(NO_USER.to_owned());
    }
    if room.last_message_id.is_some_and(|last| last >= message.id) {
        return Err("Newer messages of the conversation are there already".to_owned());
    }
    let created_at = moment(message.created_at).ok_or(NO_TIME)?;
    let edited_at = message.edited_at.map(|at| moment(at).ok_or(NO_TIME)).transpose()?;
    let deleted_at = message.deleted_at.map(|at| moment(at).ok_or(NO_TIME)).transpose()?;
    let (mut content, mut files, mut metadata) = (None, Vec::new(), None);
    if deleted_at.is_none() {
        let mut met = HashSet::new();
        files.extend(attached.iter().filter(|one| around.files.contains(&one.file) && met.insert(one.file)));
        files.truncate(MAX_ATTACHMENTS);
        if files.len() < attached.len() {
            changed("A file of the message is not there, or is one too many, and is left off");
        }
        let longest = config.chat.max_message_length.saturating_mul(MAX_GROWTH);
        let raw = message.content.as_deref().unwrap_or_default();
        content = text::content(raw, longest, !files.is_empty()).map_err(|error| error.to_string())?;
        if content.as_deref().unwrap_or_default() != raw {
            changed("The content of the message was cleaned");
        }
        metadata = message.metadata.map(check_metadata).transpose().unwrap_or_else(|_| {
            changed("The metadata of the message is none that is taken, and is left off");
            None
        });
    }
    let of_here = |there: &There| there.conversation == message.conversation;
    let parent = message.parent.filter(|id| *id < message.id && around.messages.get(id).is_some_and(of_here));
    if parent != message.parent {
        changed("The message that this one replies to is not there");
    }
    let row = message::Model {
        id: message.id,
        conversation_id: message.conversation,
        sender_id: message.sender,
        message_type: message.kind,
        search_words: content.as_deref().map(text::words),
        content,
        parent_message_id: parent,
        reply_count: 0,
        is_edited: edited_at.is_some(),
        is_deleted: deleted_at.is_some(),
        metadata: metadata.flatten(),
        temp_id: None,
        input_digest: None,
        old_words: None,
        created_at,
        edited_at,
        deleted_at,
        number: None,
        sender_number: None,
    };
    Ok(Some((row, files)))
}

/// Counts what was written: in its conversations, among the replies of its parents, and where it is deleted.
async fn count(tx: &Transaction, rows: &[message::Model], around: &Around) -> anyhow::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let run = async |sql: String, values: String| {
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, [values.into()])).await
    };
    let touched: HashSet<ConversationId> = rows.iter().map(|row| row.conversation_id).collect();
    let rooms = touched.iter().filter_map(|id| around.rooms.get(id));
    let rooms: Vec<_> =
        rooms.map(|room| json!({ "id": room.id, "count": room.message_count, "last": room.last_message_id })).collect();
    let sql = format!(
        "UPDATE chat_conversations SET message_count = given.count, last_message_id = given.last, \
         last_message_at = m.created_at, last_activity_at = m.created_at, activity_moved = true \
         FROM {} JOIN chat_messages m ON m.id = given.last WHERE chat_conversations.id = given.id",
        given(tx, &["id", "count", "last"])
    );
    run(sql, rows_in_json(&rooms)).await?;
    let mut replies: HashMap<MessageId, i64> = HashMap::new();
    for parent in rows.iter().filter(|row| !row.is_deleted).filter_map(|row| row.parent_message_id) {
        *replies.entry(parent).or_default() += 1;
    }
    if !replies.is_empty() {
        let replies: Vec<_> = replies.iter().map(|(id, count)| json!({ "id": id, "replies": count })).collect();
        let sql = format!(
            "UPDATE chat_messages SET reply_count = reply_count + given.replies FROM {} WHERE chat_messages.id = given.id",
            given(tx, &["id", "replies"])
        );
        run(sql, rows_in_json(&replies)).await?;
    }
    for row in rows.iter().filter(|row| row.is_deleted) {
        record_deletion(tx, row).await?;
    }
    Ok(())
}
