"""The certificate with which the local proxy stands for named hosts, and who vouches for it.

An authority is made for one certificate only: it signs it, and its private key is not kept, so
there is none that could vouch for anything else. Both are short-lived, and the authority is
limited to the named hosts.
"""

import fcntl
import ipaddress
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from seawall.domain.errors import InputError

VALID = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=14)
CLOCKS_DIFFER = timedelta(days=1)
NAME = "Seawall proxy of this computer"
OWNER_ONLY, OWNER_READS, ALL_READ = 0o700, 0o600, 0o644
NO_ADDRESS = [x509.IPAddress(ipaddress.ip_network(net)) for net in ("0.0.0.0/0", "::/0")]


class Certificate(Struct, frozen=True):
    """``authority``: the file that clients are to trust. ``server``: key and certificate."""

    authority: Path
    server: Path
    ends: datetime


def local_certificate(folder: Path, hosts: Sequence[str], now: datetime) -> Certificate:
    """The certificate for these hosts in a folder, made anew if missing, for others, or ending.

    Raises InputError for a folder that cannot be this user's alone.
    """
    authority, server = folder / "authority.pem", folder / "server.pem"
    try:
        folder.mkdir(OWNER_ONLY, parents=True, exist_ok=True)
        folder.chmod(OWNER_ONLY)
        with _alone(folder):
            ends = _end(authority, server, hosts, now)
            if ends is None:
                ends = now + VALID
                vouching, serving = _made(hosts, now, ends)
                _write(server, serving, OWNER_READS)
                _write(authority, vouching, ALL_READ)
    except OSError as error:
        reason = f"a folder of this user's own ({error.filename}: {error.strerror})"
        raise InputError.of("", "folder", str(folder), reason) from None
    return Certificate(authority, server, ends)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder against another start at the same moment."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Create or replace a file in one step, never readable for more than the mode says."""
    temporary = path.with_name(path.name + ".part")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    temporary.replace(path)


def _end(authority: Path, server: Path, hosts: Sequence[str], now: datetime) -> datetime | None:
    """When the certificate that is there ends; None where another one is needed."""
    try:
        vouching = x509.load_pem_x509_certificate(authority.read_bytes())
        serving = x509.load_pem_x509_certificate(server.read_bytes())
        serving.verify_directly_issued_by(vouching)
        names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return None
    ends = serving.not_valid_after_utc
    fits = names.get_values_for_type(x509.DNSName) == list(hosts)
    return ends if fits and ends - now > RENEWED_BEFORE else None


def _made(hosts: Sequence[str], now: datetime, ends: datetime) -> tuple[bytes, bytes]:
    """An authority and a certificate that it signed, with the certificate's key, as PEM."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    names = [x509.DNSName(host) for host in hosts]
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    own_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())

    def signed(
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        *extensions: tuple[x509.ExtensionType, bool],
    ) -> bytes:
        number, starts = x509.random_serial_number(), now - CLOCKS_DIFFER
        builder = x509.CertificateBuilder(issuer, subject, public, number, starts, ends)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority_key, SHA256()).public_bytes(Encoding.PEM)

    vouching = signed(
        issuer,
        authority_key.public_key(),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_usage(signs_certificates=True), True),
        (x509.NameConstraints(names, NO_ADDRESS), True),
        (own_id, False),
    )
    serving = signed(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]),
        key.public_key(),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(names), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_id), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return vouching, private + serving


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
