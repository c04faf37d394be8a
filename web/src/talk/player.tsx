// Sounds: a button, the shape of the sound, and where one is in it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { TargetedKeyboardEvent } from 'preact';
import { length } from '../text/times';
import { Icon } from '../ui/icons';

const BARS = 44;
/** Larger ones are played without being looked through first. */
const MAX_LOOKED_THROUGH = 6 * 1_048_576;
const STEP_SECONDS = 5;

/** How loud each part is, from 0 to 1. */
async function shape(url: string): Promise<{ bars: number[]; seconds: number }> {
  const bytes = await (await fetch(url)).arrayBuffer();
  const context = new OfflineAudioContext(1, 1, 22_050);
  const sound = await context.decodeAudioData(bytes);
  const samples = sound.getChannelData(0);
  const width = Math.max(1, Math.floor(samples.length / BARS));
  const bars = Array.from({ length: BARS }, (_, bar) => {
    let loudest = 0;
    for (let at = bar * width; at < (bar + 1) * width; at += 16) loudest = Math.max(loudest, Math.abs(samples[at] ?? 0));
    return loudest;
  });
  const most = Math.max(...bars, 0.01);
  return { bars: bars.map((bar) => bar / most), seconds: sound.duration };
}

export function Player(props: { url: string; name: string; size: number; onBroken: () => void }) {
  const audio = useRef<HTMLAudioElement>(null);
  const [bars, setBars] = useState<number[]>(() => Array.from({ length: BARS }, () => 0.18));
  const [seconds, setSeconds] = useState(0);
  const [now, setNow] = useState(0);
  const [isPlaying, setPlaying] = useState(false);

  useEffect(() => {
    if (props.size > MAX_LOOKED_THROUGH) return;
    let isWanted = true;
    shape(props.url).then(
      (made) => {
        if (!isWanted) return;
        setBars(made.bars);
        setSeconds(made.seconds);
      },
      // A sound that this browser cannot look through may be played all the same.
      () => {},
    );
    return () => {
      isWanted = false;
    };
  }, [props.url]);

  const toggle = () => {
    const it = audio.current;
    if (!it) return;
    if (it.paused) void it.play().catch(() => props.onBroken());
    else it.pause();
  };
  const seek = (to: number) => {
    if (!audio.current) return;
    audio.current.currentTime = Math.max(0, Math.min(seconds, to));
    setNow(audio.current.currentTime);
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const to = ({ ArrowRight: now + STEP_SECONDS, ArrowLeft: now - STEP_SECONDS, Home: 0, End: seconds } as Record<string, number>)[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    seek(to);
  };
  const part = seconds ? now / seconds : 0;
  return (
    <div class="player">
      <button type="button" class="play" aria-label={isPlaying ? `Pause ${props.name}` : `Play ${props.name}`} onClick={toggle}>
        <Icon name={isPlaying ? 'pause' : 'play'} size={18} />
      </button>
      <div
        class="wave"
        role="slider"
        tabIndex={0}
        aria-label={`Place in ${props.name}`}
        aria-valuemin={0}
        aria-valuemax={Math.round(seconds)}
        aria-valuenow={Math.round(now)}
        aria-valuetext={`${length(now)} of ${length(seconds)}`}
        onKeyDown={onKeyDown}
        onClick={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          seek(((event.clientX - box.left) / box.width) * seconds);
        }}
      >
        {bars.map((bar, index) => (
          <i key={index} class={index / BARS < part ? 'heard' : ''} style={{ height: `${Math.round(14 + bar * 86)}%` }} />
        ))}
      </div>
      <time>{length(isPlaying || now > 0 ? now : seconds)}</time>
      <audio
        ref={audio}
        src={props.url}
        preload="metadata"
        onLoadedMetadata={(event) => Number.isFinite(event.currentTarget.duration) && setSeconds(event.currentTarget.duration)}
        onTimeUpdate={(event) => setNow(event.currentTarget.currentTime)}
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => {
          setPlaying(false);
          setNow(0);
        }}
      />
    </div>
  );
}
