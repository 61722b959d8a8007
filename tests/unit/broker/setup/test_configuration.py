"""The generated files whatever is asked for: exactly the lines that they should have."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from broker.setup.access import acl_text
from broker.setup.configuration import BrokerFiles, broker_configuration
from broker.setup.inventory import AgentPlan, Plan

DIRECTIVES = """
user set_tcp_nodelay max_packet_size allow_anonymous password_file acl_file persistence
persistence_location autosave_on_changes autosave_interval max_queued_messages
max_queued_bytes persistent_client_expiration log_dest log_type log_type log_type
listener max_connections cafile certfile keyfile require_certificate use_identity_as_username
listener socket_domain protocol
""".split()

words = st.text(max_size=20) | st.sampled_from(
    [
        "/var/lib/a b",
        "x\nallow_anonymous true",
        "x\r\nlistener 1883",
        "#",
        " ",
        "\\",
        '"',
        "é",
        "::1",
    ]
)


def read(text: str) -> list[tuple[str, str]]:
    """Name and value of each line, as Mosquitto reads them."""
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    return [(name, value) for name, _, value in (line.partition(" ") for line in lines)]


@settings(deadline=None)
@given(out=words, data=words, bind=words | st.none(), user=words)
@example(out="/etc/mosquitto/my pur", data="/var/lib/mosquitto", bind="::1", user="mosquitto")
def test_whatever_is_given_the_configuration_has_its_own_lines_only(
    out: str, data: str, bind: str | None, user: str
) -> None:
    folder, store = Path(out).absolute(), Path(data).absolute()
    names = ("ca.crt", "server.crt", "server.key", "access.acl", "passwords")
    files = BrokerFiles(*(folder / name for name in names), data=store)
    given_values = {"--out": str(folder), "--data": str(store), "--bind": bind, "--user": user}
    try:
        text = broker_configuration(
            files,
            port=8883,
            bind=bind,
            websockets_port=9001,
            max_queued_messages=1000,
            max_queued_bytes=2_000_000,
            max_connections=800,
            user=user,
        )
    except ValueError as error:
        option, _, rest = str(error).partition(" ")
        assert repr(given_values[option])[:-1] in rest
        return
    assert [name for name, _ in read(text)] == DIRECTIVES
    values = dict(reversed(read(text)))  # of two listeners the first
    assert values["user"] == user
    assert values["persistence_location"] == f"{store}/"
    assert values["allow_anonymous"] == "false"
    assert values["listener"] == ("8883" if bind is None else f"8883 {bind}")
    assert values["certfile"] == f"{folder}/server.crt"
    assert text.encode().decode() == text


@settings(deadline=None)
@given(prefix=words, name=words, press=words)
@example(prefix="pur/v1", name="scada", press="p1")
@example(prefix=" pur/v1", name="scada", press="p1")
def test_whatever_is_given_the_rights_are_those_of_the_plan(
    prefix: str, name: str, press: str
) -> None:
    try:
        agent = AgentPlan(agent_id="a", site="s", presses=(press,), topic_prefix=prefix)
        plan = Plan(agents=(agent,), scada=(name,), data=Path("/data"))
        clients = [*plan.certified(), *plan.with_password()]
        text = acl_text(clients)
    except ValueError:
        return
    rights = []
    for client in clients:
        rights.append(("user", client.name))
        rights += [("topic", f"write {topic}") for topic in client.writes]
        rights += [("topic", f"read {topic}") for topic in client.reads]
    assert read(text) == rights
    for _, value in rights:  # Mosquitto leaves out spaces before a topic
        _, _, topic = value.partition(" ")
        assert topic == topic.lstrip()
