// A conversation: its head, its messages, and where one writes.
import { useRef, useState } from 'preact/hooks';
import type { Id, Message } from '@confab/client';
import { useConversation, useMessages, usePresence, useTyping } from '@confab/client/react';
import { useDesk, useMyId, useRights } from '../desk';
import { Face, otherOf } from '../list/row';
import { ago } from '../text/times';
import { STATUS_WORDS } from '../ui/avatar';
import { Icon } from '../ui/icons';
import { IconButton } from '../ui/popover';
import { ConnectionBanner } from './banner';
import { Composer, type ComposerHandle } from './composer';
import { History } from './history';

export function Talk({ conversationId }: { conversationId: Id }) {
  const me = useMyId();
  const { name } = useDesk();
  const rights = useRights(conversationId);
  const conversation = useConversation(conversationId);
  const [editing, setEditing] = useState<Message | null>(null);
  const [isOver, setOver] = useState(false);
  const composer = useRef<ComposerHandle>(null);
  const { items } = useMessages(conversationId);
  const editLast = () => {
    const own = items.findLast((it) => it.senderId === me && it.state === 'sent' && !it.isDeleted && it.content);
    if (own) setEditing(own);
  };
  const takesFiles = (event: DragEvent) => rights.canUpload && event.dataTransfer?.types.includes('Files');
  return (
    <section
      class="talk"
      aria-label={`${conversation?.name ?? 'Conversation'}, as ${name} sees it`}
      onDragEnter={(event) => takesFiles(event) && setOver(true)}
      onDragOver={(event) => {
        if (takesFiles(event)) event.preventDefault();
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (!takesFiles(event)) return;
        event.preventDefault();
        composer.current?.addFiles(event.dataTransfer?.files ?? []);
      }}
    >
      <Head conversationId={conversationId} />
      <ConnectionBanner />
      <History conversationId={conversationId} onEdit={setEditing} />
      <Composer
        conversationId={conversationId}
        placeholder={`Message ${conversation?.name ?? ''}`.trim()}
        editing={editing}
        onEdited={() => setEditing(null)}
        onEditLast={editLast}
        handle={composer}
        autofocus
      />
      {isOver ? (
        <div class="drop" aria-hidden="true">
          <Icon name="image" size={40} />
          <strong>Let go to attach</strong>
        </div>
      ) : null}
    </section>
  );
}

function Head({ conversationId }: { conversationId: Id }) {
  const { show, panel, showPanel } = useDesk();
  const conversation = useConversation(conversationId);
  const me = useMyId();
  const toggle = (kind: 'details' | 'search') => showPanel(panel?.kind === kind ? null : { kind });
  if (!conversation) return <header class="talk-head" />;
  const other = otherOf(conversation, me);
  return (
    <header class="talk-head">
      <IconButton icon="back" label="Back to the conversations" class="only-narrow" onClick={() => show(null)} />
      <button type="button" class="talk-name" onClick={() => toggle('details')}>
        <Face conversation={conversation} size={40} />
        <span>
          <h2>{conversation.name}</h2>
          <small>{other ? <OtherState userId={other.userId} conversationId={conversationId} /> : <GroupState conversationId={conversationId} />}</small>
        </span>
      </button>
      <IconButton icon="search" label="Search messages" pressed={panel?.kind === 'search'} onClick={() => toggle('search')} />
      <IconButton icon="info" label="Details" pressed={panel?.kind === 'details'} onClick={() => toggle('details')} />
    </header>
  );
}

function OtherState({ userId, conversationId }: { userId: Id; conversationId: Id }) {
  const presence = usePresence(userId);
  const isTyping = useTyping(conversationId).length > 0;
  if (isTyping) return <span class="typing-words">typing…</span>;
  if (!presence) return <>{'\u00a0'}</>;
  const seen = presence.status === 'OFFLINE' && presence.lastSeenAt ? `Last here ${ago(presence.lastSeenAt)}` : STATUS_WORDS[presence.status];
  return <>{presence.statusMessage ? `${STATUS_WORDS[presence.status]} · ${presence.statusMessage}` : seen}</>;
}

function GroupState({ conversationId }: { conversationId: Id }) {
  const conversation = useConversation(conversationId);
  const typists = useTyping(conversationId);
  if (typists.length > 0) return <span class="typing-words">{`${typists.map((it) => it.userName).join(', ')} typing…`}</span>;
  const count = conversation?.participantCount ?? 0;
  const names = (conversation?.participants ?? []).slice(0, 4).map((it) => it.userName.split(' ')[0]);
  return <>{count <= 4 ? names.join(', ') : `${count} people`}</>;
}
