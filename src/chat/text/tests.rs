//! Corpora and laws of what people write: attacks that must come out harmless, innocent text that must come back
//! unchanged.

use proptest::prelude::*;

use super::*;
use crate::error::Kind;

const LIMIT: usize = 10_000;

fn kept(raw: &str) -> String {
    content(raw, LIMIT, false).unwrap_or_else(|error| panic!("{raw:?}: {error}")).unwrap()
}

fn refusal(result: crate::error::Result<impl std::fmt::Debug>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind, Kind::BadRequest);
    assert!(!error.message.ends_with('.'), "{error}");
    error.message.into_owned()
}

/// Holds the output to a grammar so narrow that no parser can read anything else in it: bare tags of the list, and
/// links with nothing but a harmless `href` and our `rel`.
fn assert_harmless(html: &str) {
    const BARE: [&str; 14] =
        ["b", "blockquote", "br", "code", "em", "i", "li", "ol", "p", "pre", "s", "strong", "u", "ul"];
    for piece in html.split('<').skip(1) {
        if piece == "/" || !piece.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            continue;
        }
        let tag = piece.split_once('>').unwrap_or_else(|| panic!("unclosed tag in {html:?}")).0;
        let name = tag.strip_prefix('/').unwrap_or(tag);
        let link = name
            .strip_prefix("a ")
            .and_then(|attributes| attributes.strip_suffix("rel=\"noopener noreferrer nofollow\""))
            .is_some_and(|href| href.is_empty() || harmless_href(href.trim_end()));
        assert!(BARE.contains(&name) || tag == "/a" || link, "<{tag}> in {html:?}");
    }
}

fn harmless_href(attribute: &str) -> bool {
    let address = attribute.strip_prefix("href=\"").and_then(|rest| rest.strip_suffix('"'));
    address.is_some_and(|address| {
        !address.contains('"')
            && ["http:", "https:", "mailto:"].iter().any(|s| address.to_ascii_lowercase().starts_with(s))
    })
}

const ATTACKS: &[&str] = &[
    "x<script>alert(1)</script>",
    "x<ScRiPt src=//evil.example></sCrIpT>",
    "x<script>alert(1)",
    "x<<script>script>alert(1)</script>",
    "x<scr<script>ipt>alert(1)</scr</script>ipt>",
    "x<img src=x onerror=alert(1)>",
    "x<img src=x onerror=alert(1)//",
    "x<img/src=`x`onerror=alert(1)>",
    "x<svg onload=alert(1)>",
    "x<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "x<svg><a><animate attributeName=href values=javascript:alert(1) /><text y=20>click</text></a>",
    "x<svg><set attributeName=href to=javascript:alert(1)>",
    "x<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
    "x<math><annotation-xml encoding=\"text/html\"><img src=x onerror=alert(1)></annotation-xml></math>",
    "x<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "x<math><mtext><h1><a><h6></a></h6><mglyph><svg><mtext><style><a title=\"</style><img src onerror=f()>\"></style>",
    "x<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "x<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "x<textarea><img title=\"</textarea><img src=x onerror=alert(1)>\">",
    "x<title><img title=\"</title><img src=x onerror=alert(1)>\">",
    "x<template><script>alert(1)</script></template>",
    "x<select><style></select><img src=x onerror=alert(1)></style>",
    "x<xmp><img src=x onerror=alert(1)></xmp>",
    "x<plaintext><img src=x onerror=alert(1)>",
    "x<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "x<object data=javascript:alert(1)><embed src=javascript:alert(1)>",
    "x<a href=\"javascript:alert(1)\">y</a>",
    "x<a href=\"JaVaScRiPt&colon;alert(1)\">y</a>",
    "x<a href=\"java\nscript:alert(1)\">y</a>",
    "x<a href=\" &#14; javascript:alert(1)\">y</a>",
    "x<a href=\"&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A&#x61lert(1)\">y</a>",
    "x<a href=\"data:text/html,<script>alert(1)</script>\">y</a>",
    "x<a href=\"vbscript:msgbox(1)\">y</a>",
    "x<a href=\"//evil.example\">y</a>",
    "x<a href=\"https://good.example\" onclick=alert(1) style=position:fixed class=x id=y target=_top rel=opener>y</a>",
    "x<b onmouseover=alert(1) style=\"background:url(javascript:alert(1))\">y</b>",
    "x<div style=\"width:expression(alert(1))\">y</div>",
    "x<style>@import 'https://evil.example';</style>",
    "x<link rel=stylesheet href=https://evil.example>",
    "x<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
    "x<base href=https://evil.example>",
    "x<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "x<!-- --!><img src=x onerror=alert(1)> -->",
    "x<!--><img src=x onerror=alert(1)>-->",
    "x<![CDATA[<img src=x onerror=alert(1)>]]>",
    "x<?xml version=\"1.0\"?><?php echo 1 ?>",
    "x</p></br></script></style>",
    "x<b><i><a href=http://y.example><b></i></a>z",
    "x<p><b><p><i></b></p></i><blockquote></p>",
    "x<pre>\n\n\n code </pre>",
    "x<a href='http://e.example/\"><img src=x onerror=alert(1)>'>y</a>",
    "x<b title='<img src=x onerror=alert(1)>'>",
    "x<b>&lt;img src=x onerror=alert(1)&gt;</b>",
    "x<b>&amp;lt;img src=x onerror=alert(1)&amp;gt;</b>",
    "x<table><td><b><tr>y</b><a><table>",
    "x<frameset><frame src=javascript:alert(1)>",
    "x<body onload=alert(1)><html onclick=alert(1)>",
    "x<a<b<img src=x onerror=alert(1)",
    "x< script>alert(1)</ script>",
    "x<\u{FE64}script\u{FE65}alert(1)<b>",
];

