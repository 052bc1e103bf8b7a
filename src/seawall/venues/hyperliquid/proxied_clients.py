"""What to paste before starting a client whose hosts are fixed, so that it trades at a sandbox."""

from seawall.venues.venue import Front, Snippet

_PYTHON = """\
export HTTPS_PROXY={proxy} https_proxy={proxy}
export SSL_CERT_FILE={authority} REQUESTS_CA_BUNDLE={authority}
"""

_NODE = """\
export SEAWALL_PROXY={proxy} SEAWALL_HOSTS={hosts}
export NODE_EXTRA_CA_CERTS={authority}
export NODE_OPTIONS="--require {node_hosts}"
"""

_NAUTILUS = """\
export HTTPS_PROXY={proxy} SSL_CERT_FILE={authority}
# and in the configuration of both clients, data and execution:
#   base_url_ws="{websocket}"
"""

_HOSTS_FILE = """\
export SSL_CERT_FILE={authority}
# and the hosts must lead here, to the port where they are looked for:
#   127.0.0.1 {names}    (a line of /etc/hosts)
#   seawall proxy --port 443    (Linux: first sudo sysctl net.ipv4.ip_unprivileged_port_start=443)
"""


def proxied_clients(front: Front, hosts: tuple[str, ...]) -> list[Snippet]:
    """Environment lines for each kind of client."""
    fill = {**front._asdict(), "hosts": ",".join(hosts), "names": " ".join(hosts)}
    found = [
        ("Python: requests, httpx, aiohttp with trust_env; Go; curl", "", _PYTHON),
        ("node: ccxt, hyperliquid (nomeida), axios, ws, fetch", "npm install hyperliquid", _NODE),
        ("NautilusTrader", "pip install nautilus_trader", _NAUTILUS),
        ("hummingbot, and all that ask for no proxy", "", _HOSTS_FILE),
    ]
    return [Snippet(client, "shell", needs, text.format(**fill)) for client, needs, text in found]
