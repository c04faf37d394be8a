-- A chat of years: what is as it should be, and what is not.
INSERT INTO users (id, email, name, avatar_url, created_at, updated_at) VALUES
    (1, 'alice@example.org', 'Alice', 'https://example.org/alice.png', '2024-01-01 09:00', '2024-01-01 09:00'),
    (2, 'bob@example.org', 'Bob', '', '2024-01-01 09:00', '2024-01-01 09:00'),
    (3, 'carol@example.org', '<b>Carol</b>', 'javascript:alert(1)', '2024-01-01 09:00', NULL),
    (4, 'dave@example.org', 'Dave', NULL, '2024-01-01 09:00', NULL);

INSERT INTO chat_conversations
    (id, type, name, description, created_by_id, max_file_size_mb, allowed_file_types, is_deleted, created_at, updated_at)
VALUES
    (1, 'GROUP', 'Project Team', 'Discussion for Project X', 1, 10, '["image/*", "text/plain"]', false,
        '2024-01-15 10:00:00.123456', '2024-01-15 10:00'),
    (2, 'DIRECT', NULL, NULL, 2, 25, NULL, false, '2024-01-15 10:00', NULL),
    (3, 'DIRECT', NULL, NULL, 1, 25, NULL, false, '2024-01-15 11:00', NULL),
    (4, 'CHANNEL', 'News', NULL, 1, 25, NULL, false, '2024-01-15 10:00', NULL),
    (5, 'GROUP', 'Over', NULL, 1, 25, NULL, true, '2024-01-15 10:00', '2024-02-01 10:00'),
    (6, 'DIRECT', NULL, NULL, 1, 25, NULL, false, '2024-01-15 10:00', NULL),
    (7, 'GROUP', 'Without an owner', NULL, 99, 25, NULL, false, '2024-01-15 10:00', NULL);

INSERT INTO chat_participants
    (id, conversation_id, user_id, role, joined_at, left_at, last_read_message_id, is_muted, is_pinned)
VALUES
    (1, 1, 1, 'OWNER', '2024-01-15 10:00', NULL, 6, false, true),
    (2, 1, 2, 'ADMIN', '2024-01-15 10:00', NULL, 3, true, false),
    (3, 1, 3, 'MEMBER', '2024-01-15 10:00', NULL, 999, false, false),
    (4, 1, 2, 'MEMBER', '2024-01-15 10:05', NULL, NULL, false, false),
    (5, 1, 4, 'MEMBER', '2024-01-15 10:00', '2024-01-16 10:00', NULL, false, false),
    (6, 1, 77, 'MEMBER', '2024-01-15 10:00', NULL, NULL, false, false),
    (7, 99, 1, 'OWNER', '2024-01-15 10:00', NULL, NULL, false, false),
    (8, 2, 1, 'MEMBER', '2024-01-15 10:00', NULL, NULL, false, false),
    (9, 2, 2, 'MEMBER', '2024-01-15 10:00', NULL, NULL, false, false),
    (10, 3, 1, 'MEMBER', '2024-01-15 10:00', NULL, NULL, false, false),
    (11, 3, 2, 'MEMBER', '2024-01-15 10:00', NULL, NULL, false, false),
    (12, 5, 1, 'OWNER', '2024-01-15 10:00', NULL, NULL, false, false),
    (13, 6, 1, 'MEMBER', '2024-01-15 10:00', NULL, NULL, false, false),
    (14, 7, 4, 'MEMBER', '2024-01-15 10:00', NULL, NULL, false, false),
    (15, 7, 3, 'BOSS', '2024-01-15 10:00', NULL, NULL, false, false);

INSERT INTO chat_messages
    (id, conversation_id, sender_id, message_type, content, parent_message_id, is_edited, edited_at, is_deleted, deleted_at,
     metadata, created_at, updated_at)
