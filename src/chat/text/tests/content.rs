//! What people mean as text comes back byte for byte, and what acts does not get through: two corpora, and laws that an
//! HTML parser judges.

use proptest::prelude::*;

use super::scraps::{LIMIT, kept, refusal, soup};
use crate::chat::text::judge::{assert_harmless, assert_kept_well};
use crate::chat::text::markup::pieces;
use crate::chat::text::{content, name};

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

/// Fifty of people's own texts: addresses, generics, shell, mathematics, templates, arrows, hearts.
const INNOCENT: &[&str] = &[
    "1 < 2 && \"x\"",
    "I <3 you",
    "you broke my </3",
    "</sarcasm href=x <b && c",
    "we </3 it, and > all",
    "&lt;b&gt;",
    "&amp; & &nbsp; &#60;script&#62;",
    "a <- b <= c << d <> e <",
    "a -> b => c >> d >= e <=> f <-> g <~ h ~> i <| j |>",
    "if (x < y) { return x > y; }",
    "if a<b then c",
    "0<x<1 and x<y<z",
    "x<y>z",
    "for (i=0;i<n;i++) v[i]=a",
    "{x ∈ ℝ | 0<x≤1, x≠½} ⟨u,v⟩ ≪ 3",
    "P(A|B)=P(B|A)P(A)/P(B) < 1",
    "cat < file 2>&1",
    "cat <<EOF > out\n$HOME\nEOF",
    "diff <(ls a) <(ls b)",
    "git clone <repository>",
    "git checkout -b <branch-name> <start-point>",
    "usage: cmd [-v] <file>... <destination>",
    "ssh <user>@<host>",
    "psql postgres://<user>:<password>@<host>/<db>",
    "Ask Ann <ann@example.com> about it",
    "From: \"Ann Bo\" <ann.bo+list@mail.example.org>; Cc: <c@d.example>",
    "see <https://example.com>",
    "see <https://example.com/a?b&c#d> and <mailto:x@y.example>",
    "Vec<String>",
    "HashMap<String, Vec<u8>>",
    "Promise<Result<T, E>>",
    "fn max<'t, T: Ord>(x: &'t [T]) -> Option<&'t T>",
    "template <typename T> struct S<T*> {};",
    "std::vector<int> v; std::cout << v[0] << std::endl;",
    "#include <iostream>",
    "Map<K, V> m = new TreeMap<>();",
    "List<? extends Number>",
    "fun <T> List<T>.second(): T",
    "<?php echo 1 ?>",
    "<% if x %> {{ name }} ${value} <%= y %>",
    "{% for x in y %}<{{ x }}>{% endfor %}",
    "<nil> <none at all> <null>",
    "<TODO> <your name here> <insert joke>",
    "*grins* <grin> </sarcasm> </rant>",
    "<0.85.0> and <<\"binary\">> in Erlang",
    "<K> hat Recht, <ä> nicht, <日本> auch",
    "<Esc>:wq<CR> and <C-w><C-w>",
    "<@U012AB3CD> in <#C123> said <!here>",
    ">_< >:( <:3 <(^_^<) (>'-')>",
    "  leading and trailing \r\n\t ",
    "ends with </",
    "<\u{E9}t\u{E9}> <1> <-> <_> < >",
    "שלום \u{200F}\u{202B}עולם\u{202C}",
    "👩‍👩‍👧‍👦 ❤️ 1️⃣",
    "\u{FEFF}with a mark of order",
    "**bold** `code` [a](b)",
];

#[test]
fn attacks_come_out_harmless_and_stay_so() {
    assert!(ATTACKS.len() >= 50);
    for attack in ATTACKS {
        let cleaned = kept(attack);
        assert_harmless(&cleaned);
        assert!(cleaned.starts_with('x'), "{cleaned}");
        assert_eq!(kept(&cleaned), cleaned, "from {attack:?}");
    }
}

#[test]
fn what_is_meant_as_text_comes_back_byte_for_byte() {
    assert!(INNOCENT.len() >= 50);
    for text in INNOCENT {
        assert_eq!(kept(text), *text);
        assert_harmless(text);
        // Beside a tag that is allowed, too.
        let beside = format!("<b>AT&T</b>\n{text}");
        assert_eq!(kept(&beside), beside);
    }
}

