// Who is in a group, and what those who lead it can do with them.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Conversation, Participant, User } from '@confab/client';
import { useConfab, usePresence } from '@confab/client/react';
import { useDesk, useMyId, useRights } from '../desk';
import { PeoplePicker } from '../list/people-picker';
import { Avatar, STATUS_WORDS } from '../ui/avatar';
import { Icon } from '../ui/icons';
import { Dialog, IconButton, Menu, type Choice } from '../ui/popover';

const ROLE_WORDS = { OWNER: 'Owner', ADMIN: 'Admin', MEMBER: '' } as const;
/** A group with more of them gets a field to search in. */
const SEARCHED = 12;

export function Members({ conversation }: { conversation: Conversation }) {
  const rights = useRights(conversation.id);
  const [isAdding, setAdding] = useState(false);
  const { shown, text, setText, more } = useMembers(conversation);
  return (
    <section class="members">
      <header>
        <h3>{`${conversation.participantCount} members`}</h3>
        {rights.leads ? <IconButton icon="plus" label="Add people" onClick={() => setAdding(true)} /> : null}
      </header>
      {conversation.participantCount > SEARCHED ? (
        <div class="filter">
          <Icon name="search" size={17} />
          <input type="search" placeholder="Find a member" aria-label="Find a member" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </div>
      ) : null}
      <ul>
        {shown.map((it) => (
          <Member key={it.userId} conversation={conversation} member={it} />
        ))}
      </ul>
      {more ? (
        <button type="button" class="plain wide" onClick={more}>
          More
        </button>
      ) : null}
      {isAdding ? <AddPeople conversation={conversation} onClose={() => setAdding(false)} /> : null}
    </section>
  );
}

/** The first hundred come with the conversation; a search and whoever else is in it are asked for. */
function useMembers(conversation: Conversation) {
  const client = useConfab();
  const { attempt } = useDesk();
  const [text, setText] = useState('');
  const [found, setFound] = useState<readonly Participant[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const { id, participants, participantCount } = conversation;
  useEffect(() => {
    setFound(null);
    setNext(null);
    const search = text.trim();
    if (!search) return;
    let isWanted = true;
    const timer = setTimeout(async () => {
      const page = await attempt(client.participants({ conversationId: id, search }));
      if (!isWanted || !page) return;
      setFound(page.items);
      setNext(page.next);
    }, 200);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [client, attempt, id, text]);
  const load = async () => {
    const search = text.trim();
    const query = { conversationId: id, ...(search ? { search } : {}), ...(next ? { next } : {}) };
    const page = await attempt(client.participants(query));
    if (!page) return;
    setFound((all) => [...(next ? (all ?? []) : []), ...page.items]);
    setNext(page.next);
  };
  const hasMore = next !== null || (found === null && participantCount > participants.length);
  return { shown: found ?? participants, text, setText, more: hasMore ? () => void load() : null };
}

function Member({ conversation, member }: { conversation: Conversation; member: Participant }) {
  const client = useConfab();
  const me = useMyId();
  const { attempt, show } = useDesk();
  const rights = useRights(conversation.id);
  const presence = usePresence(member.userId);
  const anchor = useRef<HTMLButtonElement>(null);
  const [isOpen, setOpen] = useState(false);
  const isMe = member.userId === me;
  const id = conversation.id;
  const talk = async () => {
    const opened = await attempt(client.openDirect(member.userId));
    if (opened) show(opened.id);
  };
  const choices: (Choice | null)[] = isMe ? [] : [{ icon: 'thread', label: `Message ${member.userName}`, run: () => void talk() }];
  if (!isMe && rights.owns) {
    choices.push(
      member.role === 'ADMIN'
        ? { icon: 'person', label: 'Make a member', run: () => void attempt(client.setRole(id, member.userId, 'MEMBER')) }
        : { icon: 'shield', label: 'Make an admin', run: () => void attempt(client.setRole(id, member.userId, 'ADMIN')) },
      { icon: 'crown', label: 'Make the owner', run: () => void attempt(client.transferOwnership(id, member.userId)) },
    );
  }
  if (!isMe && (rights.owns || (rights.leads && member.role === 'MEMBER'))) {
    choices.push(null, { icon: 'close', label: 'Remove', isDangerous: true, run: () => void attempt(client.removeParticipant(id, member.userId)) });
  }
  return (
    <li class="member">
      <Avatar id={member.userId} name={member.userName} url={member.avatarUrl} size={36} presence={presence?.status ?? 'OFFLINE'} />
      <span class="member-words">
        <strong>{isMe ? `${member.userName} (you)` : member.userName}</strong>
        <small>{presence?.statusMessage ?? STATUS_WORDS[presence?.status ?? 'OFFLINE']}</small>
      </span>
      {ROLE_WORDS[member.role] ? <span class="role">{ROLE_WORDS[member.role]}</span> : null}
      {choices.length > 0 ? (
        <IconButton icon="more" label={`What to do with ${member.userName}`} anchor={anchor} expanded={isOpen} onClick={() => setOpen(!isOpen)} />
      ) : null}
      {isOpen ? <Menu anchor={anchor} onClose={() => setOpen(false)} label={member.userName} choices={choices} /> : null}
    </li>
  );
}

function AddPeople({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const client = useConfab();
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [sentence, setSentence] = useState<string | null>(null);
  const inside = new Set(conversation.participants.map((it) => it.userId));
  const add = async () => {
    try {
      await client.addParticipants(conversation.id, chosen.map((it) => it.id));
      onClose();
    } catch (error) {
      setSentence((error as Error).message);
    }
  };
  return (
    <Dialog onClose={onClose} label="Add people" class="new-chat">
      <header class="dialog-head">
        <h2>Add people</h2>
        <IconButton icon="close" label="Close" onClick={onClose} />
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <PeoplePicker chosen={chosen} onChange={setChosen} without={inside} />
        {sentence ? <p class="sentence" role="alert">{sentence}</p> : null}
        <footer class="dialog-foot">
          <button type="button" class="plain" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={chosen.length === 0}>
            Add
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
