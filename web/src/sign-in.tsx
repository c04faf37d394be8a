// The web chat of a real server: one signs in with a token, which the tab keeps.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ConnectOptions } from '@confab/client';
import { about } from './about';
import { demoPeople } from './session/demo';
import { keepToken, keptToken, read, trimmed } from './session/token';
import { timeOfDay } from './text/times';
import { switchTheme, type Theme } from './theme';
import { Icon } from './ui/icons';
import { IconButton } from './ui/popover';
import { PersonWindow } from './window';

/** How long before its end a token is spoken of. */
const WARNING_TIME = 5 * 60_000;

export function SignedIn({ theme }: { theme: Theme }) {
  const [token, setToken] = useState<string | null>(keptToken);
  const [sentence, setSentence] = useState<string | null>(null);
  const current = useRef(token);
  current.current = token;
  const claims = token ? read(token) : null;
  const user = claims?.user ?? null;

  const out = useCallback((why: string | null) => {
    keepToken(null);
    setToken(null);
    setSentence(why);
  }, []);
  const getToken = useCallback<ConnectOptions['getToken']>(
    ({ refused }) => {
      if (refused === null || refused !== current.current) return current.current;
      const ended = read(refused)?.expires ?? 0;
      const why = ended < Date.now() ? `Your token ended at ${timeOfDay(new Date(ended).toISOString())}. Sign in with a new one.` : 'The server did not take this token.';
      // Out of the call: whoever asks is still at work.
      queueMicrotask(() => out(why));
      return null;
    },
    [out],
  );
  const take = (text: string) => {
    const given = trimmed(text);
    if (!read(given)) return setSentence('This is no token: a JWT has three parts, with a user and an end in the second.');
    keepToken(given);
    setSentence(null);
    setToken(given);
  };

  if (!token || !claims || !user) return <SignIn theme={theme} sentence={sentence} onToken={take} />;
  return (
    <main class="alone">
      <h1 class="sr">confab web chat</h1>
      <PersonWindow user={user} name={claims.name ?? `User ${user}`} getToken={getToken} expires={claims.expires} onSignOut={() => out(null)} ownsTitle>
        <Ending expires={claims.expires} onToken={take} sentence={sentence} />
      </PersonWindow>
    </main>
  );
}

/** Says in time that the token ends, and takes the next one. */
function Ending(props: { expires: number; onToken: (token: string) => void; sentence: string | null }) {
  const [now, setNow] = useState(Date.now());
  const [text, setText] = useState('');
  const left = props.expires - now;
  useEffect(() => {
    const timer = setTimeout(() => setNow(Date.now()), left > WARNING_TIME ? Math.min(left - WARNING_TIME, 2 ** 31 - 1) : 15_000);
    return () => clearTimeout(timer);
  }, [left]);
  if (left > WARNING_TIME) return null;
  return (
    <form
      class="ending"
      onSubmit={(event) => {
        event.preventDefault();
        props.onToken(text);
        setText('');
        setNow(Date.now());
      }}
    >
      <Icon name="clock" size={18} />
      <label>
        <span>{`Your token ends at ${timeOfDay(new Date(props.expires).toISOString())}.`}</span>
        <input type="password" value={text} autocomplete="off" placeholder="Paste the next one" onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" class="small-button" disabled={!text.trim()}>
        Go on with it
      </button>
      {props.sentence ? <span role="alert">{props.sentence}</span> : null}
    </form>
  );
}

function SignIn(props: { theme: Theme; sentence: string | null; onToken: (token: string) => void }) {
  const [text, setText] = useState('');
  const [isShown, setShown] = useState(false);
  const [people, setPeople] = useState<readonly { name: string; token: string }[]>([]);
  useEffect(() => {
    // Where it is not a demo, nobody is offered.
    if (about.demo) demoPeople().then(setPeople, () => {});
  }, []);
  return (
    <main class="sign-in">
      <IconButton icon={props.theme === 'dark' ? 'sun' : 'moon'} class="corner" label={props.theme === 'dark' ? 'Light colours' : 'Dark colours'} onClick={switchTheme} />
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          props.onToken(text);
        }}
      >
        <img src="site/icon.svg" alt="" width="56" height="56" />
        <h1 class="wordmark">Come in</h1>
        <p>Sign in with a token of this server. It stays in this tab, and nowhere else.</p>
        <label class="field">
          <span>Token</span>
          <span class="with-button">
            <input
              type={(isShown ? 'text' : 'password') as 'password'}
              autofocus
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              placeholder="A JWT, with or without “Bearer ”"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <button type="button" class="plain small" aria-pressed={isShown} onClick={() => setShown(!isShown)}>
              {isShown ? 'Hide' : 'Show'}
            </button>
          </span>
        </label>
        {props.sentence ? (
          <p class="sentence" role="alert">
            {props.sentence}
          </p>
        ) : null}
        <button type="submit" class="primary" disabled={!text.trim()}>
          Sign in
        </button>
        {people.length > 0 ? (
          <p class="fine">
            Or come in as{' '}
            {people.map((it) => (
              <button key={it.name} type="button" class="link" onClick={() => props.onToken(it.token)}>
                {it.name}
              </button>
            ))}
          </p>
        ) : (
          <p class="fine">
            On the server’s machine, <code>confab token --user 1 --name You</code> makes one.
          </p>
        )}
      </form>
      <a class="fine" href="./">
        About this server
      </a>
    </main>
  );
}
