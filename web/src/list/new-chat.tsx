// Starting a conversation: with one person, or as a group.
import { useState } from 'preact/hooks';
import type { Conversation, User } from '@confab/client';
import { useConfab } from '@confab/client/react';
import { Dialog, IconButton } from '../ui/popover';
import { PeoplePicker } from './people-picker';

export function NewChat(props: { onClose: () => void; onOpened: (conversation: Conversation) => void }) {
  const client = useConfab();
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [wantsGroup, setWantsGroup] = useState(false);
  const [name, setName] = useState('');
  const [sentence, setSentence] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const isGroup = wantsGroup || chosen.length > 1;
  const [first] = chosen;
  const canStart = isGroup ? name.trim().length > 0 : first !== undefined;

  const start = async () => {
    if (!canStart || isBusy) return;
    setBusy(true);
    setSentence(null);
    try {
      const opened = isGroup
        ? await client.createGroup({ name: name.trim(), participantIds: chosen.map((it) => it.id) })
        : await client.openDirect(first?.id ?? '');
      props.onOpened(opened);
    } catch (error) {
      setSentence((error as Error).message);
      setBusy(false);
    }
  };

  return (
    <Dialog onClose={props.onClose} label="New conversation" class="new-chat">
      <header class="dialog-head">
        <h2>New conversation</h2>
        <IconButton icon="close" label="Close" onClick={props.onClose} />
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <PeoplePicker chosen={chosen} onChange={setChosen} />
        <label class="switch">
          <input type="checkbox" checked={isGroup} disabled={chosen.length > 1} onChange={(event) => setWantsGroup(event.currentTarget.checked)} />
          <span class="track" />
          <span>Make it a group</span>
        </label>
        {isGroup ? (
          <label class="field">
            <span>Name of the group</span>
            <input value={name} maxLength={100} required placeholder="Weekend plans" onInput={(event) => setName(event.currentTarget.value)} />
          </label>
        ) : null}
        {sentence ? <p class="sentence" role="alert">{sentence}</p> : null}
        <footer class="dialog-foot">
          <button type="button" class="plain" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!canStart || isBusy}>
            {isGroup ? 'Create the group' : 'Start talking'}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
