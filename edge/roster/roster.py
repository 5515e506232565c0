"""Users by name and visitors by number: values that are never changed, only replaced."""

from dataclasses import dataclass, replace
from typing import Final

from edge.decision.enrolment import Enrolment, Material, Visitor
from edge.errors import EnrolmentError, UserError
from edge.ink.names import check_name, look_of

MAX_USERS: Final = 1000
MAX_VISITORS: Final = 1000
MAX_FRAGMENTS: Final = 1000
"""At most so many fragments are kept of one person."""


@dataclass(frozen=True, eq=False)
class Roster:
    """Who may enter, and visitors, from whose writing the gate learns what its device makes of writing.

    users     in the order in which they were added
    visitors  people who may not enter, without names
    version   how often it was written; 0: never
    """

    users: tuple[Enrolment, ...] = ()
    visitors: tuple[Visitor, ...] = ()
    version: int = 0

    def get(self, name: str) -> Enrolment:
        """Return the user of that name. UserError if there is none."""
        for user in self.users:
            if user.name == name:
                return user
        near = [user.name for user in self.users if _alike(user.name, name)]
        hint = f"there is {near[0]!r}" if near else "`inkgate users list` shows who is there"
        raise UserError(f"there is no user {name!r}: {hint}")

    def require_new(self, name: str) -> None:
        """Raise NamesError if that is no name, UserError if it is taken or there is no room for a user."""
        check_name(name)
        taken = [user.name for user in self.users if _alike(user.name, name)]
        if taken:
            raise UserError(f"there is a user {taken[0]!r} already: `inkgate users remove` him, or take another name")
        if len(self.users) >= MAX_USERS:
            raise UserError(f"there are {MAX_USERS} users, and no room for more: remove one first")

    def add(self, user: Enrolment) -> "Roster":
        """Return the roster with the user added.

        NamesError if that is no name, UserError if it is taken or there is no room, EnrolmentError if the material
        is of another network than the others'.
        """
        self.require_new(user.name)
        self._require_alike(user)
        return replace(self, users=(*self.users, user))

    def remove(self, name: str) -> "Roster":
        """Return the roster without the user. UserError if there is none of that name."""
        gone = self.get(name)
        return replace(self, users=tuple(user for user in self.users if user is not gone))

    def rename(self, name: str, new: str) -> "Roster":
        """Return the roster with the user under a new name, at the same place.

        UserError if there is no user `name` or the new name is another user's, NamesError if it is no name.
        """
        renamed = self.get(name)
        others = replace(self, users=tuple(user for user in self.users if user is not renamed))
        others.require_new(new)
        return replace(self, users=tuple(replace(u, name=new) if u is renamed else u for u in self.users))

    def add_visitor(self, material: Material) -> "Roster":
        """Return the roster with the material as that of a visitor with the next free number.

        EnrolmentError if it is of another network than the others', UserError if there is no room.
        """
        if len(self.visitors) >= MAX_VISITORS:
            raise UserError(f"there are {MAX_VISITORS} visitors, and no room for more: `inkgate calibrate --forget`")
        self._require_alike(material)
        number = max((visitor.number for visitor in self.visitors), default=0) + 1
        visitor = Visitor(
            kind=material.kind, features=material.features, symbols=material.symbols, readings=material.readings,
            writing=material.writing, board=material.board, created=material.created, number=number,
        )  # fmt: skip
        return replace(self, visitors=(*self.visitors, visitor))

    def forget_visitors(self) -> "Roster":
        """Return the roster without visitors."""
        return replace(self, visitors=())

    def _require_alike(self, material: Material) -> None:
        """Raise EnrolmentError unless the material has the others' numbers of features and symbols."""
        if len(material) > MAX_FRAGMENTS:
            raise EnrolmentError(f"{len(material)} fragments: at most {MAX_FRAGMENTS} are kept of one person")
        for other in (*self.users, *self.visitors)[:1]:
            found = (material.features.shape[1], material.readings.shape[1])
            kept = (other.features.shape[1], other.readings.shape[1])
            if found != kept:
                raise EnrolmentError(f"{found} features and symbols a fragment, where the roster has {kept}")


def _alike(one: str, other: str) -> bool:
    """Return whether two names differ in capitals at most, or look the same."""
    return look_of(one).casefold() == look_of(other).casefold() or look_of(one.casefold()) == look_of(other.casefold())
