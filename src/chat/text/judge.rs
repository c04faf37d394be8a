//! What an HTML parser finds in content: the judge of tests and of what is thrown at the server, independent of what the
//! server looks at.

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, QualName, local_name, ns, parse_fragment};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

use super::content::{cleaned, content, rename_foreign};
use super::elements::{ALLOWED, is_among, is_attribute, is_element};

/// Panics unless what is kept of a message is harmless and not much longer, is kept as it is when it comes once more, and
/// reads as the cleaner reads it; and unless text without a tag is kept byte for byte.
pub(crate) fn assert_kept_well(raw: &str, limit: usize) {
    let Ok(Some(once)) = content(raw, limit, false) else { return };
    assert_harmless(&once);
    assert!(once.len() <= 8 * limit, "{} bytes", once.len());
    assert_eq!(content(&once, 8 * limit, false).ok().flatten().as_ref(), Some(&once), "once more, of {raw:?}");
    // Beside one of these names the cleaner takes others for theirs, and their text along.
    let lower = once.to_ascii_lowercase();
    if !["svg", "math"].iter().any(|language| lower.contains(language)) {
        assert_eq!(read(&once), read(&cleaned(&rename_foreign(&once))), "{once:?}");
    }
    if finds_nothing_but_text(raw) {
        assert_eq!(once, raw);
    }
}

/// The document, whose first child is the root of the fragment. A node that is dropped takes what is below it along.
fn parse(html: &str) -> Handle {
    let context = QualName::new(None, ns!(html), local_name!("div"));
    parse_fragment(RcDom::default(), ParseOpts::default(), context, Vec::new(), false).one(html).document
}

/// Every node below the root of a fragment. It does not call itself, since trees of hostile text are deep.
fn nodes(root: Handle) -> Vec<Handle> {
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(node) = open.pop() {
        open.extend(node.children.borrow().iter().rev().cloned());
        found.push(node);
    }
    assert!(matches!(&found[1].data, NodeData::Element { name, .. } if name.local == local_name!("html")));
    found.split_off(2)
}

/// Panics unless a parser finds in it, alone and within a page, only text, elements of the allow-list with nothing but a
/// harmless link, and unknown elements that cannot act.
pub(crate) fn assert_harmless(html: &str) {
    for page in [html.to_owned(), format!("<div class=\"page\">{html}</div><p lang=\"en\">after</p>")] {
        for node in nodes(parse(&page)) {
            let NodeData::Element { name, attrs, .. } = &node.data else { continue };
            let (tag, attributes) = (name.local.to_string(), attrs.borrow());
            let is_the_pages = |attribute: &html5ever::Attribute| {
                page.len() > html.len() && matches!(&*attribute.value, "page" | "en")
            };
            assert!(name.ns == ns!(html), "<{tag}> in {html:?}");
            assert!(
                is_among(ALLOWED, &tag) || !is_element(&tag) || attributes.iter().any(is_the_pages),
                "<{tag}> in {html:?}"
            );
            for attribute in attributes.iter().filter(|attribute| !is_the_pages(attribute)) {
                let is_harmless = match (&*tag, &*attribute.name.local) {
                    ("a", "href") => leads_out(&attribute.value),
                    ("a", "rel") => &*attribute.value == "noopener noreferrer nofollow",
                    // The page's own `<` may stand behind a name that never ended; no attribute that acts has one.
                    (_, known) if is_attribute(known) && !known.contains('<') => false,
                    // What never ended swallows a piece of the page, whose attributes it then seems to have.
                    _ => page.len() > html.len() || attribute.value.is_empty() && !is_element(&tag),
                };
                assert!(is_harmless, "<{tag} {}={:?}> in {html:?}", &*attribute.name.local, &*attribute.value);
            }
        }
    }
}

/// Whether a browser leaves the page by a link: it passes over blanks before an address, and over tabs and line breaks in it.
fn leads_out(href: &str) -> bool {
    let address = href.trim_start_matches(|c| c <= ' ').replace(['\t', '\n', '\r'], "").to_ascii_lowercase();
    ["http:", "https:", "mailto:"].iter().any(|scheme| address.starts_with(scheme))
}

/// What is read of it: text, and the elements of the allow-list with their links. Unknown elements are as if they were not
/// there.
fn read(html: &str) -> String {
    let mut read = String::new();
    let mut open = vec![(parse(html), false)];
    while let Some((node, is_end)) = open.pop() {
        if let (NodeData::Text { contents }, false) = (&node.data, is_end) {
            // A parser that reads what another one wrote has one kind of line break, and drops a mark of order.
            read.push_str(&contents.borrow().replace('\r', "\n").replace('\u{FEFF}', ""));
        }
        if let NodeData::Element { name, attrs, .. } = &node.data
            && is_among(ALLOWED, &name.local)
        {
            let href = attrs
                .borrow()
                .iter()
                .find(|attribute| &*attribute.name.local == "href")
                .map(|href| href.value.to_string());
            read.push_str(&format!("<{}{} {}>", if is_end { "/" } else { "" }, name.local, href.unwrap_or_default()));
        }
        if !is_end {
            open.push((node.clone(), true));
            open.extend(node.children.borrow().iter().rev().map(|child| (child.clone(), false)));
        }
    }
    read
}

/// Whether a parser finds no element that a browser knows, no attribute and no comment in it; nor would, if what never ends
/// ended; whether nothing in it ends such an element, which a parser passes over; and whether it swallows no more of what it
/// is put into than up to the end of a tag.
fn finds_nothing_but_text(html: &str) -> bool {
    let names_an_element = |after: &str| {
        let name =
            after.trim_start_matches('/').split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).next();
        name.is_some_and(is_element)
    };
    let page = format!("{html} >\"'>");
    !html.split('<').skip(1).any(names_an_element)
        && read(&format!("{html}>the end")).ends_with("the end")
        && [html, &page].iter().all(|html| {
            nodes(parse(html)).iter().all(|node| match &node.data {
                NodeData::Element { name, attrs, .. } => !is_element(&name.local) && attrs.borrow().is_empty(),
                NodeData::Comment { .. } => false,
                _ => true,
            })
        })
}
