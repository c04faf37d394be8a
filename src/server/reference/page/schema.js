// Shows a JSON schema as a list of fields. It knows no document: what a reference leads to is looked up in the one it is given.
'use strict';

/** An element with a class, and with texts and elements in it. */
function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content.filter((it) => it !== null && it !== undefined && it !== ''));
  return element;
}

/** Text in which `words` stand as code. */
function prose(text) {
  const parts = (text ?? '').split(/`([^`]*)`/);
  return parts.map((part, at) => (at % 2 ? make('code', '', part) : part));
}

/** What a reference leads to, with what stands beside it, and its name. */
function resolve(root, schema) {
  if (!schema?.$ref) return { schema: schema ?? {}, name: null };
  const path = schema.$ref.replace(/^#\//, '').split('/');
  const found = path.reduce((here, key) => here?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], root) ?? {};
  const { $ref, ...beside } = schema;
  return { schema: { ...found, ...beside }, name: path.at(-1) };
}

/** The alternatives of a schema that are no null, and whether null is among them. */
function alternatives(schema) {
  const all = schema.oneOf ?? schema.anyOf;
  if (!all) return null;
  const some = all.filter((it) => it.type !== 'null');
  return { some, nullable: some.length < all.length };
}

/** The type in a few words. */
function typeOf(root, given) {
  const { schema, name } = resolve(root, given);
  const among = alternatives(schema);
  if (among) return among.some.map((it) => typeOf(root, it)).join(' | ') + (among.nullable ? ' | null' : '');
  const types = [schema.type ?? []].flat();
  if (types.includes('array')) {
    const items = typeOf(root, schema.items);
    return `${items.includes(' ') ? `(${items})` : items}[]${types.includes('null') ? ' | null' : ''}`;
  }
  if (name && (schema.properties || schema.allOf || schema.enum)) return name;
  if (schema.additionalProperties) return `map of ${typeOf(root, schema.additionalProperties)}`;
  return types.join(' | ') || 'anything';
}

/** Its limits in a few words. */
function limitsOf(schema) {
  const said = [];
  const add = (key, words) => schema[key] !== undefined && said.push(words(schema[key]));
  add('format', (it) => it);
  add('minimum', (it) => `≥ ${it}`);
  add('maximum', (it) => `≤ ${it}`);
  add('minLength', (it) => `${it} characters or more`);
  add('maxLength', (it) => `up to ${it} characters`);
  add('maxItems', (it) => `up to ${it} entries`);
  add('pattern', (it) => `like ${it}`);
  add('const', (it) => `always ${JSON.stringify(it)}`);
  if (schema.enum) said.push(`one of ${schema.enum.map((it) => JSON.stringify(it)).join(', ')}`);
  if (schema.default !== undefined && schema.default !== null) said.push(`default ${JSON.stringify(schema.default)}`);
  return said.join(' · ');
}

/** The schemas whose fields are worth showing below this one. */
function innerOf(root, given) {
  const { schema } = resolve(root, given);
  const among = alternatives(schema);
  if (among) return among.some.flatMap((it) => innerOf(root, it));
  if (schema.properties || schema.allOf) return [given];
  return schema.items ? innerOf(root, schema.items) : [];
}

/** The fields of an object; those of its parts are shown when somebody opens them. Of what `isAsked` it says what must be there. */
function fieldsOf(root, given, isAsked) {
  const { schema } = resolve(root, given);
  const list = make('ul', 'fields');
  for (const part of schema.allOf ?? []) list.append(...fieldsOf(root, part, isAsked).children);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    list.append(fieldOf(root, name, field, schema.required?.includes(name), isAsked));
  }
  return list;
}

/** One field, by itself or of an object. */
function fieldOf(root, name, field, isRequired, isAsked) {
  const { schema } = resolve(root, field);
  const described = schema.description ?? alternatives(schema)?.some[0]?.description;
  const head = [
    make('span', 'name', name),
    make('span', 'type', typeOf(root, field)),
    isAsked && isRequired ? make('span', 'must', 'required') : '',
    isAsked || isRequired ? '' : make('span', 'limits', ' may be missing'),
  ];
  const limits = limitsOf(schema);
  const below = [described ? make('div', '', ...prose(described)) : '', limits ? make('div', 'limits', limits) : ''];
  const inner = innerOf(root, field);
  if (!inner.length) return make('li', '', ...head, ...below);
  const details = make('details', '', make('summary', '', ...head));
  details.addEventListener('toggle', () => details.append(...inner.map((it) => fieldsOf(root, it, isAsked))), { once: true });
  return make('li', '', details, ...below);
}

/** A value that fits, from what the schemas give as examples. */
function exampleOf(root, given, depth = 0) {
  const { schema } = resolve(root, given);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  const among = alternatives(schema);
  if (among) return exampleOf(root, among.some[0], depth + 1);
  if (schema.enum) return schema.enum[0];
  if (schema.properties) {
    const wanted = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name) || depth === 0);
    return Object.fromEntries(wanted.map(([name, field]) => [name, exampleOf(root, field, depth + 1)]));
  }
  const type = [schema.type ?? []].flat();
  if (type.includes('null') && depth > 0) return null;
  return { array: [], object: {}, integer: 1, boolean: true }[type[0]] ?? '';
}
