"""Minimal pairs for Does and Does Not: (category, sentence, the values that it has), read by the shipped models."""

from __future__ import annotations

import pytest

from clausetag.data.attributes import DOES as SAYS
from clausetag.data.attributes import DOES_NOT as DENIES
from clausetag.data.records import Sentence
from clausetag.model.decision import value_scores
from clausetag.model.tagger import Tagger

DOES, NOT, BOTH, NONE = ("Does",), ("Does Not",), ("Does", "Does Not"), ()
FIRST, THIRD = "First Party Collection/Use", "Third Party Sharing/Collection"

LIKE_TRAINING = [
    (THIRD, "We sell your personal information to advertisers.", DOES),
    (THIRD, "We do not sell your personal information to advertisers.", NOT),
    (THIRD, "We share your e-mail address with our partners.", DOES),
    (THIRD, "We never share your e-mail address with our partners.", NOT),
    (THIRD, "We will disclose your data to third parties.", DOES),
    (THIRD, "We will not disclose your data to third parties.", NOT),
    (THIRD, "We rent our mailing list to other companies.", DOES),
    (THIRD, "We don't rent our mailing list to other companies.", NOT),
    (FIRST, "We collect personal information from children under 13.", DOES),
    (FIRST, "We do not knowingly collect personal information from children under 13.", NOT),
    (FIRST, "We use cookies on this website.", DOES),
    (FIRST, "We do not use cookies on this website.", NOT),
    (FIRST, "We collect your location when you use the app.", DOES),
    (FIRST, "We do not collect your location when you use the app.", NOT),
    (FIRST, "Our servers record your IP address.", DOES),
    (FIRST, "Our servers do not record your IP address.", NOT),
    (FIRST, "We store your credit card number.", DOES),
    (FIRST, "We never store your credit card number.", NOT),
    (FIRST, "We use your data for marketing.", DOES),
    (FIRST, "We won't use your data for marketing.", NOT),
    (THIRD, "Third parties may collect information about your visits.", DOES),
    (THIRD, "No third party may collect information about your visits.", NOT),
    (THIRD, "Your information may be transferred to the buyer of our business.", DOES),
    (THIRD, "Your information will not be transferred to the buyer of our business.", NOT),
    (THIRD, "We do not sell your data, but we share it with service providers.", BOTH),
    (THIRD, "We share your data with service providers.", DOES),
    (FIRST, "We do not collect your name, but we collect your IP address.", BOTH),
    (FIRST, "We collect your name and your IP address.", DOES),
    (THIRD, "We will not share your information without your consent.", NOT),
    (THIRD, "We may share your information with your consent.", DOES),
]
"""Sentences of the kind that training has many of."""

UNLIKE_TRAINING = [
    (THIRD, "Your ticket history travels to the stadium's caterers.", DOES),
    (THIRD, "Your ticket history never travels to the stadium's caterers.", NOT),
    (FIRST, "The thermostat tells us when you come home.", DOES),
    (FIRST, "The thermostat does not tell us when you come home.", NOT),
    (FIRST, "Our choir software memorises the range of your voice.", DOES),
    (FIRST, "Our choir software does not memorise the range of your voice.", NOT),
    (THIRD, "The harvest figures of your farm are handed to seed dealers.", DOES),
    (THIRD, "The harvest figures of your farm are not handed to seed dealers.", NOT),
    (THIRD, "Landlords get to see your application photos.", DOES),
    (THIRD, "Landlords do not get to see your application photos.", NOT),
    (FIRST, "We listen in on the calls of your dog's tracker.", DOES),
    (FIRST, "We refrain from listening in on the calls of your dog's tracker.", NOT),
    (FIRST, "Your chess openings are analysed by our coaches.", DOES),
    (FIRST, "None of your chess openings is analysed by our coaches.", NOT),
    (THIRD, "Insurers receive the readings of your running watch.", DOES),
    (THIRD, "At no time do insurers receive the readings of your running watch.", NOT),
    (FIRST, "We photograph your parcels at the depot.", DOES),
    (FIRST, "We neither photograph nor weigh your parcels at the depot.", NOT),
    (THIRD, "Your recipes go to the publishers of cookbooks.", DOES),
    (THIRD, "Under no circumstances do your recipes go to the publishers of cookbooks.", NOT),
    (THIRD, "Breeders may look up the pedigree that you entered.", DOES),
    (THIRD, "Breeders cannot look up the pedigree that you entered.", NOT),
    (FIRST, "We keep an eye on the depth of your dives.", DOES),
    (FIRST, "We abstain from keeping an eye on the depth of your dives.", NOT),
    (THIRD, "We trade the bookings of your sauna with spa chains.", DOES),
    (THIRD, "We refuse to trade the bookings of your sauna with spa chains.", NOT),
    (FIRST, "Nothing about your stamps is recorded by us.", NOT),
    (FIRST, "Everything about your stamps is recorded by us.", DOES),
    (THIRD, "No data about your allotment are collected by us, but our partners collect them.", BOTH),
    (THIRD, "Data about your allotment are collected by our partners.", DOES),
]
"""Sentences about things that no policy of the training data speaks of."""


@pytest.mark.parametrize(("model", "enough", "most_reversed"), [("standard", 25, 1), ("fast", 21, 3)])
@pytest.mark.parametrize("pairs", [LIKE_TRAINING, UNLIKE_TRAINING], ids=["like training", "unlike training"])
def test_statements_and_denials_are_told_apart(
    model: str, enough: int, most_reversed: int, pairs: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    tagger = Tagger.load(model)
    values = tagger.artifact.values_of("guide")
    assert values is not None
    rows = [Sentence(f"policy {number}", 0, text) for number, (_, text, _) in enumerate(pairs)]
    scores = value_scores(tagger.value_logits(rows)[:, values[0]], values[1])[:, :2]
    found = [
        tuple(name for name, has in zip((SAYS, DENIES), row, strict=True) if has)
        for row in scores >= values[1].thresholds[:2]
    ]
    right = sum(said == expected for said, (_, _, expected) in zip(found, pairs, strict=True))
    assert right >= enough, [
        (text, said) for said, (_, text, expected) in zip(found, pairs, strict=True) if said != expected
    ]
    reversed_ = [
        text
        for said, (_, text, expected) in zip(found, pairs, strict=True)
        if (said, expected) in ((DOES, NOT), (NOT, DOES))
    ]
    assert len(reversed_) <= most_reversed, reversed_
