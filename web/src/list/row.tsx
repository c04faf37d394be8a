// A conversation in the list.
import type { Conversation } from '@confab/client';
import { usePresence, useTyping } from '@confab/client/react';
import { useMyId } from '../desk';
import { brief, whole } from '../text/times';
import { Avatar, STATUS_WORDS } from '../ui/avatar';
import { Icon } from '../ui/icons';
import { preview } from './preview';

/** Whom a direct conversation is with. */
export function otherOf(conversation: Conversation, me: string) {
  return conversation.type === 'DIRECT' ? conversation.participants.find((it) => it.userId !== me) : undefined;
}

export function Face(props: { conversation: Conversation; size?: number }) {
  const me = useMyId();
  const other = otherOf(props.conversation, me);
  return other ? <OtherFace {...props} userId={other.userId} avatar={other.avatarUrl} /> : <GroupFace {...props} />;
}

function OtherFace(props: { conversation: Conversation; size?: number; userId: string; avatar: string | null }) {
  const presence = usePresence(props.userId);
  const { conversation, size, userId, avatar } = props;
  return <Avatar id={userId} name={conversation.name ?? '?'} url={avatar} size={size} presence={presence?.status ?? 'OFFLINE'} />;
}

function GroupFace({ conversation, size }: { conversation: Conversation; size?: number }) {
  return <Avatar id={`group ${conversation.id}`} name={conversation.name ?? '?'} url={conversation.avatarUrl} size={size} group />;
}

function OtherWords({ userId }: { userId: string }) {
  const presence = usePresence(userId);
  return <span class="sr">{`, ${STATUS_WORDS[presence?.status ?? 'OFFLINE']}`}</span>;
}

export function Row(props: { conversation: Conversation; isOpen: boolean; onOpen: () => void }) {
  const { conversation, isOpen, onOpen } = props;
  const me = useMyId();
  const typists = useTyping(conversation.id);
  const { lastMessage, unreadCount, muted, pinned, name } = conversation;
  const time = conversation.lastMessageAt ?? conversation.createdAt;
  const other = otherOf(conversation, me);
  return (
    <li>
      <button type="button" class={`row${unreadCount > 0 ? ' unread' : ''}`} aria-current={isOpen ? 'true' : undefined} onClick={onOpen}>
        <Face conversation={conversation} size={44} />
        <span class="row-body">
          <span class="row-top">
            <strong>{name ?? 'Conversation'}</strong>
            {other ? <OtherWords userId={other.userId} /> : null}
            <time dateTime={time} title={whole(time)}>
              {brief(time)}
            </time>
          </span>
          <span class="row-bottom">
            {typists.length > 0 ? (
              <span class="typing-words">{typists.length === 1 ? `${typists[0]?.userName} is typing…` : 'Several are typing…'}</span>
            ) : (
              <span class="preview">{lastMessage ? preview(lastMessage, me, conversation.type === 'GROUP') : (conversation.description ?? 'No messages yet')}</span>
            )}
            {pinned ? <Mark icon="pin" label="Pinned" /> : null}
            {muted ? <Mark icon="mute" label="Muted" /> : null}
            {unreadCount > 0 ? (
              <span class={`badge${muted ? ' soft' : ''}`}>
                {unreadCount > 99 ? '99+' : unreadCount}
                <span class="sr"> unread</span>
              </span>
            ) : null}
          </span>
        </span>
      </button>
    </li>
  );
}

function Mark({ icon, label }: { icon: 'pin' | 'mute'; label: string }) {
  return (
    <span class="mark-icon" title={label}>
      <Icon name={icon} size={15} />
      <span class="sr">{label}</span>
    </span>
  );
}
