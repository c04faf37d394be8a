// The reactions to a message, and who they are of.
import { useState } from 'preact/hooks';
import type { Message } from '@confab/client';
import { useConfab } from '@confab/client/react';
import { useDesk } from '../desk';

export function Reactions({ message, canReact }: { message: Message; canReact: boolean }) {
  const client = useConfab();
  const { attempt } = useDesk();
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  const look = () => {
    client.reactions(message.id).then(
      (all) => {
        const by = new Map<string, string[]>();
        for (const it of all) by.set(it.emoji, [...(by.get(it.emoji) ?? []), it.userName]);
        setNames(new Map([...by].map(([emoji, people]) => [emoji, people.join(', ')])));
      },
      // The numbers are there all the same.
      () => {},
    );
  };
  return (
    <div class="reactions" role="group" aria-label="Reactions" onMouseEnter={look} onFocusCapture={look}>
      {message.reactions.map(({ emoji, count, viewerReacted }) => (
        <button
          key={emoji}
          type="button"
          aria-pressed={viewerReacted}
          aria-label={`${emoji}, ${count}${viewerReacted ? ', one is yours' : ''}`}
          title={names.get(emoji)}
          disabled={!canReact}
          onClick={() => void attempt(client.toggleReaction(message.id, emoji))}
        >
          <span class="sign">{emoji}</span>
          <span class="number" key={count}>
            {count}
          </span>
        </button>
      ))}
    </div>
  );
}
