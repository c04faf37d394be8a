// Places in the log.
import type { Cursor } from './model.js';

/**
 * Whether a cursor is after another one. One of another epoch (another database) is not comparable: it counts as after,
 * since what is told now is true now.
 */
export function isAfter(one: Cursor, other: Cursor): boolean {
  const [epoch, position] = split(one);
  const [otherEpoch, otherPosition] = split(other);
  return epoch !== otherEpoch || position > otherPosition;
}

function split(cursor: Cursor): [string, number] {
  const dot = cursor.lastIndexOf('.');
  return [cursor.slice(0, dot), Number(cursor.slice(dot + 1))];
}