VALUES
    (1, 1, 1, 'TEXT', 'Hello <script>alert(1)</script><b>all</b>', NULL, false, NULL, false, NULL, '{}', '2024-01-15 10:30', NULL),
    (2, 1, 1, 'TEXT', 'AT&T and 1 < 2', NULL, false, NULL, false, NULL, '{"priority": "high"}', '2024-01-15 10:31', NULL),
    (3, 1, 2, 'TEXT', 'I agree', 2, true, '2024-01-15 10:40', false, NULL, NULL, '2024-01-15 10:32', '2024-01-15 10:40'),
    (4, 1, 1, 'TEXT', 'gone', NULL, false, NULL, true, '2024-01-15 10:45', NULL, '2024-01-15 10:33', NULL),
    (5, 1, 3, 'FILE', '', NULL, false, NULL, false, NULL, NULL, '2024-01-15 10:34', NULL),
    (6, 1, 1, 'IMAGE', 'with a picture', NULL, true, NULL, false, NULL, NULL, '2024-01-15 10:35', '2024-01-15 10:50'),
    (7, 1, 2, 'STICKER', 'what is this', NULL, false, NULL, false, NULL, NULL, '2024-01-15 10:36', NULL),
    (8, 99, 1, 'TEXT', 'nowhere', NULL, false, NULL, false, NULL, NULL, '2024-01-15 10:37', NULL),
    (9, 1, 77, 'TEXT', 'from nobody', NULL, false, NULL, false, NULL, NULL, '2024-01-15 10:38', NULL),
    (10, 1, NULL, 'SYSTEM', 'Dave has left', NULL, false, NULL, false, NULL, NULL, '2024-01-15 10:39', NULL),
    (11, 1, 2, 'TEXT', '   ', NULL, false, NULL, false, NULL, NULL, '2024-01-15 10:40', NULL),
    (12, 1, 2, 'TEXT', 'when?', NULL, false, NULL, false, NULL, NULL, NULL, NULL),
    (13, 2, 2, 'TEXT', 'Hi Alice', NULL, false, NULL, false, NULL, NULL, '2024-07-01 10:00', NULL),
    (14, 5, 1, 'TEXT', 'the end', NULL, false, NULL, false, NULL, NULL, '2024-01-20 10:00', NULL),
    (15, 1, 2, 'TEXT', 'the newest', 999, false, NULL, false, NULL, NULL, '2024-01-21 10:00', NULL);

INSERT INTO tg_files (id, file_name, content_type, size, path, uploaded_by_id, created_at) VALUES
    (1, 'notes.txt', 'text/plain', 9, '/uploads/2024/notes.txt', 3, '2024-01-15 10:34'),
    (2, 'lost.png', 'image/png', 100, '/uploads/lost.png', 1, '2024-01-15 10:35'),
    (3, 'secret.txt', 'text/plain', NULL, '/uploads/../secret.txt', 1, '2024-01-15 10:35'),
    (4, 'torn.txt', 'text/plain', 1000, '/uploads/2024/notes.txt', 1, '2024-01-15 10:35'),
    (5, 'an avatar.png', 'image/png', 5, '/uploads/avatar.png', 1, '2024-01-15 10:35');

INSERT INTO chat_message_attachments (id, message_id, file_id, display_order) VALUES
    (1, 5, 1, 0), (2, 6, 2, 0), (3, 6, 3, 1), (4, 6, 4, 2), (5, 6, 1, 3), (6, 999, 1, 0), (7, 6, NULL, 4);

INSERT INTO chat_message_reactions (id, message_id, user_id, emoji, created_at) VALUES
    (1, 2, 2, '👍', '2024-01-15 10:33'), (2, 2, 3, '👍', '2024-01-15 10:34'), (3, 2, 2, '👍', '2024-01-15 10:35'),
    (4, 2, 2, 'lol', '2024-01-15 10:33'), (5, 999, 2, '👍', '2024-01-15 10:33'), (6, 4, 2, '👍', '2024-01-15 10:33'),
    (7, 2, 77, '👍', '2024-01-15 10:33');

INSERT INTO chat_message_read_receipts (id, message_id, user_id, read_at) VALUES
    (1, 1, 2, '2024-01-15 10:35'), (2, 2, 2, '2024-01-15 10:35'), (3, 3, 3, '2024-01-15 10:36'),
    (4, 6, 2, '2024-01-15 10:37'), (5, 6, 3, '2024-01-15 10:38'), (6, 6, 3, '2024-01-15 10:39'),
    (7, 999, 2, '2024-01-15 10:35'), (8, 1, 77, '2024-01-15 10:35');

INSERT INTO chat_user_presence (user_id, status, status_message) VALUES (1, 'ONLINE', 'working');
INSERT INTO chat_typing_indicators (conversation_id, user_id, expires_at) VALUES (1, 1, '2024-01-15 10:35');
