// Pictures as large as the window.
import { useState } from 'preact/hooks';
import type { TargetedKeyboardEvent } from 'preact';
import type { Attachment } from '@confab/client';
import { Dialog, IconButton } from '../ui/popover';
import { address, useDownload } from './attachments';

export function Lightbox(props: { files: readonly Attachment[]; start: number; onClose: () => void; renew: () => Promise<readonly Attachment[]> }) {
  const { files, start, onClose, renew } = props;
  const [at, setAt] = useState(start);
  const download = useDownload(renew);
  const file = files[at];
  if (!file) return null;
  const turn = (step: number) => setAt((at + step + files.length) % files.length);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    if (event.key === 'ArrowRight') turn(1);
    if (event.key === 'ArrowLeft') turn(-1);
  };
  return (
    <Dialog onClose={onClose} label={file.fileName} class="lightbox">
      <div class="lightbox-body" onKeyDown={onKeyDown} role="presentation">
        <header>
          <strong>{file.fileName}</strong>
          {files.length > 1 ? <span>{`${at + 1} of ${files.length}`}</span> : null}
          <span class="grow" />
          {files.length > 1 ? <IconButton icon="back" label="The picture before" onClick={() => turn(-1)} /> : null}
          {files.length > 1 ? <IconButton icon="back" class="turned" label="The next picture" onClick={() => turn(1)} /> : null}
          <IconButton icon="download" label={`Download ${file.fileName}`} onClick={() => void download(file)} />
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        <figure
          onClick={(event) => {
            if (event.target === event.currentTarget) onClose();
          }}
        >
          <img src={address(file.url)} alt={file.fileName} onError={() => void renew().catch(() => {})} />
        </figure>
      </div>
    </Dialog>
  );
}
