// The demo: two people side by side where there is room, one of them where there is not, and no token to paste.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ConnectOptions } from '@confab/client';
import { about } from './about';
import { demoPeople, type DemoPerson } from './session/demo';
import { switchTheme, type Theme } from './theme';
import { Avatar } from './ui/avatar';
import { IconButton } from './ui/popover';
import { PersonWindow } from './window';

const WIDE = matchMedia('(min-width: 1000px)');
/** The group that the documentation's examples name is there, but the lively one is what one sees first. */
const FIRST = '2';

export function Demo({ theme }: { theme: Theme }) {
  const [people, setPeople] = useState<readonly DemoPerson[]>([]);
  const [sentence, setSentence] = useState<string | null>(null);
  const [chosen, setChosen] = useState<readonly [string, string]>(['1', '2']);
  const [isWide, setWide] = useState(WIDE.matches);
  useEffect(() => {
    demoPeople().then(setPeople, (error: Error) => setSentence(error.message));
    const look = () => setWide(WIDE.matches);
    WIDE.addEventListener('change', look);
    return () => WIDE.removeEventListener('change', look);
  }, []);
  const choose = (side: 0 | 1, id: string) =>
    setChosen(([left, right]) => {
      const other = side === 0 ? right : left;
      // Nobody sits at both sides: the two change places.
      const rest = other === id ? (side === 0 ? left : right) : other;
      return side === 0 ? [id, rest] : [rest, id];
    });
  return (
    <div class="stage">
      <header class="stage-head">
        <a class="brand" href="./">
          <img src="site/icon.svg" alt="" width="26" height="26" />
          <span class="wordmark">confab</span>
        </a>
        <p class="stage-words">
          <span>Two people, one server. Write on one side, and watch the other.</span>
        </p>
        <nav aria-label="About this server">
          {about.graphiql ? <a href="graphql">GraphiQL</a> : null}
          <a href="docs#protocol/4-rest">REST</a>
          <a href="docs#protocol/5-stomp-over-websocket-and-sockjs">STOMP</a>
          <a href="docs">Docs</a>
        </nav>
        <IconButton icon={theme === 'dark' ? 'sun' : 'moon'} label={theme === 'dark' ? 'Light colours' : 'Dark colours'} onClick={switchTheme} />
      </header>
      {sentence ? (
        <p class="stage-sentence" role="alert">
          {sentence}
        </p>
      ) : null}
      <main class={`panes${isWide ? ' two' : ''}`}>
        <h1 class="sr">confab {about.version}: demo</h1>
        {people.length > 0
          ? (isWide ? ([0, 1] as const) : ([0] as const)).map((side) => (
              <Pane key={side} side={side} people={people} chosen={chosen[side]} onChoose={(id) => choose(side, id)} refresh={setPeople} />
            ))
          : null}
      </main>
    </div>
  );
}

function Pane(props: {
  side: 0 | 1;
  people: readonly DemoPerson[];
  chosen: string;
  onChoose: (id: string) => void;
  refresh: (people: readonly DemoPerson[]) => void;
}) {
  const { people, chosen, onChoose, refresh } = props;
  const person = people.find((it) => it.id === chosen);
  const known = useRef(people);
  known.current = people;
  const getToken = useCallback<ConnectOptions['getToken']>(
    async ({ refused }) => {
      const token = known.current.find((it) => it.id === chosen)?.token;
      if (token && token !== refused) return token;
      const fresh = await demoPeople();
      refresh(fresh);
      return fresh.find((it) => it.id === chosen)?.token ?? null;
    },
    [chosen, refresh],
  );
  if (!person) return null;
  return (
    <PersonWindow key={chosen} user={person.id} name={person.name} getToken={getToken} first={WIDE.matches ? FIRST : null}>
      <div class="who" role="group" aria-label={`Who sits at the ${props.side === 0 ? 'left' : 'right'}`}>
        {people.map((it) => (
          <button key={it.id} type="button" aria-pressed={it.id === chosen} onClick={() => onChoose(it.id)}>
            <Avatar id={it.id} name={it.name} size={22} />
            {it.name}
          </button>
        ))}
      </div>
    </PersonWindow>
  );
}
