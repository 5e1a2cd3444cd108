"""Who answers visitors: a web server of the stack that ends TLS itself, or nginx in front of the one that they mean.

nginx, and not Caddy: the agent asks for the certificate, renews it and has a throw-away pair there from the first
start, so a server with an account and a store of its own would be a second way to the same; and nginx ends requests
under way before it stops, which a redeploy waits for.
"""

from __future__ import annotations

import re
from posixpath import normpath
from typing import Any

from bootstrap.stack import products
from bootstrap.stack.adopt.book import RESET, Book, Override
from bootstrap.stack.adopt.services import health_path, ports_of
from bootstrap.stack.adopt.source import Source
from bootstrap.stack.compose_view import ServiceView, is_file, is_folder, mapping, sequence
from bootstrap_agent.contract.paths import WEBROOT

IMAGE = "nginx:1.30"
_SERVERS = ("nginx", "caddy", "traefik", "httpd", "apache", "haproxy", "openresty")
_OWN_TLS = ("caddy", "traefik")
_TOOLS = re.compile(
    r"adminer|pgadmin|phpmyadmin|mail(?:hog|pit|dev|catcher)|flower|grafana|prometheus|redis-?(?:commander|insight)|portainer|minio|jaeger|kibana|mongo-express"
)
_LIKELY = re.compile(r"nginx|proxy|gateway|front|web|app|site|ui|client|www")
_CONFIG = """\
server_tokens off;
client_max_body_size 100m;

map $http_upgrade $connection_upgrade {
    default upgrade;
    ''      '';
}

server {
    listen 80;
    # The certificate authority's question is answered by what bootstrap puts there.
    location /.well-known/acme-challenge/ {
        root /srv/acme-webroot;
    }
    location / {
        return 301 https://@DOMAIN@$request_uri;
    }
}

server {
    listen 443 ssl;
    server_name @DOMAIN@ www.@DOMAIN@;
    # There from the first start: a throw-away pair, until the authority has given one.
    ssl_certificate /etc/nginx/tls/fullchain.pem;
    ssl_certificate_key /etc/nginx/tls/privkey.pem;
    location / {
        # In a variable, so that the name is asked for with each request: the container's address may change.
        resolver 127.0.0.11 valid=5s;
        set $upstream http://@UPSTREAM@;
        proxy_pass $upstream;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 120s;
    }
}
"""


def adopt(source: Source, book: Book) -> None:
    services = source.view.services
    book.variable("DOMAIN", "<domain>", "the name that serves this stack")
    secure = [one for one in services if one.long_running and _publishes(one, 443)]
    if secure:
        _own_tls(source, book, secure[0])
        return
    visited, port = _visited(services)
    if visited is None:
        what = "no service publishes a port, so nobody knows which one visitors mean: give one a port, then adopt again"
        book.leave("services", what)
        return
    _in_front(source, book, visited, port)
    _not_public(source, book, visited)


def _publishes(service: ServiceView, port: int) -> bool:
    return any(port in one.numbers for one in ports_of(service))


def _visited(services: tuple[ServiceView, ...]) -> tuple[ServiceView | None, str]:
    """And the port that it listens on within."""
    found = [one for one in services if one.long_running and not one.kind and (one.ports or one.body.get("expose"))]
    # to this computer alone is for a web server that is not in the stack
    published = [one for one in found if ports_of(one)] or [one for one in found if one.ports]
    best = [one for one in published or found if not _TOOLS.search(f"{one.name} {one.image}")]
    for service in sorted(best or published or found, key=_rank):
        ports = ports_of(service) or service.ports
        first = sorted(ports, key=lambda port: 80 not in port.numbers)
        target = first[0].target if first else str(sequence(service.body.get("expose"))[0])
        return service, target.partition("-")[0].partition("/")[0]
    return None, ""


