// Files on their way to the server, before the message that brings them.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Id, UploadedFile } from '@confab/client';
import { useConfab } from '@confab/client/react';

export const MAX_FILES = 10;

export interface Uploading {
  readonly key: number;
  readonly name: string;
  readonly size: number;
  readonly contentType: string;
  /** A picture of the own machine, to be shown while it goes up. */
  readonly local: string | null;
  /** From 0 to 1. */
  readonly progress: number;
  readonly file: UploadedFile | null;
  /** Why the server did not take it. */
  readonly error: string | null;
}

let next = 1;

export function useUploads(conversationId: Id) {
  const client = useConfab();
  const [items, setItems] = useState<readonly Uploading[]>([]);
  const aborts = useRef(new Map<number, AbortController>());
  const change = (key: number, made: Partial<Uploading>) =>
    setItems((all) => all.map((it) => (it.key === key ? { ...it, ...made } : it)));

  const add = useCallback(
    (files: Iterable<File>) => {
      for (const file of files) {
        const key = next++;
        const abort = new AbortController();
        aborts.current.set(key, abort);
        const local = file.type.startsWith('image/') ? URL.createObjectURL(file) : null;
        const begun = { key, name: file.name, size: file.size, contentType: file.type, local, progress: 0, file: null, error: null };
        setItems((all) => [...all, begun]);
        client
          .upload(file, {
            conversationId,
            signal: abort.signal,
            onProgress: ({ loaded, total }) => change(key, { progress: total ? loaded / total : 0 }),
          })
          .then(
            (uploaded) => change(key, { file: uploaded, progress: 1 }),
            (error: Error) => change(key, { error: error.message }),
          );
      }
    },
    [client, conversationId],
  );

  const remove = useCallback((key: number) => {
    aborts.current.get(key)?.abort();
    aborts.current.delete(key);
    setItems((all) => {
      const gone = all.find((it) => it.key === key);
      if (gone?.local) URL.revokeObjectURL(gone.local);
      return all.filter((it) => it.key !== key);
    });
  }, []);

  const clear = useCallback(() => {
    setItems((all) => {
      for (const it of all) if (it.local) URL.revokeObjectURL(it.local);
      return [];
    });
    aborts.current.clear();
  }, []);

  // Whoever turns to another conversation gives up what is on its way.
  useEffect(
    () => () => {
      for (const abort of aborts.current.values()) abort.abort();
    },
    [],
  );
  return { items, add, remove, clear };
}
