// A message and the replies to it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Id, Message } from '@confab/client';
import { useThread } from '@confab/client/react';
import { useConversationIf, useMyId, useRights } from '../desk';
import { Composer } from '../talk/composer';
import { MessageView } from '../talk/message';
import { rows } from '../talk/rows';
import { SidePanel } from './panel';

export function Thread({ messageId }: { messageId: Id }) {
  const { parent, replies, isLoaded, error } = useThread(messageId);
  const me = useMyId();
  const conversationId = parent?.conversationId ?? null;
  const conversation = useConversationIf(conversationId);
  const rights = useRights(conversationId);
  const [editing, setEditing] = useState<Message | null>(null);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => end.current?.scrollIntoView({ block: 'end' }), [replies.length, isLoaded]);
  const shared = { conversation, me, isInThread: true, onEdit: setEditing };
  return (
    <SidePanel title="Thread" class="thread">
      {error ? (
        <p class="nothing" role="alert">
          {error.message}
        </p>
      ) : null}
      <div class="thread-body" tabIndex={0} role="group" aria-label="Replies">
        {parent ? <MessageView {...shared} message={parent} isFirst isLast /> : null}
        {isLoaded && parent ? (
          <p class="line-across">
            <span>{replies.length === 0 ? 'No replies yet' : replies.length === 1 ? '1 reply' : `${replies.length} replies`}</span>
          </p>
        ) : null}
        {rows(replies, null).map((row) =>
          row.kind === 'message' ? <MessageView {...shared} key={row.key} message={row.message} isFirst={row.isFirst} isLast={row.isLast} /> : null,
        )}
        <div ref={end} />
      </div>
      {parent && rights.canReply && !parent.isDeleted ? (
        <Composer
          key={messageId}
          conversationId={parent.conversationId}
          parentMessageId={messageId}
          placeholder="Reply"
          editing={editing}
          onEdited={() => setEditing(null)}
          autofocus
        />
      ) : null}
    </SidePanel>
  );
}