#[test]
fn attacks_come_out_harmless_and_stay_so() {
    for attack in ATTACKS {
        let cleaned = kept(attack);
        assert_harmless(&cleaned);
        assert!(cleaned.starts_with('x'), "{cleaned}");
        assert_eq!(kept(&cleaned), cleaned, "from {attack:?}");
    }
}

#[test]
fn plain_text_comes_back_byte_for_byte() {
    let innocent = [
        "1 < 2 && \"x\"",
        "I <3 you",
        "&lt;b&gt;",
        "&amp; & &nbsp; &#60;script&#62;",
        "a <- b <= c << d <> e <",
        "if (x < y) { return x > y; }",
        "cat < file 2>&1",
        "  leading and trailing \r\n\t ",
        "ends with </",
        "<\u{E9}t\u{E9}> <1> <-> <_> < >",
        "שלום \u{200F}\u{202B}עולם\u{202C}",
        "👩‍👩‍👧‍👦 ❤️ 1️⃣",
        "हिन्दी ไทย 한국어 日本語",
        "\u{FEFF}with a mark of order",
        "**bold** `code` [a](b)",
    ];
    for text in innocent {
        assert_eq!(kept(text), text);
    }
}

#[test]
fn markup_of_the_list_is_kept_and_the_rest_is_dropped() {
    assert_eq!(kept("<b>a</b> & <u class=x>b</u>"), "<b>a</b> &amp; <u>b</u>");
    assert_eq!(kept("<h1>a</h1><font color=red>b</font>"), "ab");
    assert_eq!(
        kept("<a href=https://x.example/?a=1&b=2>l</a>"),
        "<a href=\"https://x.example/?a=1&amp;b=2\" rel=\"noopener noreferrer nofollow\">l</a>"
    );
    assert_eq!(kept("<pre>\n\na</pre>"), kept(&kept("<pre>\n\na</pre>")));
}

