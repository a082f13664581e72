"""`make_env`, as the component tests of dispatch have it."""

from tests.support.dispatch.fixtures import make_env as make_env
