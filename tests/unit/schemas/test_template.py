"""Templates: exactly the placeholders of the interface, everything else is literal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.template import MissingVariable, compile_template

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
LITERALS = st.text(st.characters(exclude_characters="{}"), max_size=20)


@pytest.mark.parametrize(
    ("body", "rendered"),
    [
        ("Hi {{name}}!", "Hi Ada!"),
        ("{{name}}{{ name }}{{  name  }}", "AdaAdaAda"),
        ("{{{name}}}", "{Ada}"),
        ("{{name}", "{{name}"),
        ("{name}", "{name}"),
        ("{{ na me }}", "{{ na me }}"),
        ("{{1a}}", "{{1a}}"),
        ("{{}}", "{{}}"),
        ("{{nämé}}", "{{nämé}}"),
        ("{{\tname}}", "{{\tname}}"),
        ("{{name\n}}", "{{name\n}}"),
        ("100 %s %(name)s %% {{name}}", "100 %s %(name)s %% Ada"),
        ("100 %", "100 %"),
        ("", ""),
        (" \n", " \n"),
        ("{{_a1}}", "{{name}}"),
        ("{{{{name}}}}", "{{Ada}}"),
        ("{{Name}}", "other"),
    ],
)
def test_bodies(body: str, rendered: str) -> None:
    assert compile_template(body).render({"name": "Ada", "_a1": "{{name}}", "Name": "other"}) == rendered


@given(st.lists(st.tuples(LITERALS, NAMES, st.text()), max_size=6), LITERALS)
def test_values_take_the_place_of_their_names(pieces: list[tuple[str, str, str]], tail: str) -> None:
    values = {name: value for _, name, value in pieces}
    body = "".join(f"{literal}{{{{{name}}}}}" for literal, name, _ in pieces) + tail
    template = compile_template(body)
    assert template.names == tuple(name for _, name, _ in pieces)
    text = "".join(literal + values[name] for literal, name, _ in pieces) + tail
    assert template.render(values) == template.fill([values[name] for name in template.names]) == text


def test_a_value_that_is_not_given_is_named() -> None:
    with pytest.raises(MissingVariable, match="day"):
        compile_template("{{name}} on {{day}}").fill(["Ada", None])


@given(st.text())
def test_a_body_without_names_is_itself(body: str) -> None:
    template = compile_template(body)
    if not template.names:
        assert template.render({}) == body
    assert len(template.literals) == len(template.names) + 1


def test_a_missing_variable_is_named() -> None:
    template = compile_template("{{a}} {{b}} {{c}}")
    with pytest.raises(MissingVariable) as missing:
        template.render({"a": "1", "c": "3"})
    assert missing.value.name == "b"


def test_compiling_twice_gives_the_same_template() -> None:
    assert compile_template("a {{b}}") is compile_template("a {{b}}")
    assert compile_template("a {{b}}") == compile_template("a {{ b }}")
