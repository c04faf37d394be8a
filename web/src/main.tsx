// The web chat: the demo at the front door, one person who signed in elsewhere.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import './chat.css';
import { about } from './about';
import { Demo } from './demo';
import { SignedIn } from './sign-in';
import { followTheme, theme } from './theme';

const isFrontDoor = !location.pathname.endsWith('/chat');

function Page() {
  const [colours, setColours] = useState(theme);
  useEffect(() => followTheme(setColours), []);
  return about.demo && isFrontDoor ? <Demo theme={colours} /> : <SignedIn theme={colours} />;
}

const root = document.getElementById('root');
if (root) render(<Page />, root);
