"""The suites that every connector inherits."""

import pytest

for _module in ("destination", "prepare_cases", "write_cases", "user_cases", "value_cases", "fault_cases"):
    pytest.register_assert_rewrite(f"contracts.{_module}")
