"""Users come, go and change their names; visitors have numbers."""

import pytest
from enrolments import make_material, make_user, told
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EnrolmentError, NamesError, UserError
from edge.roster import roster as roster_module
from edge.roster.roster import Roster

NAMES = st.sampled_from(["Ada", "Ben", "Cleo", "Dan", "ada"])


def names(roster: Roster) -> list[str]:
    return [user.name for user in roster.users]


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "rename"]), NAMES, NAMES), max_size=12))
def test_a_roster_holds_who_was_added_and_not_removed_whatever_the_order(steps: list[tuple[str, str, str]]) -> None:
    roster, model = Roster(), dict[str, int]()
    for seed, (step, name, other) in enumerate(steps):
        before, was = told(roster), roster
        taken = {known.casefold() for known in model if known != name}
        allowed = {
            "add": name.casefold() not in {known.casefold() for known in model},
            "remove": name in model,
            "rename": name in model and other.casefold() not in taken,
        }[step]
        act = {
            "add": lambda r=roster, n=name, s=seed: r.add(make_user(n, s)),
            "remove": lambda r=roster, n=name: r.remove(n),
            "rename": lambda r=roster, n=name, o=other: r.rename(n, o),
        }[step]
        if not allowed:
            with pytest.raises(UserError):
                act()
            continue
        roster = act()
        assert told(was) == before, "the roster before is as it was"
        if step == "add":
            model[name] = seed
        elif step == "remove":
            del model[name]
        else:
            model = {other if known == name else known: value for known, value in model.items()}
        assert names(roster) == list(model)
        for user in roster.users:
            assert user.features.tolist() == make_user("x", model[user.name]).features.tolist()


def test_an_unknown_user_is_named_and_one_of_other_capitals_is_proposed() -> None:
    roster = Roster().add(make_user("Ada"))
    with pytest.raises(UserError, match="no user 'Eve': `inkgate users list`"):
        roster.get("Eve")
    with pytest.raises(UserError, match="no user 'ADA': there is 'Ada'"):
        roster.remove("ADA")
    with pytest.raises(NamesError):
        roster.rename("Ada", "\u0410da")


def test_names_that_differ_in_capitals_alone_are_not_two_users() -> None:
    roster = Roster().add(make_user("Straße"))
    with pytest.raises(UserError, match="there is a user 'Straße' already"):
        roster.add(make_user("STRASSE"))
    assert names(roster.rename("Straße", "STRASSE")) == ["STRASSE"]


def test_there_is_room_for_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert roster_module.MAX_USERS == 1000
    monkeypatch.setattr(roster_module, "MAX_USERS", 2)
    full = Roster().add(make_user("Ada")).add(make_user("Ben"))
    with pytest.raises(UserError, match="no room"):
        full.add(make_user("Cleo"))
    assert names(full.rename("Ada", "Cleo")) == ["Cleo", "Ben"]


def test_material_of_another_network_is_not_mixed_in() -> None:
    roster = Roster().add(make_user("Ada"))
    other = make_user("Ben")
    narrow = make_user("Cleo")
    object.__setattr__(narrow, "features", narrow.features[:, :3])
    with pytest.raises(EnrolmentError, match="features and symbols"):
        roster.add(narrow)
    with pytest.raises(EnrolmentError, match="at most 1000"):
        roster.add(make_user("Dan", writings=334, symbols=3))
    assert names(roster.add(other)) == ["Ada", "Ben"]


def test_visitors_have_numbers_and_no_names() -> None:
    roster = Roster().add(make_user("Ada")).add_visitor(make_material(1)).add_visitor(make_material(2))
    assert [visitor.number for visitor in roster.visitors] == [1, 2]
    assert not any(hasattr(visitor, "name") or hasattr(visitor, "pin") for visitor in roster.visitors)
    forgotten = roster.forget_visitors()
    assert (forgotten.visitors, names(forgotten)) == ((), ["Ada"])


def test_a_pin_is_not_shown_where_a_value_is_printed() -> None:
    assert "2580" not in repr(make_user("Ada", pin="2580"))
    assert "2580" not in repr(Roster().add(make_user("Ada", pin="2580")))


def test_there_is_room_for_as_many_visitors_and_fragments_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (roster_module.MAX_VISITORS, roster_module.MAX_FRAGMENTS) == (1000, 1000)
    material = make_material(1)
    monkeypatch.setattr(roster_module, "MAX_VISITORS", 2)
    monkeypatch.setattr(roster_module, "MAX_FRAGMENTS", len(material))
    full = Roster().add_visitor(material).add_visitor(material)
    with pytest.raises(UserError, match="there are 2 visitors, and no room for more"):
        full.add_visitor(material)
    monkeypatch.setattr(roster_module, "MAX_FRAGMENTS", len(material) - 1)
    with pytest.raises(EnrolmentError, match=f"{len(material)} fragments: at most"):
        Roster().add_visitor(material)
