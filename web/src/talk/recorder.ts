// Voice notes: the microphone, as long as a button is on.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

const KINDS = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4'] as const;

export const canRecord = typeof MediaRecorder !== 'undefined' && Boolean(navigator.mediaDevices);

export interface Recording {
  /** Null where nothing is recorded. */
  readonly seconds: number | null;
  start(): Promise<void>;
  /** The note; null where it was given up. */
  stop(keep: boolean): Promise<File | null>;
}

export function useRecorder(): Recording {
  const [seconds, setSeconds] = useState<number | null>(null);
  const recorder = useRef<MediaRecorder | null>(null);

  useEffect(() => {
    if (seconds === null) return;
    const timer = setTimeout(() => setSeconds(seconds + 1), 1000);
    return () => clearTimeout(timer);
  }, [seconds]);
  const release = () => {
    for (const track of recorder.current?.stream.getTracks() ?? []) track.stop();
    recorder.current = null;
  };
  useEffect(() => release, []);

  const start = useCallback(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    recorder.current = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    recorder.current.start();
    setSeconds(0);
  }, []);

  const stop = useCallback(async (keep: boolean) => {
    const machine = recorder.current;
    setSeconds(null);
    if (!machine) return null;
    const pieces: Blob[] = [];
    machine.ondataavailable = (event) => pieces.push(event.data);
    const stopped = new Promise<void>((done) => (machine.onstop = () => done()));
    machine.stop();
    await stopped;
    release();
    if (!keep) return null;
    const type = (machine.mimeType || 'audio/webm').split(';')[0] ?? 'audio/webm';
    const ending = { 'audio/ogg': 'ogg', 'audio/mp4': 'm4a' }[type] ?? 'webm';
    return new File(pieces, `voice-note.${ending}`, { type });
  }, []);

  return { seconds, start, stop };
}
