// The landing page and the docs.
import './site.css';
import { about } from '../about';
import { followTheme, switchTheme } from '../theme';
import { showDocs } from './docs';
import { showLanding } from './landing';

const SUN =
  'M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.400M4.9 19.100l1.4-1.400m11.4 0 1.4 1.400M4.9 4.900l1.4 1.400M12 7.500a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z';
const MOON = 'M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500z';

const button = document.querySelector<HTMLButtonElement>('[data-theme-switch]');
button?.addEventListener('click', switchTheme);
followTheme((theme) => {
  if (!button) return;
  button.setAttribute('aria-label', theme === 'dark' ? 'Light colours' : 'Dark colours');
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', theme === 'dark' ? SUN : MOON);
  svg.append(path);
  button.replaceChildren(svg);
});

for (const it of document.querySelectorAll('[data-version]')) it.textContent = `version ${about.version}`;
if (document.body.classList.contains('docs')) showDocs();
else showLanding();