#[test]
fn what_looks_like_a_tag_of_another_language_takes_no_text_with_it() {
    for (raw, kept) in [
        ("usage: cmd <path> rest of text", "usage: cmd  rest of text"),
        ("std::vector<int> x, <List>y</List> and <desc>z</desc>", "std::vector x, y and z"),
        ("<b>bold</b> <Filter>text", "<b>bold</b> text"),
    ] {
        assert_eq!(content(raw, 10_000, false).as_ref().map(Option::as_deref), Ok(Some(kept)), "{raw}");
    }
    // Within their own languages these are what they are.
    let drawn = content("a<svg><path onload=x><desc>no</desc></svg>b", 10_000, false).unwrap().unwrap();
    assert!(!drawn.contains("path") && !drawn.contains("no"), "{drawn}");
}

#[test]
fn what_only_seems_to_open_a_tag_at_the_end_is_not_lost() {
    assert_eq!(kept("if a<b then"), "if a&lt;b then");
    assert_eq!(kept("you broke my </3"), "you broke my &lt;/3");
    assert_eq!(kept("<b>x</b> and c<d"), "<b>x</b> and c&lt;d");
    assert_eq!(kept("a<b && c>d"), "a<b>d</b>");
}

#[test]
fn content_is_counted_in_characters_before_cleaning() {
    for full in ["a".repeat(LIMIT), "😀".repeat(LIMIT), "<b>&&</b>".repeat(28)] {
        assert!(content(&full, LIMIT, false).is_ok());
    }
    assert_eq!(refusal(content(&"a".repeat(LIMIT + 1), LIMIT, false)), "A message can hold at most 10000 characters");
    assert!(refusal(content(&"<b>".repeat(LIMIT), LIMIT, true)).contains("10000"));
}

#[test]
fn control_characters_are_refused_however_they_are_written() {
    for raw in ["a\0", "\u{1B}[31m", "\u{7F}", "\u{85}x", "\u{9B}", "\u{8}", "\u{C}", "<b>&#27;[31m</b>", "<b>&#1;x"] {
        assert_eq!(refusal(content(raw, LIMIT, true)), "A message cannot hold control characters", "{raw:?}");
    }
}

#[test]
fn what_cannot_be_seen_is_no_content() {
    let nothing = [
        "",
        " \r\n\t",
        "\u{200B}\u{200D}\u{FEFF}",
        "\u{202E}\u{2066}\u{2069}\u{61C}",
        "\u{301}\u{301}",
        "\u{FE0F}\u{E0101}",
        "\u{3164}\u{115F}\u{1160}\u{FFA0}",
        "\u{A0}\u{3000}\u{2028}\u{2029}\u{2800}",
        "\u{AD}\u{2060}\u{E0020}",
        "<b></b><br><p> </p>",
        "<b>&nbsp;&#8203;</b>",
        "<script>alert(1)</script>",
        "<!-- x -->",
        "<img src=x>",
    ];
    for raw in nothing {
        assert_eq!(refusal(content(raw, LIMIT, false)), "A message needs content or an attachment", "{raw:?}");
        assert_eq!(content(raw, LIMIT, true), Ok(None), "{raw:?}");
    }
    assert_eq!(content("e\u{301}", LIMIT, true), Ok(Some("e\u{301}".to_owned())));
}

#[test]
fn marks_do_not_pile_up() {
    let piled = |marks: usize| format!("e{}", "\u{301}".repeat(marks));
    assert!(content(&piled(32), LIMIT, false).is_ok());
    for raw in [
        piled(33),
        piled(5000),
        format!("<b>e{}</b>", "&#769;".repeat(33)),
        format!("{0}<x></x>{0}", piled(32)[1..].to_owned()),
    ] {
        assert!(refusal(content(&raw, LIMIT, false)).contains("32 marks"));
    }
    assert!(refusal(name(&piled(33), "The name")).contains("32 marks"));
}

