// Shows the documents of REST and STOMP, and lets people try the endpoints of REST with a token of theirs, which stays here.
'use strict';

const METHODS = ['get', 'post', 'put', 'delete'];
const contents = document.getElementById('contents');
const reference = document.getElementById('reference');
const token = document.getElementById('token');

function chapter(title, about) {
  reference.append(make('h1', '', title), make('p', 'quiet', ...prose(about)));
  contents.append(make('h2', '', title));
}

/** An entry, with its link among the contents. */
function entry(id, kind, verb, address, title) {
  const article = make('article', '', make('h3', '', title));
  article.id = id;
  article.append(make('div', 'address', make('span', `verb ${kind}`, verb), make('span', '', address)));
  article.dataset.words = `${verb} ${address} ${title} ${id}`.toLowerCase();
  const link = make('a', '', title);
  link.href = `#${id}`;
  link.title = `${verb} ${address}`;
  link.dataset.words = article.dataset.words;
  contents.append(link);
  reference.append(article);
  return article;
}

function part(article, title, ...content) {
  article.append(make('h4', '', title), ...content);
}

function showEndpoint(api, path, method, operation) {
  const article = entry(operation.operationId, method, method.toUpperCase(), path, operation.summary);
  if (operation.description) article.append(make('p', '', ...prose(operation.description)));
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    const rows = parameters.map((it) => {
      const schema = { ...it.schema, ...(it.description ? { description: it.description } : {}) };
      return fieldOf(api, it.in === 'path' ? `{${it.name}}` : it.name, schema, it.required, true);
    });
    part(article, 'Parameters', make('ul', 'fields', ...rows));
  }
  for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) {
    const inner = innerOf(api, content.schema);
    part(article, operation.requestBody.required ? `Body, ${type}` : `Body, ${type}, may be left out`, ...inner.map((it) => fieldsOf(api, it, true)));
  }
  const refusals = [];
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (answer.$ref) {
      const { schema } = resolve(api, answer);
      const code = Object.values(schema.content)[0].example.code;
      refusals.push(make('li', '', make('code', '', `${status} ${code}`)));
      refusals.at(-1).title = schema.description;
      continue;
    }
    const schema = Object.values(answer.content ?? {})[0]?.schema;
    const shown = schema ? make('ul', 'fields', fieldOf(api, typeOf(api, schema), schema, true)) : '';
    shown && shown.querySelector('.type')?.remove();
    part(article, `Answers ${status}: ${answer.description}`, shown);
  }
  if (refusals.length) part(article, 'Refuses with', make('ul', 'refusals', ...refusals));
  const json = operation.requestBody?.content?.['application/json'];
  if (!operation.requestBody || json) article.append(trial(api, path, method, parameters, json));
}

/** A form that sends the request. */
function trial(api, path, method, parameters, json) {
  const details = make('details', 'try', make('summary', '', 'Try it'));
  const fill = () => {
    const form = make('form');
    const inputs = parameters.filter((it) => it.in !== 'header').map((it) => {
      const input = make('input');
      input.name = it.name;
      input.required = it.in === 'path';
      if (it.in === 'path') input.value = it.example ?? exampleOf(api, it.schema);
      form.append(make('label', '', it.name, input));
      return { ...it, input };
    });
    const body = json && make('textarea');
    if (body) {
      body.value = JSON.stringify(exampleOf(api, json.schema), null, 2);
      body.setAttribute('aria-label', 'Body');
      form.append(body);
    }
    const answer = make('pre');
    answer.hidden = true;
    const button = make('button', '', `${method.toUpperCase()}`);
    form.append(make('div', '', button), answer);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(inputs.find((it) => it.name === name).input.value));
      const query = new URLSearchParams(inputs.filter((it) => it.in === 'query' && it.input.value).map((it) => [it.name, it.input.value]));
      answer.hidden = false;
      answer.textContent = await send(method, `${filled}${query.size ? `?${query}` : ''}`, body?.value);
    });
    details.append(form);
  };
  details.addEventListener('toggle', fill, { once: true });
  return details;
}

/** The answer as a text: its status, and what it says. The document stands one level below the server's own address. */
async function send(method, address, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  const bare = token.value.trim().replace(/^bearer\s+/i, '');
  if (bare) headers.Authorization = `Bearer ${bare}`;
  try {
    const answer = await fetch(`..${address}`, { method: method.toUpperCase(), headers, body: body || undefined });
    const text = await answer.text();
    const isJson = answer.headers.get('Content-Type')?.startsWith('application/json');
    return `${answer.status} ${answer.statusText}\n\n${isJson ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
  } catch (cause) {
    return `Not sent: ${cause.message}`;
  }
}

function showRest(api) {
  chapter('REST', api.info.description);
  for (const tag of api.tags) {
    reference.append(make('h2', 'tag', tag.name), make('p', 'quiet', tag.description));
    contents.append(make('h2', '', tag.name));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS) {
        if (item[method]?.tags?.includes(tag.name)) showEndpoint(api, path, method, item[method]);
      }
    }
  }
}

function showStomp(api) {
  chapter('STOMP', api.info.description);
  const kinds = [
    ['send', 'SEND', 'Destinations to send to', 'The frame brings the body as JSON.'],
    ['queue', 'SUBSCRIBE', 'Queues to listen to', 'Each MESSAGE brings a body as JSON.'],
  ];
  for (const [kind, verb, title, about] of kinds) {
    reference.append(make('h2', 'tag', title), make('p', 'quiet', about));
    contents.append(make('h2', '', title));
    for (const [id, channel] of Object.entries(api.channels)) {
      if (!id.startsWith(`${kind}.`)) continue;
      const article = entry(id, kind, verb, channel.address, channel.summary);
      if (channel.description) article.append(make('p', '', ...prose(channel.description)));
      for (const message of Object.values(channel.messages)) {
        const frame = message.title.split(' ')[0];
        const isAsked = frame !== 'MESSAGE';
        part(article, `Headers of ${frame}`, fieldsOf(api, message.headers, isAsked));
        if (message.payload) part(article, `Body of ${frame}`, fieldsOf(api, message.payload, isAsked));
      }
    }
  }
}

document.getElementById('filter').addEventListener('input', (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const shown of document.querySelectorAll('[data-words]')) {
    shown.hidden = !words.every((word) => shown.dataset.words.includes(word));
  }
});

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

Promise.all([read('openapi.json'), read('asyncapi.json')]).then(
  ([rest, stomp]) => {
    document.getElementById('state').remove();
    showRest(rest);
    showStomp(stomp);
    if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  },
  (cause) => (document.getElementById('state').textContent = `The documents cannot be read: ${cause.message}`),
);
