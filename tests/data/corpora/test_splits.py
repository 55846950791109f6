from __future__ import annotations

from clausetag.data.corpora.splits import held_back, policy_split


def test_the_split_is_disjoint_by_policy_and_has_its_published_sizes() -> None:
    split = policy_split()
    assert {name: len(policies) for name, policies in split.items()} == {"train": 85, "validation": 10, "test": 20}
    policies = [policy for part in split.values() for policy in part]
    assert len(set(policies)) == 115
    # One of each, so that swapped names would show.
    assert "105_amazon.com" in split["train"]
    assert "135_instagram.com" in split["validation"]
    assert "962_lynda.com" in split["test"]


def test_held_back_segments_belong_to_policies_of_the_split() -> None:
    pairs = held_back()
    assert len(pairs) == 701
    assert {policy for policy, _ in pairs} <= {policy for part in policy_split().values() for policy in part}
    assert all(isinstance(segment, int) and segment >= 0 for _, segment in pairs)
    assert len({policy for policy, _ in pairs}) == 110
