// A message: who, what, when, what others made of it, and what can be done with it.
import { memo } from 'preact/compat';
import { useRef, useState } from 'preact/hooks';
import type { TargetedKeyboardEvent } from 'preact';
import type { Conversation, Message, ReadMarker, StoredMessage } from '@confab/client';
import { useConfab } from '@confab/client/react';
import { useDesk, useRights } from '../desk';
import { summary } from '../list/preview';
import { plain } from '../text/markup';
import { isEmojiOnly } from '../text/markup';
import { Rich } from '../text/rich';
import { timeOfDay, whole } from '../text/times';
import { Avatar } from '../ui/avatar';
import { Icon } from '../ui/icons';
import { IconButton, Menu, type Choice } from '../ui/popover';
import { Attachments } from './attachments';
import { QUICK } from './emoji-list';
import { EmojiPicker } from './emoji-picker';
import { Reactions } from './reactions';
import { SeenBy } from './seen-by';

export interface MessageProps {
  readonly message: Message;
  readonly conversation: Conversation | undefined;
  readonly me: string;
  /** The first and the last of what somebody said in one go. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** What it replies to, where that is at hand. */
  readonly parent?: StoredMessage | undefined;
  readonly seenBy?: readonly ReadMarker[] | undefined;
  /** In a thread there are no threads. */
  readonly isInThread?: boolean;
  readonly isMarked?: boolean;
  readonly onEdit: (message: Message) => void;
}

export const MessageView = memo(function MessageView(props: MessageProps) {
  const { message, conversation, me, isFirst, isLast, parent, isInThread, isMarked } = props;
  const { showPanel } = useDesk();
  const isMine = message.senderId === me;
  const isGroup = conversation?.type === 'GROUP';
  const showsFace = isGroup && !isMine;
  const isLarge = !message.isDeleted && message.attachments.length === 0 && isEmojiOnly(message.content ?? '');
  const self = useRef<HTMLElement>(null);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>) => {
    if (event.target !== self.current || event.key !== 'Enter') return;
    event.preventDefault();
    self.current?.querySelector<HTMLElement>('.tools button')?.focus();
  };
  const said = message.isDeleted ? 'Message deleted' : summary(message);
  return (
    <article
      ref={self}
      data-message={message.id}
      class={`message${isMine ? ' mine' : ''}${isFirst ? ' first' : ''}${isLast ? ' last' : ''}${isMarked ? ' marked' : ''} ${message.state}`}
      tabIndex={-1}
      aria-label={`${isMine ? 'You' : message.senderName}, ${timeOfDay(message.createdAt)}: ${said}`}
      onKeyDown={onKeyDown}
    >
      {showsFace ? (
        <span class="face">{isLast ? <Avatar id={message.senderId} name={message.senderName} size={30} url={faceOf(conversation, message.senderId)} /> : null}</span>
      ) : null}
      <div class="body">
        {showsFace && isFirst ? <span class="sender">{message.senderName}</span> : null}
        <div class={`bubble${isLarge ? ' large' : ''}${message.isDeleted ? ' gone' : ''}`}>
          {message.parentMessageId && !isInThread ? (
            <button type="button" class="quote" onClick={() => showPanel({ kind: 'thread', messageId: message.parentMessageId ?? message.id })}>
              <strong>{parent ? parent.senderName : 'Reply'}</strong>
              <span>{parent ? summary(parent) : 'Show what it replies to'}</span>
            </button>
          ) : null}
          {message.isDeleted ? (
            <p class="tombstone">This message was deleted</p>
          ) : (
            <>
              {message.attachments.length > 0 ? <Attachments message={message} /> : null}
              {message.content ? (
                <div class="text">
                  <Rich content={message.content} />
                </div>
              ) : null}
            </>
          )}
          <Meta message={message} isMine={isMine} />
        </div>
        {message.state === 'failed' ? <Failure message={message} /> : null}
        {message.reactions.length > 0 ? <Reactions message={message} canReact={conversation?.allowReactions ?? true} /> : null}
        {message.replyCount > 0 && !isInThread ? (
          <button type="button" class="replies" onClick={() => showPanel({ kind: 'thread', messageId: message.id })}>
            <Icon name="thread" size={16} />
            {message.replyCount === 1 ? '1 reply' : `${message.replyCount} replies`}
          </button>
        ) : null}
        {props.seenBy?.length ? <SeenBy markers={props.seenBy} isGroup={isGroup} /> : null}
      </div>
      {message.state === 'sent' && !message.isDeleted ? <Tools {...props} isMine={isMine} /> : null}
    </article>
  );
});

