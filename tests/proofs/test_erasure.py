"""The proof of erasure, with three people; `dealernet prove policy` erases a hundred."""

from __future__ import annotations

from dealernet.proofs import erasure


def test_nothing_of_three_erased_people_is_left_and_everything_of_the_others(
    committed, portal, north, settings, tmp_path
):
    settings.MEDIA_ROOT = tmp_path
    result = erasure.prove(portal, north, people=3, others=2)
    assert result.violations == []
    assert result.passed
    assert (result.figures["left"], result.figures["others_lost"]) == (0, 0)
    assert result.figures["control_found"] > 0
    assert result.figures["fields_planted"] >= 50
    assert min(result.figures[name] for name in ("tables_read", "files_read", "cache_entries")) > 0


def test_with_an_entry_of_the_registry_left_out_it_goes_red(committed, portal, north, settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    left_out = "customers.Interaction.content"
    for name in ("_erase", "_finish"):
        monkeypatch.setattr(erasure, name, erasure.without(left_out)(getattr(erasure, name)))
    result = erasure.prove(portal, north, people=2, others=1)
    assert not result.passed
    assert any("customers_interaction" in sentence for sentence in result.violations)
