//! Corpora and laws of what people write.

mod content;
mod scraps;

use proptest::prelude::*;

use super::*;
use scraps::{refusal, soup};

#[test]
fn names_are_checked_and_never_changed() {
    for good in [
        "a",
        " Team 1 < 2 ",
        "I <3 you",
        "Fans of Vec<T>",
        "a<b",
        "Ünïcödé 🎉",
        "צוות",
        &"😀".repeat(100),
        "Tom & Jerry",
    ] {
        assert_eq!(name(good, "The name").as_deref(), Ok(good));
    }
    let bad = [
        ("", "The name cannot be empty"),
        (" \u{200B}", "The name cannot be empty"),
        ("a<img", "The name cannot hold markup"),
        ("<b>x</b>", "The name cannot hold markup"),
        ("x<!--", "The name cannot hold markup"),
        ("a\nb", "The name cannot hold line breaks or control characters"),
        ("a\u{2028}b", "The name cannot hold line breaks or control characters"),
        ("a\0", "The name cannot hold line breaks or control characters"),
        ("a\u{202E}b", "The name cannot hold bidirectional controls"),
        ("a\u{2066}b", "The name cannot hold bidirectional controls"),
        (&"a".repeat(101), "The name can hold at most 100 characters"),
    ];
    for (raw, sentence) in bad {
        assert_eq!(refusal(name(raw, "The name")), sentence, "{raw:?}");
    }
}

#[test]
fn other_short_texts_keep_to_their_own_rules() {
    assert_eq!(file_name("../../etc/passwd").as_deref(), Ok("../../etc/passwd"));
    assert_eq!(file_name(r"C:\x:y*?.txt").as_deref(), Ok(r"C:\x:y*?.txt"));
    assert!(file_name(&"a".repeat(255)).is_ok());
    for bad in ["", "a\u{202E}gpj.exe", "a\r\nb", "<img src=x>.png", &"a".repeat(256)] {
        assert!(refusal(file_name(bad)).starts_with("The file name "), "{bad:?}");
    }
    assert_eq!(description("two\nlines\t").as_deref(), Ok("two\nlines\t"));
    assert_eq!(description("").as_deref(), Ok(""));
    for bad in ["<b>", "\u{1}", &"a".repeat(501)] {
        assert!(refusal(description(bad)).starts_with("The description "));
    }
    assert_eq!(status_message("").as_deref(), Ok(""));
    for bad in ["<b>", "a\n", &"a".repeat(101)] {
        assert!(refusal(status_message(bad)).starts_with("The status message "));
    }
    assert!(temp_id(&"é".repeat(64)).is_ok());
    for bad in ["", "a\n", &"a".repeat(65)] {
        assert!(refusal(temp_id(bad)).starts_with("The tempId "));
    }
}

#[test]
fn an_avatar_is_an_address_of_the_web() {
    for good in ["http://x", "https://x.example/a.png?b=c#d", "HTTPS://x.example:8/ü"] {
        assert_eq!(avatar_url(good).as_deref(), Ok(good));
    }
    let long = format!("https://x/{}", "a".repeat(2048));
    for bad in [
        "",
        "x.png",
        "/x",
        "//x",
        "ftp://x",
        "javascript:alert(1)//http://x",
        "data:image/png;base64,x",
        "http://",
        "https:///x",
    ] {
        assert_eq!(refusal(avatar_url(bad)), "The avatar URL must be an http or https address", "{bad:?}");
    }
    for bad in ["https://x/ y", "https://x/\n", "https://x/\"><b>", "https://x\\y", "https://x/\u{202E}", &long] {
        refusal(avatar_url(bad));
    }
}

#[test]
fn a_name_in_a_token_is_made_fit() {
    let made = [
        ("Alice", Some("Alice")),
        ("<b>Bob</b>", Some("Bob")),
        ("<<b>b>Bob", Some("b>Bob")),
        ("a<b", Some("a<b")),
        ("Ann <ann@example.com>", Some("Ann <ann@example.com>")),
        ("a<img", Some("aimg")),
        ("Ca\nr\u{0}o\u{202E}l\u{2066}", Some("Carol")),
        ("<b></b>", None),
        ("\u{200B} \u{202E}", None),
        ("", None),
    ];
    for (raw, want) in made {
        assert_eq!(token_name(raw).as_deref(), want, "{raw:?}");
    }
    assert_eq!(token_name(&"é".repeat(5000)).unwrap(), "é".repeat(100));
}

