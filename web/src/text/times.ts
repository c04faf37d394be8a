// Times as people say them.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDay = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });

const DAY = 86_400_000;

const startOfDay = (time: Date) => new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();

/** How many midnights ago. */
function daysAgo(time: string): number {
  return Math.round((startOfDay(new Date()) - startOfDay(new Date(time))) / DAY);
}

export const timeOfDay = (time: string): string => clock.format(new Date(time));

export const whole = (time: string): string => full.format(new Date(time));

/** For a list: the time, or how long ago. */
export function brief(time: string): string {
  const days = daysAgo(time);
  if (days <= 0) return timeOfDay(time);
  if (days === 1) return 'Yesterday';
  return (days < 7 ? weekday : dayOfYear).format(new Date(time));
}

export const dayKey = (time: string): number => startOfDay(new Date(time));

export function dayName(time: string): string {
  const days = daysAgo(time);
  return days <= 0 ? 'Today' : days === 1 ? 'Yesterday' : longDay.format(new Date(time));
}

export function ago(time: string): string {
  const minutes = Math.max(0, Math.round((Date.now() - new Date(time).getTime()) / 60_000));
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 24 ? `${hours} h ago` : brief(time);
}

/** Minutes and seconds of a sound. */
export function length(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1_048_576) return `${Math.round(count / 1024)} KB`;
  return `${(count / 1_048_576).toFixed(1)} MB`;
}
