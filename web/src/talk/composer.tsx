// Where messages are written: text, emoji, files, voice notes; also where one is edited.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RefObject, TargetedKeyboardEvent } from 'preact';
import type { Id, Message } from '@confab/client';
import { useConfab } from '@confab/client/react';
import { useDesk, useRights } from '../desk';
import { bytes, length } from '../text/times';
import { Icon } from '../ui/icons';
import { IconButton } from '../ui/popover';
import { EmojiPicker } from './emoji-picker';
import { canRecord, useRecorder } from './recorder';
import { MAX_FILES, useUploads, type Uploading } from './uploads';

const MAX_ROWS_PIXELS = 180;

export interface ComposerHandle {
  focus(): void;
  addFiles(files: Iterable<File>): void;
}

export function Composer(props: {
  conversationId: Id;
  parentMessageId?: Id;
  placeholder: string;
  editing?: Message | null;
  onEdited?: () => void;
  onEditLast?: () => void;
  onSent?: () => void;
  handle?: RefObject<ComposerHandle | null>;
  autofocus?: boolean;
}) {
  const { conversationId, parentMessageId, editing, onEdited } = props;
  const client = useConfab();
  const { drafts, attempt, notify } = useDesk();
  const rights = useRights(conversationId);
  const key = parentMessageId ? `thread ${parentMessageId}` : conversationId;
  const [text, setText] = useState(drafts.get(key) ?? '');
  const { items, add, remove, clear } = useUploads(conversationId);
  const recorder = useRecorder();
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const smile = useRef<HTMLButtonElement>(null);
  const [isPicking, setPicking] = useState(false);

  useEffect(() => {
    if (editing) setText(editing.content ?? '');
    else setText(drafts.get(key) ?? '');
    if (editing) area.current?.focus();
  }, [editing, key, drafts]);
  useEffect(() => {
    if (!editing) drafts.set(key, text);
  }, [text, editing, key, drafts]);
  useLayoutEffect(() => {
    const it = area.current;
    if (!it) return;
    it.style.height = 'auto';
    it.style.height = `${Math.min(it.scrollHeight, MAX_ROWS_PIXELS)}px`;
  }, [text]);

  const addFiles = useCallback(
    (files: Iterable<File>) => {
      const all = [...files];
      if (all.length > MAX_FILES) notify(`A message takes up to ${MAX_FILES} files`);
      add(all.slice(0, MAX_FILES));
      area.current?.focus();
    },
    [add, notify],
  );
  const focus = useCallback(() => area.current?.focus(), []);
  useEffect(() => {
    if (props.handle) props.handle.current = { focus, addFiles };
  }, [props.handle, focus, addFiles]);
  useEffect(() => {
    if (props.autofocus && matchMedia('(hover: hover)').matches) area.current?.focus();
  }, [props.autofocus, key]);

  const ready = items.flatMap((it) => (it.file ? [it.file] : []));
  const isUploading = items.some((it) => !it.file && !it.error);
  const canSend = editing ? text.trim() !== '' : !isUploading && (text.trim() !== '' || ready.length > 0);

  const send = () => {
    if (!canSend) return;
    if (editing) {
      if (text !== editing.content) void attempt(client.edit(editing.id, text));
      onEdited?.();
    } else {
      const { sent } = client.send({
        conversationId,
        ...(text.trim() ? { content: text } : {}),
        ...(ready.length ? { attachments: ready } : {}),
        ...(parentMessageId ? { parentMessageId } : {}),
      });
      // What became of it is shown at the message.
      sent.catch(() => {});
      setText('');
      drafts.delete(key);
      clear();
      props.onSent?.();
    }
    area.current?.focus();
  };

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'Escape' && editing) {
      event.stopPropagation();
      onEdited?.();
    } else if (event.key === 'ArrowUp' && text === '' && !editing) {
      props.onEditLast?.();
    }
  };
  const insert = (emoji: string) => {
    const it = area.current;
    if (!it) return;
    it.focus();
    it.setRangeText(emoji, it.selectionStart, it.selectionEnd, 'end');
    setText(it.value);
  };
  const record = async () => {
    try {
      await recorder.start();
    } catch {
      notify('The microphone cannot be used: the browser does not allow it');
    }
  };
  const finish = async (keep: boolean) => {
    const note = await recorder.stop(keep);
    if (note) addFiles([note]);
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {editing ? (
        <div class="editing">
          <Icon name="edit" size={16} />
          <span>Editing your message</span>
          <IconButton icon="close" label="Stop editing" size={16} onClick={() => onEdited?.()} />
        </div>
      ) : null}
      {items.length > 0 && !editing ? (
        <ul class="tray" aria-label="Files to be sent">
          {items.map((it) => (
            <Tile key={it.key} item={it} onRemove={() => remove(it.key)} />
          ))}
        </ul>
      ) : null}
      {recorder.seconds !== null ? (
        <div class="writing recording">
          <span class="pulse" />
          <span role="status">Recording</span>
          <time>{length(recorder.seconds)}</time>
          <span class="grow" />
          <IconButton icon="trash" label="Throw the recording away" onClick={() => void finish(false)} />
          <IconButton icon="check" label="Take the recording" class="send" onClick={() => void finish(true)} />
        </div>
      ) : (
        <div class="writing">
          {rights.canUpload && !editing ? (
            <>
              <input
                ref={picker}
                type="file"
                multiple
                hidden
                aria-label="Files"
                onChange={(event) => {
                  addFiles(event.currentTarget.files ?? []);
                  event.currentTarget.value = '';
                }}
              />
              <IconButton icon="clip" label="Attach files" onClick={() => picker.current?.click()} />
            </>
          ) : null}
          <textarea
            ref={area}
            rows={1}
            maxLength={20_000}
            value={text}
            placeholder={props.placeholder}
            aria-label={props.placeholder}
            onInput={(event) => {
              setText(event.currentTarget.value);
              if (!editing) client.setTyping(conversationId, event.currentTarget.value !== '');
            }}
            onKeyDown={onKeyDown}
            onPaste={(event) => {
              const files = event.clipboardData?.files;
              if (files?.length && rights.canUpload) {
                event.preventDefault();
                addFiles(files);
              }
            }}
          />
          <IconButton icon="smile" label="Emoji" anchor={smile} expanded={isPicking} onClick={() => setPicking(!isPicking)} />
          {canSend || !canRecord || !rights.canUpload || editing ? (
            <button type="submit" class="icon-button send" aria-label={editing ? 'Save' : 'Send'} title={editing ? 'Save' : 'Send'} disabled={!canSend}>
              <Icon name={editing ? 'check' : 'send'} />
            </button>
          ) : (
            <IconButton icon="mic" label="Record a voice note" onClick={() => void record()} />
          )}
          {isPicking ? <EmojiPicker anchor={smile} onClose={() => setPicking(false)} onPick={insert} /> : null}
        </div>
      )}
    </form>
  );
}

function Tile({ item, onRemove }: { item: Uploading; onRemove: () => void }) {
  const percent = Math.round(item.progress * 100);
  const state = item.error ? 'failed' : item.file ? 'done' : 'going';
  return (
    <li class={`tile ${state}`}>
      {item.local ? <img src={item.local} alt="" /> : <Icon name={item.contentType.startsWith('audio/') ? 'mic' : 'file'} size={22} />}
      <span class="tile-words">
        <strong>{item.name}</strong>
        <small role={item.error ? 'alert' : undefined}>{item.error ?? (item.file ? bytes(item.size) : `${percent} %`)}</small>
      </span>
      <IconButton icon="close" label={`Take ${item.name} away`} size={15} onClick={onRemove} />
      {state === 'going' ? <progress max={100} value={percent} aria-label={`Upload of ${item.name}`} /> : null}
    </li>
  );
}
