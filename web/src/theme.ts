// Light or dark: as the system has it, until somebody chooses.

export type Theme = 'light' | 'dark';

const KEY = 'confab.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function kept(): Theme | null {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'light' || theme === 'dark' ? theme : null;
  } catch {
    // A browser that keeps nothing for pages.
    return null;
  }
}

export function theme(): Theme {
  return kept() ?? (system.matches ? 'dark' : 'light');
}

/** Shows the pages in the colours that hold, and says so whenever that changes. */
export function followTheme(changed: (theme: Theme) => void): () => void {
  const show = () => {
    const chosen = kept();
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    changed(theme());
  };
  show();
  system.addEventListener('change', show);
  window.addEventListener('storage', show);
  window.addEventListener(KEY, show);
  return () => {
    system.removeEventListener('change', show);
    window.removeEventListener('storage', show);
    window.removeEventListener(KEY, show);
  };
}

export function switchTheme(): void {
  const next: Theme = theme() === 'dark' ? 'light' : 'dark';
  try {
    // The system's own choice needs no memory.
    if (next === (system.matches ? 'dark' : 'light')) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    document.documentElement.dataset.theme = next;
  }
  window.dispatchEvent(new Event(KEY));
}
