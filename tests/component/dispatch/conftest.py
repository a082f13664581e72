"""`make_env`, shared with the tests that kill services."""

from tests.support.dispatch.fixtures import make_env as make_env