#[test]
fn intricate_markup_is_shown_as_text_on_a_small_stack() {
    let formatting: String = (0..128).map(|at| format!("<b a={at}>")).collect();
    let storms = [
        "<b>".repeat(3333),
        "<b>".repeat(100) + "x",
        format!("<p>{formatting}{}", "<p>x".repeat(127)),
        format!("<table>{formatting}{}", "<tr>x".repeat(127)),
        "<a><p>".repeat(1600),
        "</p>".repeat(2500),
        "<".repeat(LIMIT - 1) + "b",
        "\u{FEFF}".repeat(50) + "<b>x</b>",
    ];
    let check = move || {
        for storm in storms {
            let kept = content(&storm, LIMIT, true).unwrap().unwrap();
            assert!(kept.len() <= 8 * LIMIT);
            assert_harmless(&kept);
            assert_eq!(content(&kept, 8 * LIMIT, true).unwrap().unwrap(), kept);
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(check).unwrap().join().unwrap();
    assert_eq!(kept(&"<b>".repeat(300)), "&lt;b&gt;".repeat(300));
}

#[test]
fn names_are_checked_and_never_changed() {
    for good in ["a", " Team 1 < 2 ", "I <3 you", "Ünïcödé 🎉", "צוות", &"😀".repeat(100), "Tom & Jerry"] {
        assert_eq!(name(good, "The name").as_deref(), Ok(good));
    }
    let bad = [
        ("", "The name cannot be empty"),
        (" \u{200B}", "The name cannot be empty"),
        ("a<b", "The name cannot hold markup"),
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
        ("a<b", Some("ab")),
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
    let long = format!("{} needle {}", "hay ".repeat(500), "straw ".repeat(500));
    let found = snippet(&long, &asked("need"));
    assert!(found.starts_with("…") && found.ends_with('…') && found.contains("<mark>needle</mark>"), "{found}");
    assert!(found.replace("<mark>", "").replace("</mark>", "").chars().count() <= 162);
    assert!(!snippet(&long, &asked("absent")).contains("<mark>"));
    assert_eq!(snippet("", &[]), "");
}

/// Scraps of HTML in any order, which find more than random characters would.
fn soup() -> impl Strategy<Value = String> {
    let scraps = [
        "<b>",
        "</b>",
        "<b a=1>",
        "<i>",
        "</i>",
        "<p>",
        "</p>",
        "<a href=http://x>",
        "<a>",
        "</a>",
        "<pre>",
        "</pre>",
        "\n",
        "<br>",
        "<ul>",
        "<li>",
        "</ul>",
        "<ol>",
        "<code>",
        "<blockquote>",
        "<table>",
        "<tr>",
        "<td>",
        "</table>",
        "<svg>",
        "</svg>",
        "<math>",
        "<mtext>",
        "<style>",
        "</style>",
        "<script>",
        "</script>",
        "<title>",
        "<select>",
        "<option>",
        "<form>",
        "<template>",
        "<h1>",
        "<div>",
        "</div>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "&lt;",
        "&amp;",
        "&",
        "<",
        ">",
        "\"",
        "'",
        "/",
        "=",
        "x",
        " ",
        "\u{FEFF}",
        "\r",
        "é",
        "&nbsp;",
        "<textarea>",
        "<noscript>",
        "<button>",
        "<dd>",
        "<body>",
        "<html>",
        "<frameset>",
        "<nobr>",
        "<applet>",
        "<desc>",
        "<annotation-xml>",
        "&#13;",
        "&#0;",
        "<plaintext>",
        "</",
        "<img src=x onerror=y>",
        "<s>",
        "<u>",
        "<em>",
        "<strong>",
    ];
    proptest::collection::vec(proptest::sample::select(scraps.as_slice().to_vec()), 0..40)
        .prop_map(|scraps| scraps.concat())
}

/// Letters, marks, emoji and separators of the scripts that are split in their own ways.
const LETTERS: &str = "[\\p{M}\\p{L}👍🏽❤️🇩ᄀ-ᇿㄱ-ㅣ가-각゙゚ァ-ヶ'._ ]{0,40}";

proptest! {
    #[test]
    fn cleaning_is_harmless_and_idempotent(raw in prop_oneof![soup(), any::<String>(), "[<>/!?a-c \"'=&;-]{0,60}"]) {
        if let Ok(Some(once)) = content(&raw, LIMIT, false) {
            assert_harmless(&once);
            prop_assert_eq!(content(&once, 8 * LIMIT, false), Ok(Some(once)));
        }
    }

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