function faceOf(conversation: Conversation | undefined, user: string): string | null {
  return conversation?.participants.find((it) => it.userId === user)?.avatarUrl ?? null;
}

function Meta({ message, isMine }: { message: Message; isMine: boolean }) {
  const state = { sent: null, waiting: 'Waits for the connection', sending: 'Sending', failed: 'Not sent' }[message.state];
  return (
    <span class="meta">
      {message.isEdited && !message.isDeleted ? <span title={message.editedAt ? whole(message.editedAt) : undefined}>edited</span> : null}
      <time dateTime={message.createdAt} title={whole(message.createdAt)}>
        {timeOfDay(message.createdAt)}
      </time>
      {isMine ? (
        <span class="tick" title={state ?? 'Sent'}>
          <Icon name={message.state === 'sent' ? 'check' : message.state === 'failed' ? 'alert' : 'clock'} size={13} />
          <span class="sr">{state ?? 'Sent'}</span>
        </span>
      ) : null}
    </span>
  );
}

/** The server's sentence, and what can be done about it. */
function Failure({ message }: { message: Message }) {
  const client = useConfab();
  return (
    <p class="failure" role="alert">
      <span>{message.error?.message ?? 'The message was not sent'}</span>
      <button type="button" onClick={() => client.retry(message.key)}>
        Try again
      </button>
      <button type="button" onClick={() => client.discard(message.key)}>
        Discard
      </button>
    </p>
  );
}

function Tools({ message, isMine, isInThread, onEdit }: MessageProps & { isMine: boolean }) {
  const client = useConfab();
  const { attempt, showPanel, notify } = useDesk();
  const rights = useRights(message.conversationId);
  const smile = useRef<HTMLButtonElement>(null);
  const more = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState<'emoji' | 'menu' | null>(null);
  const react = (emoji: string) => void attempt(client.toggleReaction(message.id, emoji));
  const choices: (Choice | null)[] = [
    ...(rights.canReply && !isInThread
      ? [{ icon: 'reply' as const, label: 'Reply in thread', run: () => showPanel({ kind: 'thread', messageId: message.id }) }]
      : []),
    // A page that did not come safely has no clipboard.
    ...(message.content && 'clipboard' in navigator
      ? [
          {
            icon: 'copy' as const,
            label: 'Copy text',
            run: () => void navigator.clipboard.writeText(plain(message.content ?? '')).then(() => notify('Copied')),
          },
        ]
      : []),
    ...(isMine ? [{ icon: 'edit' as const, label: 'Edit', run: () => onEdit(message) }] : []),
    ...(isMine || rights.leads
      ? [null, { icon: 'trash' as const, label: 'Delete', isDangerous: true, run: () => void attempt(client.delete(message.id)) }]
      : []),
  ];
  return (
    <div class={`tools${open ? ' open' : ''}`} role="group" aria-label="What to do with this message">
      {rights.canReact ? (
        <>
          {QUICK.slice(0, 3).map((emoji) => (
            <button key={emoji} type="button" class="quick" aria-label={`React with ${emoji}`} onClick={() => react(emoji)}>
              {emoji}
            </button>
          ))}
          <IconButton icon="smile" label="More reactions" size={18} anchor={smile} expanded={open === 'emoji'} onClick={() => setOpen(open === 'emoji' ? null : 'emoji')} />
        </>
      ) : null}
      {rights.canReply && !isInThread ? (
        <IconButton icon="reply" label="Reply in thread" size={18} onClick={() => showPanel({ kind: 'thread', messageId: message.id })} />
      ) : null}
      <IconButton icon="more" label="More" size={18} anchor={more} expanded={open === 'menu'} onClick={() => setOpen(open === 'menu' ? null : 'menu')} />
      {open === 'emoji' ? <EmojiPicker anchor={smile} onClose={() => setOpen(null)} onPick={react} /> : null}
      {open === 'menu' ? <Menu anchor={more} onClose={() => setOpen(null)} label="Message" choices={choices} /> : null}
    </div>
  );
}
