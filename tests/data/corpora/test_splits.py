from __future__ import annotations

from clausetag.data.corpora.splits import held_back, policy_split, split_of


def test_the_split_is_disjoint_by_policy_and_has_its_published_sizes() -> None:
    split = policy_split()
    assert {name: len(policies) for name, policies in split.items()} == {"train": 85, "validation": 10, "test": 20}
    policies = [policy for part in split.values() for policy in part]
    assert len(set(policies)) == 115
    # One of each, so that swapped names would show.
    assert "105_amazon.com" in split["train"]
    assert "135_instagram.com" in split["validation"]
    assert "962_lynda.com" in split["test"]


def test_split_of() -> None:
    for name, policies in policy_split().items():
        assert {split_of(policy) for policy in policies} == {name}
    assert split_of("004_vtiger") is None


def test_held_back_segments_belong_to_policies_of_the_split() -> None:
    pairs = held_back()
    assert len(pairs) == 701
    assert all(split_of(policy) for policy, _ in pairs)
    assert all(isinstance(segment, int) and segment >= 0 for _, segment in pairs)
    assert len({policy for policy, _ in pairs}) == 110
