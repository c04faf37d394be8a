// About a conversation: what it is called, one's own settings of it, who is in it, and its files.
import { useEffect, useState } from 'preact/hooks';
import type { Conversation, Id, StoredMessage } from '@confab/client';
import { useConfab, useConversation, usePresence } from '@confab/client/react';
import { address } from '../talk/attachments';
import { useDesk, useMyId, useRights } from '../desk';
import { Face, otherOf } from '../list/row';
import { brief, bytes } from '../text/times';
import { STATUS_WORDS } from '../ui/avatar';
import { Icon, type IconName } from '../ui/icons';
import { Dialog, IconButton } from '../ui/popover';
import { Members } from './members';
import { SidePanel } from './panel';

export function Details({ conversationId }: { conversationId: Id }) {
  const conversation = useConversation(conversationId);
  const me = useMyId();
  if (!conversation) return null;
  const other = otherOf(conversation, me);
  return (
    <SidePanel title="Details" class="details">
      <div class="details-body" tabIndex={0} role="group" aria-label="About the conversation">
        <div class="about">
          <Face conversation={conversation} size={72} />
          <Title conversation={conversation} />
          {other ? <OtherLine userId={other.userId} /> : null}
        </div>
        <OwnSettings conversation={conversation} />
        {conversation.type === 'GROUP' ? <Members conversation={conversation} /> : null}
        <Files conversationId={conversationId} />
        {conversation.type === 'GROUP' ? <Ends conversation={conversation} /> : null}
      </div>
    </SidePanel>
  );
}

function OtherLine({ userId }: { userId: Id }) {
  const presence = usePresence(userId);
  if (!presence) return null;
  return <p class="fine">{[STATUS_WORDS[presence.status], presence.statusMessage].filter(Boolean).join(' · ')}</p>;
}

/** The name and the description, which those who lead a group may change. */
function Title({ conversation }: { conversation: Conversation }) {
  const client = useConfab();
  const { attempt } = useDesk();
  const rights = useRights(conversation.id);
  const [isEditing, setEditing] = useState(false);
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  if (!isEditing) {
    return (
      <>
        <h3>{conversation.name}</h3>
        {conversation.description ? <p>{conversation.description}</p> : null}
        {rights.leads ? (
          <button
            type="button"
            class="plain small"
            onClick={() => {
              setName(conversation.name ?? '');
              setDescription(conversation.description ?? '');
              setEditing(true);
            }}
          >
            <Icon name="edit" size={15} /> Change
          </button>
        ) : null}
      </>
    );
  }
  return (
    <form
      class="title-form"
      onSubmit={(event) => {
        event.preventDefault();
        setEditing(false);
        void attempt(client.updateConversation(conversation.id, { name: name.trim(), description: description.trim() }));
      }}
    >
      <label class="field">
        <span>Name</span>
        <input value={name} required maxLength={100} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>Description</span>
        <textarea rows={2} value={description} maxLength={500} onInput={(event) => setDescription(event.currentTarget.value)} />
      </label>
      <span class="buttons">
        <button type="button" class="plain small" onClick={() => setEditing(false)}>
          Cancel
        </button>
        <button type="submit" class="primary small" disabled={!name.trim()}>
          Save
        </button>
      </span>
    </form>
  );
}

function OwnSettings({ conversation }: { conversation: Conversation }) {
  const client = useConfab();
  const { attempt } = useDesk();
  const { id, muted, pinned, archived } = conversation;
  const settings: readonly (readonly [IconName, string, boolean, (value: boolean) => Promise<void>])[] = [
    ['pin', 'Pinned', pinned, (value) => client.setPinned(id, value)],
    ['mute', 'Muted', muted, (value) => client.setMuted(id, value)],
    ['archive', 'Archived', archived, (value) => client.setArchived(id, value)],
  ];
  return (
    <div class="settings" role="group" aria-label="Your settings">
      {settings.map(([icon, label, value, set]) => (
        <button key={label} type="button" aria-pressed={value} onClick={() => void attempt(set(!value))}>
          <Icon name={icon} size={20} />
          {label}
        </button>
      ))}
    </div>
  );
}

function Files({ conversationId }: { conversationId: Id }) {
  const client = useConfab();
  const { jumpTo } = useDesk();
  const conversation = useConversation(conversationId);
  const [messages, setMessages] = useState<readonly StoredMessage[]>([]);
  useEffect(() => {
    let isWanted = true;
    client.attachments({ conversationId }).then(
      (page) => isWanted && setMessages(page.items),
      // Where they cannot be read, none are shown.
      () => {},
    );
    return () => {
      isWanted = false;
    };
  }, [client, conversationId, conversation?.lastMessage?.id]);
  const files = messages.flatMap((message) => message.attachments.map((file) => ({ message, file })));
  if (files.length === 0) return null;
  return (
    <section class="files">
      <h3>Files</h3>
      <ul>
        {files.slice(0, 24).map(({ message, file }) => (
          <li key={file.id}>
            <button type="button" onClick={() => jumpTo(conversationId, message.id)}>
              {file.thumbnailUrl ? <img src={address(file.thumbnailUrl)} alt="" loading="lazy" /> : <span class="paper"><Icon name={file.contentType.startsWith('audio/') ? 'mic' : 'file'} size={18} /></span>}
              <span>
                <strong>{file.fileName}</strong>
                <small>{`${message.senderName} · ${brief(message.createdAt)} · ${bytes(file.size)}`}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Ends({ conversation }: { conversation: Conversation }) {
  const client = useConfab();
  const { attempt, show } = useDesk();
  const rights = useRights(conversation.id);
  const [asks, setAsks] = useState<'leave' | 'delete' | null>(null);
  const end = async () => {
    const work = asks === 'delete' ? client.deleteConversation(conversation.id) : client.leave(conversation.id);
    setAsks(null);
    const done = await attempt(work.then(() => true));
    if (done) show(null);
  };
  return (
    <section class="ends">
      <button type="button" class="line dangerous" onClick={() => setAsks('leave')}>
        <Icon name="leave" size={18} /> Leave the group
      </button>
      {rights.owns ? (
        <button type="button" class="line dangerous" onClick={() => setAsks('delete')}>
          <Icon name="trash" size={18} /> Delete the group
        </button>
      ) : null}
      {asks ? (
        <Dialog onClose={() => setAsks(null)} label="Are you sure?" class="ask">
          <header class="dialog-head">
            <h2>{asks === 'delete' ? `Delete ${conversation.name}?` : `Leave ${conversation.name}?`}</h2>
            <IconButton icon="close" label="Close" onClick={() => setAsks(null)} />
          </header>
          <p>{asks === 'delete' ? 'It is gone for everybody in it.' : 'You read and hear nothing of it from then on.'}</p>
          <footer class="dialog-foot">
            <button type="button" class="plain" onClick={() => setAsks(null)}>
              Stay
            </button>
            <button type="button" class="primary danger" onClick={() => void end()}>
              {asks === 'delete' ? 'Delete' : 'Leave'}
            </button>
          </footer>
        </Dialog>
      ) : null}
    </section>
  );
}