#[test]
fn allowed_tags_are_kept_with_what_stands_beside_them() {
    for text in [
        "AT&T and <b>1</b> < 2",
        "<b>never closed",
        "<p>one<p>two<br><br/><BR />three",
        "<UL><li>Vec<T><li>b & c</UL>",
        "<pre>\n\n code </pre>",
        "<code>a &amp; b</code> &copy; <i>x</i>",
    ] {
        assert_eq!(kept(text), text);
    }
    let link = "<a href=\"https://x.example/?a=1&amp;b=2\" rel=\"noopener noreferrer nofollow\">";
    assert_eq!(kept("R&D <a href=https://x.example/?a=1&b=2>l</a> < 2"), format!("R&D {link}l</a> < 2"));
}

#[test]
fn what_is_not_allowed_is_dropped_and_text_beside_it_stays() {
    for (raw, cleaned) in [
        ("<b>a</b> & <u class=x>b</u>", "<b>a</b> &amp; <u>b</u>"),
        ("<h1>a</h1><font color=red>b</font>", "ab"),
        ("a<!-- b --> <!doctype html>c", "a c"),
        ("<x onclick=alert(1)>a</x>", "a"),
        ("Vec<String><img src=x onerror=alert(1)> < 2", "Vec&lt;String&gt; &lt; 2"),
        ("usage: cmd <path> rest of text", "usage: cmd  rest of text"),
        (
            "std::vector<int> x, <List>y</List> and <desc>z</desc>",
            "std::vector&lt;int&gt; x, &lt;List&gt;y&lt;/List&gt; and z",
        ),
        ("<b>bold</b> <Filter>text", "<b>bold</b> text"),
    ] {
        assert_eq!(kept(raw), cleaned, "{raw}");
    }
    // Within its own language an element is what it is.
    let drawn = kept("a<svg><path onload=x><desc>no</desc></svg>b");
    assert!(!drawn.contains("path") && !drawn.contains("no"), "{drawn}");
}

#[test]
fn what_reads_as_text_and_would_lose_words_is_shown_as_text() {
    for (raw, shown) in [
        ("a<b && c>d", "a&lt;b && c>d"),
        ("for (i=0;i<n;++i) s+=a[i]; return s>0", "for (i=0;i&lt;n;++i) s+=a[i]; return s>0"),
        ("<what is this>", "&lt;what is this>"),
        ("see <https://example.com/a?b=c&d=e#f>", "see &lt;https://example.com/a?b=c&d=e#f>"),
        ("x <img src=1 onerror=alert(1)", "x &lt;img src=1 onerror=alert(1)"),
        ("x <p title=\"<b>y</b>", "x &lt;p title=\"<b>y</b>"),
        ("a <!-- b", "a &lt;!-- b"),
        ("<n a=b<script>alert(1)</script>", "&lt;n a=b"),
    ] {
        assert_eq!(kept(raw), shown, "{raw}");
        assert_eq!(kept(shown), shown);
        assert_harmless(shown);
    }
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

proptest! {
    #[test]
    fn cleaning_is_harmless_and_idempotent(raw in prop_oneof![soup(), any::<String>(), "[<>/!?a-c \"'=&;-]{0,60}"]) {
        assert_kept_well(&raw, LIMIT);
    }

    #[test]
    fn text_without_a_tag_is_kept_byte_for_byte(raw in prop_oneof!["\\PC{0,80}", "[<>/3?T@=&; -]{0,60}", "[<>a-z, .&]{0,60}"]) {
        assert_kept_well(&raw, LIMIT);
    }

    #[test]
    fn storms_cost_what_they_are_long(scrap in prop_oneof![soup(), "[<>/!?a-c \"'=&;-]{1,9}"]) {
        let storm: String = scrap.chars().cycle().take(if scrap.is_empty() { 0 } else { LIMIT }).collect();
        let pieces = pieces(&storm).count();
        prop_assert!(pieces <= LIMIT);
        if let Ok(Some(once)) = content(&storm, LIMIT, false) {
            assert_harmless(&once);
        }
    }
}
