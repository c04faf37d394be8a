//! What the tests of texts are made of: what is kept of a text, what it is refused with, and scraps of markup in any order.

use proptest::prelude::*;

use crate::chat::text::content;
use crate::error::Kind;

pub(super) const LIMIT: usize = 10_000;

pub(super) fn kept(raw: &str) -> String {
    content(raw, LIMIT, false).unwrap_or_else(|error| panic!("{raw:?}: {error}")).unwrap()
}

pub(super) fn refusal(result: crate::error::Result<impl std::fmt::Debug>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind, Kind::BadRequest);
    assert!(!error.message.ends_with('.'), "{error}");
    error.message.into_owned()
}

/// Scraps of HTML in any order, which find more than random characters would.
pub(super) fn soup() -> impl Strategy<Value = String> {
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
        "<T>",
        "</T>",
        "<ann@example.com>",
        "<x y>",
        "<x y=z",
        "<x id>",
        "</3",
        "<!x>",
        "<b && c>",
        "onclick=",
        "<li hidden>",
        "--!>",
    ];
    proptest::collection::vec(proptest::sample::select(scraps.as_slice().to_vec()), 0..40)
        .prop_map(|scraps| scraps.concat())
}
