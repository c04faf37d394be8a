// The schema as a linter of schemas sees it: the rules that graphql-eslint recommends, but for those that the protocol's own
// names and shapes are against.
import assert from 'node:assert/strict';
import { dirname, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import graphql from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const schema = resolve(root, 'schema.graphql');

const rules = {
  ...graphql.configs['flat/schema-recommended'].rules,
  // `File.fileName`, `Message.messageType` and their like are the names of the payloads at every door, and `Node.nodeId` is the
  // id among all objects, beside the plain `id`.
  '@graphql-eslint/no-typename-prefix': 'off',
  // Of arguments it would ask for those of the specification's own directives; tests/chat/schema_words.rs looks at ours.
  '@graphql-eslint/require-description': [
    'error',
    { types: true, rootField: true, FieldDefinition: true, EnumValueDefinition: true, DirectiveDefinition: true },
  ],
  // What is no object of its own has no id: a place in a list, an event, an answer, a count, what somebody is or may do.
  '@graphql-eslint/strict-id-in-types': [
    'error',
    {
      acceptedIdNames: ['id'],
      acceptedIdTypes: ['ID'],
      exceptions: {
        suffixes: ['Connection', 'Edge', 'Event', 'Broadcast', 'Result', 'Count', 'State'],
        types: [
          'ConversationChange', 'EventPage', 'PageInfo', 'Presence', 'Reaction', 'ReadReceipt', 'TokenRenewal', 'TypingIndicator',
          'Unread', 'ViewerPermissions',
        ],
      },
    },
  ],
};

const config = (rules) => ({
  files: ['**/*.graphql'],
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
  plugins: { '@graphql-eslint': graphql },
  rules,
});

const lint = async (text, rules) => {
  const eslint = new ESLint({ cwd: root, overrideConfigFile: true, overrideConfig: [config(rules)] });
  const [{ messages }] = text ? await eslint.lintText(text, { filePath: schema }) : await eslint.lintFiles([schema]);
  return messages.map(({ line, message, ruleId }) => `${line}: ${message} (${ruleId})`);
};

test('the schema keeps to the rules of graphql-eslint', async () => {
  assert.deepEqual(await lint(undefined, rules), []);
});

test('the rules find what they are for', async () => {
  const found = await lint('type Query { some_thing: lower } type lower { id: ID! }', rules);
  assert.ok(found.some((message) => message.includes('naming-convention')), String(found));
});
