// Files as the usual libraries make them: python-docx, openpyxl, python-pptx, xlwt, exceljs, ffmpeg and Chromium's recorder.
// Each is uploaded by the real curl, and the server has to say what it is. CONFAB_PYTHON names a Python that has the first ones.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ExcelJS from 'exceljs';
import { launch, openPage } from '../browser.mjs';
import { curl } from '../curl.mjs';
import { startServer } from '../server.mjs';

const run = promisify(execFile);
const OFFICE = 'application/vnd.openxmlformats-officedocument';
const DOCUMENT = `${OFFICE}.wordprocessingml.document`;
const SHEET = `${OFFICE}.spreadsheetml.sheet`;

let server;
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'confab-makers-'));
  server = await startServer({ 'limits.uploads_per_minute': 0 });
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What the server says of a file in the folder, which nobody has told it the type of. */
async function typeOf(name, ...fields) {
  const { status, body } = await curl(
    `${server.origin}/api/files`,
    '-H', `Authorization: Bearer ${server.tokens.Alice}`,
    ...fields.flatMap((field) => ['-F', field]),
    '-F', `file=@${join(folder, name)};type=application/octet-stream`,
  );
  return status === 201 ? body.data.contentType : `${status} ${body.code}`;
}

async function typesOf(expected) {
  const told = await Promise.all(Object.keys(expected).map(async (name) => [name, await typeOf(name)]));
  assert.deepEqual(Object.fromEntries(told), expected);
}

test('documents, sheets and slides of Python', async () => {
  const python = process.env.CONFAB_PYTHON || 'python3';
  await run(python, [fileURLToPath(new URL('makers.py', import.meta.url)), folder], { timeout: 60_000 });
  await typesOf({
    'python-docx.docx': DOCUMENT,
    'openpyxl.xlsx': SHEET,
    'openpyxl.xltx': `${OFFICE}.spreadsheetml.template`,
    'openpyxl-stream.xlsx': SHEET,
    'python-pptx.pptx': `${OFFICE}.presentationml.presentation`,
    'xlwt.xls': 'application/vnd.ms-excel',
  });
});

test('sheets of exceljs', async () => {
  const book = new ExcelJS.Workbook();
  const sheet = book.addWorksheet('Sheet');
  for (let number = 0; number < 3_000; number += 1) sheet.addRow([number, `Row ${number}`]);
  await book.xlsx.writeFile(join(folder, 'exceljs.xlsx'));
  const stream = new ExcelJS.stream.xlsx.WorkbookWriter({ filename: join(folder, 'exceljs-stream.xlsx') });
  const rows = stream.addWorksheet('Sheet');
  for (let number = 0; number < 3_000; number += 1) rows.addRow([number, `Row ${number}`]).commit();
  await stream.commit();
  await typesOf({ 'exceljs.xlsx': SHEET, 'exceljs-stream.xlsx': SHEET });
});

const SOUND = ['-f', 'lavfi', '-i', 'sine=duration=2'];
const FILM = ['-f', 'lavfi', '-i', 'testsrc=duration=2:size=176x144:rate=15', ...SOUND, '-shortest'];
/** Name, what goes in, how it is coded, and what comes out. */
const RECORDED = [
  ['film.mp4', FILM, [], 'video/mp4'],
  ['film-fast.mp4', FILM, ['-movflags', '+faststart'], 'video/mp4'],
  ['film-pieces.mp4', FILM, ['-movflags', 'frag_keyframe+empty_moov'], 'video/mp4'],
  ['sound.mp4', SOUND, [], 'audio/mp4'],
  ['sound-pieces.mp4', SOUND, ['-movflags', 'frag_keyframe+empty_moov'], 'audio/mp4'],
  ['sound.m4a', SOUND, [], 'audio/mp4'],
  ['film.m4v', FILM, [], 'video/x-m4v'],
  ['film.mov', FILM, [], 'video/quicktime'],
  ['sound.mov', SOUND, [], 'audio/mp4'],
  ['film.3gp', FILM, ['-c:v', 'h263', '-c:a', 'aac'], 'video/3gpp'],
  ['sound.3gp', SOUND, ['-c:a', 'aac'], 'audio/3gpp'],
  ['film.webm', FILM, ['-c:v', 'libvpx', '-deadline', 'realtime'], 'video/webm'],
  ['sound.webm', SOUND, [], 'audio/webm'],
  ['film.mkv', FILM, [], 'video/x-matroska'],
  ['sound.mka', SOUND, [], 'audio/x-matroska'],
  ['film.ogv', FILM, [], 'video/ogg'],
  ['sound.ogg', SOUND, ['-c:a', 'libvorbis'], 'audio/ogg'],
  ['sound.opus', SOUND, [], 'audio/ogg'],
  ['film.wmv', FILM, [], 'video/x-ms-wmv'],
  ['sound.wma', SOUND, [], 'audio/x-ms-wma'],
];

test('films and sounds of ffmpeg', async () => {
  for (const [name, input, coding] of RECORDED) {
    await run('ffmpeg', ['-v', 'error', '-y', ...input, ...coding, join(folder, name)], { timeout: 60_000 });
  }
  await typesOf(Object.fromEntries(RECORDED.map(([name, , , type]) => [name, type])));
});

test('recordings of a browser, which a conversation that takes sounds alone tells apart', async () => {
  const browser = await launch();
  try {
    const { page } = await openPage(browser, [server.origin]);
    await page.goto(`${server.origin}/graphql`);
    // What is heard waits for a click.
    await page.mouse.click(1, 1);
    for (const [name, type, seen] of [
      ['voice.webm', 'audio/webm;codecs=opus', false],
      ['scene.webm', 'video/webm;codecs=vp8,opus', true],
    ]) {
      const bytes = await page.evaluate(record, { type, seen });
      await writeFile(join(folder, name), Buffer.from(bytes));
    }
  } finally {
    await browser.close();
  }
  await typesOf({ 'voice.webm': 'audio/webm', 'scene.webm': 'video/webm' });
  const { body } = await curl(
    `${server.origin}/api/chat/conversations`,
    '-H', `Authorization: Bearer ${server.tokens.Alice}`,
    '--json', JSON.stringify({ name: 'Voices', participantIds: [], allowedFileTypes: ['audio/*'] }),
  );
  const place = `conversationId=${body.data.id}`;
  assert.equal(await typeOf('voice.webm', place), 'audio/webm');
  assert.equal(await typeOf('scene.webm', place), '415 UNSUPPORTED_MEDIA_TYPE');
});

/** Runs in the page: records a second of a tone, and of a picture that moves. */
async function record({ type, seen }) {
  const context = new AudioContext();
  await context.resume();
  const tone = context.createOscillator();
  const out = context.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const tracks = [...out.stream.getTracks()];
  let painting;
  if (seen) {
    const canvas = document.createElement('canvas');
    const brush = canvas.getContext('2d');
    let step = 0;
    painting = setInterval(() => brush.fillRect((step += 3), step, 9, 9), 30);
    tracks.push(...canvas.captureStream(25).getTracks());
  }
  const recorder = new MediaRecorder(new MediaStream(tracks), { mimeType: type });
  const pieces = [];
  recorder.ondataavailable = (event) => pieces.push(event.data);
  const stopped = new Promise((done) => (recorder.onstop = done));
  recorder.start(200);
  setTimeout(() => recorder.stop(), 1_000);
  await stopped;
  clearInterval(painting);
  await context.close();
  return [...new Uint8Array(await new Blob(pieces).arrayBuffer())];
}
