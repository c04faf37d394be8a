// Texts over which a transport may stumble: each is sent and heard over every one of them, and arrives as it is.
export const TEXTS = [
  'To the page: 1 < 2 && "x" \\ \'y\' \u2028 \u0130 👍🏽\nend',
  // The client of `eventsource` takes `%` for an escape.
  '100% sure',
  '% %2 %25 %2525 %41 %C3%BC %E0%A4%A %ff %u0041 %',
  'a\r\nb\rc\nd\r\n\r\ndata: e\n\nid: f',
  'line \u2028 paragraph \u2029 mark \ufeff last \uffff',
  '"</ script>" ]]> & &lt; \\" \\\\ \\u0041 \\n',
];

/** A message of halves of characters, as a frame: `stompjs` itself cannot count them. And what is heard of it. */
export const HALVES =
  'SEND\ndestination:/app/chat.send\n\n{"conversationId":1,"content":"high \ud83d low \ude00 swapped \ude00\ud83d end \ud83d"}\0';
export const HEARD_OF_HALVES = 'high \ufffd low \ufffd swapped \ufffd\ufffd end \ufffd';
