"""What the ids and classes of an element say about it, read as whole words.

`no-footer` is no footer, `advertising` is not `advert`, and `submenu-not-first` is a submenu. Names mislead: they are
asked only where the text itself says nothing about data, or where two readings are equally good.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_NAME_CHARS = 1_000
"""Characters of id and classes that are read; those of real pages are shorter."""
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NEGATIONS = frozenset(
    ("no", "not", "non", "has", "after", "before", "below", "above", "without", "with", "under", "over")
)
"""What follows one of these is what the element is not, or what it stands beside."""
_PLACES = (
    *("top", "main", "sub", "side", "left", "right", "global", "site", "page", "primary", "mobile", "desktop"),
    *("mega", "bottom", "app", "web"),
)
"""These stand before the word that counts, also without a hyphen: "sitefooter"."""

_VOCABULARY = {
    "navigation": "nav navbar navigation menu breadcrumb breadcrumbs skip skiplink",
    "footer": "footer foot colophon",
    "header": "header masthead",
    "widget": "sidebar share sharing social comments comment related newsletter signup subscribe login search "
    "teaser teasers promo addthis addtoany sharedaddy relatedposts disqus recirc advert adverts advertisement",
    "cookies": "cookie cookies consent gdpr ccpa",
    "notice": "banner bar notice popup modal overlay consent message alert dialog wrapper container box",
    "form": "form wpcf gform",
    "status": "done fail failed failure success successful error errors response confirmation thanks sent submitted",
    "floating": "modal popup popover tooltip lightbox overlay dropdown menu submenu drawer loader preloader",
    "panel": "accordion accordions toggle toggles tab tabs tabpanel collapse collapsed collapsible panel panels faq "
    "expand expanded expander expandable",
    "animation": "wow aos animate animated animation reveal appear sal inview scrollreveal waypoint fadein fadeinup",
}
_CONSENT_TOOL = re.compile(
    r"(?:^|\s)(?:onetrust-(?:consent|banner|pc)|optanon|cybotcookiebotdialog|trustarc-banner"
    r"|truste[-_]consent|consent_blackbar|qc-cmp|didomi-(?:host|notice|popup)|usercentrics|uc-banner|osano-cm"
    r"|iubenda-cs|cmplz-cookiebanner|cky-(?:consent|modal|overlay)|cc-(?:window|banner|revoke)|fc-consent|sp_message"
    r"|klaro|borlabs-?cookie|moove_gdpr|cookie-law-info|cli-modal|tarteaucitron|axeptio|hs-eu-cookie|catapult-cookie"
    r"|eu-cookie|pea_cook|evidon|cookieconsent|cookie-?script|cookiefirst|cookiehub|shopify-pc__|termly-code-snippet"
    r"|ketch-|ppms_cm|wm-ipp)",
    re.IGNORECASE,
)
"""Names that common consent tools give their banners (and the Wayback Machine its toolbar); the tables of cookies that
they put into a policy have others."""

_MEANINGS: dict[str, set[str]] = {}
for _meaning, _words in _VOCABULARY.items():
    for _word in _words.split():
        _MEANINGS.setdefault(_word, set()).add(_meaning)


def meanings(element: Any) -> frozenset[str]:
    """What the names of an element mean: keys of the vocabulary, "consent tool" and "cookie notice"."""
    names = " ".join(filter(None, (element.get("id"), element.get("class"))))
    return _meanings(names[:_NAME_CHARS]) if names else frozenset()


@lru_cache(4096)
def _meanings(names: str) -> frozenset[str]:
    found: set[str] = {"consent tool"} if _CONSENT_TOOL.search(names) else set()
    for name in names.split():
        tokens = [token.lower() for token in _TOKEN.findall(name)]
        negated = next((place for place, token in enumerate(tokens) if token in _NEGATIONS), len(tokens))
        of_name = [_meanings_of(tokens[:place], token) for place, token in enumerate(tokens[:negated])]
        found.update(*of_name)
        cookies = next((place for place, of_token in enumerate(of_name) if "cookies" in of_token), len(tokens))
        if any("notice" in of_token for of_token in of_name[cookies + 1 :]):
            found.add("cookie notice")
    return frozenset(found)


def _meanings_of(before: Sequence[str], token: str) -> set[str]:
    bare = next((token.removeprefix(place) for place in _PLACES if token.removeprefix(place) in _MEANINGS), token)
    found = set(_MEANINGS.get(bare, ()))
    if any(token not in _PLACES and len(token) > 2 for token in before):
        found.discard("header")  # those of cards, panels and sections are headings
    return found
