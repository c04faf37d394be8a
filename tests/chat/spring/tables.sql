-- The eight tables of the reference, with its users and files beside them: columns as Spring names the fields of its payloads, and
-- no foreign keys, so that rows can be as broken as those of years.
CREATE TABLE users (
    id bigserial PRIMARY KEY, email varchar(255), name varchar(255), avatar_url varchar(500),
    created_at timestamp, updated_at timestamp
);
CREATE TABLE tg_files (
    id bigserial PRIMARY KEY, file_name varchar(255), content_type varchar(100), size bigint, path varchar(500),
    uploaded_by_id bigint, created_at timestamp
);
CREATE TABLE chat_conversations (
    id bigserial PRIMARY KEY, type varchar(20), name varchar(255), description text, avatar_url varchar(500),
    created_by_id bigint, allow_reactions boolean DEFAULT true, allow_replies boolean DEFAULT true,
    allow_file_uploads boolean DEFAULT true, max_file_size_mb integer DEFAULT 25, allowed_file_types jsonb,
    message_count bigint DEFAULT 0, last_message_at timestamp, is_deleted boolean DEFAULT false,
    created_at timestamp, updated_at timestamp
);
CREATE TABLE chat_participants (
    id bigserial PRIMARY KEY, conversation_id bigint, user_id bigint, role varchar(20), joined_at timestamp,
    left_at timestamp, last_read_message_id bigint, is_muted boolean DEFAULT false, is_pinned boolean DEFAULT false,
    is_archived boolean DEFAULT false
);
CREATE TABLE chat_messages (
    id bigserial PRIMARY KEY, conversation_id bigint, sender_id bigint, message_type varchar(20), content text,
    parent_message_id bigint, reply_count integer DEFAULT 0, is_edited boolean DEFAULT false, edited_at timestamp,
    is_deleted boolean DEFAULT false, deleted_at timestamp, metadata jsonb, created_at timestamp, updated_at timestamp
);
CREATE TABLE chat_message_attachments (
    id bigserial PRIMARY KEY, message_id bigint, file_id bigint, display_order integer, created_at timestamp
);
CREATE TABLE chat_message_reactions (
    id bigserial PRIMARY KEY, message_id bigint, user_id bigint, emoji varchar(32), created_at timestamp
);
CREATE TABLE chat_message_read_receipts (
    id bigserial PRIMARY KEY, message_id bigint, user_id bigint, read_at timestamp
);
CREATE TABLE chat_user_presence (
    id bigserial PRIMARY KEY, user_id bigint, status varchar(20), status_message varchar(255), last_seen_at timestamp
);
CREATE TABLE chat_typing_indicators (
    id bigserial PRIMARY KEY, conversation_id bigint, user_id bigint, expires_at timestamp
);
