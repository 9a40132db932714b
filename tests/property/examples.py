"""How many worlds a property is tried in: few and always the same, or as many as GROVE_PROPERTY_EXAMPLES says."""

import os

from hypothesis import HealthCheck, Phase, settings

LONG = int(os.environ.get("GROVE_PROPERTY_EXAMPLES", "0"))


def examples(few: int, *, steps: int = 50) -> settings:
    """`few` examples, the same every time; with GROVE_PROPERTY_EXAMPLES that many, new ones every time."""
    return settings(
        max_examples=LONG or few,
        stateful_step_count=steps,
        derandomize=not LONG,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
