// Searching what was said, here or everywhere.
import { useEffect, useRef, useState } from 'preact/hooks';
import { marks, type FoundMessage, type Id } from '@confab/client';
import { useConfab, useConversation } from '@confab/client/react';
import { useDesk } from '../desk';
import { summary } from '../list/preview';
import { brief, whole } from '../text/times';
import { Avatar } from '../ui/avatar';
import { Icon } from '../ui/icons';
import { SidePanel } from './panel';

/** Pixels of a window that shows a panel beside a conversation; as in stage.css. */
const ROOM_FOR_BOTH = 1060;

export function Search({ conversationId }: { conversationId: Id }) {
  const client = useConfab();
  const conversation = useConversation(conversationId);
  const [text, setText] = useState('');
  const [isEverywhere, setEverywhere] = useState(false);
  const [found, setFound] = useState<readonly FoundMessage[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [sentence, setSentence] = useState<string | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const query = { text: text.trim(), ...(isEverywhere ? {} : { conversationId }) };

  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    setSentence(null);
    if (!query.text) {
      setFound(null);
      return;
    }
    let isWanted = true;
    const timer = setTimeout(() => {
      client.searchMessages(query).then(
        (page) => {
          if (!isWanted) return;
          setFound(page.items);
          setNext(page.next);
        },
        (error: Error) => isWanted && setSentence(error.message),
      );
    }, 250);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [client, query.text, isEverywhere, conversationId]);

  const more = async () => {
    if (!next) return;
    try {
      const page = await client.searchMessages({ ...query, next });
      setFound((all) => [...(all ?? []), ...page.items]);
      setNext(page.next);
    } catch (error) {
      setSentence((error as Error).message);
    }
  };

  return (
    <SidePanel title="Search" class="search">
      <div class="filter">
        <Icon name="search" size={17} />
        <input ref={input} type="search" maxLength={200} placeholder="Words of a message" aria-label="Words of a message" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </div>
      <div class="tabs" role="group" aria-label="Where to search">
        <button type="button" aria-pressed={!isEverywhere} onClick={() => setEverywhere(false)}>
          {conversation?.name ?? 'Here'}
        </button>
        <button type="button" aria-pressed={isEverywhere} onClick={() => setEverywhere(true)}>
          Everywhere
        </button>
      </div>
      {sentence ? <p class="sentence" role="alert">{sentence}</p> : null}
      <p class="sr" role="status">{found ? `${found.length} found` : ''}</p>
      <ul class="found" aria-label="Found messages">
        {(found ?? []).map((it) => (
          <Found key={it.message.id} found={it} words={query.text} isEverywhere={isEverywhere} />
        ))}
        {next ? (
          <li>
            <button type="button" class="plain wide" onClick={() => void more()}>
              More
            </button>
          </li>
        ) : null}
      </ul>
      {found?.length === 0 ? <p class="nothing">No message has these words</p> : null}
      {found === null ? <p class="nothing">Every word has to begin a word of the message. Accents and case do not matter.</p> : null}
    </SidePanel>
  );
}

function Found({ found, words, isEverywhere }: { found: FoundMessage; words: string; isEverywhere: boolean }) {
  const { jumpTo, showPanel } = useDesk();
  const { message, snippet } = found;
  const conversation = useConversation(message.conversationId);
  const pieces = snippet === null ? marked(summary(message), words) : marks(snippet);
  return (
    <li>
      <button
        type="button"
        class="hit"
        onClick={(event) => {
          // Where the search lies over the conversation, it makes room.
          if ((event.currentTarget.closest('.window')?.clientWidth ?? 0) <= ROOM_FOR_BOTH) showPanel(null);
          jumpTo(message.conversationId, message.id);
        }}
      >
        <Avatar id={message.senderId} name={message.senderName} size={30} />
        <span>
          <span class="hit-top">
            <strong>{message.senderName}</strong>
            <time dateTime={message.createdAt} title={whole(message.createdAt)}>
              {brief(message.createdAt)}
            </time>
          </span>
          {isEverywhere && conversation ? <small>{conversation.name}</small> : null}
          <span class="hit-text">
            <span>{pieces.map((piece, index) => (piece.isMatch ? <mark key={index}>{piece.text}</mark> : piece.text))}</span>
          </span>
        </span>
      </button>
    </li>
  );
}

/** Marks the beginnings of words, for a way that tells no snippets. */
function marked(text: string, words: string): readonly { text: string; isMatch: boolean }[] {
  const escaped = words.split(/\s+/).filter(Boolean).map((it) => it.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  if (escaped.length === 0) return [{ text, isMatch: false }];
  const pattern = new RegExp(`((?<![\\p{L}\\p{N}])(?:${escaped.join('|')})[\\p{L}\\p{N}]*)`, 'giu');
  return text.split(pattern).map((piece, index) => ({ text: piece, isMatch: index % 2 === 1 }));
}
