"""House rules of models: who owns it, what a row is, what every column means."""

from __future__ import annotations

from sqlmesh.core.linter.rule import Rule, RuleViolation
from sqlmesh.core.model import Model


def _is_ours(model: Model) -> bool:
    return not model.kind.is_external


class NoMissingOwner(Rule):
    """A model names its owner."""

    def check_model(self, model: Model) -> RuleViolation | None:
        return self.violation() if _is_ours(model) and not model.owner else None


class NoMissingGrain(Rule):
    """A model says which columns make a row unique."""

    def check_model(self, model: Model) -> RuleViolation | None:
        return self.violation() if _is_ours(model) and not model.grains else None


class DescriptionSaysWhatARowIs(Rule):
    """A model's description begins with 'One row per'."""

    def check_model(self, model: Model) -> RuleViolation | None:
        return self.violation() if not (model.description or "").startswith("One row per") else None


class NoUndescribedColumn(Rule):
    """Every column of a model has a description, and no description is of a column it lacks."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if not _is_ours(model) or not model.columns_to_types:
            return None
        different = set(model.columns_to_types) ^ set(model.column_descriptions)
        return (
            self.violation(f"Columns without description, or the reverse: {sorted(different)}") if different else None
        )