def _is_web_server(service: ServiceView) -> bool:
    """By the image, or the one that it is built on."""
    bases = re.findall(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", service.dockerfile, re.MULTILINE | re.IGNORECASE)
    image = bases[-1] if service.built and bases else service.filled(service.image)
    return products.product_of(image) in _SERVERS


def _rank(service: ServiceView) -> tuple[bool, bool, bool]:
    return not _is_web_server(service), not _publishes(service, 80), not _LIKELY.search(service.name)


def _in_front(source: Source, book: Book, visited: ServiceView, port: str) -> None:
    names = {one.name for one in source.view.services}
    front = "front" if "front" not in names else "bootstrap-front"
    folder = "tls" if not (source.folder / source.base / "tls").exists() else "bootstrap-tls"
    install = normpath(f"{source.base}/{folder}")
    place = ("services", front)
    why = f"no service here ends TLS: nginx does, in front of {visited.name}, port {port}"
    body: dict[str, Any] = {
        "image": IMAGE,
        "restart": "unless-stopped",
        "cap_drop": ["ALL"],
        "cap_add": ["CHOWN", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"],
        "ports": ["80:80", "443:443"],
        "configs": [{"source": "front", "target": "/etc/nginx/conf.d/default.conf"}],
        "volumes": [f"./{folder}:/etc/nginx/tls:ro", f"{WEBROOT}:/srv/acme-webroot:ro"],
        "stop_signal": "SIGQUIT",
        "stop_grace_period": "30s",
        "healthcheck": {
            "test": ["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/443"],
            "interval": "15s",
            "start_period": "30s",
            "start_interval": "1s",
        },
    }
    if networks := _networks(source, visited):
        body["networks"] = networks
    book.decide(place, body, why)
    config = _CONFIG.replace("$", "$$").replace("@DOMAIN@", "${DOMAIN}").replace("@UPSTREAM@", f"{visited.name}:{port}")
    book.decide(("configs", "front", "content"), config, "a dollar is written twice: Compose makes one of it")
    reload = [front, "nginx", "-s", "reload"]
    book.decide(
        ("x-bootstrap", "certificate"), {"install": install, "reload": reload}, "asked for and renewed by the agent"
    )
    book.decide(
        ("x-bootstrap", "health"),
        [health_path(visited, port) or "/"],
        "must answer 200 over HTTPS before traffic comes",
    )


def _networks(source: Source, visited: ServiceView) -> list[str]:
    """Those of the one behind; one with a way out, as Docker publishes no port of an internal network."""
    value = visited.body.get("networks")
    used = [str(name) for name in (value if isinstance(value, list) else mapping(value))]
    known = mapping(source.view.document.get("networks"))
    internal = [name for name in used if mapping(known.get(name)).get("internal")]
    return [*used, "default"] if used and internal == used else used


def _not_public(source: Source, book: Book, visited: ServiceView) -> None:
    others = []
    for service in source.view.services:
        public = ports_of(service)
        if not public or service.kind or not service.long_running:
            continue
        if service.name != visited.name and not _TOOLS.search(f"{service.name} {service.image}"):
            others.append(f"{service.name} (port {public[0].target})")
        local = [
            f"127.0.0.1:{port.published or port.target}:{port.target}"
            for port in service.ports
            if not {80, 443} & set(port.numbers)
        ]
        why = "reached through the front" if service.name == visited.name else "from the droplet itself alone"
        place = ("services", service.name, "ports")
        book.decide(place, Override(local) if local else RESET, why)
    # a web server knows the way to the others by itself
    if others and not _is_web_server(visited):
        what = f"visitors come to {visited.name} alone; for {', '.join(others)} add a `location` to configs.front"
        book.leave("services.front", what)


def _own_tls(source: Source, book: Book, service: ServiceView) -> None:
    if service.product in _OWN_TLS:
        book.decide(("x-bootstrap", "health"), ["/"], "must answer 200 over HTTPS before traffic comes")
        what = (
            "gets its own certificate: its configuration must name the domain, and what it stores be in a named volume"
        )
        book.leave(service.where, what)
        return
    path = health_path(service, "80") or health_path(service, "443") or "/"
    book.decide(("x-bootstrap", "health"), [path], "must answer 200 over HTTPS before traffic comes")
    config = _configuration(source, service)
    pairs = dict(re.findall(r"(?<![\w$])(ssl_certificate(?:_key)?)\s+([^;\s]+)\s*;", config))
    folders = {one.rpartition("/")[0] for one in pairs.values()}
    files = {one.rpartition("/")[2] for one in pairs.values()}
    if len(folders) != 1 or files != {"fullchain.pem", "privkey.pem"} or "$" in str(folders):
        what = "ends TLS, and bootstrap puts fullchain.pem and privkey.pem into one folder: name them so in its"
        book.leave(service.where, f"{what} configuration, mount that folder, and say where: x-bootstrap.certificate")
        return
    (inside,) = folders
    _certificate(source, book, service, inside)
    _challenge(source, book, service, config)


def _certificate(source: Source, book: Book, service: ServiceView, inside: str) -> None:
    mount = next((one for one in service.mounts if one.is_bind and normpath(one.target) == normpath(inside)), None)
    folder = source.view.place(mount.source) if mount else ""
    if not folder or folder.startswith(("/", "..", "~")):
        folder = normpath(f"{source.base}/tls")
    book.mount(service.name, f"{source.from_base(folder)}:{inside}:ro", "the certificate, put there by the agent")
    value = {"install": folder, "reload": [service.name, "nginx", "-s", "reload"]}
    book.decide(("x-bootstrap", "certificate"), value, "asked for and renewed by the agent")


def _challenge(source: Source, book: Book, service: ServiceView, config: str) -> None:
    found = re.search(r"location[^{]*\.well-known/acme-challenge[^{]*\{[^}]*?\b(root|alias)\s+([^;\s]+)\s*;", config)
    if found is None or not _publishes(service, 80):
        what = "the certificate authority asks on port 80 for /.well-known/acme-challenge/: serve it there from"
        book.leave(service.where, f"{what} /srv/acme-webroot, and mount {WEBROOT}:/srv/acme-webroot:ro")
        return
    root = found[2] if found[1] == "root" else found[2].removesuffix("/").removesuffix("/.well-known/acme-challenge")
    book.mount(service.name, f"{WEBROOT}:{root}:ro", "what the certificate authority asks for")


def _configuration(source: Source, service: ServiceView) -> str:
    """Of nginx, from what is mounted, or copied into its image."""
    paths = [source.view.file(one.source) for one in service.mounts if one.is_bind and "nginx" in one.target]
    if service.built:
        context = source.view.file(service.filled(str(service.build.get("context") or ".")))
        copied = re.findall(r"^\s*(?:COPY|ADD)\s+(?:--\S+\s+)*(\S+)\s+\S*nginx\S*", service.dockerfile, re.MULTILINE)
        paths += [context / one for one in copied]
    texts = []
    for path in paths:
        files = sorted(path.rglob("*")) if is_folder(path) else [path]
        texts += [one.read_text(errors="replace") for one in files if is_file(one) and one.stat().st_size < 1_000_000]
    return "\n".join(re.sub(r"#.*", "", text) for text in texts)
