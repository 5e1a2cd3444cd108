"""A certificate authority of our own, made once, for the TLS of the cloud's own services."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localcloud.host.files import write_atomically

CA_LIFETIME = datetime.timedelta(days=3650)
LEAF_LIFETIME = datetime.timedelta(days=397)
RENEW_BEFORE = datetime.timedelta(days=30)
# so that a guest whose clock lags behind still accepts it
CLOCK_SKEW = datetime.timedelta(hours=1)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    encoding, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, no_password).decode()


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic-curve key")
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - CLOCK_SKEW)
        .not_valid_after(_now() + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def ensure_ca(cert_file: Path, key_file: Path) -> None:
    if cert_file.exists() and key_file.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bootstrap local cloud: its own services")])
    certificate = (
        _builder(name, name, key.public_key(), CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_atomically(key_file, _pem(key))
    write_atomically(cert_file, certificate.public_bytes(serialization.Encoding.PEM).decode(), 0o644)


def _still_good(cert_file: Path, key_file: Path, ca: x509.Certificate, address: str) -> bool:
    if not (cert_file.exists() and key_file.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(found) for found in names.get_values_for_type(x509.IPAddress)]
    same_issuer = certificate.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier
    ).value == x509.AuthorityKeyIdentifier.from_issuer_public_key(_public_key(ca))
    lasts = certificate.not_valid_after_utc - RENEW_BEFORE > _now()
    return same_issuer and lasts and address in addresses


def _public_key(ca: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = ca.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("the local cloud's CA has no elliptic-curve key")
    return key


def ensure_leaf(ca_file: Path, ca_key_file: Path, cert_file: Path, key_file: Path, address: str) -> None:
    """A server certificate for an IP address; made anew when the address changed or its end is near."""
    ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
    if _still_good(cert_file, key_file, ca, address):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    certificate = (
        _builder(subject, ca.subject, key.public_key(), LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(_public_key(ca)), critical=False)
        .add_extension(names, critical=False)
        .sign(_load_key(ca_key_file), hashes.SHA256())
    )
    write_atomically(key_file, _pem(key))
    write_atomically(cert_file, certificate.public_bytes(serialization.Encoding.PEM).decode(), 0o644)
