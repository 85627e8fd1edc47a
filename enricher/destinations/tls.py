"""Parse the root certificates once, at init, and share them between the function's AWS clients.

urllib3 has OpenSSL parse botocore's bundle of roots for each new connection: 20 milliseconds of CPU on a full
core, most of the first invocation and of each one after the connections were dropped. Verification stays as
it is: each context has the one bundle that botocore chose for the client, an operator's AWS_CA_BUNDLE
included.
"""

# ruff: noqa: SLF001 - botocore, which is pinned, has no setting for it; the tests fail if this loses its effect

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from ssl import SSLContext
from typing import Any

from botocore import httpsession as _httpsession

httpsession: Any = _httpsession  # its stubs lack what is private


def share_roots() -> None:
    """Make clients that are created from now on share one context for each bundle; parse the usual one."""
    own_context = httpsession.URLLib3Session._get_ssl_context

    def get_ssl_context(session: Any) -> SSLContext:
        with suppress(AttributeError):
            # A context that does not verify, or that has more than roots, must not be shared.
            if session._verify and not (session._cert_file or session._proxy_config.settings):
                return context_of(httpsession.get_cert_path(session._verify))
        own: SSLContext = own_context(session)
        return own

    httpsession.URLLib3Session._get_ssl_context = get_ssl_context
    bundle = os.environ.get("AWS_CA_BUNDLE") or httpsession.get_cert_path(verify=True)
    # A bundle that cannot be read is reported by the first connection, as without sharing.
    with suppress(OSError):
        context_of(bundle).load_verify_locations(bundle)


@cache
def context_of(bundle: str) -> SSLContext:
    """Return the context of a bundle, which is parsed when the first connection asks for it."""
    context: SSLContext = httpsession.create_urllib3_context()
    load, loaded = context.load_verify_locations, False

    def load_verify_locations(cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """Parse the bundle once; refuse what would widen what the other clients trust."""
        nonlocal loaded
        if (cafile, capath, cadata) != (bundle, None, None):
            raise ValueError("the context of a bundle is shared: it takes no other roots")
        if not loaded:
            load(bundle)
            loaded = True

    context.load_verify_locations = load_verify_locations  # type: ignore[method-assign]
    return context
