// What the server says of itself in the head of its pages, and where it is.

export interface About {
  readonly version: string;
  /** Whether the page gets the tokens of the people of the demo. */
  readonly demo: boolean;
  readonly graphiql: boolean;
}

const said = document.querySelector<HTMLMetaElement>('meta[name=confab]')?.content ?? '{}';

export const about: About = { version: '', demo: false, graphiql: false, ...(JSON.parse(said) as Partial<About>) };

/** The address of the server without a slash at its end: pages stand at its root, whatever a proxy puts before that. */
export const server = new URL('.', location.href).href.replace(/\/$/, '');
