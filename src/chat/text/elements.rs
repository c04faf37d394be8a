//! The names that mean something to a browser: elements and attributes of HTML, SVG and MathML, those of old included
//! (the living standards of the WHATWG and the W3C, MathML Core and its presentation of before).

/// Elements that cleaning leaves, without attributes but the `href` and the `rel` of `a` (protocol §7).
pub(super) const ALLOWED: &str = "a b blockquote br code em i li ol p pre s strong u ul";

/// Of these, the ones inside a line: taken away, they leave no gap between words.
pub(super) const INLINE: &str = "a b code em i s strong u";

/// The elements of HTML: a parser may treat each of them in its own way.
pub(super) const HTML: &str = "
    a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body br
    button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed
    fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image
    img input ins isindex kbd keygen label legend li link listing main map mark marquee menu menuitem meta meter multicol
    nav nextid nobr noembed noframes noscript object ol optgroup option output p param picture plaintext pre progress q rb
    rp rt rtc ruby s samp script search section select selectedcontent slot small source spacer span strike strong style
    sub summary sup table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp";

/// The elements of SVG that HTML does not have.
const SVG: &str = "
    altglyph altglyphdef altglyphitem animate animatecolor animatemotion animatetransform circle clippath color-profile
    cursor defs desc discard ellipse feblend fecolormatrix fecomponenttransfer fecomposite feconvolvematrix
    fediffuselighting fedisplacementmap fedistantlight fedropshadow feflood fefunca fefuncb fefuncg fefuncr
    fegaussianblur feimage femerge femergenode femorphology feoffset fepointlight fespecularlighting fespotlight fetile
    feturbulence filter font-face font-face-format font-face-name font-face-src font-face-uri foreignobject g glyph
    glyphref hatch hatchpath hkern line lineargradient marker mask mesh meshgradient meshpatch meshrow metadata
    missing-glyph mpath path pattern polygon polyline radialgradient rect set solidcolor stop svg switch symbol text
    textpath tref tspan use view vkern";

/// The elements of MathML that are shown.
const MATHML: &str = "
    annotation annotation-xml maction maligngroup malignmark math menclose merror mfenced mfrac mglyph mi mlabeledtr
    mlongdiv mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mscarries mscarry msgroup msline mspace
    msqrt msrow mstack mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics";

/// Attributes that any element may have, but for those that begin like an event's, `aria-` or `data-`.
const ATTRIBUTES: &str = "
    accesskey autocapitalize autocorrect autofocus class contenteditable dir draggable enterkeyhint exportparts hidden href
    id inert inputmode is itemid itemprop itemref itemscope itemtype lang nonce part popover role slot spellcheck src style
    tabindex title translate virtualkeyboardpolicy writingsuggestions xmlns";

/// Whether `name` stands in one of the lists of names above; without regard to ASCII case, as in a browser.
pub(super) fn is_among(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a browser knows an element of this name.
pub(super) fn is_element(name: &str) -> bool {
    [HTML, SVG, MATHML].iter().any(|list| is_among(list, name))
}

/// Whether a browser might know an attribute of this name on whatever element. No handler of an event has a name as
/// short as `only`.
pub(super) fn is_attribute(name: &str) -> bool {
    let begins = |with: &str| name.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    let handles_event = begins("on") && name.len() > 4;
    handles_event
        || begins("aria-")
        || begins("data-")
        || begins("xml:")
        || begins("xlink:")
        || is_among(ATTRIBUTES, name)
}
