"""``--alias SERVED=MODEL``: runs that are of one model because the user says so.

Nothing in results files tells that two engines had the same weights, not even one path.
"""

from collections.abc import Mapping

from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.results.labels import Identity

Labels = Mapping[Identity, str]


def aliased(
    names: Labels, short: Mapping[str, str], aliases: Mapping[str, str]
) -> dict[Identity, Identity]:
    """What each identity that is aliased stands for, one of the ``names`` or a new one.

    Args:
        names: the label of each identity that was read.
        short: ``short_names`` of their models.
        aliases: by a label, a ``--name``, or a model's whole or short name, what it is: one of
            these, or another name.

    Raises:
        InfocapError: nothing has the name that is aliased, or several runs that are told apart
            have the other one.
    """
    found: dict[Identity, Identity] = {}
    for served, model in aliases.items():
        renamed = _called(served, names, short)
        if not renamed:
            known = sorted({name for i in names for name in _all_names(i, names, short)})
            raise InfocapError(
                f"--alias {served}={model}: no run has the name {served}; "
                f"{did_you_mean(served, known)}choose from {', '.join(sorted(names.values()))}"
            )
        others = [identity for identity in _called(model, names, short) if identity not in renamed]
        target = _the_one(others, names, f"--alias {served}={model}")
        found |= dict.fromkeys(renamed, target or Identity(model, None, None, None, None, None))
    return found


def _called(name: str, names: Labels, short: Mapping[str, str]) -> list[Identity]:
    """The identity with this label, else those with this name of any kind."""
    labelled = [identity for identity, label in names.items() if label == name]
    return labelled or [i for i in names if name in _all_names(i, names, short)]


def _all_names(identity: Identity, names: Labels, short: Mapping[str, str]) -> set[str]:
    of_model = {names[identity], identity.model, short[identity.model]}
    return of_model | ({identity.name} if identity.name else set())


def _the_one(identities: list[Identity], names: Labels, given: str) -> Identity | None:
    if len(identities) > 1:
        raise InfocapError(
            f"{given}: several runs have this name; name one of them: "
            f"{', '.join(sorted(names[identity] for identity in identities))}"
        )
    return identities[0] if identities else None
