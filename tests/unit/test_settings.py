from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import UsageError
from bootstrap.settings import Settings, load


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "bootstrap.yaml"
    file.write_text(text)
    return file


def test_flags_win_over_the_file_over_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, "domain: a.example\nregion: fra1\nsize: s-1vcpu-1gb\n")
    settings = load(file, {"region": "ams3", "size": None}, {})
    assert (settings.domain, settings.region, settings.size, settings.volume_size_gb) == (
        "a.example",
        "ams3",
        "s-1vcpu-1gb",
        10,
    )


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "domain: a.example\nstack: app\nssh_key: ~/k\nenv_file: /etc/own.env\nacme: {roots_file: ca/roots.pem}\n",
    )
    settings = load(file, {}, {})
    assert settings.acme.roots_file == tmp_path / "ca" / "roots.pem"
    assert settings.stack == tmp_path / "app"
    assert settings.ssh_key == Path("~/k").expanduser()
    assert settings.env_file == Path("/etc/own.env")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("domain: localhost\n", "bootstrap.yaml: domain: 'localhost' is not a domain name"),
        ("domain: a.example\nrigion: fra1\n", "bootstrap.yaml: rigion: there is no such setting"),
        ("domain: a.example\nspaces: {bukket: x}\n", "bootstrap.yaml: spaces.bukket: there is no such setting"),
        ("domain: a.example\nssh_from: [10.0.0.300/8]\n", "bootstrap.yaml: ssh_from:"),
        ("domain: a.example\nvolume_size_gb: 0\n", "bootstrap.yaml: volume_size_gb:"),
        ("domain: a.example\nsmtp: {user: me}\n", "bootstrap.yaml: smtp.host: field required"),
        ("domain: a.example\nsmtp: {host: h, password: x}\n", "smtp.password: there is no such setting"),
        ("domain: a.example\nregistry: {host: r.example}\n", "bootstrap.yaml: registry.user: field required"),
        ("domain: a.example\nregistry: {user: u, password: x}\n", "registry.password: there is no such setting"),
        ("domain: a.example\nenv_from: [op inject, 'sops \"x']\n", "bootstrap.yaml: env_from.1: a command's words"),
        ("domain: [a\n", "bootstrap.yaml: line"),
        ("- a\n", "must hold keys and values"),
        ("region: fra1\n", "no domain given"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_problem(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as failure:
        load(written(tmp_path, text), {}, {})
    assert said in failure.value.message and "\n" not in failure.value.message


def test_an_unknown_setting_below_another_is_told_where_all_stand(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as failure:
        load(written(tmp_path, "domain: a.example\nspaces: {bukket: x}\n"), {}, {})
    assert failure.value.remedy == "docs/settings.md has them all"


@pytest.mark.parametrize("port", [25, 465, 587])
def test_a_port_that_digitalocean_blocks_is_refused_with_the_reason_and_the_ports_of_providers(
    tmp_path: Path, port: int
) -> None:
    file = written(tmp_path, f"domain: a.example\nsmtp: {{host: smtp.example.net, port: {port}}}\n")
    # the local cloud's own would hide it, and production would be the first to say so
    for endpoints in ({}, {"smtp": {"host": "198.51.100.2", "port": 2525}}):
        with pytest.raises(UsageError) as failure:
            load(file, {}, endpoints)
        assert failure.value.exit_code == 2 and "\n" not in failure.value.message
        assert failure.value.message.endswith(
            f"bootstrap.yaml: smtp.port: DigitalOcean blocks {port} on every droplet, with a reserved IP too"
        )
        for word in ("2525", "Mailgun", "Postmark", "SendGrid", "Brevo", "Mailjet", "2465", "Resend", "2587", "SES"):
            assert word in (failure.value.remedy or ""), word


def test_mail_goes_to_a_port_that_is_open_unless_another_is_given(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "domain: a.example\nsmtp: {host: smtp.example.net}\n"), {}, {})
    assert settings.smtp is not None and settings.smtp.port == 2525


@pytest.mark.parametrize("host", ["smtp.example.net", "1.1.1.1"])
def test_no_password_is_sent_to_a_provider_in_the_clear(tmp_path: Path, host: str) -> None:
    file = written(tmp_path, f"domain: a.example\nsmtp: {{host: {host}, user: me, tls: false}}\n")
    with pytest.raises(UsageError) as failure:
        load(file, {}, {})
    assert failure.value.message.endswith(f"smtp.tls: the password of me would go to {host} in the clear")
    assert failure.value.remedy == "leave it out, or leave out `user`"


@pytest.mark.parametrize(
    "smtp", ["host: smtp.example.net", "host: 10.116.0.5, user: me", "host: smtp.example.net, user: me, port: 2465"]
)
def test_without_a_login_or_in_a_private_network_it_may_do_without_tls(tmp_path: Path, smtp: str) -> None:
    settings = load(written(tmp_path, f"domain: a.example\nsmtp: {{{smtp}, tls: false}}\n"), {}, {})
    assert settings.smtp is not None and not settings.smtp.tls


def test_a_mistake_in_a_flag_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--domain: 'x' is not a domain name"):
        load(tmp_path / "absent.yaml", {"domain": "x"}, {})


def test_an_international_domain_is_ascii_from_here_on() -> None:
    settings = Settings(domain="Bücher.Example.")
    assert (settings.domain, settings.key) == ("xn--bcher-kva.example", "xn--bcher-kva_example")


label = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(st.lists(label, min_size=2, max_size=4).map(".".join))
def test_a_domain_can_be_read_back_from_its_key(domain: str) -> None:
    settings = Settings(domain=domain)
    assert settings.key.replace("_", ".") == domain
    assert len(f"bootstrap-{settings.slug}") <= 64 and len(settings.bucket) <= 63


def staged(tmp_path: Path, base: str, own: str) -> tuple[Path, Path]:
    over = tmp_path / "bootstrap.staging.yaml"
    over.write_text(own)
    return written(tmp_path, base), over


def test_an_environments_file_is_read_over_the_base(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    base = "domain: a.example\nnames: [a.example, b.example]\nregion: fra1\nspaces: {bucket: both, region: ams3}\n"
    file, over = staged(tmp_path, base, "domain: staging.a.example\nsize: s-1vcpu-1gb\nspaces: {region: fra1}\n")
    settings = load(file, {"size": None}, {}, over)
    assert (settings.domain, settings.names, settings.region) == ("staging.a.example", ("staging.a.example",), "fra1")
    assert (settings.spaces.bucket, settings.spaces.region) == ("both", "fra1")
    # what it backs up never lies where the base's backups are, even in one bucket
    assert settings.prefix != load(file, {}, {}).prefix
    # of the base's values none, such as a payment key
    file.write_text(f"{base}env_file: own.env\nenv_from: [op inject]\n")
    settings = load(file, {}, {}, over)
    assert (settings.env_file, settings.env_from) == (None, ())
    over.write_text("domain: staging.a.example\nenv_file: staging.env\n")
    assert load(file, {}, {}, over).env_file == tmp_path / "staging.env"
    # no mail unless it says so itself
    assert not settings.mail and settings.alerts_to is None and load(file, {}, {}).mail
    over.write_text("domain: staging.a.example\nmail: on\nemail: me@a.example\n")
    assert load(file, {}, {}, over).mail and load(file, {}, {}, over).alerts_to == "me@a.example"


@pytest.mark.parametrize(
    ("own", "flags", "said"),
    [
        ("size: s-1vcpu-1gb\n", {}, "bootstrap.staging.yaml: names no `domain`"),
        ("domain: A.example.\n", {}, "bootstrap.staging.yaml: domain: A.example. is that of"),
        ("domain: s.a.example\nrigion: x\n", {}, "bootstrap.staging.yaml: rigion: there is no such setting"),
        ("domain: s.a.example\nvolume_size_gb: 0\n", {}, "bootstrap.staging.yaml: volume_size_gb"),
        ("domain: s.a.example\n", {}, "bootstrap.yaml: hold_bound_s"),
        ("domain: s.a.example\n", {"domain": "a.example"}, "a.example is not of the environment staging"),
    ],
)
def test_an_environment_is_never_another_deployment(tmp_path: Path, own: str, flags: dict[str, str], said: str) -> None:
    file, over = staged(tmp_path, "domain: a.example\nhold_bound_s: 1\n", own)
    with pytest.raises(UsageError) as failure:
        load(file, flags, {}, over)
    assert said in failure.value.message and "\n" not in failure.value.message


BASE = "domain: a.example\nnames: [b.example]\nenv_file: own.env\nenv_from: [op inject]\n"


def test_a_domain_that_an_environment_names_is_that_environments_with_and_without_saying_so(tmp_path: Path) -> None:
    file, over = staged(tmp_path, BASE, "domain: staging.a.example\nsize: s-1vcpu-1gb\n")
    assert load(file, {"domain": "Staging.A.example."}, {}) == load(file, {}, {}, over)
    assert load(file, {"domain": "staging.a.example"}, {}).env_from == ()
    # the base file's is the base file's, however it is written
    assert load(file, {"domain": "A.Example."}, {}) == load(file, {}, {})
    assert load(file, {"domain": "a.example"}, {}).env_from == ("op inject",)
    (tmp_path / "bootstrap.twin.yaml").write_text("domain: STAGING.a.example\n")
    with pytest.raises(UsageError, match=r"staging\.a\.example is of the environments staging and twin"):
        load(file, {"domain": "staging.a.example"}, {})


def test_an_international_domain_is_found_by_either_of_its_names(tmp_path: Path) -> None:
    file, over = staged(tmp_path, BASE.replace("a.example", "bär.example", 1), "domain: bücher.example\n")
    assert load(file, {"domain": "xn--bcher-kva.example"}, {}) == load(file, {}, {}, over)
    assert load(file, {"domain": load(file, {}, {}).domain}, {}).env_from == ("op inject",)


def test_values_of_one_deployment_go_to_no_other(tmp_path: Path) -> None:
    file = written(tmp_path, BASE)
    other = load(file, {"domain": "other.example"}, {})
    assert (other.names, other.env_file, other.env_from) == (("other.example", "www.other.example"), None, ())
    assert load(file, {"domain": "other.example", "env_file": Path("x.env")}, {}).env_file == Path("x.env")
    # of a file that is of no domain they are whose that is
    written(tmp_path, "env_file: own.env\nenv_from: [op inject]\n")
    trial = load(file, {"domain": "trial.example"}, {})
    assert (trial.env_file, trial.env_from) == (tmp_path / "own.env", ("op inject",))


@pytest.mark.parametrize("domain", ["preview.a.example", "Demo.Preview.a.example"])
def test_no_deployment_of_a_file_lies_where_previews_are_thrown_away(tmp_path: Path, domain: str) -> None:
    preview = "preview: {domain: preview.a.example}\n"
    file, over = staged(tmp_path, f"domain: a.example\n{preview}", f"domain: {domain}\n")
    for flags, chosen in (({}, over), ({"domain": domain}, None)):
        with pytest.raises(UsageError) as failure:
            load(file, flags, {}, chosen)
        said = f"bootstrap.staging.yaml: domain: {domain} lies where previews are thrown away"
        assert said in failure.value.message and "\n" not in failure.value.message and failure.value.exit_code == 2
    assert load(file, {}, {}).domain == "a.example"
    assert load(file, {"domain": "one.preview.a.example"}, {}).is_preview
    file.write_text(f"domain: {domain}\n{preview}")
    with pytest.raises(UsageError, match=r"bootstrap\.yaml: domain: .* lies where previews"):
        load(file, {}, {})
