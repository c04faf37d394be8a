// Who has read up to here, as small faces.
import type { ReadMarker } from '@confab/client';
import { Avatar } from '../ui/avatar';

const MOST = 5;

export function SeenBy({ markers, isGroup }: { markers: readonly ReadMarker[]; isGroup: boolean }) {
  const names = markers.map((it) => it.userName).join(', ');
  return (
    <span class="seen" title={`Seen by ${names}`}>
      {isGroup ? markers.slice(0, MOST).map((it) => <Avatar key={it.userId} id={it.userId} name={it.userName} size={16} />) : <span aria-hidden="true">Seen</span>}
      {markers.length > MOST ? <small aria-hidden="true">{`+${markers.length - MOST}`}</small> : null}
      <span class="sr">{`Seen by ${names}`}</span>
    </span>
  );
}
