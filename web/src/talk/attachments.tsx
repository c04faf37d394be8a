// The files of a message: pictures, films, sounds, and what is downloaded.
import { useRef, useState } from 'preact/hooks';
import type { Attachment, StoredMessage } from '@confab/client';
import { useConfab } from '@confab/client/react';
import { server } from '../about';
import { useDesk } from '../desk';
import { bytes } from '../text/times';
import { Icon } from '../ui/icons';
import { Lightbox } from './lightbox';
import { Player } from './player';

const LONGER_SIDE = 320;

/** Links of the server as the page can use them: they may begin with a path. */
export function address(url: string): string {
  return url.startsWith('/') ? server + url : url;
}

/** The files with links that hold: those of a page that was open for long are asked for again. */
export function useFresh(message: StoredMessage): { files: readonly Attachment[]; renew: () => Promise<readonly Attachment[]> } {
  const client = useConfab();
  const [renewed, setRenewed] = useState<StoredMessage | null>(null);
  const asked = useRef<Promise<readonly Attachment[]> | null>(null);
  const renew = () => {
    asked.current ??= client.message(message.id).then((fresh) => {
      setRenewed(fresh);
      return fresh.attachments;
    });
    return asked.current;
  };
  return { files: renewed?.id === message.id ? renewed.attachments : message.attachments, renew };
}

/** A browser that cannot show a link shows a fresh one, once. */
export function Attachments({ message }: { message: StoredMessage }) {
  const { files, renew } = useFresh(message);
  const [shown, setShown] = useState<number | null>(null);
  const again = () => void renew().catch(() => {});
  const pictures = files.filter((it) => it.contentType.startsWith('image/') && (it.thumbnailUrl || it.width));
  const others = files.filter((it) => !pictures.includes(it));
  return (
    <>
      {pictures.length > 0 ? (
        <div class={`pictures of-${Math.min(pictures.length, 4)}`}>
          {pictures.map((it, index) => (
            <Picture key={it.id} file={it} onOpen={() => setShown(index)} onBroken={again} />
          ))}
        </div>
      ) : null}
      {others.map((it) => {
        if (it.contentType.startsWith('audio/')) {
          return <Player key={it.id} url={address(it.url)} name={it.fileName} size={it.size} onBroken={again} />;
        }
        if (it.contentType.startsWith('video/')) {
          return <video key={it.id} class="film" src={address(it.url)} controls preload="metadata" aria-label={it.fileName} onError={again} />;
        }
        return <Download key={it.id} file={it} renew={renew} />;
      })}
      {shown !== null ? <Lightbox files={pictures} start={shown} onClose={() => setShown(null)} renew={renew} /> : null}
    </>
  );
}

function Picture({ file, onOpen, onBroken }: { file: Attachment; onOpen: () => void; onBroken: () => void }) {
  const [width, height] = [file.width ?? LONGER_SIDE, file.height ?? LONGER_SIDE];
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  return (
    <button type="button" class="picture" aria-label={`Show ${file.fileName}`} onClick={onOpen}>
      <img
        src={address(file.thumbnailUrl ?? file.url)}
        alt=""
        width={Math.round(width * scale)}
        height={Math.round(height * scale)}
        loading="lazy"
        onError={onBroken}
      />
    </button>
  );
}

/** Downloads through a link that was made a moment ago. */
export function useDownload(renew: () => Promise<readonly Attachment[]>) {
  const { attempt } = useDesk();
  return async (file: Attachment) => {
    const fresh = await attempt(renew());
    const link = document.createElement('a');
    link.href = address(fresh?.find((it) => it.id === file.id)?.url ?? file.url);
    link.download = file.fileName;
    link.click();
  };
}

function Download({ file, renew }: { file: Attachment; renew: () => Promise<readonly Attachment[]> }) {
  const download = useDownload(renew);
  const label = `Download ${file.fileName} ${bytes(file.size)}`;
  return (
    <button type="button" class="download" aria-label={label} onClick={() => void download(file)}>
      <span class="paper">
        <Icon name="file" size={22} />
      </span>
      <span class="download-words">
        <strong>{file.fileName}</strong> <small>{bytes(file.size)}</small>
      </span>
      <Icon name="download" size={18} />
    </button>
  );
}
