// Uploads: the one thing that goes over HTTP, whatever the transport.
import type { UploadOptions } from './api.js';
import { ConfabError } from './errors.js';
import type { UploadedFile } from './model.js';

interface Envelope {
  readonly success?: boolean;
  readonly error?: string | null;
  readonly code?: string;
  readonly data?: (Omit<UploadedFile, 'id'> & { readonly id: number | string }) | null;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

/** Uploads a file. In browsers by XMLHttpRequest, which alone tells how far it is. */
export async function upload(url: string, token: string, file: Blob, options: UploadOptions): Promise<UploadedFile> {
  if (options.signal?.aborted) throw aborted();
  const form = new FormData();
  // The server reads the conversation's limits before the file comes.
  if (options.conversationId) form.append('conversationId', options.conversationId);
  form.append('file', file, 'name' in file && typeof file.name === 'string' && file.name ? file.name : 'file');
  const send = typeof XMLHttpRequest === 'function' ? byRequest : byFetch;
  return read(await send(`${url}/api/files`, token, form, file.size, options));
}

function byRequest(url: string, token: string, form: FormData, size: number, { onProgress, signal }: UploadOptions): Promise<Answer> {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const over = (error: ConfabError) => () => {
      signal?.removeEventListener('abort', abort);
      fail(error);
    };
    request.open('POST', url);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    if (onProgress) {
      request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
        // The form around the file is sent, too; it is not the file's.
        const part = lengthComputable && total > 0 ? Math.min(loaded / total, 1) : 0;
        onProgress({ loaded: Math.round(part * size), total: size });
      };
    }
    request.onload = () => {
      signal?.removeEventListener('abort', abort);
      done({ status: request.status, text: request.responseText, retryAfter: request.getResponseHeader('Retry-After') });
    };
    request.onerror = over(interrupted());
    request.onabort = over(aborted());
    signal?.addEventListener('abort', abort);
    request.send(form);
  });
}

async function byFetch(url: string, token: string, form: FormData, size: number, { onProgress, signal }: UploadOptions): Promise<Answer> {
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await fetch(url, { method: 'POST', headers, body: form, signal: signal ?? null });
    const text = await answer.text();
    if (answer.ok) onProgress?.({ loaded: size, total: size });
    return { status: answer.status, text, retryAfter: answer.headers.get('Retry-After') };
  } catch {
    throw signal?.aborted ? aborted() : interrupted();
  }
}

function read({ status, text, retryAfter }: Answer): UploadedFile {
  let envelope: Envelope = {};
  try {
    envelope = JSON.parse(text) as Envelope;
  } catch {
    // A proxy's page: the status has to do.
  }
  if (envelope.success && envelope.data) return { ...envelope.data, id: String(envelope.data.id) };
  const code = envelope.code ?? (status === 413 ? 'PAYLOAD_TOO_LARGE' : status >= 500 ? 'UNAVAILABLE' : 'BAD_REQUEST');
  const seconds = retryAfter === null ? NaN : Number(retryAfter);
  throw new ConfabError(code, envelope.error ?? `The upload was answered with ${status}`, Number.isFinite(seconds) ? seconds : undefined);
}

const interrupted = () => new ConfabError('DISCONNECTED', 'The upload was interrupted');
const aborted = () => new ConfabError('ABORTED', 'The upload was given up');
