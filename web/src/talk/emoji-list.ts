// The emoji of the picker, with the words by which they are found.

export interface EmojiGroup {
  readonly name: string;
  readonly icon: string;
  readonly emoji: readonly (readonly [string, string])[];
}

/** `😀 grinning happy, 😂 tears` as pairs. */
const pairs = (text: string) =>
  text
    .trim()
    .split(/,\s*/)
    .map((entry) => {
      const [emoji = '', ...words] = entry.trim().split(' ');
      return [emoji, words.join(' ')] as const;
    });

export const QUICK = ['👍', '❤️', '😂', '🎉', '😮', '🙏'] as const;

export const GROUPS: readonly EmojiGroup[] = [
  {
    name: 'Faces',
    icon: '😊',
    emoji: pairs(`😀 grinning happy, 😄 smile laugh, 😁 beaming, 😂 tears of joy laugh, 🤣 rolling laugh, 😊 blush happy, 🙂 slight smile,
      😉 wink, 😍 heart eyes love, 🥰 loved hearts, 😘 kiss, 😋 yum, 😜 wink tongue, 🤪 zany, 🤗 hug, 🤭 giggle, 🤔 thinking, 🤨 eyebrow doubt,
      😐 neutral, 😶 speechless, 🙄 eye roll, 😏 smirk, 😬 grimace, 😌 relieved, 😴 sleeping tired, 🥱 yawn, 😎 cool sunglasses, 🤓 nerd,
      🧐 monocle, 🥳 party, 😮 wow surprised, 😲 astonished, 😳 flushed, 🥺 pleading, 😢 cry sad, 😭 sob, 😤 huff, 😠 angry, 🤯 mind blown,
      😱 scream, 😅 sweat phew, 😰 anxious, 🤒 ill, 🤧 sneeze, 🥶 cold, 🥵 hot, 😇 angel, 🤠 cowboy, 🤡 clown, 💀 skull dead, 👻 ghost, 🤖 robot`),
  },
  {
    name: 'Hands and hearts',
    icon: '👍',
    emoji: pairs(`👍 thumbs up yes agree, 👎 thumbs down no, 👌 ok, ✌️ peace, 🤞 fingers crossed luck, 🤙 call me, 👋 wave hello bye, 🙌 hooray,
      👏 clap applause, 🙏 thanks please pray, 🤝 handshake deal, 💪 strong muscle, 👀 eyes look, 🫶 heart hands, 👉 right, 👈 left, ☝️ point up,
      ✍️ write, ❤️ heart love, 🧡 orange heart, 💛 yellow heart, 💚 green heart, 💙 blue heart, 💜 purple heart, 🖤 black heart, 🤍 white heart,
      💔 broken heart, 💯 hundred, 🔥 fire hot, ✨ sparkles, ⭐ star, 💡 idea, 💬 speech, ❓ question, ❗ exclamation, ✅ done check, ❌ no cross`),
  },
  {
    name: 'Out and about',
    icon: '☀️',
    emoji: pairs(`☀️ sun, 🌤️ sunny cloud, ☁️ cloud, 🌧️ rain, ⛈️ storm, ❄️ snow, 🌈 rainbow, 🌙 moon night, 🌍 earth world, ⛰️ mountain, 🏕️ camping,
      🏖️ beach, 🌊 wave sea, 🌲 tree, 🌵 cactus, 🌸 blossom, 🌻 sunflower, 🍀 clover luck, 🐶 dog, 🐱 cat, 🦊 fox, 🐻 bear, 🐼 panda, 🐧 penguin,
      🦉 owl, 🦋 butterfly, 🐝 bee, 🐢 turtle, 🐙 octopus, 🐳 whale, 🚲 bike, 🚆 train, 🚗 car, ✈️ plane travel, 🚀 rocket ship it, ⛵ boat, 🗺️ map`),
  },
  {
    name: 'Food and things',
    icon: '☕',
    emoji: pairs(`☕ coffee, 🍵 tea, 🍺 beer, 🍻 cheers, 🥂 clink, 🍷 wine, 🍕 pizza, 🍔 burger, 🌮 taco, 🥗 salad, 🍜 noodles, 🍣 sushi, 🥐 croissant,
      🍞 bread, 🧀 cheese, 🥚 egg, 🍎 apple, 🍌 banana, 🍓 strawberry, 🥑 avocado, 🍫 chocolate, 🍪 cookie, 🎂 cake birthday, 🍦 ice cream,
      🎉 party tada, 🎁 gift present, 🏆 trophy win, ⚽ football, 🏀 basketball, 🎮 game, 🎸 guitar music, 🎵 note music, 🎧 headphones, 📷 camera,
      💻 laptop computer, 📱 phone, 📎 paperclip, 📌 pin, 📅 calendar date, ⏰ alarm time, 🔒 lock, 🔑 key, 🛠️ tools, 🐛 bug, 📦 package, 📈 chart up`),
  },
];
