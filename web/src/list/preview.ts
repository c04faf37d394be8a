// The last message of a conversation in one line.
import type { StoredMessage } from '@confab/client';
import { plain } from '../text/markup';

export function kindOf(contentType: string): string {
  if (contentType.startsWith('image/')) return 'a picture';
  if (contentType.startsWith('audio/')) return 'a sound';
  if (contentType.startsWith('video/')) return 'a film';
  return 'a file';
}

export function summary(message: StoredMessage): string {
  if (message.isDeleted) return 'Message deleted';
  const text = plain(message.content ?? '');
  const [first] = message.attachments;
  if (text || !first) return text;
  return message.attachments.length > 1 ? `${message.attachments.length} files` : `Sent ${kindOf(first.contentType)}`;
}

export function preview(message: StoredMessage, me: string, isGroup: boolean): string {
  const who = message.senderId === me ? 'You' : isGroup ? message.senderName.split(' ')[0] : null;
  return who ? `${who}: ${summary(message)}` : summary(message);
}