#[test]
fn a_reaction_is_one_emoji_in_one_spelling() {
    let one = ["👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "#️⃣", "⭐", "©️", "🧑🏽‍🤝‍🧑🏿"];
    for emoji_ in one {
        assert_eq!(emoji(emoji_).as_deref(), Ok(emoji_));
    }
    for (raw, canonical) in [("❤", "❤️"), ("©", "©️"), ("⭐\u{FE0F}", "⭐"), ("1\u{20E3}", "1️⃣")] {
        assert_eq!(emoji(raw).as_deref(), Ok(canonical));
    }
    let long = "👍".repeat(50);
    let none = [
        "",
        " ",
        "a",
        "1",
        "#",
        "12",
        ":thumbsup:",
        "thumbsup",
        "👍👍",
        "👍 ",
        " 👍",
        "❤\u{FE0E}",
        "🇩",
        "🇩🇪🇫🇷",
        "🏽",
        "\u{200D}",
        "\u{FE0F}",
        "👍\u{301}",
        "👩\u{200D}",
        "\u{E0001}",
        "\u{1FAFF}\u{200D}\u{1FAFF}",
        "%F0%9F%91%8D",
        "<b>",
        "é",
        "中",
        &long,
    ];
    for raw in none {
        assert_eq!(refusal(emoji(raw)), "A reaction must be one emoji", "{raw:?}");
    }
}

#[test]
fn every_known_emoji_is_a_reaction_and_a_word() {
    for known in emojis::iter().flat_map(|emoji| emoji.skin_tones().into_iter().flatten().chain([emoji])) {
        assert_eq!(emoji(known.as_str()).as_deref(), Ok(known.as_str()));
        let bare = known.as_str().replace('\u{FE0F}', "");
        assert_eq!(emoji(&bare).as_deref(), Ok(known.as_str()));
        if !bare.contains(|c: char| c.is_ascii()) {
            assert_eq!(words(&format!("a{known}b")), format!("a {bare} b"));
        }
    }
}

#[test]
fn words_are_found_without_case_accents_and_forms() {
    let cases = [
        ("Straße GROẞ CAFÉ cafe\u{301} ΣΊΣΥΦΟΣ İstanbul", "strasse gross cafe σισυφοσ istanbul"),
        ("a.b@example.com, can't snake_case 3.14", "a b example com can t snake case 3 14"),
        ("don’t · x—y «z» ½ x² ﬁn ＡＢＣ", "don t x y z 1 2 x2 fin abc"),
        ("日本語のテキスト ｶﾞ", "日本 本語 語の のテ テキ キス スト ト ガ"),
        ("京都、東京都 京都", "京都 都 東京 京都 都 京都 都"),
        ("iPhone手机 5G网", "iphone 手机 机 5g 网"),
        ("東京🗼都", "東京 京 🗼 都"),
        ("ภาษาไทย ๑๒", "ภา าษ ษา าไ ไท ทย ย ๑๒"),
        ("ນ້ຳ ភាសា ខ្មែរ မြန်မာ", "ນ\u{ec9}\u{ecd}າ າ ភាសា សា ខ\u{17d2}មែរ រ မြန\u{103a} န\u{103a}မ မာ ာ"),
        ("Đà Nẵng, Łódź, Ørsted, Æsir, cœur, Þór, ŧħı", "da nang lodz orsted aesir coeur thor thi"),
        ("안녕하세요 세계", "안녕하세요 세계"),
        ("hi😀👍🏽❤️ ❤ 1️⃣", "hi 😀 👍🏽 ❤ 1"),
        ("हिन्दी भाषा", "हिन्दी भाषा"),
        ("שָׁלוֹם مُحَمَّد", "שלום محمد"),
        ("<p>a<b>b</b>c</p><p>d &amp; e&lt;i</p><a href=\"https://hidden.example\" rel=\"x\">f</a>", "abc d e i f"),
        ("Ask Ann <ann@example.com>, Vec<String> or <b>i</b><T>", "ask ann example com vec string or i t"),
        ("!?<>* \u{200B}", ""),
        ("one ONE öne", "one"),
    ];
    for (text, want) in cases {
        assert_eq!(words(text), want, "{text:?}");
    }
    assert_eq!(words(&"a".repeat(1000)).len(), 64);
}

#[test]
fn queries_are_split_like_texts() {
    let needles = |query: &str| query_terms(query).unwrap().into_iter().map(|term| term.needle).collect::<Vec<_>>();
    assert_eq!(needles("  Café a.B café"), ["cafe", "a", "b"]);
    assert_eq!(needles("NEAR(x* OR \"y\") -col:z"), ["near", "x", "or", "y", "col", "z"]);
    assert_eq!(needles("東 東京 東京都 iPhone手机"), ["東", "東京", "東京 京都", "iphone", "手机"]);
    for nothing in ["%", "_", "'", "\"*\"", ")(", "\\", "-"] {
        assert_eq!(query_terms(nothing).unwrap(), []);
    }
    assert!(query_terms(&format!(" {} ", "é".repeat(200))).is_ok());
    for bad in ["", " \n", &"a".repeat(201)] {
        assert_eq!(refusal(query_terms(bad)), "A search query must have 1 to 200 characters");
    }
    let many: Vec<String> = (10..70).map(|number| number.to_string()).collect();
    assert_eq!(query_terms(&many.join(" ")).unwrap().len(), 32);
}

#[test]
fn a_snippet_shows_the_match_and_nothing_harmful() {
    let asked = |query: &str| query_terms(query).unwrap();
    assert_eq!(snippet("Nice café, \"isn't\" it?", &asked("CAF")), "Nice <mark>café</mark>, &quot;isn't&quot; it?");
    assert_eq!(snippet("a < b &lt; c", &asked("b")), "a &lt; <mark>b</mark> &amp;lt; c");
    assert_eq!(
        snippet("<p>one</p>\n<p>two <b>three</b></p>", &asked("three two")),
        "one <mark>two</mark> <mark>three</mark>"
    );
    assert_eq!(snippet("東京タワー", &asked("タ")), "東京<mark>タ</mark>ワー");
    assert_eq!(snippet("京都の東側、東京都", &asked("東京都")), "京都の東側、<mark>東京都</mark>");
    assert_eq!(snippet("京都の東側", &asked("東京")), "京都の東側");
    assert_eq!(snippet("新iPhone手机", &asked("iphone手机")), "新<mark>iPhone</mark><mark>手机</mark>");
    assert_eq!(snippet("สวัสดีครับ", &asked("ดีค")), "สวัส<mark>ดีค</mark>รับ");
    assert_eq!(snippet("đi Đà Nẵng", &asked("da nang")), "đi <mark>Đà</mark> <mark>Nẵng</mark>");
    assert_eq!(snippet("E = mc²", &asked("mc2")), "E = <mark>mc²</mark>");
    assert_eq!(snippet("a so\u{200B}on b", &asked("soon")), "a <mark>so\u{200B}on</mark> b");
    assert_eq!(snippet("a raw\u{103C}s, b_カタ", &asked("raw")), "a <mark>raw\u{103C}s</mark>, b_カタ");
    let long = format!("{} needle {}", "hay ".repeat(500), "straw ".repeat(500));
    let found = snippet(&long, &asked("need"));
    assert!(found.starts_with("…") && found.ends_with('…') && found.contains("<mark>needle</mark>"), "{found}");
    assert!(found.replace("<mark>", "").replace("</mark>", "").chars().count() <= 162);
    assert!(!snippet(&long, &asked("absent")).contains("<mark>"));
    assert_eq!(snippet("", &[]), "");
}

/// Letters, marks, emoji and separators of the scripts that are split in their own ways.
const LETTERS: &str = "[\\p{M}\\p{L}👍🏽❤️🇩ᄀ-ᇿㄱ-ㅣ가-각゙゚ァ-ヶ'._ ]{0,40}";

proptest! {
    #[test]
    fn a_text_is_found_by_each_of_its_words(text in prop_oneof![soup(), any::<String>(), "\\PC{0,80}", LETTERS]) {
        let words = words(&text);
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            prop_assert!(!word.contains(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() || c.is_whitespace()));
            let terms = query_terms(word).unwrap();
            prop_assert_eq!(terms.iter().map(|term| &*term.needle).collect::<Vec<_>>(), [word]);
        }
    }

    #[test]
    fn a_part_of_a_run_is_found_in_it_and_nothing_else_is(run in "[東京都の側かなま]{1,9}", part in "[東京都の側かなま]{1,4}") {
        let words = format!(" {}", words(&format!("a {run}、b")));
        let terms = query_terms(&part).unwrap();
        let found = terms.iter().all(|term| words.contains(&format!(" {}", term.needle)));
        prop_assert_eq!(found, run.contains(&part));
        prop_assert_eq!(snippet(&run, &terms).contains(&format!("<mark>{part}")), found);
    }

    #[test]
    fn a_token_name_is_a_name(raw in prop_oneof![soup(), any::<String>(), "[<>/b!\\p{M}]{0,80}"]) {
        if let Some(made) = token_name(&raw) {
            prop_assert_eq!(name(&made, "The name"), Ok(made));
        }
    }

    #[test]
    fn nothing_panics_and_snippets_are_harmless(raw in prop_oneof![soup(), any::<String>()], query in any::<String>()) {
        let _ = (file_name(&raw), description(&raw), status_message(&raw), temp_id(&raw), avatar_url(&raw));
        let _ = (emoji(&raw), words(&raw));
        let shown = snippet(&raw, &query_terms(&query).unwrap_or_default());
        let bare = shown.replace("<mark>", "").replace("</mark>", "");
        prop_assert!(!bare.contains(['<', '>', '"']));
    }
}
