from providers.environment import child_environment


def test_an_agent_gets_the_nodes_environment_less_what_is_ours() -> None:
    node = {"PATH": "/bin", "SWITCHYARD_AUTH_JWT_SECRET": "secret", "CLAUDECODE": "1", "ANTHROPIC_BASE_URL": "http://a"}
    assert child_environment(node, {"ANTHROPIC_BASE_URL": "http://b"}) == {
        "PATH": "/bin",
        "ANTHROPIC_BASE_URL": "http://b",
    }
