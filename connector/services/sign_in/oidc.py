"""Sign-in with any OpenID Connect provider: discovery, authorization code with PKCE, state and nonce, a signed ID token.

Discovery and keys are read anew for each sign-in: sign-ins are rare, and so a changed key is known at once.
Reference: https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from connector.runtime import Runtime
from connector.services.sign_in.claims import Claim, Flow, SignInRefused, address_told, text_of
from connector.services.sign_in.outgoing import Client, talking
from connector.services.sign_in.providers import Provider

SCOPE = "openid email profile"
LEEWAY = 60  # seconds that two clocks may differ
# Signatures with a public key only: with "none" or a shared key anybody could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KEY_TYPES = ("RSA", "EC", "OKP")


def start(runtime: Runtime, provider: Provider, flow: Flow, redirect_uri: str) -> str:
    """The address at the provider to send the browser to. Raises ``HostError`` or ``SignInRefused``."""
    with talking(runtime, provider, redirect_uri) as client:
        address = _endpoint(runtime, _discover(client, provider), "authorization_endpoint")
        url, _ = client.oauth.create_authorization_url(
            address, state=flow.state, code_verifier=flow.verifier, nonce=flow.nonce, scope=SCOPE, redirect_uri=redirect_uri
        )
    return str(url)


def finish(runtime: Runtime, provider: Provider, flow: Flow, answer: Mapping[str, str], redirect_uri: str) -> Claim:
    """Who came back, from the code in ``answer``. The state was compared before. Raises ``HostError`` or ``SignInRefused``."""
    with talking(runtime, provider, redirect_uri) as client:
        metadata = _discover(client, provider)
        issuer = text_of(metadata, "issuer")
        if answer.get("iss", issuer) != issuer:  # RFC 9207: an answer of another provider
            raise SignInRefused("the answer came from another provider than the one that was asked; start again")
        if "client_secret_basic" not in metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]) and (
            provider.client_secret
        ):
            client.oauth.token_endpoint_auth_method = "client_secret_post"  # noqa: S105  # a method's name
        address = _endpoint(runtime, metadata, "token_endpoint")
        keys = _endpoint(runtime, metadata, "jwks_uri")
        client.allow(address, keys, text_of(metadata, "userinfo_endpoint"))
        try:
            token = client.oauth.fetch_token(
                address,
                code=answer.get("code", ""),
                code_verifier=flow.verifier,
                redirect_uri=redirect_uri,
                grant_type="authorization_code",
            )
        except (AuthlibBaseError, ValueError) as error:
            raise SignInRefused(f"{provider.title} gave no usable token; start again") from error
        claims = _verified(client.get(keys), token, provider, issuer, flow.nonce, runtime.epoch())
        if not claims.get("email") and metadata.get("userinfo_endpoint") and isinstance(token.get("access_token"), str):
            more = client.get(_endpoint(runtime, metadata, "userinfo_endpoint"), bearer=token["access_token"])
            if more.get("sub") != claims["sub"]:
                raise SignInRefused(f"{provider.title} told two different people in one sign-in; nothing was done")
            claims = {**more, **claims}
    verified = claims.get("email_verified") is True or claims.get("email_verified") == "true"  # some providers write it as a text
    return Claim(
        provider.name,
        issuer,
        str(claims["sub"]),
        text_of(claims, "name"),
        *address_told(text_of(claims, "email"), verified),
    )


def _discover(client: Client, provider: Provider) -> dict[str, Any]:
    address = provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
    client.allow(address)
    metadata = client.get(address)
    if text_of(metadata, "issuer").rstrip("/") != provider.issuer.rstrip("/"):
        raise SignInRefused(f"{provider.title} calls itself by another name than OKR_OIDC_ISSUER; an admin must correct the setting")
    return metadata


def _endpoint(runtime: Runtime, metadata: Mapping[str, Any], name: str) -> str:
    address = text_of(metadata, name)
    parts = urlsplit(address)
    allowed = ("https", "http") if runtime.settings.allow_private_hosts else ("https",)
    if parts.scheme not in allowed or not parts.hostname:
        raise SignInRefused(f"the provider's {name.replace('_', ' ')} is no https address; an admin must look at OKR_OIDC_ISSUER")
    return address


def _verified(jwks: Mapping[str, Any], token: Mapping[str, Any], provider: Provider, issuer: str, nonce: str, now: float) -> dict[str, Any]:
    """The claims of the ID token after every check. Raises ``SignInRefused``."""
    refused = SignInRefused(f"{provider.title} gave a token that is not valid for this sign-in; start again, or ask an admin")
    listed = jwks.get("keys")
    keys = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"
    ]
    text = token.get("id_token")
    if not keys or not isinstance(text, str):
        raise refused
    try:
        opened = jwt.decode(text, KeySet.import_key_set({"keys": keys}), algorithms=list(ALGORITHMS))
        claims: Any = CodeIDToken(
            opened.claims,
            opened.header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": provider.client_id}},
            {"nonce": nonce, "client_id": provider.client_id, "access_token": token.get("access_token")},
        )
        claims.validate(now=int(now), leeway=LEEWAY)
    except (JoseError, AuthlibBaseError, ValueError, KeyError, TypeError) as error:
        raise refused from error
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise refused
    return dict(claims)
