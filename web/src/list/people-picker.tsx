// Choosing people: those of one's conversations at first, and whoever the server finds.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { User } from '@confab/client';
import { useConfab, useConversations } from '@confab/client/react';
import { useMyId } from '../desk';
import { Avatar } from '../ui/avatar';
import { Icon } from '../ui/icons';

/** People of the conversations that are known here. */
function useKnown(): readonly User[] {
  const me = useMyId();
  const { items } = useConversations();
  return useMemo(() => {
    const people = new Map<string, User>();
    for (const { participants } of items) {
      for (const it of participants) if (it.userId !== me) people.set(it.userId, { id: it.userId, name: it.userName, avatarUrl: it.avatarUrl });
    }
    return [...people.values()].sort((one, other) => one.name.localeCompare(other.name));
  }, [items, me]);
}

export function PeoplePicker(props: { chosen: readonly User[]; onChange: (chosen: readonly User[]) => void; without?: ReadonlySet<string> }) {
  const { chosen, onChange, without } = props;
  const client = useConfab();
  const me = useMyId();
  const known = useKnown();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const [found, setFound] = useState<readonly User[]>([]);
  const [sentence, setSentence] = useState<string | null>(null);

  useEffect(() => {
    setSentence(null);
    const words = text.trim();
    if (!words) return setFound([]);
    let isWanted = true;
    const timer = setTimeout(() => {
      client.searchPeople({ text: words }).then(
        (page) => isWanted && setFound(page.items),
        (error: Error) => isWanted && setSentence(error.message),
      );
    }, 200);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [client, text]);

  const words = text.trim().toLocaleLowerCase();
  const near = words ? known.filter((it) => it.name.toLocaleLowerCase().includes(words)) : known;
  const all = [...near, ...found.filter((it) => !near.some((other) => other.id === it.id))];
  const shown = all.filter((it) => it.id !== me && !without?.has(it.id));
  const isChosen = (user: User) => chosen.some((it) => it.id === user.id);
  const toggle = (user: User) => {
    onChange(isChosen(user) ? chosen.filter((it) => it.id !== user.id) : [...chosen, user]);
    setText('');
    input.current?.focus();
  };

  return (
    <div class="picker">
      <div class="chosen">
        {chosen.map((user) => (
          <button key={user.id} type="button" class="chip" onClick={() => toggle(user)}>
            <Avatar id={user.id} name={user.name} url={user.avatarUrl} size={22} />
            <span class="sr">Take away </span>
            {user.name}
            <Icon name="close" size={13} />
          </button>
        ))}
        <input
          ref={input}
          autofocus
          type="text"
          placeholder={chosen.length ? 'And who else?' : 'Name of somebody'}
          aria-label="Find people"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Backspace' && !text && chosen.length) onChange(chosen.slice(0, -1));
            if (event.key === 'Enter' && shown[0] && text.trim()) {
              event.preventDefault();
              toggle(shown[0]);
            }
          }}
        />
      </div>
      {sentence ? <p class="sentence" role="alert">{sentence}</p> : null}
      <ul class="people" aria-label="People">
        {shown.map((user) => (
          <li key={user.id}>
            <button type="button" aria-pressed={isChosen(user)} onClick={() => toggle(user)}>
              <Avatar id={user.id} name={user.name} url={user.avatarUrl} size={36} />
              <span>{user.name}</span>
              <span class="tick">{isChosen(user) ? <Icon name="check" size={15} /> : null}</span>
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 && !sentence ? <p class="nothing">{words ? 'Nobody of this name is found' : 'Nobody is known here yet: type a name'}</p> : null}
    </div>
  );
}
